// A group at work on the real tables: what becomes of its consumers when the store goes back to an earlier state.
#include "server/subscriptions/group_runtime.h"

#include <memory>

#include "gmock/gmock.h"
#include "server/storage/group_store.h"
#include "tests/integration/store/batches.h"
#include "tests/integration/store/eventually.h"
#include "tests/integration/store/instance.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {
namespace {

using domain::VersionCheck;
using subscriptions::GroupRuntime;
using subscriptions::Portion;

class NobodyToWake final : public subscriptions::ConsumerPort {
 public:
  void OnWork() override {}
};

class GroupRuntimeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    domain::NewGroup group;
    group.name = "group";
    group.buckets = 2;
    group.settings.max_deliveries = 5;
    group.settings.ack_timeout = group.settings.retry_pause = std::chrono::minutes(1);
    group.start.kind = domain::SubscriptionStart::Kind::kBeginning;
    ASSERT_THAT(storage::CreateGroup(session_, chunks_, group), IsOk());
    ASSERT_TRUE(tail_.Listen(runtime_));
  }

  void Join(std::uint64_t member) { runtime_->Join(Id(member), {"group", "consumer", 10, 10}, port_); }

  // The next delivery; a call that is over ends the waiting.
  Portion Take(std::uint64_t member) {
    Portion portion;
    EXPECT_TRUE(Eventually([&] {
      runtime_->Turn(session_);
      runtime_->OnTime();
      portion = runtime_->Take(Id(member));
      return portion.end || !portion.batch.deliveries.empty();
    }));
    return portion;
  }

  TestDatabase database_;
  Instance instance_{database_.conninfo()};
  storage::Session session_{database_.conninfo(), "groups"};
  storage::ChunkCatalog chunks_;
  storage::ReadExecutor readers_{database_.conninfo(), 1, 16, instance_.clock()};
  subscriptions::Tail tail_{{}, database_.conninfo(), chunks_, instance_.clock()};
  const std::shared_ptr<NobodyToWake> port_ = std::make_shared<NobodyToWake>();
  const std::shared_ptr<GroupRuntime> runtime_ = std::make_shared<GroupRuntime>(
      "group", subscriptions::GroupParts{tail_, readers_, chunks_, instance_.clock(), "here", [] {}});
};

TEST_F(GroupRuntimeTest, AStoreThatWentBackEndsCallsSoThatTheyAreMadeAgain) {
  ASSERT_THAT(instance_.Append(One(AggregateIn(0), VersionCheck::Any(), {Event(10)})), IsOk());
  Join(1);
  const Portion first = Take(1);
  ASSERT_EQ(first.batch.deliveries.size(), 1U);
  // Answered, and not yet written: it may be about an event that is gone.
  const std::int64_t answered = first.batch.deliveries.front().id;
  runtime_->Ack(Id(1), std::span(&answered, 1));
  // What the tail says to subscribers is not for consumers: they have no position that could be ahead.
  runtime_->OnStoreLost(domain::ErrorOf(domain::Reason::kPositionAhead, "ahead"));
  const Portion ended = runtime_->Take(Id(1));
  ASSERT_TRUE(ended.end);
  EXPECT_THAT(*ended.end, HasReason(domain::Reason::kDatabaseUnavailable));
  EXPECT_THAT(*ended.end, HasMessage(::testing::HasSubstr("join again")));

  // The place is that of the database, where the answer has not come.
  runtime_->Drop(Id(1), true);
  Join(2);
  const Portion again = Take(2);
  ASSERT_FALSE(again.end) << *again.end;
  EXPECT_EQ(again.batch.deliveries.front().event->id, Id(10));
}

}  // namespace
}  // namespace eventstore::testing
