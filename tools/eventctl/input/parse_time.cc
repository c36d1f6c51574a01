#include "tools/eventctl/input/parse_time.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>

namespace eventstore::eventctl {
namespace {

using std::chrono::microseconds;

// Reads a text from left to right; every step tells whether it was there.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool Digits(std::size_t count, int& value) {
    if (text_.size() < count) return false;
    value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return false;
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(count);
    return true;
  }

  bool Any(std::string_view characters) {
    if (text_.empty() || characters.find(text_.front()) == std::string_view::npos) return false;
    text_.remove_prefix(1);
    return true;
  }

  // Digits after a decimal point, as microseconds; finer ones are dropped.
  bool Fraction(std::int64_t& micros) {
    std::int64_t unit = 100'000;
    micros = 0;
    const std::size_t before = text_.size();
    while (!text_.empty() && text_.front() >= '0' && text_.front() <= '9') {
      micros += (text_.front() - '0') * unit;
      unit /= 10;
      text_.remove_prefix(1);
    }
    return text_.size() < before;
  }

  char Peek() const { return text_.empty() ? '\0' : text_.front(); }
  bool AtEnd() const { return text_.empty(); }

 private:
  std::string_view text_;
};

std::int64_t SecondsIn(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3'600;
    case 'd':
      return 86'400;
    case 'w':
      return 7 * 86'400;
    default:
      return 0;
  }
}

std::optional<SystemTime> ParseAgo(std::string_view text, SystemTime now) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end + 1 != text.data() + text.size() || count < 0) return std::nullopt;
  const std::int64_t unit = SecondsIn(*end);
  // Ten thousand years; more would overflow below, and nobody means it.
  constexpr std::int64_t kLongest = 10'000 * 366 * std::int64_t{86'400};
  if (unit == 0 || count > kLongest / unit) return std::nullopt;
  return now - std::chrono::seconds(count * unit);
}

// Z or +hh:mm, +hhmm, +hh. The offset from UTC.
std::optional<std::chrono::minutes> ParseZone(Scanner& scan) {
  if (scan.AtEnd() || scan.Any("Zz")) return std::chrono::minutes(0);
  const int sign = scan.Peek() == '-' ? -1 : 1;
  int hours = 0;
  int minutes = 0;
  if (!scan.Any("+-") || !scan.Digits(2, hours)) return std::nullopt;
  if (!scan.AtEnd()) {
    scan.Any(":");
    if (!scan.Digits(2, minutes)) return std::nullopt;
  }
  if (hours > 23 || minutes > 59) return std::nullopt;
  return sign * (std::chrono::hours(hours) + std::chrono::minutes(minutes));
}

}  // namespace

std::optional<SystemTime> ParseTime(std::string_view text, SystemTime now) {
  if (text == "now") return now;
  if (const auto ago = ParseAgo(text, now)) return ago;

  Scanner scan(text);
  int year = 0;
  int month = 0;
  int day = 0;
  if (!scan.Digits(4, year) || !scan.Any("-") || !scan.Digits(2, month) || !scan.Any("-") || !scan.Digits(2, day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year < 1) return std::nullopt;
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::int64_t micros = 0;
  if (scan.Any("Tt ")) {
    if (!scan.Digits(2, hour) || !scan.Any(":") || !scan.Digits(2, minute)) return std::nullopt;
    if (scan.Any(":") && !scan.Digits(2, second)) return std::nullopt;
    if (scan.Any(".,") && !scan.Fraction(micros)) return std::nullopt;
  }
  const auto zone = ParseZone(scan);
  if (!zone || !scan.AtEnd() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + microseconds(micros) - *zone;
}

google::protobuf::Timestamp ToProto(SystemTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  google::protobuf::Timestamp result;
  result.set_seconds(seconds.time_since_epoch().count());
  result.set_nanos(static_cast<std::int32_t>(std::chrono::nanoseconds(time - seconds).count()));
  return result;
}

SystemTime FromProto(const google::protobuf::Timestamp& time) {
  return SystemTime(std::chrono::seconds(time.seconds()) + microseconds(time.nanos() / 1'000));
}

std::optional<google::protobuf::Timestamp> ParseTimeFlag(const std::string& text) {
  const auto time = ParseTime(text, std::chrono::floor<microseconds>(std::chrono::system_clock::now()));
  if (!time) return std::nullopt;
  return ToProto(*time);
}

namespace {

std::string Format(const google::protobuf::Timestamp& time, char separator) {
  const auto seconds = std::chrono::sys_seconds(std::chrono::seconds(time.seconds()));
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(seconds - day);
  return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), separator,
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace

std::string FormatTime(const google::protobuf::Timestamp& time) {
  return fmt::format("{}.{:06}Z", Format(time, 'T'), time.nanos() / 1'000);
}

std::string FormatTimeShort(const google::protobuf::Timestamp& time) {
  return fmt::format("{}.{:03}", Format(time, ' '), time.nanos() / 1'000'000);
}

}  // namespace eventstore::eventctl
