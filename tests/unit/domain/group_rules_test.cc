// Buckets, who gets which, and what a turn does to them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <ranges>
#include <vector>

#include "server/domain/bucket.h"
#include "server/domain/consumer_group.h"
#include "server/domain/group_assignment.h"
#include "server/domain/group_turn.h"

namespace eventstore::domain {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Uuid Id(int number) {
  Uuid id;
  id.bytes[14] = static_cast<std::uint8_t>(number >> 8);
  id.bytes[15] = static_cast<std::uint8_t>(number);
  return id;
}

TEST(BucketTest, NeverChanges) {
  const auto of = [](const char* text, int buckets) { return BucketOf(*Uuid::Parse(text), buckets); };
  EXPECT_EQ(of("00000000-0000-0000-0000-000000000000", 64), 10);
  EXPECT_EQ(of("00000000-0000-0000-0000-000000000001", 64), 8);
  EXPECT_EQ(of("0192f0c1-2345-7abc-8def-0123456789ab", 64), 12);
  EXPECT_EQ(of("ffffffff-ffff-ffff-ffff-ffffffffffff", 64), 47);
  EXPECT_EQ(of("0192f0c1-2345-7abc-8def-0123456789ab", 1024), 140);
  EXPECT_EQ(of("0192f0c1-2345-7abc-8def-0123456789ab", 1), 0);
}

TEST(BucketTest, FillsAllBucketsEvenlyFromIdsInARow) {
  std::vector<int> filled(64);
  for (int i = 0; i < 64'000; ++i) ++filled[static_cast<std::size_t>(BucketOf(Id(i), 64))];
  EXPECT_GT(*std::ranges::min_element(filled), 800);
  EXPECT_LT(*std::ranges::max_element(filled), 1'200);
}

TEST(GroupSettingsTest, PausesDoubleUpToAMinute) {
  GroupSettings settings;
  settings.retry_pause = std::chrono::milliseconds{500};
  EXPECT_EQ(PauseAfter(settings, 1).count(), 500);
  EXPECT_EQ(PauseAfter(settings, 2).count(), 1'000);
  EXPECT_EQ(PauseAfter(settings, 7).count(), 32'000);
  EXPECT_EQ(PauseAfter(settings, 8).count(), 60'000);
  EXPECT_EQ(PauseAfter(settings, 1'000).count(), 60'000);
}

RC_GTEST_PROP(AssignmentProperty, BalancedStableAndWithFewMoves, ()) {
  const int buckets = *rc::gen::inRange(1, 130);
  std::vector<Uuid> members;
  for (int i = 0, count = *rc::gen::inRange(0, 20); i < count; ++i) members.push_back(Id(i * 3));
  BucketOwners present(static_cast<std::size_t>(buckets));
  for (auto& owner : present) {
    const int who = *rc::gen::inRange(-1, 30);
    if (who >= 0) owner = Id(who);
  }
  const BucketOwners wanted = AssignBuckets(members, present);
  RC_ASSERT(wanted.size() == present.size());
  if (members.empty()) {
    RC_ASSERT(std::ranges::all_of(wanted, [](const auto& owner) { return !owner; }));
    return;
  }
  std::map<Uuid, int> count;
  std::map<Uuid, int> had;
  for (const Uuid& member : members) count[member] = had[member] = 0;
  int moved = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    RC_ASSERT(wanted[i] && count.contains(*wanted[i]));
    ++count[*wanted[i]];
    if (present[i] && had.contains(*present[i])) {
      ++had[*present[i]];
      if (wanted[i] != present[i]) ++moved;
    }
  }
  const auto [least, most] = std::ranges::minmax(count | std::views::values);
  RC_ASSERT(most - least <= 1);
  // What has to move: whatever a member has beyond its share, the larger shares going to those who have most.
  std::vector<int> sizes;
  for (const auto& [id, size] : had) sizes.push_back(size);
  std::ranges::sort(sizes, std::greater<>());
  const int base = buckets / static_cast<int>(members.size());
  const int extra = buckets % static_cast<int>(members.size());
  int needed = 0;
  for (int i = 0; i < static_cast<int>(sizes.size()); ++i)
    needed += std::max(0, sizes[static_cast<std::size_t>(i)] - base - (i < extra ? 1 : 0));
  RC_ASSERT(moved == needed);
  // Whoever asks, in whatever order, and again.
  std::ranges::reverse(members);
  RC_ASSERT(AssignBuckets(members, present) == wanted);
  RC_ASSERT(AssignBuckets(members, wanted) == wanted);
}

class TurnTest : public ::testing::Test {
 protected:
  TurnTest() { input_.buckets.resize(4); }

  void Own(int bucket, int owner, int wanted) {
    input_.buckets[static_cast<std::size_t>(bucket)].owner = Id(owner);
    input_.buckets[static_cast<std::size_t>(bucket)].wanted = Id(wanted);
  }

  TurnInput input_;
};

TEST_F(TurnTest, TheFirstMemberGetsEverything) {
  input_.own = {{Id(1)}};
  const TurnPlan plan = PlanTurn(input_);
  EXPECT_THAT(plan.changed, ElementsAre(0, 1, 2, 3));
  for (const BucketRow& row : plan.buckets) EXPECT_EQ(row, (BucketRow{0, Id(1), Id(1)}));
  input_.buckets = plan.buckets;
  EXPECT_THAT(PlanTurn(input_).changed, IsEmpty());
}

TEST_F(TurnTest, ABucketMovesInTwoSteps) {
  for (int bucket = 0; bucket < 4; ++bucket) Own(bucket, 1, 1);
  input_.members = {{Id(1)}};
  input_.own = {{Id(2)}};
  const TurnPlan first = PlanTurn(input_);
  EXPECT_THAT(first.changed, ElementsAre(2, 3));
  EXPECT_EQ(first.buckets[2], (BucketRow{0, Id(1), Id(2)}));
  TurnInput answer;
  answer.buckets = first.buckets;
  answer.members = {{Id(1)}, {Id(2)}};
  answer.own = {{Id(1)}};
  answer.places = {{2, Id(1), 70, true}};
  const TurnPlan second = PlanTurn(answer);
  EXPECT_THAT(second.changed, ElementsAre(2));
  EXPECT_EQ(second.buckets[2], (BucketRow{70, Id(2), Id(2)}));
  EXPECT_EQ(second.buckets[3], (BucketRow{0, Id(1), Id(2)}));
}

TEST_F(TurnTest, WhoeverLostABucketChangesNothing) {
  Own(0, 2, 2);
  input_.buckets[0].position = 10;
  input_.members = {{Id(1)}, {Id(2)}};
  input_.own = {{Id(1)}};
  input_.places = {{0, Id(1), 50, true}, {9, Id(1), 50, true}};
  const TurnPlan plan = PlanTurn(input_);
  EXPECT_FALSE(plan.fenced[0]);
  EXPECT_EQ(plan.buckets[0].position, 10);
  EXPECT_EQ(plan.buckets[0].owner, Id(2));
}

TEST_F(TurnTest, APlaceNeverMovesBack) {
  Own(0, 1, 1);
  input_.buckets[0].position = 100;
  input_.own = {{Id(1)}};
  input_.places = {{0, Id(1), 50, false}};
  EXPECT_EQ(PlanTurn(input_).buckets[0].position, 100);
}

TEST_F(TurnTest, WhoWasNotSeenIsGoneAndItsBucketsTaken) {
  for (int bucket = 0; bucket < 4; ++bucket) Own(bucket, 1, 1);
  input_.members = {{Id(1), false, false}};
  input_.own = {{Id(2)}};
  const TurnPlan plan = PlanTurn(input_);
  EXPECT_THAT(plan.gone, ElementsAre(Id(1)));
  for (const BucketRow& row : plan.buckets) EXPECT_EQ(row.owner, Id(2));
}

TEST_F(TurnTest, WhoLeftIsGoneOnceItsPlacesAreIn) {
  Own(0, 1, 1);
  input_.members = {{Id(1)}};
  input_.left = {Id(1)};
  input_.places = {{0, Id(1), 30, true}};
  const TurnPlan plan = PlanTurn(input_);
  EXPECT_THAT(plan.gone, ElementsAre(Id(1)));
  EXPECT_TRUE(plan.fenced[0]);
  EXPECT_EQ(plan.buckets[0], (BucketRow{30, std::nullopt, std::nullopt}));
}

TEST_F(TurnTest, ALeavingOneKeepsWhatItHasAndGetsNothing) {
  for (int bucket = 0; bucket < 3; ++bucket) Own(bucket, 1, 1);
  input_.members = {{Id(2)}};
  input_.own = {{Id(1), true}};
  const TurnPlan plan = PlanTurn(input_);
  for (int bucket = 0; bucket < 3; ++bucket) EXPECT_EQ(plan.buckets[static_cast<std::size_t>(bucket)].owner, Id(1));
  for (const BucketRow& row : plan.buckets) EXPECT_EQ(row.wanted, Id(2));
  EXPECT_EQ(plan.buckets[3].owner, Id(2));
}

}  // namespace
}  // namespace eventstore::domain
