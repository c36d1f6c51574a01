// The bounded pool of reading connections: one thread each, one queue. A gRPC callback thread must never block, so every
// read runs here.
//
// Of the connections that rest, the one that worked last is taken: it has the statements of the chunks that are read at the
// moment, where the others would have to prepare them.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "server/domain/clock.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct ReadTask {
  domain::MonotonicTime deadline;
  // Not the first page of a stream: may still be read while the server drains.
  bool goes_on = false;
  // With a connected session whose statement_timeout is the time left, or with why there is none. Must not block on
  // anything but the session.
  std::function<void(absl::StatusOr<Session*>)> run;
};

class ReadExecutor {
 public:
  // `role` and `kind`: of the sessions.
  ReadExecutor(const std::string& conninfo, int connections, std::size_t max_queue, const domain::Clock& clock,
               const std::string& role = "reader", SessionKind kind = SessionKind::kReader);
  // Runs what waits with SHUTTING_DOWN.
  ~ReadExecutor();

  // False: the queue is full or the pool stops, and `task` is untouched.
  bool Submit(ReadTask& task);
  // From now on tasks run with SHUTTING_DOWN; the pages of a stream that has begun not before `until`.
  void Drain(domain::MonotonicTime until);

  std::size_t queued() const;
  std::size_t max_queue() const { return max_queue_; }
  std::size_t connections() const { return sessions_.size(); }
  // Connections that read at the moment, or are on their way to it.
  std::size_t busy() const;

 private:
  struct Rest {
    std::condition_variable wake;
    bool called = false;
  };

  void Run(Session& session);
  bool Take(ReadTask& task, Rest& rest);
  absl::StatusOr<Session*> Ready(Session& session, const ReadTask& task);
  bool Refuses(const ReadTask& task) const;

  const std::size_t max_queue_;
  const domain::Clock& clock_;
  mutable std::mutex mutex_;
  std::deque<ReadTask> queue_;
  std::vector<Rest*> resting_;  // the one that came last at the end
  bool stopping_ = false;
  bool draining_ = false;
  domain::MonotonicTime streams_until_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::thread> threads_;
};

}  // namespace eventstore::storage
