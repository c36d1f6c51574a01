// UUIDs as two words, and as text where they are sent. Made without asking the system for randomness each time: a load
// harness makes tens of thousands a second on the cores that it measures.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tools/eventbench/load/random.h"

namespace eventstore::eventbench {

struct Id {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend auto operator<=>(const Id&, const Id&) = default;
};

// Replaces what `text` holds; memory it has is used again.
void WriteId(const Id& id, std::string& text);
std::string TextOf(const Id& id);
// Hyphenated, 36 characters, either case.
std::optional<Id> ParseId(std::string_view text);

// The index-th id of a family: always the same, so nothing has to be kept to name it again. Version 8 (RFC 9562: made
// by a rule of one's own), spread like random ones.
Id DerivedId(std::uint64_t family, std::uint64_t index);

// Version 7: the time in milliseconds, then a counter within it, then random bits: ids of one maker go up.
class EventIds {
 public:
  explicit EventIds(std::uint64_t seed) : random_(seed) {}
  Id Make(std::uint64_t unix_milliseconds);

 private:
  Random random_;
  std::uint64_t last_milliseconds_ = 0;
  std::uint64_t counter_ = 0;
};

}  // namespace eventstore::eventbench

template <>
struct std::hash<eventstore::eventbench::Id> {
  std::size_t operator()(const eventstore::eventbench::Id& id) const noexcept {
    return static_cast<std::size_t>(eventstore::eventbench::Scramble(id.high ^ (id.low << 1)));
  }
};
