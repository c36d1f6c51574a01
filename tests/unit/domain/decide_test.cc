#include "server/domain/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "server/domain/position.h"
#include "tests/unit/domain/domain_fakes.h"

namespace eventstore::domain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Version kLast = std::numeric_limits<Version>::max();
constexpr Stamp kStamp{.now = 1'000, .xid = 50, .xid_offset = 7};

// Every event gets an id of its own, counted up from `first_id`.
Append MakeAppend(std::uint64_t aggregate, VersionCheck check, std::size_t events, std::uint64_t first_id) {
  Append append{TestId(aggregate), "entity", check, {}};
  for (std::size_t i = 0; i < events; ++i) {
    NewEvent& event = append.events.emplace_back();
    event.id = TestId(first_id + i);
    event.event_type = "t";
  }
  return append;
}

AppendBatch Single(Append append) { return {.single = true, .appends = {std::move(append)}, .checks = {}}; }

Heads At(std::uint64_t aggregate, Version version, TimeMicros first = 10, TimeMicros last = 20) {
  return {{TestId(aggregate), AggregateHead{version, first, last}}};
}

AppendPlan DecideAll(const std::vector<AppendBatch>& requests, const Heads& heads, const StoredEvents& stored = {},
                     const Stamp& stamp = kStamp) {
  std::vector<const AppendBatch*> pointers;
  for (const AppendBatch& request : requests) pointers.push_back(&request);
  return Decide(pointers, heads, stored, stamp);
}

// As if `append` had been accepted at version `before`.
void StoreAll(const Append& append, Version before, StoredEvents& stored) {
  for (const NewEvent& event : append.events) {
    const Version version = ++before;
    stored[&event] = {append.aggregate_id, {event.id, version, 5, MakePosition(1, 0, version)}, true};
  }
}

TEST(Decide, FirstAppendMakesTheAggregate) {
  const std::vector<AppendBatch> requests = {Single(MakeAppend(1, VersionCheck::Exact(0), 2, 100))};
  const AppendPlan plan = DecideAll(requests, {});
  ASSERT_EQ(plan.verdicts.size(), 1U);
  EXPECT_EQ(plan.verdicts[0].kind, Verdict::Kind::kAccepted);
  ASSERT_EQ(plan.verdicts[0].result.size(), 1U);
  const AppendResult& result = plan.verdicts[0].result[0];
  EXPECT_EQ(result.aggregate_id, TestId(1));
  EXPECT_EQ(result.version, 2);
  EXPECT_THAT(result.events, ElementsAre(AppendedEvent{TestId(100), 1, 1'000, MakePosition(50, 7, 0)},
                                         AppendedEvent{TestId(101), 2, 1'000, MakePosition(50, 7, 1)}));

  ASSERT_EQ(plan.rows.size(), 2U);
  EXPECT_EQ(plan.rows[1].append, requests[0].appends.data());
  EXPECT_EQ(plan.rows[1].event, &requests[0].appends[0].events[1]);
  EXPECT_EQ(plan.rows[1].recorded, result.events[1]);
  ASSERT_EQ(plan.heads.size(), 1U);
  EXPECT_EQ(plan.heads[0].aggregate_id, TestId(1));
  EXPECT_EQ(plan.heads[0].before.version, 0);
  EXPECT_EQ(plan.heads[0].after.version, 2);
  EXPECT_EQ(plan.heads[0].after.first_timestamp, 1'000);
  EXPECT_EQ(plan.heads[0].after.last_timestamp, 1'000);
}

TEST(Decide, AHeadOfVersionZeroIsNoAggregate) {
  const auto plan = DecideAll({Single(MakeAppend(1, VersionCheck::Exact(0), 1, 100))}, At(1, 0, 0, 0));
  EXPECT_EQ(plan.verdicts[0].kind, Verdict::Kind::kAccepted);
  EXPECT_EQ(plan.heads.at(0).after.first_timestamp, 1'000);
  EXPECT_EQ(DecideAll({Single(MakeAppend(1, VersionCheck::Existing(), 1, 100))}, At(1, 0, 0, 0)).verdicts[0].kind,
            Verdict::Kind::kRejected);
}

TEST(Decide, TimeNeverRunsBackWithinAnAggregate) {
  const auto plan = DecideAll(
      {Single(MakeAppend(1, VersionCheck::Exact(3), 1, 100)), Single(MakeAppend(2, VersionCheck::Exact(0), 1, 101))},
      At(1, 3, 10, 5'000));
  EXPECT_EQ(plan.rows.at(0).recorded.timestamp, 5'000);
  EXPECT_EQ(plan.heads.at(0).after.first_timestamp, 10);
  EXPECT_EQ(plan.heads.at(0).after.last_timestamp, 5'000);
  EXPECT_EQ(plan.rows.at(1).recorded.timestamp, 1'000) << "another aggregate keeps its own time";
}

TEST(Decide, AnyAndExistingFollowTheHead) {
  const auto plan = DecideAll(
      {Single(MakeAppend(1, VersionCheck::Any(), 1, 100)), Single(MakeAppend(1, VersionCheck::Existing(), 1, 101)),
       Single(MakeAppend(2, VersionCheck::Any(), 1, 102))},
      At(1, 3));
  EXPECT_EQ(plan.verdicts.at(0).result.at(0).version, 4);
  EXPECT_EQ(plan.verdicts.at(1).result.at(0).version, 5);
  EXPECT_EQ(plan.verdicts.at(2).result.at(0).version, 1);
}

TEST(Decide, ConflictTellsWhatWasExpectedAndWhatIs) {
  const auto plan = DecideAll({Single(MakeAppend(1, VersionCheck::Exact(2), 1, 100))}, At(1, 3));
  EXPECT_THAT(plan.rows, IsEmpty());
  EXPECT_THAT(plan.heads, IsEmpty());
  const Verdict& verdict = plan.verdicts.at(0);
  EXPECT_EQ(verdict.kind, Verdict::Kind::kRejected);
  EXPECT_THAT(verdict.result, IsEmpty());
  EXPECT_EQ(verdict.error.reason, Reason::kVersionConflict);
  EXPECT_EQ(MetadataOf(verdict.error, "aggregate_id"), TestIdText(1));
  EXPECT_EQ(MetadataOf(verdict.error, "expected_version"), "2");
  EXPECT_EQ(MetadataOf(verdict.error, "actual_version"), "3");
  EXPECT_THAT(verdict.error.conflicts, ElementsAre(Conflict{"", TestId(1), "2", 3}));
  EXPECT_THAT(verdict.error.message, HasSubstr("at version 3, expected 2"));
}

TEST(Decide, ConflictNamesEveryAppendAndCheckThatFails) {
  AppendBatch batch;
  batch.appends = {MakeAppend(1, VersionCheck::Exact(3), 1, 100), MakeAppend(2, VersionCheck::Existing(), 1, 101),
                   MakeAppend(3, VersionCheck::Exact(9), 1, 102)};
  batch.checks = {
      {TestId(4), VersionCheck::Exact(0)}, {TestId(1), VersionCheck::Exact(1)}, {TestId(5), VersionCheck::Existing()}};
  const auto plan = DecideAll({batch}, At(1, 3));
  EXPECT_THAT(plan.verdicts.at(0).error.conflicts,
              ::testing::UnorderedElementsAre(
                  Conflict{"appends[1]", TestId(2), "existing", 0}, Conflict{"appends[2]", TestId(3), "9", 0},
                  Conflict{"checks[1]", TestId(1), "1", 3}, Conflict{"checks[2]", TestId(5), "existing", 0}));
  EXPECT_THAT(plan.rows, IsEmpty());
}

TEST(Decide, AConflictLeavesItsNeighboursAlone) {
  const auto plan = DecideAll(
      {Single(MakeAppend(1, VersionCheck::Exact(0), 1, 100)), Single(MakeAppend(1, VersionCheck::Exact(0), 1, 101)),
       Single(MakeAppend(1, VersionCheck::Exact(1), 1, 102))},
      {});
  EXPECT_EQ(plan.verdicts.at(0).kind, Verdict::Kind::kAccepted);
  EXPECT_EQ(plan.verdicts.at(1).kind, Verdict::Kind::kRejected);
  EXPECT_THAT(plan.verdicts.at(1).error.conflicts, ElementsAre(Conflict{"", TestId(1), "0", 1}));
  EXPECT_EQ(plan.verdicts.at(2).kind, Verdict::Kind::kAccepted);
  EXPECT_EQ(plan.verdicts.at(2).result.at(0).version, 2);
  EXPECT_EQ(plan.rows.size(), 2U);
  EXPECT_EQ(plan.heads.size(), 1U);
}

TEST(Decide, ABatchIsWrittenWholeOrNotAtAll) {
  AppendBatch batch;
  batch.appends = {MakeAppend(1, VersionCheck::Exact(0), 3, 100), MakeAppend(2, VersionCheck::Exact(1), 1, 110)};
  const auto plan = DecideAll({batch, Single(MakeAppend(1, VersionCheck::Exact(0), 1, 120))}, {});
  EXPECT_EQ(plan.verdicts.at(0).kind, Verdict::Kind::kRejected);
  EXPECT_EQ(plan.verdicts.at(1).kind, Verdict::Kind::kAccepted) << "the refused batch left no trace on aggregate 1";
  EXPECT_EQ(plan.rows.size(), 1U);
}

TEST(Decide, VersionsChainWithinABatch) {
  AppendBatch batch;
  batch.appends = {MakeAppend(1, VersionCheck::Exact(0), 2, 100), MakeAppend(2, VersionCheck::Any(), 1, 110),
                   MakeAppend(1, VersionCheck::Exact(2), 1, 120), MakeAppend(1, VersionCheck::Existing(), 1, 130)};
  // Judged before the appends of its own request.
  batch.checks = {{TestId(1), VersionCheck::Exact(0)}};
  const auto plan = DecideAll({batch}, {});
  ASSERT_EQ(plan.verdicts.at(0).kind, Verdict::Kind::kAccepted);
  EXPECT_EQ(plan.verdicts[0].result.at(0).version, 2);
  EXPECT_EQ(plan.verdicts[0].result.at(2).version, 3);
  EXPECT_EQ(plan.verdicts[0].result.at(3).version, 4);
  EXPECT_EQ(plan.heads.size(), 2U);
}

TEST(Decide, ChecksSeeWhatEarlierRequestsLeave) {
  AppendBatch batch;
  batch.appends = {MakeAppend(2, VersionCheck::Any(), 1, 200)};
  batch.checks = {{TestId(1), VersionCheck::Exact(1)}};
  EXPECT_EQ(DecideAll({Single(MakeAppend(1, VersionCheck::Exact(0), 1, 100)), batch}, {}).verdicts.at(1).kind,
            Verdict::Kind::kAccepted);
  EXPECT_EQ(DecideAll({batch}, {}).verdicts.at(0).kind, Verdict::Kind::kRejected);
}

TEST(Decide, TheLastVersionCanBeReachedAndNotPassed) {
  const auto full = DecideAll({Single(MakeAppend(1, VersionCheck::Exact(kLast - 1), 1, 100)),
                               Single(MakeAppend(1, VersionCheck::Any(), 1, 101))},
                              At(1, kLast - 1));
  EXPECT_EQ(full.verdicts.at(0).result.at(0).version, kLast);
  EXPECT_EQ(full.verdicts.at(1).kind, Verdict::Kind::kRejected);
  EXPECT_EQ(full.verdicts.at(1).error.reason, Reason::kVersionExhausted);
  EXPECT_EQ(MetadataOf(full.verdicts.at(1).error, "aggregate_id"), TestIdText(1));

  AppendBatch batch;
  batch.appends = {MakeAppend(2, VersionCheck::Any(), 1, 100), MakeAppend(1, VersionCheck::Any(), 1, 110),
                   MakeAppend(1, VersionCheck::Any(), 1, 120)};
  const auto chained = DecideAll({batch}, At(1, kLast - 1));
  EXPECT_EQ(chained.verdicts.at(0).error.reason, Reason::kVersionExhausted);
  EXPECT_THAT(chained.rows, IsEmpty());
}

TEST(Decide, RepeatGetsTheFirstResult) {
  const std::vector<AppendBatch> requests = {Single(MakeAppend(1, VersionCheck::Exact(3), 2, 100))};
  StoredEvents stored;
  StoreAll(requests[0].appends[0], 3, stored);
  const auto plan = DecideAll(requests, At(1, 9), stored);
  EXPECT_EQ(plan.verdicts.at(0).kind, Verdict::Kind::kReplayed);
  EXPECT_EQ(plan.verdicts[0].result.at(0).version, 5);
  EXPECT_THAT(plan.verdicts[0].result.at(0).events,
              ElementsAre(AppendedEvent{TestId(100), 4, 5, MakePosition(1, 0, 4)},
                          AppendedEvent{TestId(101), 5, 5, MakePosition(1, 0, 5)}));
  EXPECT_THAT(plan.rows, IsEmpty());
  EXPECT_THAT(plan.heads, IsEmpty());
}

// A request whose ids are stored, and one thing about them that makes it no repeat.
Error RefusedRepeat(const std::function<void(const Append&, StoredEvents&)>& spoil) {
  AppendBatch batch;
  batch.appends = {MakeAppend(2, VersionCheck::Any(), 1, 90), MakeAppend(1, VersionCheck::Exact(3), 3, 100)};
  const std::vector<AppendBatch> requests = {batch};
  StoredEvents stored;
  StoreAll(requests[0].appends[0], 0, stored);
  StoreAll(requests[0].appends[1], 3, stored);
  EXPECT_EQ(DecideAll(requests, At(1, 9), stored).verdicts.at(0).kind, Verdict::Kind::kReplayed);
  spoil(requests[0].appends[1], stored);
  const auto plan = DecideAll(requests, At(1, 9), stored);
  EXPECT_EQ(plan.verdicts.at(0).kind, Verdict::Kind::kRejected);
  EXPECT_EQ(plan.verdicts.at(0).error.reason, Reason::kEventIdConflict);
  EXPECT_THAT(plan.rows, IsEmpty());
  return plan.verdicts.at(0).error;
}

TEST(Decide, AnIdCannotBeUsedAgainForSomethingElse) {
  const Error content = RefusedRepeat([](const Append& a, StoredEvents& s) { s[&a.events[1]].same_content = false; });
  EXPECT_EQ(content.violations.at(0).field, "appends[1].events[1].id");
  EXPECT_EQ(MetadataOf(content, "event_id"), TestIdText(101));
  EXPECT_EQ(MetadataOf(content, "aggregate_id"), TestIdText(1));
  EXPECT_THAT(content.message, HasSubstr("other content"));

  const Error aggregate =
      RefusedRepeat([](const Append& a, StoredEvents& s) { s[&a.events[2]].aggregate_id = TestId(77); });
  EXPECT_EQ(aggregate.violations.at(0).field, "appends[1].events[2].id");
  EXPECT_THAT(aggregate.message, HasSubstr(TestIdText(77)));

  const Error half_new = RefusedRepeat([](const Append& a, StoredEvents& s) { s.erase(a.events.data()); });
  EXPECT_EQ(half_new.violations.at(0).field, "appends[1].events[0].id");

  const Error other_place = RefusedRepeat([](const Append& a, StoredEvents& s) {
    for (const NewEvent& event : a.events) ++s[&event].appended.version;
  });
  EXPECT_EQ(other_place.violations.at(0).field, "appends[1].events[0].id");

  RefusedRepeat([](const Append& a, StoredEvents& s) {
    std::swap(s[a.events.data()].appended.version, s[&a.events[1]].appended.version);
  });
}

TEST(Decide, AnIdAcceptedInThisCallDefersTheNextUse) {
  const auto plan = DecideAll(
      {Single(MakeAppend(1, VersionCheck::Exact(0), 2, 100)), Single(MakeAppend(1, VersionCheck::Exact(0), 2, 100)),
       Single(MakeAppend(2, VersionCheck::Any(), 1, 101)), Single(MakeAppend(3, VersionCheck::Exact(0), 1, 300))},
      {});
  EXPECT_EQ(plan.verdicts.at(0).kind, Verdict::Kind::kAccepted);
  EXPECT_EQ(plan.verdicts.at(1).kind, Verdict::Kind::kDeferred);
  EXPECT_EQ(plan.verdicts.at(2).kind, Verdict::Kind::kDeferred);
  EXPECT_EQ(plan.verdicts.at(3).kind, Verdict::Kind::kAccepted) << "what is deferred left no trace";
  EXPECT_EQ(plan.rows.size(), 3U);
}

TEST(Decide, WhatFollowsADeferredRequestWaitsForIt) {
  AppendBatch checking = Single(MakeAppend(3, VersionCheck::Any(), 1, 500));
  checking.checks.push_back({TestId(2), VersionCheck::Existing()});
  const auto plan = DecideAll({Single(MakeAppend(1, VersionCheck::Any(), 1, 100)),
                               Single(MakeAppend(2, VersionCheck::Any(), 2, 100)),  // ids 100 and 101
                               Single(MakeAppend(2, VersionCheck::Any(), 1, 200)),  // on the same aggregate
                               checking,                                            // rests on it
                               Single(MakeAppend(4, VersionCheck::Any(), 1, 101)),  // an id of it
                               Single(MakeAppend(5, VersionCheck::Any(), 1, 300))},
                              {});
  for (const std::size_t i : {1U, 2U, 3U, 4U}) EXPECT_EQ(plan.verdicts.at(i).kind, Verdict::Kind::kDeferred) << i;
  EXPECT_EQ(plan.verdicts.at(5).kind, Verdict::Kind::kAccepted);
  EXPECT_EQ(plan.rows.size(), 2U);
}

// The third came later: it must not bring the second's check to fail.
TEST(Decide, WhatADeferredRequestOnlyLooksAtWaitsForIt) {
  AppendBatch looking = Single(MakeAppend(2, VersionCheck::Any(), 1, 100));
  looking.checks.push_back({TestId(3), VersionCheck::Exact(0)});
  const auto plan = DecideAll(
      {Single(MakeAppend(1, VersionCheck::Any(), 1, 100)), looking, Single(MakeAppend(3, VersionCheck::Any(), 1, 300)),
       Single(MakeAppend(4, VersionCheck::Any(), 1, 400))},
      {});
  EXPECT_EQ(plan.verdicts.at(1).kind, Verdict::Kind::kDeferred);
  EXPECT_EQ(plan.verdicts.at(2).kind, Verdict::Kind::kDeferred);
  EXPECT_EQ(plan.verdicts.at(3).kind, Verdict::Kind::kAccepted);
}

TEST(Decide, AnIdOfARefusedRequestIsFree) {
  const auto plan = DecideAll(
      {Single(MakeAppend(1, VersionCheck::Exact(5), 1, 100)), Single(MakeAppend(1, VersionCheck::Exact(0), 1, 100))},
      {});
  EXPECT_EQ(plan.verdicts.at(0).kind, Verdict::Kind::kRejected);
  EXPECT_EQ(plan.verdicts.at(1).kind, Verdict::Kind::kAccepted);
}

TEST(Decide, NothingToDecideIsNoPlan) {
  const auto plan = DecideAll({}, At(1, 3));
  EXPECT_THAT(plan.verdicts, IsEmpty());
  EXPECT_THAT(plan.heads, IsEmpty());
}

TEST(IsRepeatOf, NeedsConsecutiveVersionsWhereTheCheckHolds) {
  const Append exact = MakeAppend(1, VersionCheck::Exact(3), 2, 100);
  const auto at = [](Version a, Version b) {
    return std::vector<AppendedEvent>{{TestId(100), a, 0, 0}, {TestId(101), b, 0, 0}};
  };
  EXPECT_TRUE(IsRepeatOf(exact, at(4, 5)));
  EXPECT_FALSE(IsRepeatOf(exact, at(3, 4)));
  EXPECT_FALSE(IsRepeatOf(exact, at(4, 6)));
  EXPECT_FALSE(IsRepeatOf(exact, at(5, 4)));
  EXPECT_FALSE(IsRepeatOf(exact, {}));
  EXPECT_FALSE(IsRepeatOf(exact, std::vector<AppendedEvent>{{TestId(100), 4, 0, 0}}));
  EXPECT_FALSE(IsRepeatOf(exact, std::vector<AppendedEvent>{{TestId(101), 4, 0, 0}, {TestId(100), 5, 0, 0}}));
  const Append any = MakeAppend(1, VersionCheck::Any(), 2, 100);
  EXPECT_TRUE(IsRepeatOf(any, at(1, 2)));
  EXPECT_TRUE(IsRepeatOf(any, at(8, 9)));
  const Append existing = MakeAppend(1, VersionCheck::Existing(), 2, 100);
  EXPECT_TRUE(IsRepeatOf(existing, at(2, 3)));
  EXPECT_FALSE(IsRepeatOf(existing, at(1, 2))) << "the aggregate did not exist then";
}

}  // namespace
}  // namespace eventstore::domain
