#include "tools/eventctl/output/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <cstdlib>

namespace eventstore::eventctl {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

bool LocaleIsUtf8() {
  // The order in which the C library looks at them.
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string lower(value);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    return lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
  }
  return false;
}

// Takes one character off the front. Bytes that are not UTF-8 come as kReplacement, one at a time.
char32_t TakeCharacter(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  text.remove_prefix(1);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < static_cast<std::size_t>(more)) return kReplacement;
  char32_t character = lead & (0x3F >> more);
  for (int i = 0; i < more; ++i) {
    const auto next = static_cast<unsigned char>(text[static_cast<std::size_t>(i)]);
    if ((next & 0xC0) != 0x80) return kReplacement;
    character = (character << 6) | (next & 0x3F);
  }
  text.remove_prefix(static_cast<std::size_t>(more));
  return character;
}

void AppendUtf8(std::string& text, char32_t c) {
  const auto add = [&](char32_t byte) { text += static_cast<char>(static_cast<unsigned char>(byte)); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xC0 | (c >> 6));
    add(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    add(0xE0 | (c >> 12));
    add(0x80 | ((c >> 6) & 0x3F));
    add(0x80 | (c & 0x3F));
  } else {
    add(0xF0 | (c >> 18));
    add(0x80 | ((c >> 12) & 0x3F));
    add(0x80 | ((c >> 6) & 0x3F));
    add(0x80 | (c & 0x3F));
  }
}

struct Range {
  char32_t first;
  char32_t last;
};

bool In(char32_t c, const auto& ranges) {
  return std::ranges::any_of(ranges, [c](const Range& range) { return range.first <= c && c <= range.last; });
}

int CharacterWidth(char32_t c) {
  // The blocks that matter in practice; a column too many or too few elsewhere only shifts a cell.
  static constexpr std::array<Range, 6> kNone = {
      {{0x0300, 0x036F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0x202A, 0x202E}}};
  static constexpr std::array<Range, 8> kTwo = {{{0x1100, 0x115F},
                                                 {0x2E80, 0xA4CF},
                                                 {0xAC00, 0xD7A3},
                                                 {0xF900, 0xFAFF},
                                                 {0xFE30, 0xFE6F},
                                                 {0xFF00, 0xFF60},
                                                 {0x1F300, 0x1FAFF},
                                                 {0x20000, 0x3FFFD}}};
  if (In(c, kNone)) return 0;
  return In(c, kTwo) ? 2 : 1;
}

bool IsControl(char32_t c) {
  // The last range turns the direction of what follows around.
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

Terminal InspectTerminal(int fd) {
  Terminal terminal;
  terminal.utf8 = LocaleIsUtf8();
  terminal.is_terminal = isatty(fd) == 1;
  if (!terminal.is_terminal) return terminal;
  const char* term = std::getenv("TERM");
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  terminal.colour = !dumb && std::getenv("NO_COLOR") == nullptr;
  winsize size{};
  terminal.columns = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  return terminal;
}

std::string Style::Wrap(std::string_view code, std::string_view text) const {
  if (!colour_ || text.empty()) return std::string(text);
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  while (!text.empty()) width += CharacterWidth(TakeCharacter(text));
  return width;
}

std::string Truncate(std::string_view text, int columns, bool utf8) {
  if (DisplayWidth(text) <= columns) return std::string(text);
  const std::string_view ellipsis = utf8 ? "…" : "..";
  const int room = columns - DisplayWidth(ellipsis);
  // Braces would make it a list of characters.
  // NOLINTNEXTLINE(modernize-return-braced-init-list)
  if (room <= 0) return std::string(static_cast<std::size_t>(std::max(columns, 0)), '.');
  std::string result;
  int width = 0;
  while (!text.empty()) {
    const char32_t c = TakeCharacter(text);
    width += CharacterWidth(c);
    if (width > room) break;
    AppendUtf8(result, c);
  }
  return result.append(ellipsis);
}

std::string Printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const char32_t c = TakeCharacter(text);
    AppendUtf8(result, IsControl(c) ? kReplacement : c);
  }
  return result;
}

}  // namespace eventstore::eventctl
