#include "server/storage/read_executor.h"

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/deadline.h"
#include "server/storage/shutting_down.h"

namespace eventstore::storage {

using domain::Reason;

ReadExecutor::ReadExecutor(const std::string& conninfo, int connections, std::size_t max_queue,
                           const domain::Clock& clock, const std::string& role, SessionKind kind)
    : max_queue_(max_queue), clock_(clock) {
  for (int i = 0; i < connections; ++i) {
    sessions_.push_back(std::make_unique<Session>(conninfo, fmt::format("{} {}", role, i), kind));
    threads_.emplace_back([this, session = sessions_.back().get()] { Run(*session); });
  }
}

ReadExecutor::~ReadExecutor() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    for (Rest* rest : resting_) rest->wake.notify_one();
  }
  for (auto& thread : threads_) thread.join();
  for (auto& task : queue_) {
    task.run(ShuttingDown());
  }
}

bool ReadExecutor::Submit(ReadTask& task) {
  const std::scoped_lock lock(mutex_);
  if (stopping_ || queue_.size() >= max_queue_) return false;
  queue_.push_back(std::move(task));
  if (!resting_.empty()) {
    resting_.back()->called = true;
    resting_.back()->wake.notify_one();
    resting_.pop_back();
  }
  return true;
}

std::size_t ReadExecutor::queued() const {
  const std::scoped_lock lock(mutex_);
  return queue_.size();
}

std::size_t ReadExecutor::busy() const {
  const std::scoped_lock lock(mutex_);
  return sessions_.size() - resting_.size();
}

bool ReadExecutor::Take(ReadTask& task, Rest& rest) {
  std::unique_lock lock(mutex_);
  while (!stopping_ && queue_.empty()) {
    rest.called = false;
    resting_.push_back(&rest);
    rest.wake.wait(lock, [&] { return stopping_ || rest.called; });
  }
  if (stopping_) return false;
  task = std::move(queue_.front());
  queue_.pop_front();
  return true;
}

void ReadExecutor::Run(Session& session) {
  ReadTask task;
  Rest rest;
  while (Take(task, rest)) {
    task.run(Ready(session, task));
    task.run = nullptr;  // what it holds must not live until the next task
  }
}

void ReadExecutor::Drain(domain::MonotonicTime until) {
  const std::scoped_lock lock(mutex_);
  draining_ = true;
  streams_until_ = until;
}

bool ReadExecutor::Refuses(const ReadTask& task) const {
  const std::scoped_lock lock(mutex_);
  return draining_ && !(task.goes_on && clock_.Monotonic() < streams_until_);
}

absl::StatusOr<Session*> ReadExecutor::Ready(Session& session, const ReadTask& task) {
  if (Refuses(task)) return ShuttingDown();
  const auto left = TimeLeft(clock_.Monotonic(), task.deadline);
  if (left.count() <= 0) {
    return domain::ErrorOf(Reason::kDeadlineExceeded,
                           "the deadline passed while the read waited for a connection; allow more time");
  }
  if (absl::Status set = session.SetStatementTimeout(left); !set.ok()) return set;
  return &session;
}

}  // namespace eventstore::storage
