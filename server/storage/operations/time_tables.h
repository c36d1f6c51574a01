// The tables that are cut by time, beside events_v2 (migrations/0031_time_tables.sql).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/time.h"
#include "server/storage/event_lines.h"
#include "server/storage/partitions.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct TimeTable {
  std::string name;
  std::string time_column;
  std::string compress_by;
  std::optional<int> compress_after_days;
  std::optional<int> retention_days;
  std::unique_ptr<Partitions> partitions;
};

// By name. STORE_INCOMPATIBLE: this program does not know the engine.
absl::StatusOr<std::vector<TimeTable>> ReadTimeTables(Session& session);

// What was archived of them: each within the caller's transaction, if there is one.
struct ArchivedRows {
  std::string table;
  domain::TimeRange range;
  EventDigest rows;
  std::string file;  // empty: dropped without an archive
};
absl::Status NoteArchived(Session& session, const ArchivedRows& rows);
// Also that everything of the table before the end of its range is gone.
absl::Status NoteDropped(Session& session, const ArchivedRows& rows);

}  // namespace eventstore::storage
