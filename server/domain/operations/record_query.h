// What a client asks of operational records. Validated (fields.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/domain/operations/records.h"
#include "server/domain/query.h"
#include "server/domain/time.h"

namespace eventstore::domain {

// A record by its id. With `created` one chunk is looked at.
struct RecordKey {
  Uuid id;
  std::optional<TimeMicros> created;
};

struct Resolution {
  RecordKey key;
  EnforcementStatus status = EnforcementStatus::kProcessed;
};

struct Move {
  RecordKey key = {};
  ExecutionStatus expected = ExecutionStatus::kRequested;
  ExecutionStatus status = ExecutionStatus::kRequested;
  std::optional<Uuid> worker_id = {};
  std::optional<std::string> result = {};
};

// Where a page ended: the next one begins behind it.
struct RecordPlace {
  TimeMicros time = 0;
  std::string key;  // an id, or a position
};

// Newest first. Empty texts: any.
struct RecordQuery {
  std::string ref = {};
  std::string status = {};
  std::optional<Uuid> correlation_id = {};
  TimeRange range = {};
  int page_size = 0;
  std::optional<RecordPlace> after = {};
};

struct WorkerQuery {
  std::string status = {};
  std::string worker_type = {};
  int page_size = 0;
  std::string after = {};  // a name
};

struct HistoryQuery {
  std::string table = {};
  std::string entity_id = {};
  std::string entity_ref = {};
  std::string field = {};
  std::string status = {};
  TimeRange range = {};
  Direction direction = Direction::kForward;
  int page_size = 0;
  std::optional<RecordPlace> after = {};
};

struct HistoryEntry {
  TimeMicros time = 0;
  std::int64_t position = 0;
  std::string operation;
  std::string entity_id;
  std::string entity_ref;
  std::vector<std::string> changed_fields;
  std::string old_values;  // empty: none
  std::string new_values;
};

// In the order of the proto's values, which begin with 1.
enum class RecordKind { kEvent, kEnforcement, kExecution, kWorker };

struct ChangeFilter {
  std::vector<RecordKind> kinds;
  std::vector<std::string> refs;
  std::vector<std::string> statuses;
};

// A creation or a change of status.
struct RecordChange {
  std::int64_t position = 0;
  RecordKind kind = RecordKind::kEvent;
  std::string id;
  std::string ref;
  std::string status;
  std::string previous_status;
  TimeMicros time = 0;
};

bool Matches(const ChangeFilter& filter, const RecordChange& change);

// How far a watcher has come: everything with a smaller or the same position is behind it. `time`: the database's clock
// when that was the end, so that no chunk is opened which was over long before.
struct ChangePlace {
  std::int64_t position = 0;
  TimeMicros time = 0;
};

std::string TokenOf(const ChangePlace& place);
std::string TokenOf(const RecordPlace& place);

struct WatchQuery {
  std::optional<ChangePlace> after;  // none: from now on
  ChangeFilter filter;
  int heartbeat_seconds = 0;
};

}  // namespace eventstore::domain
