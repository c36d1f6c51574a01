#include "server/storage/lane_writer.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <span>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/append_statements.h"
#include "server/storage/deadline.h"
#include "server/storage/engines/engine.h"
#include "server/storage/lane_lock.h"
#include "server/storage/shutting_down.h"
#include "server/storage/sql_errors.h"
#include "server/storage/store_identity.h"
#include "spdlog/spdlog.h"

namespace eventstore::storage {

using domain::Reason;
using domain::Verdict;

namespace {

constexpr char kNoSuchTable[] = "42P01";
constexpr char kNoPartition[] = "23514";

// Whoever makes partitions besides holds that lock for as long as that takes.
constexpr char kMakeSettings[] = "SET lock_timeout = '5s'; SET statement_timeout = '15s'";

// What the plan needs, with a day on both sides: whoever has to make today's had better make its neighbours.
std::vector<domain::TimeRange> DaysOf(const domain::AppendPlan& plan) {
  std::set<domain::TimeMicros> days;
  for (const auto& row : plan.rows) days.insert(row.recorded.timestamp / domain::kMicrosPerDay * domain::kMicrosPerDay);
  std::vector<domain::TimeRange> ranges;
  for (const domain::TimeMicros day : days) {
    const domain::TimeRange around{day - domain::kMicrosPerDay, day + 2 * domain::kMicrosPerDay};
    if (!ranges.empty() && around.from <= ranges.back().to) {
      ranges.back().to = around.to;
    } else {
      ranges.push_back(around);
    }
  }
  return ranges;
}

}  // namespace

struct LaneWriter::Attempt {
  LaneMode mode = LaneMode::kAlone;
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
      conninfo_(conninfo),
      session_(conninfo, fmt::format("lane {}", options.lane), kAppendSettings),
      queue_(options.queue),
      thread_([this] { Run(); }) {}

LaneWriter::~LaneWriter() {
  Requests left = queue_.Empty();
  Fail(left, ShuttingDown());
  if (thread_.joinable()) thread_.join();
  // What the last batch sent back to the queue.
  left = queue_.Empty();
  Fail(left, ShuttingDown());
}

void LaneWriter::Drain() {
  queue_.Close();
  if (thread_.joinable()) thread_.join();
  answers_.Flush();
}

void LaneWriter::Run() {
  for (Requests batch = queue_.Take(); !batch.empty(); batch = queue_.Take()) Process(std::move(batch));
}

void LaneWriter::Process(Requests batch) {
  DropDead(batch);
  if (options_.vault != nullptr) Seal(batch);
  if (batch.empty()) return;
  absl::Status written = TryWrite(batch);
  // A connection that died while it was idle shows at its first use. Nothing was written, so once more is safe.
  // The same when a chunk was dropped that the lookup of ids had on its list.
  if (IsConnectionLost(written) || SqlStateOf(written) == kNoSuchTable) {
    recent_chunks_.Forget();
    written = TryWrite(batch);
  }
  if (SqlStateOf(written) == kNoPartition && partitions_ && partitions_->made_ahead()) {
    written = MakePartitions(written);
    if (written.ok()) written = TryWrite(batch);
  }
  if (written.ok()) return;
  // A connection lost twice is either the database away, and then all fail, or a request that kills its session.
  if (batch.size() == 1 || !session_.EnsureConnected().ok()) {
    Fail(batch, written);
    return;
  }
  spdlog::warn("lane {}: a batch of {} requests failed and is run one by one: {}", options_.lane, batch.size(),
               std::string(written.message()));
  if (options_.observer != nullptr) options_.observer->OnRerun();
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

void LaneWriter::Seal(Requests& batch) {
  std::vector<domain::AppendBatch*> open;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    // One that is run again is sealed already.
    if (batch[i]->sealed) continue;
    open.push_back(&batch[i]->batch);
    places.push_back(i);
  }
  const auto sealed = options_.vault->Seal(open);
  std::vector<LaneAnswer> refused;
  for (std::size_t i = 0; i < places.size(); ++i) {
    auto& request = batch[places[i]];
    request->sealed = true;
    if (!sealed[i].ok()) refused.push_back({std::move(request), {sealed[i]}});
  }
  std::erase(batch, nullptr);
  answers_.Put(std::move(refused));
}

absl::Status LaneWriter::CheckIdentity() {
  Session session(conninfo_, fmt::format("lane {} check", options_.lane));
  auto identity = EnsureIdentity(session, chunks_);
  if (!identity.ok()) return identity.status();
  const Engine* engine = FindEngine(identity->engine);
  if (engine == nullptr) return EngineOf(session).status();  // says so
  recent_chunks_.Use(engine->recent);
  partitions_ = engine->partitions(identity->edition);
  if (identity->lanes == lanes_) return absl::OkStatus();
  return domain::ErrorOf(domain::Reason::kStoreIncompatible,
                         fmt::format("the database now has {} lanes and this server was started with {}; nothing "
                                     "was written. Restart the server",
                                     identity->lanes, lanes_));
}

absl::Status LaneWriter::Prepare(const Requests& batch) {
  if (absl::Status connected = session_.EnsureConnected(); !connected.ok()) return connected;
  if (checked_generation_ != session_.generation()) {
    recent_chunks_.Forget();
    timeout_ = {};
    if (absl::Status checked = CheckIdentity(); !checked.ok()) return checked;
    checked_generation_ = session_.generation();
  }
  if (recent_chunks_.known()) return absl::OkStatus();
  // The list may have to wait for a lock, and must not do so for ever.
  timeout_ = TimeFor(batch);
  absl::Status limited = AddTimeout(session_, timeout_);
  if (limited.ok()) limited = session_.Run().status();
  return limited.ok() ? recent_chunks_.Load(session_) : limited;
}

// The longest of the batch: a short deadline must not fail its neighbours.
std::chrono::milliseconds LaneWriter::TimeFor(const Requests& batch) const {
  const auto last = std::ranges::max_element(batch, {}, [](const auto& request) { return request->deadline; });
  // It may have passed while the connection was made, and 0 would be no limit. Up to the next power of two, so that the
  // session's limit seldom has to change.
  const auto left = std::max<std::int64_t>(TimeLeft(clock_.Monotonic(), (*last)->deadline).count(), 1);
  return std::chrono::milliseconds{std::bit_ceil(static_cast<std::uint64_t>(left))};
}

absl::StatusOr<LaneWriter::Attempt> LaneWriter::Begin(const Requests& batch) {
  std::set<int> lanes;
  std::vector<const domain::AppendBatch*> requests;
  for (const auto& request : batch) {
    lanes.insert(request->lanes.begin(), request->lanes.end());
    requests.push_back(&request->batch);
  }
  Attempt attempt;
  attempt.mode = sharing_.ModeFor(batch, lanes);
  absl::Status sent = absl::OkStatus();
  if (const auto timeout = TimeFor(batch); timeout != timeout_) {
    sent = AddTimeout(session_, timeout);
    timeout_ = timeout;
  }
  if (sent.ok()) sent = AddBegin(session_, lanes, attempt.mode, requests, recent_chunks_);
  if (sent.ok()) sent = session_.Send();
  if (!sent.ok()) return sent;
  auto before = CollectBefore(session_, requests, recent_chunks_);
  if (!before.ok()) return before.status();
  attempt.before = *std::move(before);
  attempt.plan = domain::Decide(requests, attempt.before.heads, attempt.before.stored, attempt.before.stamp);
  return attempt;
}

void LaneWriter::Rollback() {
  timeout_ = {};  // a change of it is undone as well
  if (!session_.in_transaction()) return;
  if (!AddRollback(session_).ok() || !session_.Run().ok()) session_.Disconnect();
}

absl::Status LaneWriter::Write(Requests& batch) {
  const auto began = clock_.Monotonic();
  if (absl::Status prepared = Prepare(batch); !prepared.ok()) return prepared;
  auto attempt = Begin(batch);
  if (!attempt.ok() || attempt->plan.rows.empty()) {
    Rollback();
    if (!attempt.ok()) return attempt.status();
    Observe(batch, *attempt, began);
    Answer(batch, *attempt);
    return absl::OkStatus();
  }
  const Written written = WriteAndCommit(session_, attempt->plan, attempt->before, recent_chunks_);
  if (written.is_open) return FindOutcome(batch, *attempt, written.status);
  if (!written.status.ok()) {
    Rollback();
    if (written.head_moved && attempt->mode == LaneMode::kShared) {
      sharing_.Lost();
      return Write(batch);
    }
    if (SqlStateOf(written.status) == kNoPartition) days_written_ = DaysOf(attempt->plan);
    return written.status;
  }
  appended_events_ += attempt->plan.rows.size();
  ++transactions_;
  options_.committed();
  Observe(batch, *attempt, began);
  Answer(batch, *attempt);
  return absl::OkStatus();
}

void LaneWriter::Observe(const Requests& batch, const Attempt& attempt, domain::MonotonicTime began) {
  if (options_.observer == nullptr) return;
  options_.observer->OnBatch({batch.size(), attempt.plan.rows.size(), clock_.Monotonic() - began});
}

// On a connection of its own and without a lane: nobody waits for it but this batch.
absl::Status LaneWriter::MakePartitions(const absl::Status& missing) {
  Session session(conninfo_, fmt::format("lane {} partitions", options_.lane));
  absl::Status made = session.RunScript(kMakeSettings).status();
  int count = 0;
  for (const domain::TimeRange& range : days_written_) {
    if (!made.ok()) break;
    auto one = partitions_->Ensure(session, range);
    made = one.status();
    if (one.ok()) count += *one;
  }
  partitions_repaired_ += static_cast<std::uint64_t>(count);
  spdlog::warn("lane {}: an append found no partition ({}); {} made{}", options_.lane, std::string(missing.message()),
               count, made.ok() ? "" : ", then: " + std::string(made.message()));
  return made;
}

absl::Status LaneWriter::FindOutcome(Requests& batch, Attempt& attempt, const absl::Status& lost) {
  Session session(conninfo_, fmt::format("lane {} outcome", options_.lane));
  auto known = WasCommitted(session, attempt.before.stamp, attempt.plan.rows.front().recorded, options_.commit_patience,
                            clock_, sleep_);
  const char* const outcome = !known.ok() ? "unknown" : *known ? "committed" : "not committed";
  spdlog::warn("lane {}: connection lost at commit of transaction {}; the outcome is: {}", options_.lane,
               attempt.before.stamp.xid, outcome);
  if (options_.observer != nullptr) options_.observer->OnLostCommit(outcome);
  if (known.ok() && !*known) {
    // The batch is not run again because its callers may have given up meanwhile.
    Fail(batch, lost);
    return absl::OkStatus();
  }
  if (known.ok()) {
    appended_events_ += attempt.plan.rows.size();
    ++transactions_;
  } else {
    // Those that were not to be written have their answer all the same.
    for (Verdict& verdict : attempt.plan.verdicts) {
      if (verdict.kind == Verdict::Kind::kAccepted) {
        verdict.kind = Verdict::Kind::kRejected;
        verdict.error = domain::FromStatus(known.status());
      }
    }
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
  Requests deferred;
  std::vector<LaneAnswer> answers;
  answers.reserve(batch.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    Verdict& verdict = attempt.plan.verdicts[i];
    if (verdict.kind == Verdict::Kind::kDeferred) {
      deferred.push_back(std::move(batch[i]));
      continue;
    }
    AppendOutcome outcome{domain::AppendBatchResult{}};
    if (verdict.kind == Verdict::Kind::kRejected) {
      outcome.result = domain::ToStatus(verdict.error);
      outcome.may_be_old_repeat =
          verdict.error.reason == Reason::kVersionConflict && may_be_old_repeat(batch[i]->batch);
    } else {
      outcome.result = std::move(verdict.result);
      outcome.repeated = verdict.kind == Verdict::Kind::kReplayed;
    }
    answers.push_back({std::move(batch[i]), std::move(outcome)});
  }
  answers_.Put(std::move(answers));
  // The double of the first one is stored now, so it is decided next time.
  queue_.PutBack(std::move(deferred));
}

void LaneWriter::Fail(Requests& batch, const absl::Status& status) {
  std::vector<LaneAnswer> answers;
  for (auto& request : batch) {
    if (request) answers.push_back({std::move(request), {status}});
  }
  answers_.Put(std::move(answers));
}

}  // namespace eventstore::storage
