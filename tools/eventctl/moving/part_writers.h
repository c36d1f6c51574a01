// The writers of a migration, each in a thread of its own with a short queue before it: none of them waits for another
// one at the end of a batch, and the next batches are read meanwhile.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "tools/eventctl/moving/part_writer.h"

namespace eventstore::eventctl {

class PartWriters {
 public:
  // The writers outlive this; as many as a batch has parts.
  explicit PartWriters(std::span<const std::unique_ptr<PartWriter>> writers);
  // What was not begun is not written.
  ~PartWriters();
  PartWriters(const PartWriters&) = delete;
  PartWriters& operator=(const PartWriters&) = delete;

  struct Done {
    MoveBatch batch;  // without its events
    std::vector<WrittenPart> parts;
  };

  // Waits for a place in every queue, or for a batch that is done: then that one is handed out first. False: a place is
  // there. The order of batches is that of Put().
  bool AwaitRoom(Done& done);
  void Put(MoveBatch batch);
  // The next one that is done; none: all are.
  std::optional<Done> Next();

 private:
  // Batches between the first writer and the last one, and those that nobody has begun: what bounds memory.
  static constexpr std::size_t kMostAtOnce = 4;

  struct Job {
    MoveBatch batch;
    std::vector<WrittenPart> written;
    std::size_t left = 0;  // parts that are not written yet
  };

  void Work(std::size_t part, PartWriter& writer);
  Done TakeFirst();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> jobs_;  // in order, until they are handed out
  std::vector<std::deque<std::shared_ptr<Job>>> queues_;
  bool stopped_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace eventstore::eventctl
