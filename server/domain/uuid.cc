#include "server/domain/uuid.h"

#include <array>

#include "absl/hash/hash.h"

namespace eventstore::domain {
namespace {

constexpr std::size_t kTextLength = 36;

// Where the two digits of each byte stand.
constexpr std::array<std::uint8_t, 16> kPlaces = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};
constexpr std::array<std::size_t, 4> kHyphens = {8, 13, 18, 23};

constexpr std::uint8_t kNoDigit = 0xff;

// A table, since every event that is read or written has several ids.
constexpr std::array<std::uint8_t, 256> HexValues() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::uint8_t i = 0; i < 10; ++i) values['0' + i] = i;
  for (std::uint8_t i = 0; i < 6; ++i) values['a' + i] = values['A' + i] = static_cast<std::uint8_t>(10 + i);
  return values;
}

constexpr std::array<std::uint8_t, 256> kHexValues = HexValues();

}  // namespace

std::optional<Uuid> Uuid::Parse(std::string_view text) {
  if (text.size() != kTextLength) return std::nullopt;
  for (const std::size_t hyphen : kHyphens) {
    if (text[hyphen] != '-') return std::nullopt;
  }
  Uuid id;
  std::uint8_t seen = 0;
  for (std::size_t i = 0; i < kPlaces.size(); ++i) {
    const std::uint8_t high = kHexValues[static_cast<unsigned char>(text[kPlaces[i]])];
    const std::uint8_t low = kHexValues[static_cast<unsigned char>(text[kPlaces[i] + 1])];
    seen |= high | low;
    id.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  if (seen > 0x0f) return std::nullopt;
  return id;
}

std::string Uuid::ToString() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(kTextLength, '-');
  for (std::size_t i = 0; i < kPlaces.size(); ++i) {
    text[kPlaces[i]] = kDigits[bytes[i] >> 4];
    text[kPlaces[i] + 1] = kDigits[bytes[i] & 0x0f];
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
