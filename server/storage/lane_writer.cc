#include "server/storage/lane_writer.h"

#include <algorithm>
#include <iterator>
#include <span>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/append_statements.h"
#include "server/storage/deadline.h"
#include "server/storage/lane_lock.h"
#include "server/storage/shutting_down.h"
#include "server/storage/sql_errors.h"
#include "server/storage/store_identity.h"
#include "spdlog/spdlog.h"

namespace eventstore::storage {

using domain::Reason;
using domain::Verdict;

struct LaneWriter::Attempt {
  Before before;
  domain::AppendPlan plan;
};

LaneWriter::LaneWriter(LaneWriterOptions options, const std::string& conninfo, int lanes, ChunkCatalog& chunks,
                       const domain::Clock& clock, Sleeper sleep)
    : options_(options),
      lanes_(lanes),
      chunks_(chunks),
      clock_(clock),
      sleep_(std::move(sleep)),
      session_(conninfo, fmt::format("lane {}", options.lane)),
      thread_([this] { Run(); }) {}

LaneWriter::~LaneWriter() {
  Requests left;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    while (!queue_.empty()) {
      left.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
  }
  wake_.notify_all();
  Fail(left, ShuttingDown());
  if (thread_.joinable()) thread_.join();
  // What the last batch sent back to the queue.
  left.assign(std::make_move_iterator(queue_.begin()), std::make_move_iterator(queue_.end()));
  Fail(left, ShuttingDown());
}

bool LaneWriter::Submit(AppendRequest& request) {
  {
    const std::scoped_lock lock(mutex_);
    if (stopping_ || draining_ || queue_.size() >= options_.max_queue) return false;
    if (!queue_.empty() && queued_bytes_ + request.bytes > options_.max_queue_bytes) return false;
    queued_bytes_ += request.bytes;
    queue_.push_back(std::make_unique<AppendRequest>(std::move(request)));
  }
  wake_.notify_one();
  return true;
}

void LaneWriter::Drain() {
  {
    const std::scoped_lock lock(mutex_);
    draining_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::size_t LaneWriter::queued() const {
  const std::scoped_lock lock(mutex_);
  return queue_.size();
}

void LaneWriter::Run() {
  Requests batch;
  while (Take(batch)) Process(std::move(batch));
}

// No waiting for more: while one batch commits, the next one gathers.
bool LaneWriter::Take(Requests& batch) {
  batch.clear();
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return stopping_ || draining_ || !queue_.empty(); });
  if (stopping_ || queue_.empty()) return false;
  std::size_t events = 0;
  std::size_t bytes = 0;
  while (!queue_.empty()) {
    const AppendRequest& next = *queue_.front();
    const bool fits =
        events + next.events <= options_.max_batch_events && bytes + next.bytes <= options_.max_batch_bytes;
    if (!batch.empty() && !fits) break;
    events += next.events;
    bytes += next.bytes;
    queued_bytes_ -= next.bytes;
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return true;
}

void LaneWriter::Process(Requests batch) {
  DropDead(batch);
  if (batch.empty()) return;
  absl::Status written = TryWrite(batch);
  // A connection that died while it was idle shows at its first use. Nothing was written, so once more is safe.
  if (IsConnectionLost(written)) written = TryWrite(batch);
  if (written.ok()) return;
  // A connection lost twice is either the database away, and then all fail, or a request that kills its session.
  if (batch.size() == 1 || !session_.EnsureConnected().ok()) {
    Fail(batch, written);
    return;
  }
  spdlog::warn("lane {}: a batch of {} requests failed and is run one by one: {}", options_.lane, batch.size(),
               std::string(written.message()));
  for (auto& request : batch) {
    if (!request) continue;
    Requests alone;
    alone.push_back(std::move(request));
    Process(std::move(alone));
  }
}

absl::Status LaneWriter::TryWrite(Requests& batch) {
  try {
    return Write(batch);
  } catch (const std::exception& error) {
    session_.Disconnect();
    return StatusFromException(error);
  }
}

void LaneWriter::DropDead(Requests& batch) {
  const auto now = clock_.Monotonic();
  Requests expired;
  Requests cancelled;
  for (auto& request : batch) {
    if (request->cancelled && *request->cancelled) {
      cancelled.push_back(std::move(request));
    } else if (request->deadline <= now) {
      expired.push_back(std::move(request));
    }
  }
  std::erase(batch, nullptr);
  Fail(cancelled, domain::ErrorOf(Reason::kCancelled, "the call was cancelled while it waited; nothing was written"));
  Fail(expired, domain::ErrorOf(Reason::kDeadlineExceeded,
                                "the deadline passed while the append waited for its lane; nothing was written. Allow "
                                "more time or send less at once"));
}

absl::Status LaneWriter::Prepare(const Requests& batch) {
  if (absl::Status connected = session_.EnsureConnected(); !connected.ok()) return connected;
  if (checked_generation_ != session_.generation()) {
    auto identity = EnsureIdentity(session_, chunks_);
    if (!identity.ok()) return identity.status();
    if (identity->lanes != lanes_) {
      return domain::ErrorOf(Reason::kStoreIncompatible,
                             fmt::format("the database now has {} lanes and this server was started with {}; nothing "
                                         "was written. Restart the server",
                                         identity->lanes, lanes_));
    }
    // The write path plans each statement once: none of its plans depends on the values. Index access is enforced
    // because a plan made while a table was empty would scan it for ever.
    auto set = session_.RunScript(
        "SET plan_cache_mode = auto; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off");
    if (!set.ok()) return set.status();
    checked_generation_ = session_.generation();
  }
  // The longest of the batch: a short deadline must not fail its neighbours.
  const auto last = std::ranges::max_element(batch, {}, [](const auto& request) { return request->deadline; });
  // It may have passed while the connection was made, and 0 would be no limit.
  return session_.SetStatementTimeout(
      std::max(TimeLeft(clock_.Monotonic(), (*last)->deadline), std::chrono::milliseconds{1}));
}

absl::Status LaneWriter::Write(Requests& batch) {
  if (absl::Status prepared = Prepare(batch); !prepared.ok()) return prepared;
  std::set<int> lanes;
  std::vector<const domain::AppendBatch*> requests;
  for (const auto& request : batch) {
    lanes.insert(request->lanes.begin(), request->lanes.end());
    requests.push_back(&request->batch);
  }
  const auto attempt_it = [&]() -> absl::StatusOr<Attempt> {
    if (auto begun = session_.RunScript(BeginWithLanes(lanes)); !begun.ok()) return begun.status();
    Attempt attempt;
    auto before = ReadHeads(session_, requests);
    if (!before.ok()) return before.status();
    attempt.before = *std::move(before);
    auto stored = FindStored(session_, requests, attempt.before.stamp.now - kIdWindow);
    if (!stored.ok()) return stored.status();
    attempt.plan = domain::Decide(requests, attempt.before.heads, *stored, attempt.before.stamp);
    if (!attempt.plan.rows.empty()) {
      if (absl::Status written = WritePlan(session_, attempt.plan); !written.ok()) return written;
    }
    return attempt;
  };
  auto attempt = attempt_it();
  if (!attempt.ok()) {
    if (session_.connected() && !session_.RunScript("ROLLBACK").ok()) session_.Disconnect();
    return attempt.status();
  }
  return CommitAndAnswer(batch, *attempt);
}

absl::Status LaneWriter::CommitAndAnswer(Requests& batch, Attempt& attempt) {
  auto committed = session_.RunScript(attempt.plan.rows.empty() ? "ROLLBACK" : "COMMIT");
  if (!committed.ok() && !attempt.plan.rows.empty()) {
    // An SQL error at COMMIT means rolled back; only a lost connection leaves the question open.
    if (!IsConnectionLost(committed.status())) return committed.status();
    auto known = WasCommitted(session_, attempt.before.stamp, attempt.plan.rows.front().recorded,
                              options_.commit_patience, clock_, sleep_);
    spdlog::warn("lane {}: connection lost at commit of transaction {}: {}", options_.lane, attempt.before.stamp.xid,
                 !known.ok() ? "outcome unknown"
                 : *known    ? "it was committed"
                             : "it was not committed");
    if (!known.ok()) {
      attempt.plan.rows.clear();
      // Those that were not to be written have their answer all the same.
      for (Verdict& verdict : attempt.plan.verdicts) {
        if (verdict.kind == Verdict::Kind::kAccepted) {
          verdict.kind = Verdict::Kind::kRejected;
          verdict.error = domain::FromStatus(known.status());
        }
      }
    } else if (!*known) {
      // May have reconnected; the batch is not run again because its callers may have given up meanwhile.
      Fail(batch, committed.status());
      return absl::OkStatus();
    }
  }
  if (!attempt.plan.rows.empty()) {
    appended_events_ += attempt.plan.rows.size();
    ++transactions_;
  }
  Answer(batch, attempt);
  return absl::OkStatus();
}

void LaneWriter::Answer(Requests& batch, Attempt& attempt) {
  const auto since = attempt.before.stamp.now - kIdWindow;
  const auto may_be_old_repeat = [&](const domain::AppendBatch& request) {
    return std::ranges::all_of(request.appends, [&](const domain::Append& append) {
      const auto head = attempt.before.heads.find(append.aggregate_id);
      return append.check.kind == domain::VersionCheck::Kind::kExact && head != attempt.before.heads.end() &&
             head->second.first_timestamp < since &&
             append.check.expected + static_cast<std::int64_t>(append.events.size()) <= head->second.version;
    });
  };
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Verdict& verdict = attempt.plan.verdicts[i];
    if (verdict.kind == Verdict::Kind::kDeferred) {
      Requeue(std::move(batch[i]));
      continue;
    }
    AppendOutcome outcome{domain::AppendBatchResult{}, false};
    if (verdict.kind == Verdict::Kind::kRejected) {
      outcome.result = domain::ToStatus(verdict.error);
      outcome.may_be_old_repeat =
          verdict.error.reason == Reason::kVersionConflict && may_be_old_repeat(batch[i]->batch);
    } else {
      outcome.result = std::move(verdict.result);
    }
    const auto request = std::move(batch[i]);
    request->done(request->batch, std::move(outcome));
  }
}

// To the front: it keeps its place before what came later. Its double is stored now, so it cannot be deferred twice.
void LaneWriter::Requeue(std::unique_ptr<AppendRequest> request) {
  const std::scoped_lock lock(mutex_);
  queued_bytes_ += request->bytes;
  queue_.push_front(std::move(request));
}

void LaneWriter::Fail(Requests& batch, const absl::Status& status) {
  for (auto& request : batch) {
    if (!request) continue;
    const auto failed = std::move(request);
    failed->done(failed->batch, {status, false});
  }
}

}  // namespace eventstore::storage
