#include "tools/eventctl/moving/part_writers.h"

#include <utility>

#include "server/storage/sql_errors.h"

namespace eventstore::eventctl {

PartWriters::PartWriters(std::span<const std::unique_ptr<PartWriter>> writers) : queues_(writers.size()) {
  for (std::size_t part = 0; part < writers.size(); ++part) {
    threads_.emplace_back([this, part, &writer = *writers[part]] { Work(part, writer); });
  }
}

PartWriters::~PartWriters() {
  const std::scoped_lock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

void PartWriters::Work(std::size_t part, PartWriter& writer) {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopped_ || !queues_[part].empty(); });
    if (stopped_) return;
    const auto job = std::move(queues_[part].front());
    queues_[part].pop_front();
    lock.unlock();
    WrittenPart written;
    written.status = storage::Caught([&] {
      written = writer.Write(job->batch);
      return written.status;
    });
    lock.lock();
    // Nothing behind it: a later batch says that it is further, and this one would be missing.
    if (!written.status.ok()) queues_[part].clear();
    const bool failed = !written.status.ok();
    job->written[part] = std::move(written);
    --job->left;
    changed_.notify_all();
    if (failed) return;
  }
}

PartWriters::Done PartWriters::TakeFirst() {
  const auto job = std::move(jobs_.front());
  jobs_.pop_front();
  job->batch.parts.clear();
  return {std::move(job->batch), std::move(job->written)};
}

bool PartWriters::AwaitRoom(Done& done) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return jobs_.size() < kMostAtOnce || jobs_.front()->left == 0; });
  if (jobs_.empty() || jobs_.front()->left > 0) return false;
  done = TakeFirst();
  return true;
}

void PartWriters::Put(MoveBatch batch) {
  const auto job = std::make_shared<Job>();
  job->written.resize(queues_.size());
  job->left = queues_.size();
  job->batch = std::move(batch);
  const std::scoped_lock lock(mutex_);
  jobs_.push_back(job);
  for (auto& queue : queues_) queue.push_back(job);
  changed_.notify_all();
}

std::optional<PartWriters::Done> PartWriters::Next() {
  std::unique_lock lock(mutex_);
  if (jobs_.empty()) return std::nullopt;
  changed_.wait(lock, [&] { return jobs_.front()->left == 0; });
  return TakeFirst();
}

}  // namespace eventstore::eventctl
