#include "tools/eventctl/output/bars.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace eventstore::eventctl {
namespace {

constexpr int kDefaultColumns = 80;
constexpr int kMaxKeyColumns = 40;
constexpr int kMinBarColumns = 10;
constexpr int kMaxBarColumns = 60;

}  // namespace

std::string Bar(std::int64_t value, std::int64_t max, int columns, bool utf8) {
  if (value <= 0 || max <= 0 || columns <= 0) return "";
  const double share = std::min(1.0, static_cast<double>(value) / static_cast<double>(max));
  const int steps = utf8 ? 8 : 1;
  const int filled = std::max(1, static_cast<int>(std::lround(share * columns * steps)));
  std::string bar;
  for (int i = 0; i < filled / steps; ++i) bar += utf8 ? "█" : "#";
  static constexpr std::array<const char*, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  if (utf8) bar += kEighths.at(static_cast<std::size_t>(filled % steps));
  return bar;
}

std::string Spark(const std::vector<std::int64_t>& values, bool utf8) {
  static constexpr std::array<const char*, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr std::array<const char*, 8> kAscii = {"_", ".", "-", "~", "=", "+", "*", "#"};
  std::int64_t max = 1;
  for (const std::int64_t value : values) max = std::max(max, value);
  std::string line;
  for (const std::int64_t value : values) {
    // The lowest is for nothing alone.
    const auto step =
        value <= 0 ? 0
                   : std::max<std::int64_t>(1, static_cast<std::int64_t>(std::lround(7.0 * static_cast<double>(value) /
                                                                                     static_cast<double>(max))));
    line += (utf8 ? kBlocks : kAscii).at(static_cast<std::size_t>(step));
  }
  return line;
}

std::string WithThousands(std::int64_t number) {
  std::string digits = fmt::format("{}", number);
  const int first = digits.front() == '-' ? 1 : 0;
  for (int at = static_cast<int>(digits.size()) - 3; at > first; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

std::string CountOf(std::int64_t number, const std::string& what) {
  return WithThousands(number) + " " + what + (number == 1 ? "" : "s");
}

void PrintBars(std::ostream& out, const Terminal& terminal,
               const std::vector<std::pair<std::string, std::int64_t>>& groups) {
  std::int64_t max = 0;
  std::int64_t sum = 0;
  int key_columns = 0;
  for (const auto& [key, count] : groups) {
    max = std::max(max, count);
    sum += count;
    key_columns = std::max(key_columns, DisplayWidth(Printable(key)));
  }
  if (terminal.columns > 0) key_columns = std::min(key_columns, kMaxKeyColumns);
  const int count_columns = static_cast<int>(WithThousands(max).size());
  const int all = terminal.columns > 0 ? terminal.columns : kDefaultColumns;
  // Gaps of two columns, and "100.0 %".
  const int bar_columns = std::clamp(all - key_columns - count_columns - 7 - 6, kMinBarColumns, kMaxBarColumns);
  const Style style(terminal.colour);
  for (const auto& [key, count] : groups) {
    std::string name = Printable(key);
    if (terminal.columns > 0) name = Truncate(name, key_columns, terminal.utf8);
    name.append(static_cast<std::size_t>(std::max(0, key_columns - DisplayWidth(name))), ' ');
    const double share = sum > 0 ? 100.0 * static_cast<double>(count) / static_cast<double>(sum) : 0;
    out << fmt::format("{}  {:>{}}  {:>5.1f} %  {}\n", name, WithThousands(count), count_columns, share,
                       style.Cyan(Bar(count, max, bar_columns, terminal.utf8)));
  }
}

}  // namespace eventstore::eventctl
