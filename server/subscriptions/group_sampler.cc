#include "server/subscriptions/group_sampler.h"

#include <algorithm>
#include <future>
#include <memory>
#include <utility>

#include "server/domain/error.h"
#include "server/storage/cursor.h"
#include "server/storage/group_lag.h"
#include "server/storage/group_store.h"
#include "server/storage/sql_errors.h"
#include "spdlog/spdlog.h"

namespace eventstore::subscriptions {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kPatience{30};

}  // namespace

GroupSampler::GroupSampler(GroupSamplerOptions options, storage::ReadExecutor& readers, storage::ChunkCatalog& chunks,
                           const domain::Clock& clock)
    : options_(options), readers_(readers), chunks_(chunks), clock_(clock), thread_([this] { Run(); }) {}

GroupSampler::~GroupSampler() { Stop(); }

void GroupSampler::Stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::vector<GroupSample> GroupSampler::Last() const {
  const std::scoped_lock lock(mutex_);
  if (clock_.Monotonic() - found_at_ > options_.stale) return {};
  return last_;
}

void GroupSampler::Run() {
  if (options_.interval.count() == 0) return;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const auto began = clock_.Monotonic();
    auto found = Look();
    const auto ended = clock_.Monotonic();
    if (!found.ok()) spdlog::debug("consumer groups: not looked at: {}", std::string(found.status().message()));
    const auto rest = std::max(options_.interval, options_.rest_factor * duration_cast<milliseconds>(ended - began));
    lock.lock();
    if (found.ok()) {
      last_ = *std::move(found);
      found_at_ = ended;
    }
    wake_.wait_for(lock, rest, [this] { return stopping_; });
  }
}

absl::StatusOr<std::vector<GroupSample>> GroupSampler::Look() {
  // Shared: the pool keeps the task a moment longer than this waits.
  auto done = std::make_shared<std::promise<absl::StatusOr<std::vector<GroupSample>>>>();
  auto answer = done->get_future();
  storage::ReadTask task;
  task.deadline = clock_.Monotonic() + kPatience;
  task.run = [this, done](absl::StatusOr<storage::Session*> session) {
    if (!session.ok()) return done->set_value(session.status());
    done->set_value(storage::Caught([&]() -> absl::StatusOr<std::vector<GroupSample>> { return LookWith(**session); }));
  };
  if (!readers_.Submit(task)) return domain::ErrorOf(domain::Reason::kQueueFull, "the queue of reads is full");
  // The pool runs every task, at the latest when it ends.
  return answer.get();
}

absl::StatusOr<std::vector<GroupSample>> GroupSampler::LookWith(storage::Session& session) const {
  domain::GroupList list;
  list.page_size = options_.max_groups;
  auto groups = storage::ReadWithRetries(chunks_, [&] { return storage::ListGroups(session, list); });
  if (!groups.ok()) return groups.status();
  if (groups->size() > static_cast<std::size_t>(options_.max_groups)) groups->pop_back();
  std::vector<GroupSample> samples;
  for (domain::Group& group : *groups) {
    if (absl::Status counted = storage::CountLag(session, chunks_, group); !counted.ok()) return counted;
    samples.push_back({.name = group.name,
                       .members = group.members.size(),
                       .parked = group.parked,
                       .lag_events = group.lag_events,
                       .lag_seconds = static_cast<double>(group.lag_time) / domain::kMicrosPerSecond});
  }
  return samples;
}

}  // namespace eventstore::subscriptions
