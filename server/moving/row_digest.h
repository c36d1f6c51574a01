// What a legacy table holds, whatever the order of its rows: their number, and the sum of the first 8 bytes of the SHA-256
// of each row's JSON text. The same as legacy_digest() of the database.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace eventstore::moving {

struct LegacyContent {
  std::int64_t rows = 0;
  std::string digest = "0";  // the sum, in decimal

  bool operator==(const LegacyContent&) const = default;
};

class RowDigest {
 public:
  void Add(std::string_view row);
  LegacyContent content() const;

 private:
  // Of 128 bits, as PostgreSQL adds up bigints into a numeric: 2^64 rows fit.
  std::int64_t rows_ = 0;
  std::uint64_t low_ = 0;
  std::int64_t high_ = 0;
};

}  // namespace eventstore::moving
