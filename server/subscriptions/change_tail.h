// The creations and changes of status of operational records as they come, followed once for all watchers of this process:
// one thread, one connection. Nothing is asked of writers: it looks, as Tail (tail.h) does for events, at once after a change
// of this process and five times a second for those of others. While nobody listens it rests and keeps nothing.
//
// What it keeps is settled (storage/operations/change_feed.h), so what follows a place in it is all there will ever be.
//
// Lock order: as the tail's; mutex_ is a leaf, and listeners are called without it.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/clock.h"
#include "server/storage/operations/change_feed.h"
#include "server/storage/session.h"
#include "server/subscriptions/tail.h"

namespace eventstore::subscriptions {

struct ChangeTailOptions {
  // Between two looks while something moves, and while nothing does.
  std::chrono::milliseconds busy_pause{50};
  std::chrono::milliseconds idle_pause{200};
  // Listeners are called at least so often.
  std::chrono::milliseconds tick{500};
  // Kept for those who are a little behind.
  std::size_t window_changes = 50'000;
  std::chrono::seconds statement_timeout{30};
  // A transaction that holds changes back for so long is named in the log.
  std::chrono::seconds patience{5};
};

class ChangeTail {
 public:
  ChangeTail(ChangeTailOptions options, std::string conninfo, const domain::Clock& clock);
  ~ChangeTail();
  ChangeTail(const ChangeTail&) = delete;
  ChangeTail& operator=(const ChangeTail&) = delete;

  // Until it is gone, or refuses: false when there are too many already.
  bool Listen(const std::shared_ptr<TailListener>& listener);

  // A change was committed here. Cheap when nobody listens.
  void Nudge();

  struct Following {
    bool started = false;  // false: nothing is known yet; OnTail() comes when something is
    bool covered = false;  // false: the window begins later; read from the database
    // Each ends where the next begins.
    std::vector<std::shared_ptr<const storage::ChangePage>> pages;
  };
  // What comes after this position.
  Following After(std::int64_t position) const;
  // Where it is at the moment; nullopt: nothing is known yet.
  std::optional<domain::ChangePlace> End() const;

  std::size_t listeners() const;

 private:
  void Run();
  absl::StatusOr<bool> Poll(storage::Session& session);
  void Add(storage::ChangePage page);
  absl::Status LoseWhatWasTakenBack(storage::Session& session);
  void Lose();
  void WatchHorizon(storage::Session& session, const storage::ChangeHorizon& horizon);
  std::vector<std::shared_ptr<TailListener>> Listeners();
  void Wait(std::chrono::milliseconds pause, std::chrono::milliseconds at_least);

  const ChangeTailOptions options_;
  const std::string conninfo_;
  const domain::Clock& clock_;

  // Of the thread.
  std::uint64_t generation_ = 0;
  std::int64_t settled_ = 0;  // as ReadChangeHorizon() takes it
  std::int64_t held_at_ = 0;  // the horizon that is held back
  domain::MonotonicTime held_since_;
  bool held_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<const storage::ChangePage>> window_;
  std::size_t kept_ = 0;    // changes in it
  std::int64_t begin_ = 0;  // it has everything after this
  domain::ChangePlace end_;
  bool started_ = false;
  bool nudged_ = false;
  bool stopping_ = false;
  std::vector<std::weak_ptr<TailListener>> listeners_;
  std::atomic<bool> awake_ = false;  // somebody listens
  std::thread thread_;
};

}  // namespace eventstore::subscriptions
