// Keeps the hourly aggregates that are tables: takes the notes of changed hours away and counts these hours anew, in one
// transaction (migration 0027 says why nothing is missed or counted twice). What it costs follows from the hours that
// changed and the rows in them, not from the age of the store.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/time.h"
#include "server/storage/session.h"

namespace eventstore::storage {

// A week at once, so that a transaction is short.
inline constexpr int kHoursAtOnce = 168;

struct CountedHours {
  std::int64_t hours = 0;   // counted anew
  std::int64_t frozen = 0;  // changed, but retention has dropped their chunk: what was counted stays
  std::int64_t rows = 0;    // written
  bool done = false;        // no changed hour before `until` is left
};

// Names of the sources whose aggregates are tables.
absl::StatusOr<std::vector<std::string>> RollupSources(Session& session);

// The oldest changed hours of a source, of those that begin before `until`.
absl::StatusOr<CountedHours> CountChangedHours(Session& session, const std::string& source, domain::TimeMicros until);

// How many hours CountChangedHours() would count in all.
absl::StatusOr<std::int64_t> ChangedHours(Session& session, const std::string& source, domain::TimeMicros until);

// Notes every hour of [from, until) for which the source may have rows, for a table that was changed behind its triggers.
absl::Status NoteAllHours(Session& session, const std::string& source, domain::TimeMicros from,
                          domain::TimeMicros until);

// Sets how far the aggregates of this kind ("rollup", "continuous") are.
absl::Status SetRefreshed(Session& session, const std::string& kind, domain::TimeMicros until, domain::TimeMicros at);

}  // namespace eventstore::storage
