// The second round trip of an append transaction: what is written, and COMMIT.
#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "server/domain/error.h"
#include "server/storage/append_statements.h"
#include "server/storage/content_arrays.h"
#include "server/storage/sql_errors.h"

namespace eventstore::storage {
namespace {

const Prepared kCommit{"append_commit", "COMMIT"};

// Fails, and so ends the transaction, unless every head is as the plan found it: a new one that exists already violates the
// key, an old one that has moved makes this divide by zero.
const Prepared kWrite{"append_write", R"sql(
WITH written AS (
  INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, user_id, data, metadata, version,
                         causation_id, correlation_id, source, global_position)
  SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
), created AS (
  INSERT INTO aggregate_heads (aggregate_id, version, first_timestamp, last_timestamp)
  SELECT p.aggregate_id, p.after, p.first, p.last
  FROM unnest($14, $15, $16, $17, $18) AS p(aggregate_id, before, after, first, last)
  WHERE p.before = 0
  RETURNING 1
), moved AS (
  UPDATE aggregate_heads h SET version = p.after, last_timestamp = p.last
  FROM unnest($14, $15, $16, $17, $18) AS p(aggregate_id, before, after, first, last)
  WHERE p.before > 0 AND h.aggregate_id = p.aggregate_id AND h.version = p.before
  RETURNING 1
)
SELECT 1 / ((SELECT count(*) FROM created) + (SELECT count(*) FROM moved) = $19)::integer
)sql"};

// The same for one event. To start a statement with arrays costs more than to run it for one row. One is for an
// aggregate's first event, one for any other.
constexpr char kOneEvent[] = R"sql(
WITH written AS (
  INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, user_id, data, metadata, version,
                         causation_id, correlation_id, source, global_position)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
))sql";
const Prepared kWriteFirst{"append_write_first", std::string(kOneEvent) + R"sql(
INSERT INTO aggregate_heads (aggregate_id, version, first_timestamp, last_timestamp) VALUES ($3, $9, $2, $2)
)sql"};
const Prepared kWriteNext{"append_write_next", std::string(kOneEvent) + R"sql(, moved AS (
  UPDATE aggregate_heads SET version = $9, last_timestamp = $2 WHERE aggregate_id = $3 AND version = $14 RETURNING 1
)
SELECT 1 / (SELECT count(*) FROM moved)::integer
)sql"};

constexpr char kDivisionByZero[] = "22012";
constexpr char kDeadlock[] = "40P01";
constexpr char kHeadsKey[] = "\"aggregate_heads_pkey\"";

absl::Status AddOneEvent(PipelineSession& session, const domain::PlannedRow& row, const domain::PlannedHead& head) {
  const domain::NewEvent& event = *row.event;
  Parameters parameters;
  parameters.AddId(event.id).AddTime(row.recorded.timestamp).AddId(row.append->aggregate_id);
  parameters.AddText(row.append->aggregate_type).AddText(event.event_type);
  if (event.user_id.empty()) {
    parameters.AddNull(PgType::kText);
  } else {
    parameters.AddText(event.user_id);
  }
  parameters.AddJson(event.data).AddJson(event.metadata).AddInt4(row.recorded.version).AddId(event.causation_id);
  parameters.AddId(event.correlation_id).AddText(event.source).AddInt8(row.recorded.global_position);
  if (head.before.version == 0) return session.Add(kWriteFirst, parameters);
  return session.Add(kWriteNext, parameters.AddInt4(head.before.version));
}

}  // namespace

absl::StatusOr<bool> AddReach(PipelineSession& session, const domain::AppendPlan& plan, const Before& before,
                              const RecentChunks& chunks) {
  if (!before.reach || plan.rows.empty()) return false;
  const auto last = std::ranges::max_element(plan.rows, {}, [](const auto& row) { return row.recorded.timestamp; });
  if (last->recorded.timestamp < *before.reach) return false;
  absl::Status added =
      session.Add({"append_reach", chunks.sql().raise_reach}, Parameters().AddTime(last->recorded.timestamp));
  if (!added.ok()) return added;
  return true;
}

absl::Status AddWrite(PipelineSession& session, const domain::AppendPlan& plan) {
  if (plan.rows.size() == 1 && plan.heads.size() == 1) return AddOneEvent(session, plan.rows[0], plan.heads[0]);
  ContentArrays content;
  BinaryArray times(PgType::kTimestamp), versions(PgType::kInt4), positions(PgType::kInt8);
  for (const domain::PlannedRow& row : plan.rows) {
    content.Add(*row.append, *row.event);
    times.AddTime(row.recorded.timestamp);
    versions.AddInt4(row.recorded.version);
    positions.AddInt8(row.recorded.global_position);
  }
  BinaryArray head_ids(PgType::kUuid), before(PgType::kInt4), after(PgType::kInt4), first(PgType::kTimestamp),
      last(PgType::kTimestamp);
  // In one order for everybody: those that share their lanes may wait for each other's heads, but not in a circle.
  std::vector<const domain::PlannedHead*> heads;
  heads.reserve(plan.heads.size());
  for (const domain::PlannedHead& head : plan.heads) heads.push_back(&head);
  std::ranges::sort(heads, {}, [](const auto* head) { return head->aggregate_id; });
  for (const domain::PlannedHead* head : heads) {
    head_ids.Add(head->aggregate_id);
    before.AddInt4(head->before.version);
    after.AddInt4(head->after.version);
    first.AddTime(head->after.first_timestamp);
    last.AddTime(head->after.last_timestamp);
  }
  Parameters parameters;
  parameters.Add(std::move(content.id)).Add(std::move(times)).Add(std::move(content.aggregate_id));
  parameters.Add(std::move(content.aggregate_type)).Add(std::move(content.event_type)).Add(std::move(content.user_id));
  parameters.Add(std::move(content.data)).Add(std::move(content.metadata)).Add(std::move(versions));
  parameters.Add(std::move(content.causation_id)).Add(std::move(content.correlation_id)).Add(std::move(content.source));
  parameters.Add(std::move(positions)).Add(std::move(head_ids)).Add(std::move(before)).Add(std::move(after));
  parameters.Add(std::move(first)).Add(std::move(last)).AddInt8(static_cast<std::int64_t>(plan.heads.size()));
  return session.Add(kWrite, parameters);
}

absl::Status AddCommit(PipelineSession& session) { return session.Add(kCommit); }

Written WriteAndCommit(PipelineSession& session, const domain::AppendPlan& plan, const Before& before,
                       const RecentChunks& chunks) {
  auto reach = AddReach(session, plan, before, chunks);
  if (!reach.ok()) return {reach.status(), false};
  const std::size_t before_commit = *reach ? 2 : 1;
  absl::Status added = AddWrite(session, plan);
  if (added.ok()) added = AddCommit(session);
  if (!added.ok()) return {added, false};
  auto done = session.Run();
  const std::string state = SqlStateOf(done.status());
  if (state == kDivisionByZero || done.status().message().find(kHeadsKey) != absl::string_view::npos) {
    return {domain::ErrorOf(domain::Reason::kInternal,
                            "a head changed under the lane lock; nothing was written. Somebody writes to "
                            "aggregate_heads besides the servers, or servers run with different numbers of lanes"),
            false, true};
  }
  if (state == kDeadlock) return {done.status(), false, true};
  if (done.ok() && done->back().Command() != "COMMIT") {
    return {domain::ErrorOf(domain::Reason::kInternal, "PostgreSQL rolled back at COMMIT without saying why"), false};
  }
  // An SQL error means rolled back. One that ends the session as well does so if it came before the COMMIT.
  const bool write_failed = !state.empty() && session.succeeded() < before_commit;
  return {done.status(), IsConnectionLost(done.status()) && !write_failed};
}

}  // namespace eventstore::storage
