#include "server/subscriptions/tail.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/limits.h"
#include "server/storage/cursor_position.h"
#include "server/storage/horizon.h"
#include "server/storage/lost_positions.h"
#include "server/storage/store_identity.h"
#include "server/storage/subscription_start.h"
#include "spdlog/spdlog.h"

namespace eventstore::subscriptions {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

Tail::Tail(TailOptions options, std::string conninfo, storage::ChunkCatalog& chunks, const domain::Clock& clock)
    : options_(options),
      conninfo_(std::move(conninfo)),
      chunks_(chunks),
      clock_(clock),
      window_(options.window_bytes),
      thread_([this] { Run(); }) {}

Tail::~Tail() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

bool Tail::Listen(const std::shared_ptr<TailListener>& listener) {
  const std::scoped_lock lock(mutex_);
  if (listeners_.size() >= domain::kMaxSubscriptions) {
    std::erase_if(listeners_, [](const auto& listed) { return listed.expired(); });
    if (listeners_.size() >= domain::kMaxSubscriptions) return false;
  }
  listeners_.push_back(listener);
  awake_ = true;
  nudged_ = true;
  wake_.notify_all();
  return true;
}

void Tail::Nudge() {
  if (!awake_) return;
  const std::scoped_lock lock(mutex_);
  if (nudged_) return;
  nudged_ = true;
  wake_.notify_all();
}

Tail::Following Tail::After(domain::Position position) const {
  const std::scoped_lock lock(mutex_);
  if (!started_) return {};
  if (!window_.Covers(position)) return {true, false, {}};
  return {true, true, window_.After(position)};
}

std::optional<domain::Position> Tail::Begin() const {
  const std::scoped_lock lock(mutex_);
  if (!started_) return std::nullopt;
  return window_.begin();
}

std::size_t Tail::listeners() const {
  const std::scoped_lock lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(listeners_, [](const auto& listed) { return !listed.expired(); }));
}

milliseconds Tail::horizon_lag() const { return milliseconds{lag_ms_}; }

std::vector<std::shared_ptr<TailListener>> Tail::Listeners() {
  std::vector<std::shared_ptr<TailListener>> all;
  const std::scoped_lock lock(mutex_);
  std::erase_if(listeners_, [&](const auto& listed) {
    auto listener = listed.lock();
    if (!listener) return true;
    all.push_back(std::move(listener));
    return false;
  });
  if (all.empty()) {
    awake_ = false;
    started_ = false;
    window_.Restart(0);
  }
  return all;
}

// Until a nudge, but not before `at_least`, and not after `pause`.
void Tail::Wait(milliseconds pause, milliseconds at_least) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, at_least, [&] { return stopping_; });
  wake_.wait_for(lock, std::max(pause - at_least, milliseconds{0}), [&] { return stopping_ || nudged_; });
  nudged_ = false;
}

void Tail::Run() {
  storage::Session session(conninfo_, "tail", storage::SessionKind::kReader);
  auto called_at = clock_.Monotonic();
  milliseconds pause = options_.busy_pause;
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || awake_; });
      if (stopping_) return;
    }
    const auto moved = storage::Caught([&] { return Poll(session); });
    if (!moved.ok()) spdlog::warn("subscriptions: {}; trying again", std::string(moved.status().message()));
    const bool news = moved.ok() && *moved;
    if (news || clock_.Monotonic() - called_at >= options_.tick) {
      called_at = clock_.Monotonic();
      for (const auto& listener : Listeners()) listener->OnTail();
    }
    if (!moved.ok()) {
      Wait(options_.tick, options_.tick);
      continue;
    }
    // While an append holds the horizon back, its end is near and no nudge may come for it.
    const bool busy = news || lag_ms_ > 0;
    pause = busy ? options_.busy_pause : std::min(pause * 2, options_.idle_pause);
    Wait(pause, news ? options_.busy_pause : milliseconds{0});
  }
}

absl::StatusOr<bool> Tail::Poll(storage::Session& session) {
  if (absl::Status connected = session.EnsureConnected(); !connected.ok()) return connected;
  if (generation_ != session.generation()) {
    // It may be another cluster now.
    auto identity = storage::EnsureIdentity(session, chunks_);
    if (!identity.ok()) return identity.status();
    xid_offset_ = identity->xid_offset;
    if (absl::Status set = session.SetStatementTimeout(options_.statement_timeout); !set.ok()) return set;
    if (absl::Status kept = LoseWhatWasTakenBack(session); !kept.ok()) return kept;
    // After a crash the same horizon may have other events below it (subscription_start.h).
    read_below_ = 0;
    generation_ = session.generation();
  }
  auto horizon = storage::ReadHorizon(session, xid_offset_);
  if (!horizon.ok()) return horizon.status();
  WatchHorizon(session, horizon->position, horizon->held_by);
  {
    const std::scoped_lock lock(mutex_);
    if (started_ && horizon->position == read_below_) return false;
  }
  auto news = Read(session, horizon->position);
  if (news.ok()) read_below_ = horizon->position;
  return news;
}

// A restore below the running server: the window ends with events that the store has lost.
absl::Status Tail::LoseWhatWasTakenBack(storage::Session& session) {
  domain::Position end = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (!started_) return absl::OkStatus();
    end = window_.end();
  }
  auto lost = storage::FindLost(session, storage::PositionKind::kEvents, {end});
  if (!lost.ok()) return lost.status();
  if (!*lost) return absl::OkStatus();
  Lose(end);
  const std::scoped_lock lock(mutex_);
  started_ = false;
  return absl::OkStatus();
}

absl::Status Tail::Start(storage::Session& session) {
  auto settled = storage::ReadWithRetries(chunks_, [&] { return storage::ReadSettled(session, chunks_); });
  if (!settled.ok()) return settled.status();
  const std::scoped_lock lock(mutex_);
  window_.Restart(settled->last);
  started_ = true;
  return absl::OkStatus();
}

absl::StatusOr<bool> Tail::Read(storage::Session& session, domain::Position horizon) {
  bool started = false;
  domain::Position after = 0;
  {
    const std::scoped_lock lock(mutex_);
    started = started_;
    after = window_.end();
  }
  if (!started || horizon <= after) {
    if (started) Lose(after);
    if (absl::Status begun = Start(session); !begun.ok()) return begun;
    return true;
  }
  bool news = false;
  storage::PositionCursor cursor({}, after, horizon, chunks_);
  for (bool last = false; !last;) {
    auto page = storage::NextPage(cursor, session, chunks_);
    if (!page.ok()) return page.status();
    last = page->last;
    if (page->events.empty()) continue;
    TailPage next;
    next.after = after;
    next.upto = page->events.back().global_position;
    next.events = std::move(page->events);
    after = next.upto;
    news = true;
    const std::scoped_lock lock(mutex_);
    window_.Add(std::move(next));
  }
  return news;
}

void Tail::Lose(domain::Position end) {
  domain::Error error;
  error.reason = domain::Reason::kPositionAhead;
  error.message = fmt::format(
      "the store was at position {} and is behind it now: an earlier state was restored. Begin from an earlier "
      "checkpoint",
      end);
  const absl::Status status = domain::ToStatus(error);
  spdlog::error("subscriptions: {}", error.message);
  for (const auto& listener : Listeners()) listener->OnStoreLost(status);
}

void Tail::WatchHorizon(storage::Session& session, domain::Position horizon, int held_by) {
  const auto now = clock_.Monotonic();
  if (horizon != horizon_ || held_by == 0) {
    horizon_ = horizon;
    moved_at_ = now;
    warned_at_ = now;
    lag_ms_ = held_by == 0 ? 0 : 1;
    return;
  }
  lag_ms_ = std::max<std::int64_t>(1, duration_cast<milliseconds>(now - moved_at_).count());
  if (now - warned_at_ < options_.patience) return;
  warned_at_ = now;
  static constexpr storage::Query kHolder{"tail_holder", R"sql(
SELECT application_name, state, coalesce(wait_event, ''), extract(epoch FROM clock_timestamp() - xact_start)::bigint
FROM pg_stat_activity WHERE pid = $1::integer
)sql"};
  auto rows = session.Run(kHolder, {fmt::format("{}", held_by)});
  if (!rows.ok() || rows->empty()) return;
  const auto row = (*rows)[0];
  spdlog::warn(
      "subscriptions: nothing new can be delivered for {} ms: backend {} ({}, {} {}) holds a lane in a transaction of "
      "{} s. If it does not end by itself, end it: SELECT pg_terminate_backend({})",
      lag_ms_.load(), held_by, row[0].c_str(), row[1].c_str(), row[2].c_str(), row[3].c_str(), held_by);
}

}  // namespace eventstore::subscriptions
