#include "tools/eventbench/load/ids.h"

#include <algorithm>
#include <array>

namespace eventstore::eventbench {
namespace {

constexpr std::size_t kTextSize = 36;
constexpr std::uint64_t kVariant = 0x8000000000000000;
constexpr std::uint64_t kVariantMask = 0x3fffffffffffffff;
constexpr std::uint64_t kCounterBits = 12;

bool IsHyphen(std::size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

void WriteId(const Id& id, std::string& text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::array<char, kTextSize> chars{};
  std::size_t at = 0;
  for (const std::uint64_t word : {id.high, id.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      if (IsHyphen(at)) chars[at++] = '-';
      chars[at++] = kHex[(word >> shift) & 15];
    }
  }
  text.assign(chars.data(), chars.size());
}

std::string TextOf(const Id& id) {
  std::string text;
  WriteId(id, text);
  return text;
}

std::optional<Id> ParseId(std::string_view text) {
  if (text.size() != kTextSize) return std::nullopt;
  Id id;
  int digits = 0;
  for (std::size_t i = 0; i < kTextSize; ++i) {
    if (IsHyphen(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int value = HexValue(text[i]);
    if (value < 0) return std::nullopt;
    std::uint64_t& word = digits++ < 16 ? id.high : id.low;
    word = (word << 4) | static_cast<std::uint64_t>(value);
  }
  return id;
}

Id DerivedId(std::uint64_t family, std::uint64_t index) {
  const std::uint64_t high = Scramble(Scramble(family) ^ index);
  return {.high = (high & ~std::uint64_t{0xf000}) | 0x8000, .low = (Scramble(high ^ index) & kVariantMask) | kVariant};
}

Id EventIds::Make(std::uint64_t unix_milliseconds) {
  // A clock that was set back, or more ids than the counter holds: the time of the last one goes on.
  unix_milliseconds = std::max(unix_milliseconds, last_milliseconds_);
  counter_ = unix_milliseconds == last_milliseconds_ ? counter_ + 1 : 0;
  if (counter_ >> kCounterBits != 0) {
    ++unix_milliseconds;
    counter_ = 0;
  }
  last_milliseconds_ = unix_milliseconds;
  return {.high = (unix_milliseconds << 16) | 0x7000 | counter_, .low = (random_.Next() & kVariantMask) | kVariant};
}

}  // namespace eventstore::eventbench
