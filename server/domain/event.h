// The events of the store. Texts here have passed validation (validation.h): sizes are within limits.h, JSON is an
// object PostgreSQL accepts, nothing holds a NUL byte.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/domain/time.h"
#include "server/domain/uuid.h"

namespace eventstore::domain {

// Position in the one order of all events; see position.h.
using Position = std::int64_t;
using Version = std::int32_t;

struct NewEvent {
  Uuid id;
  // The client left the id empty, so it cannot have been written before: no duplicate check is needed.
  bool id_made_here = false;
  std::string event_type;
  std::string user_id;  // empty: nobody
  std::string data = "{}";
  std::string metadata = "{}";
  std::optional<Uuid> causation_id;
  std::optional<Uuid> correlation_id;
  std::string source;

  bool operator==(const NewEvent&) const = default;
};

struct RecordedEvent {
  Uuid id;
  TimeMicros timestamp = 0;
  Uuid aggregate_id;
  std::string aggregate_type;
  std::string event_type;
  std::string user_id;
  std::string data;
  std::string metadata;
  Version version = 0;
  std::optional<Uuid> causation_id;
  std::optional<Uuid> correlation_id;
  std::string source;
  Position global_position = 0;
};

// What the store assigned to an event that was appended.
struct AppendedEvent {
  Uuid id;
  Version version = 0;
  TimeMicros timestamp = 0;
  Position global_position = 0;

  bool operator==(const AppendedEvent&) const = default;
};

// One narrow row per aggregate; the only guard of version uniqueness.
struct AggregateHead {
  Version version = 0;  // 0: the aggregate does not exist
  TimeMicros first_timestamp = 0;
  TimeMicros last_timestamp = 0;
};

}  // namespace eventstore::domain
