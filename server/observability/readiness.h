// Whether the server may be sent requests, and why not: the answer of /readyz.
#pragma once

#include <optional>
#include <string>

#include "server/observability/upkeep_snapshot.h"

namespace eventstore::observability {

struct ServingFacts {
  bool draining = false;         // the server has been told to stop
  bool database_answers = true;  // and takes writes
  std::optional<UpkeepSnapshot> upkeep;
};

// Ready: the database answers, the server is not draining, and today's events have a place to go to.
bool IsReady(const ServingFacts& facts);

// One JSON object and a line's end. `status` is its first member; `partitions` is null where nothing is known.
std::string ReadinessJson(const std::string& status, const ServingFacts& facts);

}  // namespace eventstore::observability
