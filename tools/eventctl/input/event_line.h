// One line of JSON as a new event: for `load` and for `append --lines`.
//
//   id               UUID; missing: one is made, and then a repeat of the load is a second event
//   aggregate_id     UUID; missing: entityId inside data
//   aggregate_type   missing: the default, "entity" unless told otherwise
//   event_type       or type
//   user_id          correlation_id   causation_id   source
//   data             object; missing: {}
//   metadata         object; missing: {}
//   timestamp        when it happened. The store stamps its own time; this one is kept as metadata.occurred_at
//
// null is as good as missing. Other members are not looked at, so what `eventctl --json` prints can be loaded again.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "eventstore/v1/event.pb.h"

namespace eventstore::eventctl {

struct LineDefaults {
  std::string aggregate_type = "entity";
  std::string source{};
  // append --lines names the aggregate once for all lines.
  bool needs_aggregate = true;
};

struct EventLine {
  std::string aggregate_id;  // lower case; empty unless LineDefaults::needs_aggregate
  std::string aggregate_type;
  v1::NewEvent event;  // the id may be empty
};

// INVALID_ARGUMENT whose message completes "line 17 ...".
absl::StatusOr<EventLine> ParseEventLine(std::string_view line, const LineDefaults& defaults);

}  // namespace eventstore::eventctl
