// PostgreSQL's binary wire formats of the types the write path sends and gets: big-endian numbers, times in microseconds
// since 2000-01-01 UTC, jsonb as a version byte and its text. Arrays:
//
//   array   := dimensions:int32 has_null:int32 element_oid:int32 (count:int32 lower_bound:int32) element*
//   element := length:int32 bytes, with length -1 for NULL
//
// Binary saves both sides from quoting and parsing: JSON in an array literal has a backslash before each quote.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/domain/time.h"
#include "server/domain/uuid.h"

namespace eventstore::storage {

// Of pg_type, fixed for ever.
enum class PgType : unsigned { kInt8 = 20, kInt4 = 23, kText = 25, kTimestamp = 1184, kUuid = 2950, kJsonb = 3802 };

// Of the array type whose elements are these.
unsigned ArrayOid(PgType element);

void AppendInt32(std::string& bytes, std::int32_t value);
void AppendInt64(std::string& bytes, std::int64_t value);
std::int32_t ReadInt32(const char* bytes);
std::int64_t ReadInt64(const char* bytes);

// The first byte of a jsonb value; its text follows.
inline constexpr char kJsonbVersion = '\x01';

// As the 8 bytes of a timestamptz. Both are finite.
std::int64_t ToPgTime(domain::TimeMicros time);
domain::TimeMicros FromPgTime(std::int64_t pg_time);

class BinaryArray {
 public:
  explicit BinaryArray(PgType element);

  void AddNull();
  void Add(const domain::Uuid& id);
  void Add(const std::optional<domain::Uuid>& id);
  void AddInt4(std::int32_t value);
  void AddInt8(std::int64_t value);
  void AddTime(domain::TimeMicros time);
  void AddText(std::string_view text);
  void AddJson(std::string_view text);

  PgType element() const { return element_; }
  std::int32_t size() const { return count_; }
  // The parameter's bytes; the array is empty then.
  std::string Take();

 private:
  const PgType element_;
  std::string bytes_;
  std::int32_t count_ = 0;
  bool has_null_ = false;
};

}  // namespace eventstore::storage
