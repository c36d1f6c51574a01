// Parameter texts for PostgreSQL: arrays, times, ids. Values only; SQL itself never contains a value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/domain/time.h"
#include "server/domain/uuid.h"

namespace eventstore::storage {

// An array literal such as {"a","b",NULL}, for a parameter cast as $1::text[].
class ArrayText {
 public:
  explicit ArrayText(std::size_t reserve_bytes = 0);
  void Add(std::string_view value);       // quoted and escaped
  void AddPlain(std::string_view value);  // digits and UUIDs: needs no quoting
  void AddPlain(std::int64_t value);
  void AddNull();
  std::string Take();

 private:
  void Separate();
  std::string text_;
};

std::string TextArray(const std::vector<std::string>& values);
std::string IdArray(const std::vector<domain::Uuid>& ids);

// The values of a text[], uuid[] or the like of one dimension and without NULL, from PostgreSQL's printed form.
std::vector<std::string> ParseTextArray(std::string_view text);

// ISO 8601 in UTC with microseconds, for ::timestamptz; the ends of domain::TimeRange become -infinity and infinity.
std::string TimestampText(domain::TimeMicros time);

}  // namespace eventstore::storage
