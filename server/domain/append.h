// What a client asks to be appended, and what it gets.
#pragma once

#include <vector>

#include "server/domain/event.h"

namespace eventstore::domain {

struct VersionCheck {
  enum class Kind { kExact, kAny, kExisting };
  Kind kind = Kind::kExact;
  Version expected = 0;  // kExact only

  static VersionCheck Exact(Version expected) { return {Kind::kExact, expected}; }
  static VersionCheck Any() { return {Kind::kAny, 0}; }
  static VersionCheck Existing() { return {Kind::kExisting, 0}; }

  bool Holds(Version actual) const {
    switch (kind) {
      case Kind::kExact:
        return actual == expected;
      case Kind::kAny:
        return true;
      case Kind::kExisting:
        return actual > 0;
    }
    return false;
  }

  bool operator==(const VersionCheck&) const = default;
};

// Events for one aggregate, all or nothing.
struct Append {
  Uuid aggregate_id;
  std::string aggregate_type;
  VersionCheck check;
  std::vector<NewEvent> events;
};

// A condition on an aggregate that is only read.
struct AggregateCheck {
  Uuid aggregate_id;
  VersionCheck check;
};

// The unit of atomicity: everything in it is written or nothing. The RPC Append is a batch of one.
struct AppendBatch {
  // Came as one Append: the paths in its errors start at the append, not at "appends[0]".
  bool single = false;
  std::vector<Append> appends;
  std::vector<AggregateCheck> checks;
};

struct AppendResult {
  Uuid aggregate_id;
  Version version = 0;
  std::vector<AppendedEvent> events;
};

// One for each append of the batch, in order.
using AppendBatchResult = std::vector<AppendResult>;

}  // namespace eventstore::domain
