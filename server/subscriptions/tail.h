// The end of the store, followed once for all subscribers of this process: one thread, one connection. When the horizon
// (storage/horizon.h) moves, it reads the events between the last one that it knows and the new horizon, keeps them in a
// window, and wakes who listens. Subscribers take what they want from there; the database is asked once, however many
// there are.
//
// It is woken by appends of this process, and looks by itself for those of others: at once while something moves, ten
// times a second when nothing does. While nobody listens it rests and keeps nothing.
//
// Lock order: a listener's own lock may be held when the tail is asked (mutex_ is a leaf); listeners are called without it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "server/domain/clock.h"
#include "server/storage/chunk_catalog.h"
#include "server/storage/session.h"
#include "server/subscriptions/tail_window.h"

namespace eventstore::subscriptions {

class TailListener {
 public:
  virtual ~TailListener() = default;
  // There is something new, or TailOptions::tick has passed. On the tail's thread: must not block.
  virtual void OnTail() = 0;
  // The store is in an earlier state than it was (a backup was restored below the running server): positions that were
  // given out may come again.
  virtual void OnStoreLost(const absl::Status& status) = 0;
};

struct TailOptions {
  // Between two looks while something moves: what comes in it is one page for everybody.
  std::chrono::milliseconds busy_pause{4};
  std::chrono::milliseconds idle_pause{100};
  // Listeners are called at least so often.
  std::chrono::milliseconds tick{500};
  std::size_t window_bytes = std::size_t{32} << 20;
  std::chrono::seconds statement_timeout{30};
  // An append that holds the horizon back for so long is named in the log.
  std::chrono::seconds patience{2};
};

class Tail {
 public:
  Tail(TailOptions options, std::string conninfo, storage::ChunkCatalog& chunks, const domain::Clock& clock);
  ~Tail();
  Tail(const Tail&) = delete;
  Tail& operator=(const Tail&) = delete;

  // Until it is gone, or refuses: false when there are too many already.
  bool Listen(const std::shared_ptr<TailListener>& listener);

  // An append was committed here. Cheap when nobody listens.
  void Nudge();

  struct Following {
    bool started = false;  // false: nothing is known yet; OnTail() comes when something is
    bool covered = false;  // false: the window begins later; read from the database
    TailPages pages;
  };
  // What comes after `position`.
  Following After(domain::Position position) const;

  // What comes after this position, or a later one, is covered; nullopt: nothing is known yet.
  std::optional<domain::Position> Begin() const;

  std::size_t listeners() const;
  // How long an append that is under way has been holding the horizon back.
  std::chrono::milliseconds horizon_lag() const;

 private:
  void Run();
  // Whether there is something new for listeners. That the horizon moved alone is not: transactions of others move it too.
  absl::StatusOr<bool> Poll(storage::Session& session);
  absl::Status LoseWhatWasTakenBack(storage::Session& session);
  absl::Status Start(storage::Session& session);
  absl::StatusOr<bool> Read(storage::Session& session, domain::Position horizon);
  void Lose(domain::Position end);
  void WatchHorizon(storage::Session& session, domain::Position horizon, int held_by);
  std::vector<std::shared_ptr<TailListener>> Listeners();
  void Wait(std::chrono::milliseconds pause, std::chrono::milliseconds at_least);

  const TailOptions options_;
  const std::string conninfo_;
  storage::ChunkCatalog& chunks_;
  const domain::Clock& clock_;

  // Of the thread.
  std::uint64_t generation_ = 0;
  std::int64_t xid_offset_ = 0;
  domain::Position read_below_ = 0;  // the horizon of the last read
  domain::Position horizon_ = 0;
  domain::MonotonicTime moved_at_;
  domain::MonotonicTime warned_at_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  TailWindow window_;
  bool started_ = false;  // the window has an end
  bool nudged_ = false;
  bool stopping_ = false;
  std::vector<std::weak_ptr<TailListener>> listeners_;
  std::atomic<bool> awake_ = false;  // somebody listens
  std::atomic<std::int64_t> lag_ms_ = 0;
  std::thread thread_;
};

}  // namespace eventstore::subscriptions
