// What happens to a request between its call and its transaction: deadlines, limits, lanes, the end of the server.
#include "server/storage/appender.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/storage/append_statements.h"
#include "tests/integration/lane_writer/appender_fixture.h"
#include "tests/support/fake_clock.h"

namespace eventstore::testing {
namespace {

using domain::Reason;
using domain::VersionCheck;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

bool Answered(const std::future<AppendAnswer>& answer) { return answer.wait_for(0s) == std::future_status::ready; }

TEST_F(AppenderTest, ARequestWhoseTimePassedInTheQueueIsNotWritten) {
  FakeClock clock;
  Instance instance(database_.conninfo(), {.clock = &clock});
  HeldLanes lane(database_.conninfo(), {0});
  const auto now = clock.Monotonic();
  auto opener = instance.Start(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)}), now + 10min, nullptr);
  ASSERT_TRUE(lane.AwaitWaiters());
  auto late = instance.Start(One(AggregateIn(0), VersionCheck::Exact(1), {Event(2)}), now + 1s, nullptr);
  auto patient = instance.Start(One(AggregateIn(0), VersionCheck::Exact(1), {Event(3)}), now + 10min, nullptr);
  clock.Advance(2s);
  lane.Release();
  EXPECT_THAT(opener.get(), IsOk());
  EXPECT_THAT(late.get(), HasReason(Reason::kDeadlineExceeded));
  EXPECT_THAT(patient.get(), IsOk());
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 2);
}

TEST_F(AppenderTest, ARequestWhoseTimePassesAtItsLaneIsNotWritten) {
  HeldLanes lane(database_.conninfo(), {0});
  auto answer = instance_.Start(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)}),
                                instance_.clock().Monotonic() + 100ms, nullptr);
  // The lane is never free, so only the deadline can end this.
  EXPECT_THAT(answer.get(), HasReason(Reason::kDeadlineExceeded));
  lane.Release();
  EXPECT_EQ(StoredEvents(), "0");
}

// Stands still, but for the one that asks second: an hour later for him.
class ClockThatJumpsOnce : public domain::Clock {
 public:
  domain::TimeMicros Now() const override { return 0; }
  domain::MonotonicTime Monotonic() const override { return domain::MonotonicTime(asked_++ == 0 ? 0h : 1h); }

 private:
  mutable std::atomic<int> asked_ = 0;
};

TEST_F(AppenderTest, ADeadlineThatPassesBetweenTwoLooksStillHolds) {
  // No time left must not become no limit.
  const ClockThatJumpsOnce clock;
  Instance instance(database_.conninfo(), {.clock = &clock});
  HeldLanes lane(database_.conninfo(), {0});
  auto answer =
      instance.Start(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)}), domain::MonotonicTime(1s), nullptr);
  EXPECT_THAT(answer.get(), HasReason(Reason::kDeadlineExceeded));
  lane.Release();
  EXPECT_EQ(StoredEvents(), "0");
}

TEST_F(AppenderTest, ARequestWhoseCallerHasGoneIsNotWritten) {
  HeldLanes lane(database_.conninfo(), {0});
  auto opener = instance_.Start(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)}));
  ASSERT_TRUE(lane.AwaitWaiters());
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  auto cancelled = instance_.Start(One(AggregateIn(0), VersionCheck::Exact(1), {Event(2)}),
                                   instance_.clock().Monotonic() + 1min, gone);
  auto next = instance_.Start(One(AggregateIn(0), VersionCheck::Exact(1), {Event(3)}));
  *gone = true;
  lane.Release();
  EXPECT_THAT(opener.get(), IsOk());
  EXPECT_THAT(cancelled.get(), HasReason(Reason::kCancelled));
  EXPECT_THAT(next.get(), IsOk());
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 2);
}

// One append whose answer is under way until Release().
class HeldAnswerTest : public AppenderTest {
 protected:
  void AppendHeld() {
    instance_.appender().Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)}),
                                instance_.clock().Monotonic() + 1min, nullptr,
                                [this, released = release_.get_future().share()](AppendAnswer answer) {
                                  released.wait();
                                  answer_.set_value(std::move(answer));
                                });
    EXPECT_TRUE(Eventually([&] { return StoredEvents() == "1"; }));
  }
  void Release() { release_.set_value(); }

  std::future<AppendAnswer> given() { return answer_.get_future(); }

 private:
  std::promise<void> release_;
  std::promise<AppendAnswer> answer_;
};

TEST_F(HeldAnswerTest, HoldsUpNoWriting) {
  AppendHeld();
  auto second = instance_.Start(One(AggregateIn(0), VersionCheck::Exact(1), {Event(2)}));
  EXPECT_TRUE(Eventually([&] { return StoredEvents() == "2"; }));
  EXPECT_FALSE(Answered(second));  // after the first of its lane
  Release();
  EXPECT_THAT(given().get(), IsOk());
  EXPECT_THAT(second.get(), IsOk());
}

TEST_F(HeldAnswerTest, IsWaitedForByDrain) {
  AppendHeld();
  auto drained = std::async(std::launch::async, [&] { instance_.appender().Drain(); });
  EXPECT_EQ(drained.wait_for(200ms), std::future_status::timeout);
  Release();
  drained.get();
  const auto answer = given();
  EXPECT_TRUE(Answered(answer));
}

TEST_F(AppenderTest, AFullQueueRefusesAtOnceAndSaysWhenToComeBack) {
  Instance instance(database_.conninfo(), {.max_queue_per_lane = 3});
  HeldLanes lane(database_.conninfo(), {0});
  std::vector<std::future<AppendAnswer>> fitting;
  fitting.push_back(instance.Start(One(AggregateIn(0), VersionCheck::Any(), {Event(1)})));
  ASSERT_TRUE(lane.AwaitWaiters());
  for (std::uint64_t i = 2; i <= 4; ++i) {
    fitting.push_back(instance.Start(One(AggregateIn(0), VersionCheck::Any(), {Event(i)})));
  }
  EXPECT_EQ(instance.appender().queued(), 3U);
  auto refused = instance.Start(One(AggregateIn(0), VersionCheck::Any(), {Event(5)}));
  ASSERT_TRUE(Answered(refused));
  const AppendAnswer answer = refused.get();
  EXPECT_THAT(answer, HasReason(Reason::kQueueFull));
  EXPECT_GT(domain::FromStatus(answer.status()).retry_after_ms.value_or(0), 0);
  // The other lane is not full.
  EXPECT_THAT(instance.Append(One(AggregateIn(1), VersionCheck::Any(), {Event(6)})), IsOk());
  lane.Release();
  for (auto& one : fitting) EXPECT_THAT(one.get(), IsOk());
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 5);
}

TEST_F(AppenderTest, AQueueIsBoundedInBytesToo) {
  HeldLanes lane(database_.conninfo(), {0});
  const auto huge = [](std::uint64_t id) {
    std::vector<domain::NewEvent> events;
    for (std::uint64_t i = 0; i < 15; ++i) {
      events.push_back(Event(100 * id + i, R"({"text": ")" + std::string(1'000'000, 'x') + "\"}"));
    }
    return One(AggregateIn(0), VersionCheck::Any(), events);
  };
  auto opener = instance_.Start(One(AggregateIn(0), VersionCheck::Any(), {Event(1)}));
  ASSERT_TRUE(lane.AwaitWaiters());
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  std::vector<std::future<AppendAnswer>> waiting;
  // 15 MB each: four fit below 64 MiB.
  for (std::uint64_t i = 1; i <= 5; ++i) {
    waiting.push_back(instance_.Start(huge(i), instance_.clock().Monotonic() + 1min, gone));
  }
  EXPECT_FALSE(Answered(waiting[3]));
  ASSERT_TRUE(Answered(waiting[4]));
  EXPECT_THAT(waiting[4].get(), HasReason(Reason::kQueueFull));
  *gone = true;  // writing them would only take time
  lane.Release();
  EXPECT_THAT(opener.get(), IsOk());
  for (std::size_t i = 0; i < 4; ++i) EXPECT_THAT(waiting[i].get(), HasReason(Reason::kCancelled));
  // What has left the queue has made room.
  EXPECT_THAT(instance_.Append(huge(9)), IsOk());
}

TEST_F(AppenderTest, AVersionThatIsUsedUpIsSaidAndNotWrapped) {
  const auto aggregate = AggregateIn(0);
  ASSERT_THAT(instance_.Append(One(aggregate, VersionCheck::Exact(0), {Event(1)})), IsOk());
  // As if 2147483646 events had been written and the oldest dropped.
  database_.Execute("UPDATE aggregate_heads SET version = 2147483646");
  EXPECT_THAT(instance_.Append(One(aggregate, VersionCheck::Any(), {Event(2), Event(3)})),
              AllOf(HasReason(Reason::kVersionExhausted), HasMessage(HasSubstr("2147483646"))));
  EXPECT_THAT(instance_.Append(One(aggregate, VersionCheck::Exact(2'147'483'646), {Event(2)})), IsOk());
  EXPECT_THAT(instance_.Append(One(aggregate, VersionCheck::Any(), {Event(3)})), HasReason(Reason::kVersionExhausted));
  EXPECT_EQ(StoredEvents(), "2");
}

// One event and several are written by statements of their own.
class HeadsBehindTheLaneTest : public AppenderTest, public ::testing::WithParamInterface<int> {
 protected:
  static std::vector<domain::NewEvent> Events() {
    std::vector<domain::NewEvent> events;
    for (int i = 0; i < GetParam(); ++i) events.push_back(Event(10 + i));
    return events;
  }
};
INSTANTIATE_TEST_SUITE_P(Events, HeadsBehindTheLaneTest, ::testing::Values(1, 2));

TEST_P(HeadsBehindTheLaneTest, AHeadChangedBehindTheLaneIsNoticed) {
  const auto aggregate = AggregateIn(0);
  ASSERT_THAT(instance_.Append(One(aggregate, VersionCheck::Exact(0), {Event(1)})), IsOk());
  storage::Session vandal(database_.conninfo(), "vandal");
  ASSERT_THAT(vandal.RunScript("BEGIN; UPDATE aggregate_heads SET version = version + 1"), IsOk());
  auto answer = instance_.Start(One(aggregate, VersionCheck::Exact(1), Events()));
  // It has read version 1 and waits for the row.
  ASSERT_TRUE(Eventually([&] { return Ask("SELECT count(*) FROM pg_locks WHERE NOT granted") == "1"; }));
  ASSERT_THAT(vandal.RunScript("COMMIT"), IsOk());
  EXPECT_THAT(answer.get(), AllOf(HasReason(Reason::kInternal), HasMessage(HasSubstr("head changed"))));
  EXPECT_EQ(StoredEvents(), "1");
}

TEST_P(HeadsBehindTheLaneTest, AHeadCreatedBehindTheLaneIsNoticed) {
  const auto aggregate = AggregateIn(0);
  storage::Session vandal(database_.conninfo(), "vandal");
  ASSERT_THAT(vandal.RunText("SELECT set_config('v.id', $1, false)", {aggregate.ToString()}), IsOk());
  ASSERT_THAT(vandal.RunScript("BEGIN; INSERT INTO aggregate_heads "
                               "VALUES (current_setting('v.id')::uuid, 7, now(), now())"),
              IsOk());
  auto answer = instance_.Start(One(aggregate, VersionCheck::Exact(0), Events()));
  ASSERT_TRUE(Eventually([&] { return Ask("SELECT count(*) FROM pg_locks WHERE NOT granted") == "1"; }));
  ASSERT_THAT(vandal.RunScript("COMMIT"), IsOk());
  EXPECT_THAT(answer.get(), HasReason(Reason::kInternal));
  EXPECT_EQ(StoredEvents(), "0");
}

TEST_F(AppenderTest, OneEventIsWrittenAsSeveralAre) {
  int number = 0;
  const auto full = [&] {
    auto event = Event(++number);
    event.user_id = "somebody";
    event.data = R"({"a": [1, "\u00e9"]})";
    event.metadata = R"({"b": null})";
    event.causation_id = AggregateIn(1);
    event.correlation_id = AggregateIn(0);
    event.source = "migration";
    return event;
  };
  const auto bare = [&] {
    auto event = Event(++number);
    event.user_id = "";
    event.causation_id = event.correlation_id = std::nullopt;
    return event;
  };
  const std::vector<std::pair<std::string, std::function<domain::NewEvent()>>> kinds{{"IS NOT NULL", full},
                                                                                     {"IS NULL", bare}};
  for (const auto& [user, make] : kinds) {
    const auto one = AggregateIn(0, number);
    const auto two = AggregateIn(1, number);
    ASSERT_THAT(instance_.Append(One(one, VersionCheck::Exact(0), {make()})), IsOk());
    ASSERT_THAT(instance_.Append(One(one, VersionCheck::Exact(1), {make()})), IsOk());
    ASSERT_THAT(instance_.Append(One(two, VersionCheck::Exact(0), {make(), make()})), IsOk());
    EXPECT_EQ(Ask("SELECT count(*) || ' ' || count(DISTINCT (aggregate_type, event_type, user_id, data, metadata, "
                  "causation_id, correlation_id, source)) || ' ' || count(DISTINCT id) FROM events_v2 WHERE user_id " +
                  user),
              "4 1 4");
    EXPECT_EQ(Ask("SELECT count(*) FROM aggregate_heads h JOIN (SELECT aggregate_id, max(version) v, min(timestamp) f, "
                  "max(timestamp) l, count(*) n FROM events_v2 WHERE user_id " +
                  user +
                  " GROUP BY 1) e ON e.aggregate_id = h.aggregate_id "
                  "AND (e.v, e.n, e.f, e.l) = (h.version, 2, h.first_timestamp, h.last_timestamp)"),
              "2");
  }
}

TEST_F(AppenderTest, AnAppendOverSeveralLanesHoldsThemAll) {
  HeldLanes other(database_.conninfo(), {1});
  auto both = instance_.Start(Several({AppendOf(AggregateIn(0), VersionCheck::Exact(0), {Event(1)}),
                                       AppendOf(AggregateIn(1), VersionCheck::Exact(0), {Event(2), Event(3)}),
                                       AppendOf(AggregateIn(0), VersionCheck::Exact(1), {Event(4)})}));
  ASSERT_TRUE(other.AwaitWaiters());
  EXPECT_FALSE(Answered(both));
  other.Release();
  const AppendAnswer answer = both.get();
  ASSERT_THAT(answer, IsOk());
  ASSERT_EQ(answer->size(), 3U);
  EXPECT_EQ((*answer)[0].version, 1);
  EXPECT_EQ((*answer)[1].version, 2);
  EXPECT_EQ((*answer)[2].version, 2);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 4);
}

TEST_F(AppenderTest, ACheckedAggregateCannotMoveBeforeTheCommit) {
  HeldLanes other(database_.conninfo(), {1});
  auto answer = instance_.Start(Several({AppendOf(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})},
                                        {{AggregateIn(1), VersionCheck::Exact(0)}}));
  // It writes to lane 0 only, and waits for lane 1 all the same.
  ASSERT_TRUE(other.AwaitWaiters());
  other.Release();
  EXPECT_THAT(answer.get(), IsOk());
  EXPECT_EQ(Ask("SELECT count(*) FROM aggregate_heads"), "1");
}

TEST_F(AppenderTest, AConflictNamesEveryAppendAndCheckThatFailed) {
  ASSERT_THAT(instance_.Append(One(AggregateIn(1), VersionCheck::Exact(0), {Event(1), Event(2)})), IsOk());
  const AppendAnswer answer = instance_.Append(
      Several({AppendOf(AggregateIn(0), VersionCheck::Exact(0), {Event(3)}),
               AppendOf(AggregateIn(1), VersionCheck::Exact(1), {Event(4)}),
               AppendOf(AggregateIn(0), VersionCheck::Exact(5), {Event(5)})},
              {{AggregateIn(1), VersionCheck::Exact(2)}, {AggregateIn(1, 1), VersionCheck::Existing()}}));
  ASSERT_THAT(answer, HasReason(Reason::kVersionConflict));
  EXPECT_THAT(domain::FromStatus(answer.status()).conflicts,
              ElementsAre(domain::Conflict{"checks[1]", AggregateIn(1, 1), "existing", 0},
                          domain::Conflict{"appends[1]", AggregateIn(1), "1", 2},
                          domain::Conflict{"appends[2]", AggregateIn(0), "5", 1}));
  EXPECT_EQ(StoredEvents(), "2");
}

TEST_F(AppenderTest, TwoDecisionsThatRestOnEachOtherNeverBothHold) {
  // Write skew: each appends to one aggregate on condition that the other does not exist.
  Instance second(database_.conninfo());
  for (int round = 0; round < 100; ++round) {
    const auto a = AggregateIn(0, round);
    const auto b = AggregateIn(1, round);
    const auto id = static_cast<std::uint64_t>(round) * 2 + 1;
    auto one =
        instance_.Start(Several({AppendOf(a, VersionCheck::Exact(0), {Event(id)})}, {{b, VersionCheck::Exact(0)}}));
    auto two =
        second.Start(Several({AppendOf(b, VersionCheck::Exact(0), {Event(id + 1)})}, {{a, VersionCheck::Exact(0)}}));
    const AppendAnswer first = one.get();
    const AppendAnswer other = two.get();
    ASSERT_NE(first.ok(), other.ok()) << first.status() << other.status();
    EXPECT_THAT(first.ok() ? other : first, HasReason(Reason::kVersionConflict));
  }
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 100);
}

TEST_F(AppenderTest, DrainingAnswersEverythingAndTakesNothingNew) {
  HeldLanes lanes(database_.conninfo(), {0, 1});
  std::vector<std::future<AppendAnswer>> started;
  const auto start = [&](std::uint64_t i) {
    started.push_back(instance_.Start(One(AggregateIn(static_cast<int>(i % 2)), VersionCheck::Any(), {Event(i)})));
  };
  for (std::uint64_t i = 1; i <= 2; ++i) start(i);
  ASSERT_TRUE(lanes.AwaitWaiters(2));
  for (std::uint64_t i = 3; i <= 20; ++i) start(i);
  // A repeat has to go through the queue twice.
  started.push_back(instance_.Start(One(AggregateIn(0), VersionCheck::Any(), {Event(20)})));
  std::thread drain([&] { instance_.appender().Drain(); });
  lanes.Release();
  drain.join();
  for (auto& one : started) {
    ASSERT_TRUE(Answered(one));
    EXPECT_THAT(one.get(), IsOk());
  }
  EXPECT_THAT(instance_.Append(One(AggregateIn(0), VersionCheck::Any(), {Event(30)})),
              HasReason(Reason::kShuttingDown));
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 20);
}

TEST_F(AppenderTest, WithoutDrainingWhatWaitsIsAnsweredToo) {
  HeldLanes first(database_.conninfo(), {0});
  auto opener = instance_.Start(One(AggregateIn(0), VersionCheck::Any(), {Event(1)}));
  ASSERT_TRUE(first.AwaitWaiters());
  // In line for the lane, so that the writer's next batch comes after it.
  auto in_line = std::async(std::launch::async,
                            [&] { return std::make_unique<HeldLanes>(database_.conninfo(), std::set<int>{0}); });
  ASSERT_TRUE(first.AwaitWaiters(2));
  auto written = instance_.Start(One(AggregateIn(0), VersionCheck::Any(), {Event(2)}));
  auto repeat = instance_.Start(One(AggregateIn(0), VersionCheck::Any(), {Event(2)}));
  first.Release();
  EXPECT_THAT(opener.get(), IsOk());
  const auto second = in_line.get();
  ASSERT_TRUE(second->AwaitWaiters());
  auto waiting = instance_.Start(One(AggregateIn(0), VersionCheck::Any(), {Event(3)}));
  std::thread destroy([&] { instance_.DestroyAppender(); });
  EXPECT_THAT(waiting.get(), HasReason(Reason::kShuttingDown));
  second->Release();
  destroy.join();
  // What had reached the database is answered with the truth; the repeat would have to go through the queue again.
  EXPECT_THAT(written.get(), IsOk());
  EXPECT_THAT(repeat.get(), HasReason(Reason::kShuttingDown));
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 2);
}

}  // namespace
}  // namespace eventstore::testing
