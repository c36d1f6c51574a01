// The SQL of an append transaction, in the order a lane writer runs it, in two round trips:
//
//   BEGIN, lane locks, heads, ids that are stored already -> domain::Decide -> events and heads, COMMIT
//
// The locks come before the heads and in statements of their own: a statement's snapshot is older than a lock taken
// inside it, so heads read in the same statement could be stale.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/decide.h"
#include "server/storage/lane_mode.h"
#include "server/storage/pipeline_session.h"
#include "server/storage/recent_chunks.h"

namespace eventstore::storage {

// How far back event ids are looked up, by the database's clock. A repeat with an exact version is recognised at any
// age (old_repeat.h); `any_version` and `existing` within this window.
inline constexpr domain::TimeMicros kIdWindow = domain::kMicrosPerDay;

// Of the session. Each statement is planned once: none of the plans depends on the values, and planning the write anew
// costs more than running it. Index access is enforced because a plan made while a table was empty would scan it for ever.
inline constexpr char kAppendSettings[] =
    "SET plan_cache_mode = auto; SET enable_seqscan = off; SET enable_hashjoin = off; "
    "SET enable_mergejoin = off";

struct Before {
  domain::Heads heads;
  domain::Stamp stamp;
  domain::StoredEvents stored;
  // Of an engine that has one: no event may be recorded at or after it before it is raised (RecentSql).
  std::optional<domain::TimeMicros> reach = std::nullopt;
};

using AppendRequests = std::span<const domain::AppendBatch* const>;

// Queues a change of statement_timeout, for this transaction and, unless it is rolled back, for those after it.
absl::Status AddTimeout(PipelineSession& session, std::chrono::milliseconds timeout);

// Queues the start of a transaction that has `lanes`, and everything a decision on `requests` needs.
absl::Status AddBegin(PipelineSession& session, const std::set<int>& lanes, LaneMode mode, AppendRequests requests,
                      const RecentChunks& chunks);

// Collects what AddBegin has queued, and compares the contents of events whose ids are stored. SQLSTATE 42P01: a chunk
// was dropped meanwhile; forget `chunks` and begin again.
absl::StatusOr<Before> CollectBefore(PipelineSession& session, AppendRequests requests, RecentChunks& chunks);

// Queues what raises reach when the plan goes beyond it: about once a chunk. Whether it did.
absl::StatusOr<bool> AddReach(PipelineSession& session, const domain::AppendPlan& plan, const Before& before,
                              const RecentChunks& chunks);

// Queues one statement that writes all rows and heads. It fails unless every head is as the plan found it.
absl::Status AddWrite(PipelineSession& session, const domain::AppendPlan& plan);
absl::Status AddCommit(PipelineSession& session);
absl::Status AddRollback(PipelineSession& session);

struct Written {
  absl::Status status;
  // The connection was lost with the COMMIT on its way: whether it was made is not known.
  bool is_open = false;
  // A head was not as the plan found it, or two transactions waited for each other's heads. Expected where lanes are
  // shared, and run again; else the status says that somebody writes past the lanes.
  bool head_moved = false;
};

// AddReach, AddWrite and AddCommit in one round trip. INTERNAL when a head is not as the plan found it. After an error the transaction is still to be rolled back.
//
// SQLSTATE 23514 with an engine whose chunks are made ahead: there is none for a time of the plan.
Written WriteAndCommit(PipelineSession& session, const domain::AppendPlan& plan, const Before& before,
                       const RecentChunks& chunks);

}  // namespace eventstore::storage
