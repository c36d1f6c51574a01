// When upkeep is due: the five fields of cron, in UTC. Pure.
//
//   minute 0-59, hour 0-23, day of the month 1-31, month 1-12 or JAN-DEC, day of the week 0-7 or SUN-SAT (0 and 7 are
//   Sunday). A field is "*" or a list of numbers, ranges and steps: "1,15", "9-17", "*/10", "9-17/2", "5/20" (from 5 on).
//   @hourly, @daily (@midnight), @weekly, @monthly and @yearly (@annually) stand for the usual ones.
//   As in cron, if the day of the month and the day of the week are both restricted, either of them is enough.
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/domain/time.h"

namespace eventstore::domain {

class Schedule {
 public:
  // INVALID_REQUEST that names `field` and the part of the text that is wrong. A schedule that never comes, such as the
  // 31st of February, is refused too.
  static absl::StatusOr<Schedule> Parse(const std::string& field, std::string_view text);

  // The first time after `time` that matches, at second 0. Nothing: `time` is so late that there is none by 9999.
  std::optional<TimeMicros> NextAfter(TimeMicros time) const;

  // As it was written.
  const std::string& text() const { return text_; }

 private:
  std::optional<std::string> ReadField(std::size_t number, std::string_view text);

  std::string text_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<8> weekdays_;
  bool any_day_ = true;  // the field begins with *
  bool any_weekday_ = true;
};

}  // namespace eventstore::domain
