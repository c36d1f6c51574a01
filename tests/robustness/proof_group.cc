#include "tests/robustness/proof_group.h"

#include <cstdio>
#include <utility>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "tests/integration/store/eventually.h"
#include "tests/robustness/deliveries.h"
#include "tests/support/status_matchers.h"

namespace eventstore::testing {
namespace {

constexpr int kEventsOfALife = 150;

}  // namespace

ProofGroup::ProofGroup(ProofSite& site, std::string name, const v1::EventFilter& filter, Versions versions,
                       int consumers)
    : groups_(site.Store(0)), name_(std::move(name)), record_(versions) {
  *request_.mutable_filter() = filter;
  v1::CreateConsumerGroupRequest create;
  create.set_name(name_);
  create.set_buckets(8);
  *create.mutable_settings()->mutable_filter() = filter;
  create.mutable_settings()->set_max_deliveries(1'000);  // who is killed counts as failed; nothing is to be parked
  create.mutable_from_beginning();
  EXPECT_THAT(groups_.Create(create), IsOk());
  for (int i = 0; i < consumers; ++i) {
    workers_.push_back(std::make_unique<GroupWorker>(
        site.Store(i % 2),
        client::GroupConsumerOptions{.group = name_, .consumer_name = fmt::format("{}", i), .max_in_flight = 20},
        [this] { return NextLife(); }));
  }
}

GroupWorker::Life ProofGroup::NextLife() {
  return [this, settled = record_.settled()](client::GroupConsumer& consumer) mutable {
    for (int taken = 0; taken < kEventsOfALife; ++taken) {
      const auto delivery = consumer.Next();
      if (!delivery) return;
      if (!delivery->ok()) return record_.Break(delivery->status());
      if (!record_.Take(**delivery, settled).ok()) return;
      consumer.Ack(**delivery);
    }
  };
}

void ProofGroup::Check(const std::vector<v1::RecordedEvent>& events) {
  const std::vector<Stored> stored = Matching(events, request_);
  EXPECT_TRUE(Eventually([&] { return record_.count() >= stored.size() || !record_.broken().ok(); }, kProofPatience))
      << "group " << name_ << ": " << record_.count() << " of " << stored.size();
  // Everything was answered, and nothing is parked.
  EXPECT_TRUE(Eventually(
      [&] {
        const auto group = groups_.Get(name_);
        return group.ok() && group->lag_events() == 0 && group->parked_events() == 0;
      },
      kProofPatience))
      << "group " << name_;
  int lives = 0;
  for (auto& worker : workers_) {
    worker->Stop();
    lives += worker->lives();
  }
  EXPECT_THAT(record_.CheckAgainst(stored), IsOk()) << "group " << name_;
  EXPECT_GT(lives, static_cast<int>(workers_.size())) << "group " << name_;
  std::printf("group %s: %zu events, %zu deliveries again, %d consumers\n", name_.c_str(), record_.count(),
              record_.repeats(), lives);
}

}  // namespace eventstore::testing
