#include "server/storage/pg_binary.h"

#include <utility>

namespace eventstore::storage {
namespace {

// Between 1970-01-01 and 2000-01-01.
constexpr std::int64_t kPgEpoch = 946'684'800LL * domain::kMicrosPerSecond;
constexpr std::size_t kHeader = 20;

template <typename Unsigned>
void AppendBigEndian(std::string& bytes, Unsigned value) {
  for (int shift = (sizeof(Unsigned) - 1) * 8; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
}

template <typename Unsigned>
Unsigned ReadBigEndian(const char* bytes) {
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof(Unsigned); ++i) value = (value << 8) | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

unsigned ArrayOid(PgType element) {
  switch (element) {
    case PgType::kInt8:
      return 1016;
    case PgType::kInt4:
      return 1007;
    case PgType::kText:
      return 1009;
    case PgType::kTimestamp:
      return 1185;
    case PgType::kUuid:
      return 2951;
    case PgType::kJsonb:
      return 3807;
  }
  return 0;
}

void AppendInt32(std::string& bytes, std::int32_t value) { AppendBigEndian(bytes, static_cast<std::uint32_t>(value)); }
void AppendInt64(std::string& bytes, std::int64_t value) { AppendBigEndian(bytes, static_cast<std::uint64_t>(value)); }
std::int32_t ReadInt32(const char* bytes) { return static_cast<std::int32_t>(ReadBigEndian<std::uint32_t>(bytes)); }
std::int64_t ReadInt64(const char* bytes) { return static_cast<std::int64_t>(ReadBigEndian<std::uint64_t>(bytes)); }

std::int64_t ToPgTime(domain::TimeMicros time) { return time - kPgEpoch; }
domain::TimeMicros FromPgTime(std::int64_t pg_time) { return pg_time + kPgEpoch; }

BinaryArray::BinaryArray(PgType element) : element_(element), bytes_(kHeader, '\0') {}

void BinaryArray::AddNull() {
  AppendInt32(bytes_, -1);
  has_null_ = true;
  ++count_;
}

void BinaryArray::Add(const domain::Uuid& id) {
  AppendInt32(bytes_, 16);
  bytes_.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
  ++count_;
}

void BinaryArray::Add(const std::optional<domain::Uuid>& id) {
  if (id) {
    Add(*id);
  } else {
    AddNull();
  }
}

void BinaryArray::AddInt4(std::int32_t value) {
  AppendInt32(bytes_, 4);
  AppendInt32(bytes_, value);
  ++count_;
}

void BinaryArray::AddInt8(std::int64_t value) {
  AppendInt32(bytes_, 8);
  AppendInt64(bytes_, value);
  ++count_;
}

void BinaryArray::AddTime(domain::TimeMicros time) { AddInt8(ToPgTime(time)); }

void BinaryArray::AddText(std::string_view text) {
  AppendInt32(bytes_, static_cast<std::int32_t>(text.size()));
  bytes_.append(text);
  ++count_;
}

void BinaryArray::AddJson(std::string_view text) {
  AppendInt32(bytes_, static_cast<std::int32_t>(text.size()) + 1);
  bytes_ += kJsonbVersion;
  bytes_.append(text);
  ++count_;
}

std::string BinaryArray::Take() {
  std::string header;
  AppendInt32(header, count_ > 0 ? 1 : 0);
  AppendInt32(header, has_null_ ? 1 : 0);
  AppendInt32(header, static_cast<std::int32_t>(element_));
  AppendInt32(header, count_);
  AppendInt32(header, 1);
  bytes_.replace(0, kHeader, header);
  // An array without elements has no bounds.
  if (count_ == 0) bytes_.resize(12);
  count_ = 0;
  has_null_ = false;
  return std::exchange(bytes_, std::string(kHeader, '\0'));
}

}  // namespace eventstore::storage
