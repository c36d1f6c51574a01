// What the place that text goes to can show.
#pragma once

#include <string>
#include <string_view>

namespace eventstore::eventctl {

struct Terminal {
  bool is_terminal = false;
  bool colour = false;
  bool utf8 = true;  // line drawing and blocks; else ASCII
  int columns = 0;   // 0: not a terminal, no limit
};

// Colours only on a terminal, not when NO_COLOR is set (to anything) or TERM is dumb.
Terminal InspectTerminal(int fd);

// Text in colour, or as it is where there are none.
class Style {
 public:
  explicit Style(bool colour) : colour_(colour) {}

  std::string Bold(std::string_view text) const { return Wrap("1", text); }
  std::string Dim(std::string_view text) const { return Wrap("2", text); }
  std::string Red(std::string_view text) const { return Wrap("31", text); }
  std::string Green(std::string_view text) const { return Wrap("32", text); }
  std::string Yellow(std::string_view text) const { return Wrap("33", text); }
  std::string Cyan(std::string_view text) const { return Wrap("36", text); }

 private:
  std::string Wrap(std::string_view code, std::string_view text) const;

  bool colour_;
};

// Columns the text takes on a terminal: combining marks none, East Asian wide characters and emoji two.
int DisplayWidth(std::string_view text);

// At most `columns` wide; what is cut off is told by an ellipsis.
std::string Truncate(std::string_view text, int columns, bool utf8);

// Control characters replaced, invalid UTF-8 too: what others stored must not move the cursor or change the colours.
std::string Printable(std::string_view text);

}  // namespace eventstore::eventctl
