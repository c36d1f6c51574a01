// Whether a legacy source and the store hold the same events: by aggregate, type and day, their numbers and digests of
// their contents. Both sides are written into temporary tables of one session of the store, which groups and joins them
// on its disk; nothing here grows with the source.
//
// A digest is SHA-256 over id, type, user, time and data, the data as PostgreSQL prints it as jsonb: what jsonb does not
// keep (order of keys, spaces) makes no difference. The time of an event that was clamped is its own one.
//
// Of the store belong to it: the events with the ids of the source, and those that a migration of the same table wrote.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/eventctl/moving/legacy_source.h"

namespace eventstore::eventctl {

struct GroupDifference {
  std::string aggregate_id;
  std::string event_type;
  std::string day;  // UTC
  std::int64_t source = 0;
  std::int64_t target = 0;  // the same number: the contents differ
};

struct EventDifference {
  std::string id;
  std::string what;  // "missing in the store", "not in the source", "differs"
};

struct CompareReport {
  std::int64_t source_rows = 0;  // that are events
  std::int64_t refused_rows = 0;
  std::int64_t target_rows = 0;
  std::int64_t groups = 0;
  std::int64_t differing_groups = 0;
  std::int64_t differing_events = 0;
  std::vector<GroupDifference> difference;  // the first ones
  std::vector<EventDifference> events;

  bool same() const { return differing_groups == 0 && differing_events == 0; }
};

struct CompareOptions {
  int most = 100;  // differences to list
  std::optional<domain::TimeMicros> since;
  std::optional<domain::TimeMicros> until;
};

absl::StatusOr<CompareReport> Compare(const std::string& store, LegacySource& source, const RowMapper& mapper,
                                      const CompareOptions& options,
                                      const std::function<void(const std::string& step, std::int64_t rows)>& progress);

}  // namespace eventstore::eventctl
