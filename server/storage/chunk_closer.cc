#include "server/storage/chunk_closer.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "server/storage/chunk_recorder.h"
#include "server/storage/closer_lock.h"
#include "server/storage/lane_lock.h"
#include "server/storage/sql_errors.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

constexpr Query kTryLock{"closer_lock", "SELECT pg_try_advisory_lock($1::integer, 0)"};
constexpr Query kUnlock{"closer_unlock", "SELECT pg_advisory_unlock($1::integer, 0)"};

constexpr Query kState{"closer_state", R"sql(
SELECT CASE WHEN isfinite(closed_until) THEN (extract(epoch FROM closed_until) * 1000000)::bigint END, lanes,
       (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
FROM store_identity
)sql"};

constexpr Query kRaise{"closer_raise", R"sql(
UPDATE store_identity SET closed_until = greatest(closed_until, $1::timestamptz)
)sql"};

// A wait for lanes holds up every append: rather later than long. What is analysed afterwards has plans that fit.
constexpr char kSettings[] = "SET lock_timeout = '2s'; SET statement_timeout = 0";
constexpr char kAnalyze[] =
    "ANALYZE closed_chunks; ANALYZE chunk_aggregates; ANALYZE chunk_correlations; ANALYZE chunk_users; "
    "ANALYZE chunk_event_types";

struct State {
  domain::TimeMicros closed_until = domain::kMinTime;
  int lanes = 0;
  domain::TimeMicros now = 0;
};

absl::StatusOr<State> ReadState(Session& session) {
  auto rows = session.Run(kState, {});
  if (!rows.ok()) return rows.status();
  const auto row = (*rows)[0];
  State state;
  if (!row[0].is_null()) state.closed_until = row[0].as<std::int64_t>();
  state.lanes = row[1].as<int>();
  state.now = row[2].as<std::int64_t>();
  return state;
}

}  // namespace

ChunkCloser::ChunkCloser(const std::string& conninfo, ChunkCloserOptions options)
    : conninfo_(conninfo), options_(options), session_(conninfo, "closer") {}

absl::Status ChunkCloser::Prepare() {
  if (absl::Status connected = session_.EnsureConnected(); !connected.ok()) return connected;
  if (prepared_generation_ == session_.generation()) return absl::OkStatus();
  if (auto set = session_.RunScript(kSettings); !set.ok()) return set.status();
  prepared_generation_ = session_.generation();
  backend_pid_ = session_.backend_pid();
  return absl::OkStatus();
}

void ChunkCloser::Cancel() const {
  if (backend_pid_ == 0) return;
  Session session(conninfo_, "closer stop");
  session.RunText("SELECT pg_cancel_backend($1::integer)", {fmt::format("{}", backend_pid_.load())})
      .status()
      .IgnoreError();
}

absl::Status ChunkCloser::RaiseClosedUntil() {
  if (absl::Status prepared = Prepare(); !prepared.ok()) return prepared;
  auto state = ReadState(session_);
  if (!state.ok()) return state.status();
  auto chunks = catalog_.All(session_);
  if (!chunks.ok()) return chunks.status();
  const domain::TimeMicros by = state->now - options_.grace.count() * domain::kMicrosPerSecond;
  domain::TimeMicros until = state->closed_until;
  for (const Chunk& chunk : **chunks) {
    if (chunk.range.to <= by) until = std::max(until, chunk.range.to);
  }
  if (until == state->closed_until) return absl::OkStatus();
  std::set<int> every_lane;
  for (int lane = 0; lane < state->lanes; ++lane) every_lane.insert(lane);
  auto raised = session_.RunScript(BeginWithLanes(every_lane));
  if (raised.ok()) raised = session_.Run(kRaise, {TimestampText(until)});
  if (raised.ok()) raised = session_.RunScript("COMMIT");
  if (!raised.ok() && session_.connected() && !session_.RunScript("ROLLBACK").ok()) session_.Disconnect();
  return raised.status();
}

absl::StatusOr<ClosingStep> ChunkCloser::Record(const std::function<bool()>& stop) {
  if (absl::Status prepared = Prepare(); !prepared.ok()) return prepared;
  auto state = ReadState(session_);
  if (!state.ok()) return state.status();
  // Listed after closed_until was read: an append below it had committed by then, and so had the making of its chunk.
  auto chunks = catalog_.All(session_);
  if (!chunks.ok()) return chunks.status();
  std::vector<const Chunk*> unrecorded;
  for (const Chunk& chunk : **chunks) {
    if (!chunk.closed && chunk.range.to <= state->closed_until) unrecorded.push_back(&chunk);
  }
  ClosingStep step;
  step.left = static_cast<int>(unrecorded.size());
  for (const Chunk* chunk : unrecorded) {
    if (step.recorded == options_.chunks_a_step || (stop && stop())) break;
    if (absl::Status recorded = RecordChunk(session_, *chunk); !recorded.ok()) {
      if (SqlStateOf(recorded) != "42P01") return recorded;
      catalog_.Forget();  // dropped since it was listed
    } else {
      ++step.recorded;
      ++unanalyzed_;
    }
    --step.left;
  }
  if (step.left > 0) return step;
  if (absl::Status forgotten = ForgetDroppedChunks(session_, **chunks); !forgotten.ok()) return forgotten;
  if (unanalyzed_ > 0) {
    if (auto analyzed = session_.RunScript(kAnalyze); !analyzed.ok()) return analyzed.status();
    unanalyzed_ = 0;
  }
  return step;
}

absl::StatusOr<ClosingStep> ChunkCloser::Step(const std::function<bool()>& stop) {
  if (absl::Status prepared = Prepare(); !prepared.ok()) return prepared;
  const std::string lock = fmt::format("{}", kCloserLockClass);
  auto locked = session_.Run(kTryLock, {lock});
  if (!locked.ok()) return locked.status();
  if (!(*locked)[0][0].as<bool>()) return ClosingStep{.alone = false};
  absl::StatusOr<ClosingStep> step = ClosingStep();
  if (absl::Status raised = RaiseClosedUntil(); !raised.ok()) {
    step = raised;
  } else {
    step = Record(stop);
  }
  // A lost session has lost the lock as well.
  if (session_.connected() && !session_.Run(kUnlock, {lock}).ok()) session_.Disconnect();
  return step;
}

}  // namespace eventstore::storage
