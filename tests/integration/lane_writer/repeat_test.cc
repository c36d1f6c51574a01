// Exactly once: an append repeated with the same ids gives its first result, however it is repeated.
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/lane_writer/appender_fixture.h"

namespace eventstore::testing {
namespace {

using domain::Reason;
using domain::VersionCheck;
using ::testing::AllOf;
using ::testing::HasSubstr;

class RepeatTest : public AppenderTest {
 protected:
  // Makes everything stored so far so much older, events and heads, as if time had passed since.
  void Age(const std::string& interval) {
    for (const int days : {400, 3}) database_.EnsureDays(-days - 3, -days + 2);
    database_.Execute(
        "CREATE TEMPORARY TABLE old AS SELECT * FROM events_v2; DELETE FROM events_v2; "
        "UPDATE old SET timestamp = timestamp - interval '" +
        interval +
        "'; "
        "INSERT INTO events_v2 SELECT * FROM old; "
        "UPDATE aggregate_heads SET first_timestamp = first_timestamp - interval '" +
        interval +
        "', "
        "last_timestamp = last_timestamp - interval '" +
        interval + "'");
  }

  static void ExpectSame(const AppendAnswer& first, const AppendAnswer& again, std::int64_t hours = 0) {
    ASSERT_THAT(first, IsOk());
    ASSERT_THAT(again, IsOk());
    ASSERT_EQ(first->size(), again->size());
    for (std::size_t i = 0; i < first->size(); ++i) {
      EXPECT_EQ((*first)[i].aggregate_id, (*again)[i].aggregate_id);
      EXPECT_EQ((*first)[i].version, (*again)[i].version);
      auto events = (*first)[i].events;
      for (auto& event : events) event.timestamp -= hours * 3600 * domain::kMicrosPerSecond;
      EXPECT_EQ(events, (*again)[i].events);
    }
  }
};

TEST_F(RepeatTest, ARepeatGivesTheFirstResultAndWritesNothing) {
  for (const auto& check : {VersionCheck::Exact(0), VersionCheck::Any()}) {
    const std::uint64_t n = check.kind == VersionCheck::Kind::kExact ? 0 : 1;
    const auto batch = One(AggregateIn(0, static_cast<int>(n)), check, {Event(10 * n + 1), Event(10 * n + 2)});
    const AppendAnswer first = instance_.Append(batch);
    // Others go on meanwhile.
    ASSERT_THAT(instance_.Append(One(AggregateIn(0, static_cast<int>(n)), VersionCheck::Exact(2), {Event(10 * n + 3)})),
                IsOk());
    ExpectSame(first, instance_.Append(batch));
    Instance other(database_.conninfo());
    ExpectSame(first, other.Append(batch));
  }
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 6);
}

TEST_F(RepeatTest, ARepeatOfABatchOverTwoLanesGivesTheFirstResult) {
  const auto batch = Several({AppendOf(AggregateIn(0), VersionCheck::Any(), {Event(1)}),
                              AppendOf(AggregateIn(1), VersionCheck::Exact(0), {Event(2), Event(3)}),
                              AppendOf(AggregateIn(0), VersionCheck::Existing(), {Event(4)})});
  const AppendAnswer first = instance_.Append(batch);
  ExpectSame(first, instance_.Append(batch));
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 4);
}

TEST_F(RepeatTest, TheSameIdForSomethingElseIsRefused) {
  const auto batch = One(AggregateIn(0), VersionCheck::Exact(0), {Event(1, R"({"a": 1})"), Event(2)});
  ASSERT_THAT(instance_.Append(batch), IsOk());
  const auto changed = [&](auto change) {
    auto other = batch;
    change(other.appends[0]);
    return instance_.Append(other);
  };
  const auto other_content = AllOf(HasReason(Reason::kEventIdConflict), HasMessage(HasSubstr("with other content")));
  EXPECT_THAT(changed([](auto& append) { append.events[0].data = R"({"a": 2})"; }), other_content);
  EXPECT_THAT(changed([](auto& append) { append.events[0].metadata = R"({"a": 2})"; }), other_content);
  EXPECT_THAT(changed([](auto& append) { append.events[0].event_type = "other"; }), other_content);
  EXPECT_THAT(changed([](auto& append) { append.events[0].user_id = "somebody"; }), other_content);
  EXPECT_THAT(changed([](auto& append) { append.events[0].source = "sync"; }), other_content);
  EXPECT_THAT(changed([](auto& append) { append.events[0].causation_id = Id(9); }), other_content);
  EXPECT_THAT(changed([](auto& append) { append.events[0].correlation_id = Id(9); }), other_content);
  EXPECT_THAT(changed([](auto& append) { append.aggregate_type = "user"; }), other_content);
  EXPECT_THAT(changed([](auto& append) { append.events.push_back(Event(3)); }),
              AllOf(HasReason(Reason::kEventIdConflict), HasMessage(HasSubstr("is new"))));
  EXPECT_THAT(
      changed([](auto& append) {
        append.events.pop_back();
        append.check = VersionCheck::Exact(1);
      }),
      AllOf(HasReason(Reason::kEventIdConflict), HasMessage(HasSubstr("where this append cannot have written it"))));
  // Of another aggregate, also one in another lane.
  EXPECT_THAT(changed([](auto& append) { append.aggregate_id = AggregateIn(0, 1); }),
              AllOf(HasReason(Reason::kEventIdConflict), HasMessage(HasSubstr("was used in aggregate"))));
  EXPECT_THAT(changed([](auto& append) { append.aggregate_id = AggregateIn(1); }), HasReason(Reason::kEventIdConflict));
  // Another spelling of the same JSON is the same content.
  EXPECT_THAT(changed([](auto& append) { append.events[0].data = R"({ "a":1.0 })"; }), IsOk());
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 2);
}

TEST_F(RepeatTest, WithAVersionARepeatIsKnownAfterAnyTime) {
  const auto batch = One(AggregateIn(0), VersionCheck::Exact(0), {Event(1), Event(2, R"({"n": 1e2})")});
  const AppendAnswer first = instance_.Append(batch);
  const auto chained = Several({AppendOf(AggregateIn(0), VersionCheck::Exact(2), {Event(3)}),
                                AppendOf(AggregateIn(1), VersionCheck::Exact(0), {Event(4)}),
                                AppendOf(AggregateIn(0), VersionCheck::Exact(3), {Event(5)})});
  const AppendAnswer first_chained = instance_.Append(chained);
  Age("400 days");
  ASSERT_THAT(instance_.Append(One(AggregateIn(0), VersionCheck::Exact(4), {Event(6)})), IsOk());
  ExpectSame(first, instance_.Append(batch), 400 * 24);
  ExpectSame(first_chained, instance_.Append(chained), 400 * 24);
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 6);
}

TEST_F(RepeatTest, AnOldConflictStaysAConflict) {
  ASSERT_THAT(instance_.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1), Event(2)})), IsOk());
  Age("25 hours");
  // Never written, though its version is that of an old event.
  EXPECT_THAT(instance_.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(3)})),
              HasReason(Reason::kVersionConflict));
  EXPECT_THAT(instance_.Append(One(AggregateIn(0), VersionCheck::Exact(0), {Event(1, R"({"other": 1})"), Event(2)})),
              HasReason(Reason::kEventIdConflict));
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 2);
}

TEST_F(RepeatTest, WithoutAVersionIdsAreKnownForADay) {
  const auto batch = One(AggregateIn(0), VersionCheck::Any(), {Event(1)});
  const AppendAnswer first = instance_.Append(batch);
  Age("23 hours 59 minutes");
  const AppendAnswer again = instance_.Append(batch);
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->front().version, 1);
  EXPECT_EQ(again->front().events[0].global_position, first->front().events[0].global_position);
  Age("2 minutes");
  // The documented limit: older than a day, an id is a new one.
  const AppendAnswer later = instance_.Append(batch);
  ASSERT_THAT(later, IsOk());
  EXPECT_EQ(later->front().version, 2);
}

TEST_F(RepeatTest, IdsMadeHereAreNotLookedUp) {
  auto batch = One(AggregateIn(0), VersionCheck::Any(), {Event(1)});
  batch.appends[0].events[0].id_made_here = true;
  ASSERT_THAT(instance_.Append(batch), IsOk());
  database_.Execute(
      "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN RAISE EXCEPTION 'written'; END $$; "
      "CREATE TRIGGER refuse BEFORE INSERT ON events_v2 FOR EACH ROW EXECUTE FUNCTION refuse()");
  // Were it looked up, it would be taken for a repeat and answered.
  EXPECT_THAT(instance_.Append(batch), HasMessage(HasSubstr("written")));
}

}  // namespace
}  // namespace eventstore::testing
