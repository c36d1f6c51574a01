// Reads the hourly aggregates. With include_recent, hours that have changed since they were counted are counted now, of the
// rows themselves, and taken instead: of a table exactly those, of a continuous aggregate those that it has not come to. All
// of an answer is from one moment.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/analytics.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// How many ranges of hours are counted anew in one answer; where there are more, what lies between them is counted, too.
inline constexpr int kLiveRanges = 16;

// By bucket, ref and status.
absl::StatusOr<domain::HourlyAnswer> ReadHourly(Session& session, ChunkCatalog& chunks,
                                                const domain::HourlyQuery& query);

// The keys with the most of them first, and how much there is in all. `after` is not looked at.
absl::StatusOr<domain::HourlyAnswer> ReadMost(Session& session, ChunkCatalog& chunks, const domain::HourlyQuery& query);

// Of all aggregates, by name.
absl::StatusOr<std::vector<domain::HourlyState>> ReadHourlyStates(Session& session);

}  // namespace eventstore::storage
