#include "tests/integration/store/instance.h"

#include <iterator>
#include <thread>
#include <utility>

#include "server/storage/cursor_aggregate.h"
#include "server/storage/cursor_position.h"

namespace eventstore::testing {
namespace {

storage::Sleeper RealPauses() {
  return [](std::chrono::milliseconds pause) { std::this_thread::sleep_for(pause); };
}

}  // namespace

Instance::Instance(const std::string& conninfo, const Options& options)
    : clock_(options.clock != nullptr ? *options.clock : system_clock_),
      readers_(conninfo, 1, 1024, clock_),
      appender_(std::make_unique<storage::Appender>(
          storage::AppenderOptions{.max_queue_per_lane = options.max_queue_per_lane, .observer = options.observer},
          conninfo, options.lanes, chunks_, readers_, clock_, options.sleep ? options.sleep : RealPauses())) {}

std::future<AppendAnswer> Instance::Start(domain::AppendBatch batch) {
  return Start(std::move(batch), clock_.Monotonic() + std::chrono::minutes(1), nullptr);
}

std::future<AppendAnswer> Instance::Start(domain::AppendBatch batch, domain::MonotonicTime deadline,
                                          std::shared_ptr<const std::atomic<bool>> cancelled) {
  auto answer = std::make_shared<std::promise<AppendAnswer>>();
  auto future = answer->get_future();
  appender_->Append(std::move(batch), deadline, std::move(cancelled),
                    [answer](AppendAnswer result) { answer->set_value(std::move(result)); });
  return future;
}

absl::StatusOr<std::vector<domain::RecordedEvent>> ReadToEnd(storage::Cursor& cursor, storage::Session& session,
                                                             storage::ChunkCatalog& chunks) {
  std::vector<domain::RecordedEvent> events;
  for (bool last = false; !last;) {
    auto page = storage::NextPage(cursor, session, chunks);
    if (!page.ok()) return page.status();
    std::move(page->events.begin(), page->events.end(), std::back_inserter(events));
    last = page->last;
  }
  return events;
}

absl::StatusOr<std::vector<domain::RecordedEvent>> ReadAllAfter(domain::Position from, storage::Session& session,
                                                                storage::ChunkCatalog& chunks) {
  domain::ReadAllQuery query;
  query.from_position = from;
  storage::PositionCursor cursor(query, chunks);
  return ReadToEnd(cursor, session, chunks);
}

absl::StatusOr<std::vector<domain::RecordedEvent>> ReadAggregate(const domain::Uuid& aggregate_id,
                                                                 storage::Session& session,
                                                                 storage::ChunkCatalog& chunks) {
  domain::AggregateQuery query;
  query.aggregate_id = aggregate_id;
  storage::AggregateCursor cursor(query, chunks);
  return ReadToEnd(cursor, session, chunks);
}

}  // namespace eventstore::testing
