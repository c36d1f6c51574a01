#include "server/domain/schedule.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/domain/error.h"

namespace eventstore::domain {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

struct Field {
  const char* name;
  int min;
  int max;
  std::string_view names;  // three letters each, of the values from `min` on
};

constexpr std::array<Field, 5> kFields{{{"minute", 0, 59, ""},
                                        {"hour", 0, 23, ""},
                                        {"day of the month", 1, 31, ""},
                                        {"month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"},
                                        {"day of the week", 0, 7, "SUNMONTUEWEDTHUFRISAT"}}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNamed{{{"@hourly", "0 * * * *"},
                                                                               {"@daily", "0 0 * * *"},
                                                                               {"@midnight", "0 0 * * *"},
                                                                               {"@weekly", "0 0 * * 0"},
                                                                               {"@monthly", "0 0 1 * *"},
                                                                               {"@yearly", "0 0 1 1 *"},
                                                                               {"@annually", "0 0 1 1 *"}}};

constexpr std::size_t kMaxBytes = 200;

// A 29th of February may be eight years away, around a year such as 2100; and on a given day of the week 40.
constexpr days kSearched{41 * 366};

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t from = 0;;) {
    const std::size_t to = text.find(separator, from);
    parts.push_back(text.substr(from, to - from));
    if (to == std::string_view::npos) return parts;
    from = to + 1;
  }
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t at = text.find_first_not_of(" \t"); at != std::string_view::npos;
       at = text.find_first_not_of(" \t", at)) {
    const std::size_t end = std::min(text.find_first_of(" \t", at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

std::optional<int> Number(std::string_view text) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || text.front() == '-' || error != std::errc() || rest != end) return std::nullopt;
  return number;
}

// A number within the field, or one of its names.
std::optional<int> ValueOf(const Field& field, std::string_view text) {
  if (const auto number = Number(text)) {
    return *number >= field.min && *number <= field.max ? number : std::nullopt;
  }
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (std::size_t at = 0; upper.size() == 3 && at < field.names.size(); at += 3) {
    if (field.names.substr(at, 3) == upper) return field.min + static_cast<int>(at / 3);
  }
  return std::nullopt;
}

struct Steps {
  int from;
  int to;
  int step;
};

// One entry of a list; nothing: it is wrong.
std::optional<Steps> StepsOf(const Field& field, std::string_view entry) {
  const std::size_t slash = entry.find('/');
  const std::string_view range = entry.substr(0, slash);
  Steps steps{field.min, field.max, 1};
  if (slash != std::string_view::npos) {
    const auto step = Number(entry.substr(slash + 1));
    if (!step || *step < 1 || *step > field.max) return std::nullopt;
    steps.step = *step;
  }
  if (range == "*") {
    // Seven stands for Sunday again, which a step would count twice.
    if (field.max == 7) steps.to = 6;
    return steps;
  }
  const std::size_t dash = range.find('-');
  const auto from = ValueOf(field, range.substr(0, dash));
  if (!from) return std::nullopt;
  steps.from = *from;
  if (dash != std::string_view::npos) {
    const auto to = ValueOf(field, range.substr(dash + 1));
    if (!to || *to < *from) return std::nullopt;
    steps.to = *to;
  } else if (slash == std::string_view::npos) {
    steps.to = *from;
  }
  return steps;
}

absl::Status Wrong(const std::string& field, std::string_view text, const std::string& what) {
  std::string shown(text.substr(0, 60));
  std::ranges::replace_if(shown, [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
  return InvalidField(field, fmt::format("\"{}\": {}", shown, what));
}

}  // namespace

std::optional<std::string> Schedule::ReadField(std::size_t number, std::string_view text) {
  const Field& field = kFields[number];
  for (const std::string_view entry : Split(text, ',')) {
    const auto steps = StepsOf(field, entry);
    if (!steps) {
      return fmt::format("the {} is not understood; write *, or a list of numbers, ranges and steps from {} to {}{}",
                         field.name, field.min, field.max, field.names.empty() ? "" : ", or names of three letters");
    }
    for (int value = steps->from; value <= steps->to; value += steps->step) {
      const auto bit = static_cast<std::size_t>(value);
      if (number == 0) minutes_.set(bit);
      if (number == 1) hours_.set(bit);
      if (number == 2) days_.set(bit);
      if (number == 3) months_.set(bit);
      if (number == 4) weekdays_.set(bit % 7);
    }
  }
  if (number == 2) any_day_ = text.front() == '*';
  if (number == 4) any_weekday_ = text.front() == '*';
  return std::nullopt;
}

absl::StatusOr<Schedule> Schedule::Parse(const std::string& field, std::string_view text) {
  if (text.size() > kMaxBytes) return LimitExceeded(field, "max_schedule_bytes", text.size(), kMaxBytes);
  std::string_view meant = text;
  if (text.starts_with('@')) {
    const auto named = std::ranges::find(kNamed, text, [](const auto& pair) { return pair.first; });
    if (named == kNamed.end()) {
      return Wrong(field, text, "there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually");
    }
    meant = named->second;
  }
  const auto words = Words(meant);
  if (words.size() != kFields.size()) {
    return Wrong(field, text,
                 fmt::format("has {} fields; write five (minute, hour, day of the month, month, day of the week), for "
                             "example \"0 2 * * *\" for 02:00 UTC every day, or a name such as @daily",
                             words.size()));
  }
  Schedule schedule;
  schedule.text_ = std::string(text);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (const auto problem = schedule.ReadField(i, words[i])) return Wrong(field, text, *problem);
  }
  if (!schedule.NextAfter(0)) return Wrong(field, text, "such a day never comes");
  return schedule;
}

std::optional<TimeMicros> Schedule::NextAfter(TimeMicros time) const {
  using std::chrono::floor;
  using std::chrono::microseconds;
  using std::chrono::minutes;
  if (time >= kMaxTime) return std::nullopt;
  // The next full minute.
  const auto first =
      floor<minutes>(std::chrono::sys_time<microseconds>(microseconds(std::max(time, kMinTime)))) + minutes(1);
  const sys_days first_day = floor<days>(first);
  for (sys_days day = first_day; day <= first_day + kSearched; day += days(1)) {
    const std::chrono::year_month_day date(day);
    if (!months_.test(static_cast<unsigned>(date.month()))) continue;
    const bool day_fits = days_.test(static_cast<unsigned>(date.day()));
    const bool weekday_fits = weekdays_.test(std::chrono::weekday(day).c_encoding());
    if (any_day_ || any_weekday_ ? !(day_fits && weekday_fits) : !(day_fits || weekday_fits)) continue;
    const auto from = day == first_day ? std::chrono::duration_cast<minutes>(first - day) : minutes(0);
    for (auto at = from; at < days(1);) {
      const auto hour = static_cast<std::size_t>(at / std::chrono::hours(1));
      if (!hours_.test(hour)) {
        at = std::chrono::hours(hour + 1);
      } else if (!minutes_.test(static_cast<std::size_t>(at.count() % 60))) {
        at += minutes(1);
      } else {
        const TimeMicros found = microseconds((day + at).time_since_epoch()).count();
        return found <= kMaxTime ? std::optional(found) : std::nullopt;
      }
    }
  }
  return std::nullopt;
}

}  // namespace eventstore::domain
