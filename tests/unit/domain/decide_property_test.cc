// Whatever is asked in whatever order, a store that applies the plans keeps the invariants.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "server/domain/decide.h"
#include "server/domain/position.h"
#include "tests/unit/domain/domain_fakes.h"

namespace eventstore::domain {
namespace {

struct StoredRow {
  Uuid aggregate_id;
  NewEvent event;
  AppendedEvent recorded;
};

// What the database would hold: applies plans and checks, each time, that they keep the invariants.
class ModelStore {
 public:
  StoredEvents Find(const std::vector<const AppendBatch*>& requests) const {
    StoredEvents stored;
    for (const AppendBatch* request : requests) {
      for (const Append& append : request->appends) {
        for (const NewEvent& event : append.events) {
          const auto row = by_id_.find(event.id);
          if (row != by_id_.end()) {
            stored[&event] = {row->second.aggregate_id, row->second.recorded, row->second.event == event};
          }
        }
      }
    }
    return stored;
  }

  AppendPlan Decided(const std::vector<const AppendBatch*>& requests, TimeMicros now) {
    return Decide(requests, heads_, Find(requests), Stamp{now, ++xid_, 1'000});
  }

  void Apply(const AppendPlan& plan) {
    std::map<Uuid, AggregateHead> after;
    for (std::size_t i = 0; i < plan.rows.size(); ++i) {
      const PlannedRow& row = plan.rows[i];
      const Uuid& aggregate_id = row.append->aggregate_id;
      std::vector<AppendedEvent>& stream = streams_[aggregate_id];
      RC_ASSERT(row.recorded.id == row.event->id);
      RC_ASSERT(row.recorded.version == static_cast<Version>(stream.size()) + 1);
      RC_ASSERT(row.recorded.global_position == MakePosition(xid_, 1'000, static_cast<std::int64_t>(i)));
      if (!stream.empty()) {
        RC_ASSERT(row.recorded.timestamp >= stream.back().timestamp);
        RC_ASSERT(row.recorded.global_position > stream.back().global_position);
      }
      stream.push_back(row.recorded);
      RC_ASSERT(by_id_.emplace(row.event->id, StoredRow{aggregate_id, *row.event, row.recorded}).second);
      after[aggregate_id] = {row.recorded.version, stream.front().timestamp, row.recorded.timestamp};
    }
    RC_ASSERT(plan.heads.size() == after.size());
    for (const PlannedHead& head : plan.heads) {
      const auto expected = after.find(head.aggregate_id);
      RC_ASSERT(expected != after.end());
      RC_ASSERT(head.before.version == VersionOf(head.aggregate_id));
      RC_ASSERT(head.after.version == expected->second.version);
      RC_ASSERT(head.after.first_timestamp == expected->second.first_timestamp);
      RC_ASSERT(head.after.last_timestamp == expected->second.last_timestamp);
      heads_[head.aggregate_id] = head.after;
      after.erase(expected);
    }
  }

  Version VersionOf(const Uuid& id) const {
    const auto head = heads_.find(id);
    return head == heads_.end() ? 0 : head->second.version;
  }

 private:
  std::int64_t xid_ = 10;
  Heads heads_;
  std::map<Uuid, std::vector<AppendedEvent>> streams_;
  std::map<Uuid, StoredRow> by_id_;
};

// Requests that often fit the store, often nearly, and sometimes use an id again.
class RequestMaker {
 public:
  std::unique_ptr<AppendBatch> Make(const ModelStore& store) {
    auto batch = std::make_unique<AppendBatch>();
    std::set<std::uint64_t> ids_here;
    for (int appends = *rc::gen::inRange(1, 4); appends > 0; --appends) {
      Append& append = batch->appends.emplace_back();
      append.aggregate_id = Aggregate();
      append.check = Check(store.VersionOf(append.aggregate_id));
      for (int events = *rc::gen::inRange(1, 4); events > 0; --events) {
        std::uint64_t id = 100 + next_id_;
        if (*rc::gen::inRange(0, 12) == 0) id = 100 + *rc::gen::inRange<std::uint64_t>(0, next_id_ + 1);
        // A request names an id once: validation sees to that.
        if (!ids_here.insert(id).second) continue;
        if (id == 100 + next_id_) ++next_id_;
        NewEvent& event = append.events.emplace_back();
        event.id = TestId(id);
        event.event_type = *rc::gen::element<std::string>("a", "b");
      }
      if (append.events.empty()) batch->appends.pop_back();
    }
    for (int checks = *rc::gen::inRange(0, 3); checks > 0; --checks) {
      const Uuid id = Aggregate();
      const Version version = store.VersionOf(id);
      batch->checks.push_back({id, version > 0
                                       ? *rc::gen::element(VersionCheck::Existing(), VersionCheck::Exact(version))
                                       : VersionCheck::Exact(*rc::gen::element(0, 0, 0, 1))});
    }
    return batch;
  }

 private:
  static Uuid Aggregate() { return TestId(*rc::gen::inRange<std::uint64_t>(1, 4)); }

  static VersionCheck Check(Version version) {
    const Version near = std::max(0, version + *rc::gen::element(0, 0, 0, 1, 2, -1));
    return *rc::gen::element(VersionCheck::Any(), VersionCheck::Existing(), VersionCheck::Exact(near),
                             VersionCheck::Exact(near));
  }

  std::uint64_t next_id_ = 0;
};

// Versions and times; positions differ when requests come one by one.
bool SameButForPositions(const AppendBatchResult& a, const AppendBatchResult& b) {
  return std::ranges::equal(a, b, [](const AppendResult& x, const AppendResult& y) {
    return x.aggregate_id == y.aggregate_id && x.version == y.version &&
           std::ranges::equal(x.events, y.events, [](const AppendedEvent& e, const AppendedEvent& f) {
             return e.id == f.id && e.version == f.version && e.timestamp == f.timestamp;
           });
  });
}

void CheckVerdicts(const std::vector<const AppendBatch*>& requests, const AppendPlan& plan) {
  RC_ASSERT(plan.verdicts.size() == requests.size());
  std::size_t row = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Verdict& verdict = plan.verdicts[i];
    if (verdict.kind == Verdict::Kind::kRejected) {
      const bool conflict = verdict.error.reason == Reason::kVersionConflict;
      RC_ASSERT(conflict || verdict.error.reason == Reason::kEventIdConflict);
      RC_ASSERT(conflict == !verdict.error.conflicts.empty());
    }
    if (verdict.kind == Verdict::Kind::kRejected || verdict.kind == Verdict::Kind::kDeferred) {
      RC_ASSERT(verdict.result.empty());
      continue;
    }
    RC_ASSERT(verdict.result.size() == requests[i]->appends.size());
    for (std::size_t k = 0; k < verdict.result.size(); ++k) {
      const AppendResult& result = verdict.result[k];
      RC_ASSERT(result.aggregate_id == requests[i]->appends[k].aggregate_id);
      RC_ASSERT(result.events.size() == requests[i]->appends[k].events.size());
      RC_ASSERT(result.version == result.events.back().version);
      if (verdict.kind != Verdict::Kind::kAccepted) continue;
      // The rows are the answers, in the same order and nothing between them.
      for (const AppendedEvent& event : result.events) RC_ASSERT(plan.rows.at(row++).recorded == event);
    }
  }
  RC_ASSERT(row == plan.rows.size());
}

RC_GTEST_PROP(DecideProperty, KeepsTheInvariantsWhateverIsAsked, ()) {
  ModelStore store;
  RequestMaker maker;
  std::vector<std::unique_ptr<AppendBatch>> asked;
  std::vector<std::pair<const AppendBatch*, AppendBatchResult>> accepted;
  TimeMicros now = 1'000;

  for (int calls = *rc::gen::inRange(1, 8); calls > 0; --calls) {
    std::vector<const AppendBatch*> requests;
    for (int left = *rc::gen::inRange(1, 6); left > 0; --left) {
      if (!asked.empty() && *rc::gen::inRange(0, 5) == 0) {
        requests.push_back(asked[*rc::gen::inRange<std::size_t>(0, asked.size())].get());
        // One object may not stand twice in a call, as a retry is another object.
        asked.push_back(std::make_unique<AppendBatch>(*requests.back()));
        requests.back() = asked.back().get();
      } else {
        auto batch = maker.Make(store);
        if (batch->appends.empty()) continue;
        requests.push_back(batch.get());
        asked.push_back(std::move(batch));
      }
    }
    // The clock may step back between calls.
    now += *rc::gen::inRange(-500, 1'000);

    ModelStore one_by_one = store;
    // What is deferred is decided in the next batch, before anything else.
    std::map<const AppendBatch*, Verdict> verdicts;
    for (auto left = requests; !left.empty();) {
      const AppendPlan plan = store.Decided(left, now);
      CheckVerdicts(left, plan);
      store.Apply(plan);
      std::vector<const AppendBatch*> deferred;
      for (std::size_t i = 0; i < left.size(); ++i) {
        if (plan.verdicts[i].kind == Verdict::Kind::kDeferred) {
          deferred.push_back(left[i]);
        } else {
          verdicts[left[i]] = plan.verdicts[i];
        }
      }
      RC_ASSERT(deferred.size() < left.size());
      left = deferred;
    }

    for (const AppendBatch* request : requests) {
      const Verdict& together = verdicts.at(request);
      const AppendPlan alone = one_by_one.Decided({request}, now);
      one_by_one.Apply(alone);
      const Verdict& single = alone.verdicts.at(0);
      RC_ASSERT(single.kind == together.kind);
      RC_ASSERT(single.error.message == together.error.message);
      RC_ASSERT(SameButForPositions(single.result, together.result));
      if (together.kind == Verdict::Kind::kAccepted) accepted.emplace_back(request, together.result);
    }
  }

  // At any later time, each accepted request can be repeated: same answer, nothing written.
  for (const auto& [request, result] : accepted) {
    const AppendBatch again = *request;
    const AppendPlan plan = store.Decided({&again}, now);
    RC_ASSERT(plan.verdicts.at(0).kind == Verdict::Kind::kReplayed);
    RC_ASSERT(plan.rows.empty());
    RC_ASSERT(plan.heads.empty());
    RC_ASSERT(SameButForPositions(plan.verdicts[0].result, result));
    for (std::size_t i = 0; i < result.size(); ++i) RC_ASSERT(plan.verdicts[0].result[i].events == result[i].events);
  }
}

}  // namespace
}  // namespace eventstore::domain
