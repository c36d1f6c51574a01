// The hourly aggregates as the database has them: migrations 0017 and 0027 to 0031.
#pragma once

#include <span>

#include "server/domain/analytics.h"

namespace eventstore::storage {

struct HourlyDefinition {
  domain::Aggregate aggregate;
  const char* name;    // of the table or view
  const char* source;  // the table whose rows it counts
  // The rows as they are now, for a time range: a function of migration 0029.
  const char* counter;
  const char* bucket;
  const char* ref;
  const char* status;  // null: it has none
  const char* count;
};

inline constexpr char kEventsHourly[] = "events_hourly";

// All of them; those of one source stand together, and the last one is events_hourly, which has a state of its own.
std::span<const HourlyDefinition> HourlyDefinitions();

const HourlyDefinition& DefinitionOf(domain::Aggregate aggregate);

}  // namespace eventstore::storage
