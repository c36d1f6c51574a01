#include "server/subscriptions/change_tail.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/limits.h"
#include "server/storage/lost_positions.h"
#include "server/storage/sql_errors.h"
#include "spdlog/spdlog.h"

namespace eventstore::subscriptions {

using std::chrono::milliseconds;

ChangeTail::ChangeTail(ChangeTailOptions options, std::string conninfo, const domain::Clock& clock)
    : options_(options), conninfo_(std::move(conninfo)), clock_(clock), thread_([this] { Run(); }) {}

ChangeTail::~ChangeTail() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

bool ChangeTail::Listen(const std::shared_ptr<TailListener>& listener) {
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

void ChangeTail::Nudge() {
  if (!awake_) return;
  const std::scoped_lock lock(mutex_);
  if (nudged_) return;
  nudged_ = true;
  wake_.notify_all();
}

ChangeTail::Following ChangeTail::After(std::int64_t position) const {
  const std::scoped_lock lock(mutex_);
  if (!started_) return {};
  if (position < begin_) return {true, false, {}};
  Following following{true, true, {}};
  const auto first = std::ranges::find_if(window_, [&](const auto& page) { return page->upto.position > position; });
  following.pages.assign(first, window_.end());
  return following;
}

std::optional<domain::ChangePlace> ChangeTail::End() const {
  const std::scoped_lock lock(mutex_);
  if (!started_) return std::nullopt;
  return end_;
}

std::size_t ChangeTail::listeners() const {
  const std::scoped_lock lock(mutex_);
  return static_cast<std::size_t>(
      std::ranges::count_if(listeners_, [](const auto& listed) { return !listed.expired(); }));
}

std::vector<std::shared_ptr<TailListener>> ChangeTail::Listeners() {
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
    window_.clear();
    kept_ = 0;
  }
  return all;
}

// Until a nudge, but not before `at_least`, and not after `pause`.
void ChangeTail::Wait(milliseconds pause, milliseconds at_least) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, at_least, [&] { return stopping_; });
  wake_.wait_for(lock, std::max(pause - at_least, milliseconds{0}), [&] { return stopping_ || nudged_; });
  nudged_ = false;
}

void ChangeTail::Run() {
  storage::Session session(conninfo_, "change tail", storage::SessionKind::kReader);
  auto called_at = clock_.Monotonic();
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || awake_; });
      if (stopping_) return;
    }
    const auto moved = storage::Caught([&] { return Poll(session); });
    if (!moved.ok()) spdlog::warn("watchers: {}; trying again", std::string(moved.status().message()));
    const bool news = moved.ok() && *moved;
    if (news || clock_.Monotonic() - called_at >= options_.tick) {
      called_at = clock_.Monotonic();
      for (const auto& listener : Listeners()) listener->OnTail();
    }
    if (!moved.ok()) {
      Wait(options_.tick, options_.tick);
    } else {
      Wait(news || held_ ? options_.busy_pause : options_.idle_pause, news ? options_.busy_pause : milliseconds{0});
    }
  }
}

absl::StatusOr<bool> ChangeTail::Poll(storage::Session& session) {
  if (absl::Status connected = session.EnsureConnected(); !connected.ok()) return connected;
  if (generation_ != session.generation()) {
    if (absl::Status set = session.SetStatementTimeout(options_.statement_timeout); !set.ok()) return set;
    if (absl::Status kept = LoseWhatWasTakenBack(session); !kept.ok()) return kept;
    generation_ = session.generation();
    settled_ = 0;
  }
  auto horizon = storage::ReadChangeHorizon(session, settled_);
  if (!horizon.ok()) return horizon.status();
  WatchHorizon(session, *horizon);
  domain::ChangePlace at;
  {
    const std::scoped_lock lock(mutex_);
    if (!started_) {
      // A place that nobody has given out yet: whoever begins here takes it.
      end_ = {horizon->position - 1, horizon->now};
      begin_ = end_.position;
      window_.clear();
      kept_ = 0;
      started_ = true;
      return true;
    }
    at = end_;
  }
  if (horizon->drawn < at.position) {
    // What was read was never drawn: the store is in an earlier state.
    Lose();
    return true;
  }
  // It may lie behind what is settled: somebody drew a mark, and came to lock it only after the last look. What such a one
  // writes is beyond that look all the same.
  if (horizon->position - 1 <= at.position) {
    if (!held_) settled_ = horizon->drawn;
    return false;
  }
  bool news = false;
  for (bool last = false; !last;) {
    auto page = storage::ReadChanges(session, at, *horizon, {}, domain::kMaxPageEvents);
    if (!page.ok()) return page.status();
    last = page->last;
    at = page->upto;
    news = news || !page->changes.empty();
    Add(*std::move(page));
  }
  if (!held_) settled_ = horizon->drawn;
  return news;
}

absl::Status ChangeTail::LoseWhatWasTakenBack(storage::Session& session) {
  std::int64_t end = 0;
  {
    const std::scoped_lock lock(mutex_);
    if (!started_) return absl::OkStatus();
    end = end_.position;
  }
  auto lost = storage::FindLost(session, storage::PositionKind::kChanges, {end});
  if (!lost.ok()) return lost.status();
  if (*lost) Lose();
  return absl::OkStatus();
}

void ChangeTail::Add(storage::ChangePage page) {
  const std::scoped_lock lock(mutex_);
  end_ = page.upto;
  // Positions that brought nothing that a watcher sees: the last page reaches further.
  if (page.changes.empty() && !window_.empty()) {
    auto longer = std::make_shared<storage::ChangePage>(*window_.back());
    longer->upto = page.upto;
    window_.back() = std::move(longer);
    return;
  }
  kept_ += page.changes.size();
  window_.push_back(std::make_shared<const storage::ChangePage>(std::move(page)));
  while (kept_ > options_.window_changes && window_.size() > 1) {
    kept_ -= window_.front()->changes.size();
    begin_ = window_.front()->upto.position;
    window_.pop_front();
  }
}

void ChangeTail::Lose() {
  domain::Error error;
  error.reason = domain::Reason::kPositionAhead;
  error.message = "the store is behind what was watched already: an earlier state was restored. Watch from now on";
  const absl::Status status = domain::ToStatus(error);
  spdlog::error("watchers: {}", error.message);
  {
    const std::scoped_lock lock(mutex_);
    started_ = false;
  }
  settled_ = 0;
  for (const auto& listener : Listeners()) listener->OnStoreLost(status);
}

void ChangeTail::WatchHorizon(storage::Session& session, const storage::ChangeHorizon& horizon) {
  const auto now = clock_.Monotonic();
  const bool held = horizon.position <= horizon.drawn;
  if (!held || !held_ || held_at_ != horizon.position) {
    held_ = held;
    held_at_ = horizon.position;
    held_since_ = now;
    return;
  }
  if (now - held_since_ < options_.patience) return;
  held_since_ = now;
  static constexpr storage::Query kHolder{"change_tail_holder", R"sql(
SELECT a.pid, a.application_name, coalesce(a.state, ''), extract(epoch FROM clock_timestamp() - a.xact_start)::bigint
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.classid = $1::oid AND l.objsubid = 1
ORDER BY a.xact_start LIMIT 1
)sql"};
  auto rows = session.Run(kHolder, {fmt::format("{}", storage::kOperationsMarkClass)});
  if (!rows.ok() || rows->empty()) return;
  const auto row = (*rows)[0];
  spdlog::warn(
      "watchers: no change can be shown since backend {} ({}, {}) wrote operational records in a transaction that is "
      "open for {} s. If it does not end by itself, end it: SELECT pg_terminate_backend({})",
      row[0].as<int>(), row[1].c_str(), row[2].c_str(), row[3].c_str(), row[0].as<int>());
}

}  // namespace eventstore::subscriptions
