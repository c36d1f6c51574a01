#include "server/domain/uuid.h"

#include "absl/hash/hash.h"

namespace eventstore::domain {
namespace {

constexpr std::size_t kTextLength = 36;

constexpr bool IsHyphenAt(std::size_t index) { return index == 8 || index == 13 || index == 18 || index == 23; }

// -1: not a hexadecimal digit.
constexpr int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<Uuid> Uuid::Parse(std::string_view text) {
  if (text.size() != kTextLength) return std::nullopt;
  Uuid id;
  std::size_t nibbles = 0;
  for (std::size_t i = 0; i < kTextLength; ++i) {
    if (IsHyphenAt(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int value = HexValue(text[i]);
    if (value < 0) return std::nullopt;
    std::uint8_t& byte = id.bytes[nibbles / 2];
    byte = static_cast<std::uint8_t>((byte << 4) | value);
    ++nibbles;
  }
  return id;
}

std::string Uuid::ToString() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(kTextLength);
  for (const std::uint8_t byte : bytes) {
    if (IsHyphenAt(text.size())) text.push_back('-');
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 0x0f]);
  }
  return text;
}

Uuid Uuid::MakeV7(std::int64_t unix_ms, std::uint64_t random_a, std::uint64_t random_b) {
  Uuid id;
  const auto ms = static_cast<std::uint64_t>(unix_ms);
  for (std::size_t i = 0; i < 6; ++i) id.bytes[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
  id.bytes[6] = static_cast<std::uint8_t>(0x70 | ((random_a >> 8) & 0x0f));
  id.bytes[7] = static_cast<std::uint8_t>(random_a);
  for (std::size_t i = 0; i < 8; ++i) id.bytes[8 + i] = static_cast<std::uint8_t>(random_b >> (56 - 8 * i));
  id.bytes[8] = static_cast<std::uint8_t>(0x80 | (id.bytes[8] & 0x3f));
  return id;
}

std::size_t UuidHash::operator()(const Uuid& id) const noexcept {
  // Clients choose these bytes. absl's hash differs from one process to the next, so ids that collide cannot be
  // prepared beforehand.
  return absl::HashOf(id.bytes);
}

}  // namespace eventstore::domain
