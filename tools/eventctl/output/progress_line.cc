#include "tools/eventctl/output/progress_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/eventctl/output/bars.h"

namespace eventstore::eventctl {
namespace {

constexpr std::chrono::milliseconds kRedraw{100};
constexpr std::chrono::milliseconds kNewLine{5'000};
constexpr int kBarColumns = 24;

}  // namespace

std::string FormatDuration(std::chrono::seconds time) {
  const auto all = time.count();
  if (all < 3'600) return fmt::format("{}:{:02}", all / 60, all % 60);
  return fmt::format("{}:{:02}:{:02}", all / 3'600, all / 60 % 60, all % 60);
}

std::string ProgressText(double share, const std::string& text, int columns, bool utf8) {
  if (share < 0) return Truncate(text, columns, utf8);
  const double bounded = std::clamp(share, 0.0, 1.0);
  std::string bar = Bar(static_cast<std::int64_t>(bounded * 10'000), 10'000, kBarColumns, utf8);
  bar.append(static_cast<std::size_t>(std::max(0, kBarColumns - DisplayWidth(bar))), ' ');
  return Truncate(fmt::format("[{}] {:>3.0f} %  {}", bar, bounded * 100, text), columns, utf8);
}

ProgressLine::ProgressLine(std::ostream& out, const Terminal& terminal, bool enabled)
    : out_(out),
      terminal_(terminal),
      enabled_(enabled),
      // What is over in a moment needs no progress.
      next_(std::chrono::steady_clock::now() + (terminal.is_terminal ? kRedraw : kNewLine)) {}

void ProgressLine::Show(double share, const std::string& text) {
  const auto now = std::chrono::steady_clock::now();
  if (!enabled_ || now < next_) return;
  if (terminal_.is_terminal) {
    next_ = now + kRedraw;
    // One column less than there are: the last one makes some terminals wrap. Then the rest of the line is cleared.
    out_ << '\r' << ProgressText(share, text, terminal_.columns - 1, terminal_.utf8) << "\x1b[K" << std::flush;
    drawn_ = true;
  } else {
    next_ = now + kNewLine;
    out_ << (share >= 0 ? fmt::format("{:.0f} %  {}\n", share * 100, text) : text + "\n") << std::flush;
  }
}

void ProgressLine::End() {
  if (drawn_) out_ << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

}  // namespace eventstore::eventctl
