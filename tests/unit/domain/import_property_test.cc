// Whatever history is imported, in whatever batches and however often, a store that applies the plans keeps the invariants.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "server/domain/import.h"
#include "server/domain/position.h"
#include "tests/unit/domain/domain_fakes.h"

namespace eventstore::domain {
namespace {

// What the database would hold.
class ModelStore {
 public:
  // As Importer finds ids: only of events that may be stored, by MayBeStored().
  ImportPlan Import(const std::vector<ImportedEvent>& events) {
    StoredIds stored;
    for (const ImportedEvent& event : events) {
      const auto found = by_id_.find(event.event.id);
      if (found == by_id_.end()) continue;
      // A repeat must never pass for an event that cannot be stored.
      if (found->second.aggregate_id == event.aggregate_id && found->second.timestamp == event.timestamp) {
        RC_ASSERT(MayBeStored(event, heads_));
      }
      stored.emplace(found->first, found->second.aggregate_id);
    }
    const ImportPlan plan = PlanImport(events, heads_, stored, {0, ++xid_, 5});
    Apply(plan);
    return plan;
  }

  std::size_t events() const { return by_id_.size(); }

 private:
  void Apply(const ImportPlan& plan) {
    std::map<Uuid, AggregateHead> after;
    for (std::size_t i = 0; i < plan.rows.size(); ++i) {
      const ImportedRow& row = plan.rows[i];
      std::vector<AppendedEvent>& stream = streams_[row.event->aggregate_id];
      RC_ASSERT(row.recorded.version == static_cast<Version>(stream.size()) + 1);
      RC_ASSERT(row.recorded.global_position == MakePosition(xid_, 5, static_cast<std::int64_t>(i)));
      RC_ASSERT(row.recorded.timestamp >= row.event->timestamp);
      RC_ASSERT((row.recorded.timestamp != row.event->timestamp) == !row.metadata.empty());
      if (!stream.empty()) {
        RC_ASSERT(row.recorded.timestamp >= stream.back().timestamp);
        RC_ASSERT(row.recorded.global_position > stream.back().global_position);
        // Raised no further than needed.
        RC_ASSERT(row.recorded.timestamp == std::max(row.event->timestamp, stream.back().timestamp));
      } else {
        RC_ASSERT(row.recorded.timestamp == row.event->timestamp);
      }
      stream.push_back(row.recorded);
      RC_ASSERT(by_id_.emplace(row.event->event.id, *row.event).second);
      after[row.event->aggregate_id] = {row.recorded.version, stream.front().timestamp, row.recorded.timestamp};
    }
    RC_ASSERT(plan.heads.size() == after.size());
    for (const PlannedHead& head : plan.heads) {
      const AggregateHead& expected = after.at(head.aggregate_id);
      RC_ASSERT(head.after.version == expected.version);
      RC_ASSERT(head.after.first_timestamp == expected.first_timestamp);
      RC_ASSERT(head.after.last_timestamp == expected.last_timestamp);
      heads_[head.aggregate_id] = head.after;
    }
  }

  std::int64_t xid_ = 0;
  Heads heads_;
  std::map<Uuid, std::vector<AppendedEvent>> streams_;
  std::map<Uuid, ImportedEvent> by_id_;
};

std::vector<ImportedEvent> MakeHistory() {
  std::vector<ImportedEvent> events;
  const auto count = *rc::gen::inRange<std::uint64_t>(1, 40);
  for (std::uint64_t i = 0; i < count; ++i) {
    ImportedEvent event{TestId(*rc::gen::inRange<std::uint64_t>(1, 5)), "entity", *rc::gen::inRange(-50, 200), {}};
    event.event.id = TestId(100 + (*rc::gen::inRange(0, 10) == 0 ? *rc::gen::inRange<std::uint64_t>(0, count) : i));
    events.push_back(event);
  }
  return events;
}

RC_GTEST_PROP(ImportProperty, KeepsTheInvariantsAndARepeatWritesNothing, ()) {
  const std::vector<ImportedEvent> history = MakeHistory();
  ModelStore store;
  std::size_t written = 0;
  int kills = 8;  // at the most: RapidCheck's first cases draw the least number each time
  for (int run = 0; run < 3; ++run) {
    for (std::size_t at = 0; at < history.size();) {
      const auto end = std::min(history.size(), at + *rc::gen::inRange<std::size_t>(1, 12));
      const std::vector<ImportedEvent> batch(history.begin() + static_cast<std::ptrdiff_t>(at),
                                             history.begin() + static_cast<std::ptrdiff_t>(end));
      const ImportPlan plan = store.Import(batch);
      RC_ASSERT(plan.verdicts.size() == batch.size());
      if (run > 0) RC_ASSERT(plan.rows.empty());
      written += plan.rows.size();
      // Killed and begun again somewhere before.
      const bool killed = run == 0 && kills > 0 && *rc::gen::inRange(0, 6) == 0;
      if (killed) --kills;
      at = killed ? *rc::gen::inRange<std::size_t>(0, end) : end;
    }
  }
  RC_ASSERT(store.events() == written);
}

}  // namespace
}  // namespace eventstore::domain
