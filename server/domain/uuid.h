// A UUID as 16 bytes, in the order of its text form (RFC 9562).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace eventstore::domain {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Uuid&) const = default;

  // Accepts exactly the 36-character hyphenated form, either case; nothing else.
  static std::optional<Uuid> Parse(std::string_view text);

  // Lower case, hyphenated.
  std::string ToString() const;

  // Version 7: 48 bits of `unix_ms`, then 74 bits taken from `random_a` and `random_b`. Pure, so that ids can be
  // made from an injected clock and generator.
  static Uuid MakeV7(std::int64_t unix_ms, std::uint64_t random_a, std::uint64_t random_b);
};

// The bytes are well mixed for v4 and v7 alike once folded; used for maps, never for lanes (see lane.h).
struct UuidHash {
  std::size_t operator()(const Uuid& id) const noexcept;
};

}  // namespace eventstore::domain
