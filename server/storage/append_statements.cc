#include "server/storage/append_statements.h"

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/storage/content_arrays.h"
#include "server/storage/lane_lock.h"

namespace eventstore::storage {
namespace {

using domain::NewEvent;
using domain::Uuid;

const Prepared kBegin{"append_begin", "BEGIN ISOLATION LEVEL READ COMMITTED"};
const Prepared kRollback{"append_rollback", "ROLLBACK"};
const Prepared kTimeout{"append_timeout", "SELECT set_config('statement_timeout', $1, false)"};
const Prepared kLock{"append_lock", "SELECT pg_advisory_xact_lock($1, $2)"};
const Prepared kLockShared{"append_lock_shared", "SELECT pg_advisory_xact_lock_shared($1, $2)"};

// The sub-select has volatile functions, so it runs once, as one row. An array of one value is no array to the planner,
// so that both, one aggregate and many, are index scans.
//
// Nothing is recorded in a time that is closed, even when the clock jumps back: the directory of closed chunks would not
// know of it.
//
// $1: RecentChunks::scope(). {0}, {1}: the engine's stamp and reach (RecentSql).
constexpr char kReadHeads[] = R"sql(
SELECT c.now, c.xid, c.xid_offset, c.stamp, h.aggregate_id, h.version, h.first_timestamp, h.last_timestamp, c.reach
FROM (SELECT greatest(clock_timestamp(), (SELECT closed_until FROM store_identity)) AS now, pg_current_xact_id() AS xid,
             (SELECT xid_offset FROM store_identity) AS xid_offset, ({0}) AS stamp, ({1}) AS reach) c
LEFT JOIN aggregate_heads h ON h.aggregate_id = ANY ($2)
)sql";

// The row of the same aggregate last, so that it wins where an id was used in two.
//
// The one statement that is planned for its values: a plan for any time would open and lock every chunk there is.
const Prepared kPlanAnew{"append_plan_anew", "SELECT set_config('plan_cache_mode', 'force_custom_plan', true)"};
constexpr char kCompare[] = R"sql(
SELECT n.ordinal, e.id, e.version, e.timestamp, e.global_position, e.aggregate_id,
       e.aggregate_type = n.aggregate_type AND e.event_type = n.event_type
         AND e.user_id IS NOT DISTINCT FROM n.user_id AND e.data = n.data AND e.metadata = n.metadata
         AND e.causation_id IS NOT DISTINCT FROM n.causation_id
         AND e.correlation_id IS NOT DISTINCT FROM n.correlation_id AND e.source = n.source
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     AS n(ordinal, id, aggregate_id, aggregate_type, event_type, user_id, data, metadata, causation_id, correlation_id,
          source)
JOIN events_v2 e ON e.id = n.id AND e.timestamp >= $12 AND e.timestamp < $13
ORDER BY n.ordinal, e.aggregate_id = n.aggregate_id
)sql";

template <typename F>
void ForEachEvent(AppendRequests requests, F&& visit) {
  for (const domain::AppendBatch* request : requests) {
    for (const domain::Append& append : request->appends) {
      for (const NewEvent& event : append.events) visit(append, event);
    }
  }
}

BinaryArray NamedAggregates(AppendRequests requests) {
  std::unordered_set<Uuid, domain::UuidHash> named;
  BinaryArray ids(PgType::kUuid);
  const auto name = [&](const Uuid& id) {
    if (named.insert(id).second) ids.Add(id);
  };
  for (const domain::AppendBatch* request : requests) {
    for (const auto& append : request->appends) name(append.aggregate_id);
    for (const auto& check : request->checks) name(check.aggregate_id);
  }
  return ids;
}

// Those that may have been written before.
BinaryArray ClientIds(AppendRequests requests) {
  BinaryArray ids(PgType::kUuid);
  ForEachEvent(requests, [&](const domain::Append&, const NewEvent& event) {
    if (!event.id_made_here) ids.Add(event.id);
  });
  return ids;
}

absl::Status AddLookups(PipelineSession& session, const BinaryArray& ids, const RecentChunks& chunks) {
  for (const Prepared& lookup : chunks.lookups()) {
    if (absl::Status added = session.Add(lookup, Parameters().Add(ids)); !added.ok()) return added;
  }
  return absl::OkStatus();
}

absl::StatusOr<domain::StoredEvents> Compare(PipelineSession& session, AppendRequests requests,
                                             const std::unordered_set<Uuid, domain::UuidHash>& present,
                                             const domain::TimeRange& times) {
  ContentArrays content;
  BinaryArray ordinals(PgType::kInt4);
  std::vector<const NewEvent*> events;
  ForEachEvent(requests, [&](const domain::Append& append, const NewEvent& event) {
    if (!present.contains(event.id)) return;
    ordinals.AddInt4(static_cast<std::int32_t>(events.size()));
    events.push_back(&event);
    content.Add(append, event);
  });
  Parameters parameters;
  parameters.Add(std::move(ordinals)).Add(std::move(content.id)).Add(std::move(content.aggregate_id));
  parameters.Add(std::move(content.aggregate_type)).Add(std::move(content.event_type)).Add(std::move(content.user_id));
  parameters.Add(std::move(content.data)).Add(std::move(content.metadata)).Add(std::move(content.causation_id));
  parameters.Add(std::move(content.correlation_id)).Add(std::move(content.source));
  parameters.AddTime(times.from).AddTime(times.to);
  if (absl::Status added = session.Add(kPlanAnew); !added.ok()) return added;  // until the transaction ends
  if (absl::Status added = session.AddOnce(kCompare, parameters); !added.ok()) return added;
  auto results = session.Run();
  if (!results.ok()) return results.status();
  const Rows& rows = results->at(1);
  domain::StoredEvents stored;
  for (int row = 0; row < rows.size(); ++row) {
    stored[events.at(static_cast<std::size_t>(rows.Int4(row, 0)))] = {
        rows.Id(row, 5), {rows.Id(row, 1), rows.Int4(row, 2), rows.Time(row, 3), rows.Int8(row, 4)}, rows.Bool(row, 6)};
  }
  return stored;
}

Before HeadsFrom(const Rows& rows) {
  Before before;
  before.stamp = {rows.Time(0, 0), rows.Int8(0, 1), rows.Int8(0, 2)};
  if (!rows.IsNull(0, 8)) before.reach = rows.Time(0, 8);
  for (int row = 0; row < rows.size(); ++row) {
    if (!rows.IsNull(row, 4)) before.heads[rows.Id(row, 4)] = {rows.Int4(row, 5), rows.Time(row, 6), rows.Time(row, 7)};
  }
  return before;
}

}  // namespace

absl::Status AddTimeout(PipelineSession& session, std::chrono::milliseconds timeout) {
  return session.Add(kTimeout, Parameters().AddText(fmt::format("{}ms", timeout.count())));
}

absl::Status AddBegin(PipelineSession& session, const std::set<int>& lanes, LaneMode mode, AppendRequests requests,
                      const RecentChunks& chunks) {
  const Prepared& lock = mode == LaneMode::kShared ? kLockShared : kLock;
  absl::Status added = session.Add(kBegin);
  for (const int lane : lanes) {
    if (added.ok()) added = session.Add(lock, Parameters().AddInt4(kLaneLockClass).AddInt4(lane));
  }
  if (added.ok()) {
    added = session.Add({"append_heads", fmt::format(kReadHeads, chunks.sql().stamp, chunks.sql().reach)},
                        Parameters().AddInt4(chunks.scope()).Add(NamedAggregates(requests)));
  }
  if (added.ok()) {
    if (const BinaryArray ids = ClientIds(requests); ids.size() > 0) added = AddLookups(session, ids, chunks);
  }
  return added;
}

absl::StatusOr<Before> CollectBefore(PipelineSession& session, AppendRequests requests, RecentChunks& chunks) {
  auto results = session.Collect();
  if (!results.ok()) return results.status();
  // After BEGIN and the locks; before them, perhaps, a change of the timeout.
  const BinaryArray ids = ClientIds(requests);
  const std::size_t lookups = ids.size() > 0 ? chunks.lookups().size() : 0;
  const Rows& heads = results->at(results->size() - lookups - 1);
  Before before = HeadsFrom(heads);
  auto first_lookup = results->end() - static_cast<std::ptrdiff_t>(lookups);
  if (ids.size() == 0) return before;
  if (!chunks.IsCurrent(heads.IsNull(0, 3) ? "" : heads.Text(0, 3))) {
    if (absl::Status loaded = chunks.Load(session); !loaded.ok()) return loaded;
    if (absl::Status added = AddLookups(session, ids, chunks); !added.ok()) return added;
    results = session.Run();
    if (!results.ok()) return results.status();
    first_lookup = results->begin();
  }
  std::unordered_set<Uuid, domain::UuidHash> present;
  for (auto rows = first_lookup; rows != results->end(); ++rows) {
    for (int row = 0; row < rows->size(); ++row) present.insert(rows->Id(row, 0));
  }
  if (present.empty()) return before;
  // Nothing is recorded at or after reach, so chunks beyond it are not even planned for.
  const auto until = before.reach ? std::max(*before.reach, before.stamp.now + 1) : domain::kMaxTime;
  auto stored = Compare(session, requests, present, {before.stamp.now - kIdWindow, until});
  if (!stored.ok()) return stored.status();
  before.stored = *std::move(stored);
  return before;
}

absl::Status AddRollback(PipelineSession& session) { return session.Add(kRollback); }

}  // namespace eventstore::storage
