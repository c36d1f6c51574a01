// How far something long has come: one line that is redrawn on a terminal, now and then a new line elsewhere.
#pragma once

#include <chrono>
#include <ostream>
#include <string>

#include "tools/eventctl/output/terminal.h"

namespace eventstore::eventctl {

// "1:05" for 65 s, "2:00:05" for two hours and five seconds.
std::string FormatDuration(std::chrono::seconds time);

// "[#####     ] 45 %  text", at most `columns` wide. `share` below 0: not known, then without bar.
std::string ProgressText(double share, const std::string& text, int columns, bool utf8);

// Used by one thread at a time.
class ProgressLine {
 public:
  ProgressLine(std::ostream& out, const Terminal& terminal, bool enabled);

  // Drawn at most ten times a second; not on a terminal, a line every five seconds.
  void Show(double share, const std::string& text);
  // Takes the line off the terminal, so that what is printed next begins clean.
  void End();

 private:
  std::ostream& out_;
  const Terminal terminal_;
  const bool enabled_;
  std::chrono::steady_clock::time_point next_;
  bool drawn_ = false;
};

}  // namespace eventstore::eventctl
