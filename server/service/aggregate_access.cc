#include "server/service/aggregate_access.h"

#include <utility>

namespace eventstore::service {
namespace {

class LimitedCursor final : public storage::AggregateCursor {
 public:
  LimitedCursor(Admission admission, const domain::AggregateQuery& query, storage::ChunkCatalog& chunks)
      : AggregateCursor(query, chunks), admission_(std::move(admission)), id_(query.aggregate_id), chunks_(chunks) {}

  absl::StatusOr<storage::Page> Next(storage::Session& session) override {
    auto page = AggregateCursor::Next(session);
    if (!page.ok()) return page;
    for (const auto& event : page->events) {
      if (absl::Status allowed = admission_.Check(domain::access::CheckEvent, event); !allowed.ok()) return allowed;
      judged_ = true;
    }
    // An empty page tells the version too.
    if (!judged_ && current_version() > 0) {
      if (absl::Status allowed = CheckAggregate(admission_, session, chunks_, id_); !allowed.ok()) return allowed;
      judged_ = true;
    }
    return page;
  }

 private:
  const Admission admission_;
  const domain::Uuid id_;
  storage::ChunkCatalog& chunks_;
  bool judged_ = false;
};

}  // namespace

absl::Status CheckAggregate(const Admission& admission, storage::Session& session, storage::ChunkCatalog& chunks,
                            const domain::Uuid& id) {
  if (!admission.limited()) return absl::OkStatus();
  domain::AggregateQuery newest;
  newest.aggregate_id = id;
  newest.direction = domain::Direction::kBackward;
  newest.max_events = 1;
  storage::AggregateCursor cursor(newest, chunks);
  for (;;) {
    auto page = storage::NextPage(cursor, session, chunks);
    if (!page.ok()) return page.status();
    if (!page->events.empty()) return admission.Check(domain::access::CheckEvent, page->events.front());
    if (!page->last) continue;
    return cursor.current_version() == 0 ? absl::OkStatus() : admission.Check(domain::access::UnknownAggregate);
  }
}

std::unique_ptr<storage::AggregateCursor> MakeAggregateCursor(const Admission& admission,
                                                              const domain::AggregateQuery& query,
                                                              storage::ChunkCatalog& chunks) {
  if (admission.limited()) return std::make_unique<LimitedCursor>(admission, query, chunks);
  return std::make_unique<storage::AggregateCursor>(query, chunks);
}

}  // namespace eventstore::service
