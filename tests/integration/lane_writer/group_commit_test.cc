// Many requests, one transaction: each gets its own answer, and none suffers from another.
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

using GroupCommitTest = AppenderTest;

TEST_F(GroupCommitTest, EachRequestGetsItsOwnAnswer) {
  std::vector<domain::AppendBatch> batches;
  for (std::uint64_t i = 0; i < 40; ++i) {
    std::vector<domain::NewEvent> events;
    for (std::uint64_t j = 0; j <= i % 3; ++j) events.push_back(Event(100 * i + j + 1));
    batches.push_back(One(AggregateIn(0, static_cast<int>(i)), VersionCheck::Exact(0), events));
  }
  const auto answers = AppendTogether(batches);
  std::int64_t ordinal = 0;
  for (int i = 0; i < 40; ++i) {
    const AppendAnswer& answer = answers[static_cast<std::size_t>(i)];
    ASSERT_THAT(answer, IsOk());
    ASSERT_EQ(answer->size(), 1U);
    const domain::AppendResult& result = answer->front();
    EXPECT_EQ(result.aggregate_id, AggregateIn(0, i));
    EXPECT_EQ(result.version, i % 3 + 1);
    ASSERT_EQ(result.events.size(), static_cast<std::size_t>(i % 3 + 1));
    for (int j = 0; j <= i % 3; ++j) {
      const domain::AppendedEvent& event = result.events[static_cast<std::size_t>(j)];
      EXPECT_EQ(event.id, Id(static_cast<std::uint64_t>(100 * i + j + 1)));
      EXPECT_EQ(event.version, j + 1);
      // One transaction for all, in the order they came.
      EXPECT_EQ(TransactionOf(event), TransactionOf(answers.front()->front().events.front()));
      EXPECT_EQ(OrdinalOf(event), ordinal++);
      EXPECT_EQ(
          database_
              .Execute("SELECT count(*) FROM events_v2 WHERE id = '" + event.id.ToString() + "' AND aggregate_id = '" +
                       result.aggregate_id.ToString() + "' AND version = " + std::to_string(event.version) +
                       " AND global_position = " + std::to_string(event.global_position) +
                       " AND extract(epoch FROM timestamp) * 1000000 = " + std::to_string(event.timestamp))[0][0]
              .as<int>(),
          1);
    }
  }
  EXPECT_EQ(ExpectVerified(database_.conninfo()), ordinal + 1);
}

TEST_F(GroupCommitTest, LaterRequestsSeeWhatEarlierOnesOfTheirBatchDid) {
  const auto aggregate = AggregateIn(0);
  const auto answers = AppendTogether(
      {One(aggregate, VersionCheck::Existing(), {Event(1)}),
       One(aggregate, VersionCheck::Exact(0), {Event(2), Event(3)}), One(aggregate, VersionCheck::Exact(0), {Event(4)}),
       One(aggregate, VersionCheck::Exact(2), {Event(5)}), One(aggregate, VersionCheck::Any(), {Event(6)})});
  EXPECT_THAT(answers[0], HasReason(Reason::kVersionConflict));
  ASSERT_THAT(answers[1], IsOk());
  EXPECT_EQ(answers[1]->front().version, 2);
  EXPECT_THAT(answers[2], HasReason(Reason::kVersionConflict));
  EXPECT_EQ(domain::FromStatus(answers[2].status()).conflicts.at(0).actual, 2);
  ASSERT_THAT(answers[3], IsOk());
  EXPECT_EQ(answers[3]->front().version, 3);
  ASSERT_THAT(answers[4], IsOk());
  EXPECT_EQ(answers[4]->front().version, 4);
  EXPECT_EQ(TransactionOf(answers[1]->front().events[0]), TransactionOf(answers[4]->front().events[0]));
  EXPECT_EQ(Ask("SELECT count(*) FROM events_v2 WHERE id IN ('" + Id(1).ToString() + "', '" + Id(4).ToString() + "')"),
            "0");
  ExpectVerified(database_.conninfo());
}

// Ten requests, the fifth of which cannot be written.
class PoisonTest : public GroupCommitTest {
 protected:
  static std::vector<domain::AppendBatch> TenWithPoison() {
    std::vector<domain::AppendBatch> batches;
    for (std::uint64_t i = 0; i < 10; ++i) {
      std::vector<domain::NewEvent> events{Event(10 * i + 1), Event(10 * i + 2)};
      if (i == 4) events[1].event_type = "poison";
      // Those after the poison expect what the ones before it left.
      const auto version = static_cast<domain::Version>(2 * (i < 5 ? i : i - 1));
      batches.push_back(One(AggregateIn(0), VersionCheck::Exact(version), events));
    }
    return batches;
  }

  void ExpectOnlyThePoisonFailed(const std::vector<AppendAnswer>& answers) {
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (i != 4) {
        EXPECT_THAT(answers[i], IsOk()) << i;
      } else {
        EXPECT_FALSE(answers[i].ok());
      }
    }
    EXPECT_EQ(Ask("SELECT version FROM aggregate_heads WHERE aggregate_id = '" + AggregateIn(0).ToString() + "'"),
              "18");
    EXPECT_EQ(
        Ask("SELECT count(*) FROM events_v2 WHERE id IN ('" + Id(41).ToString() + "', '" + Id(42).ToString() + "')"),
        "0");
    EXPECT_EQ(ExpectVerified(database_.conninfo()), 19);
  }
};

TEST_F(PoisonTest, ARowThatCannotBeWrittenFailsAlone) {
  database_.Execute("ALTER TABLE events_v2 ADD CONSTRAINT no_poison CHECK (event_type <> 'poison')");
  const auto answers = AppendTogether(TenWithPoison());
  EXPECT_THAT(answers[4], AllOf(HasReason(Reason::kInternal), HasMessage(HasSubstr("no_poison"))));
  ExpectOnlyThePoisonFailed(answers);
}

TEST_F(PoisonTest, ARequestThatFailsAtCommitFailsAlone) {
  // The head moves by two events at a time, so version 10 is refused only while the poison is in the transaction.
  database_.Execute(R"sql(
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF EXISTS (SELECT FROM events_v2 WHERE event_type = 'poison') THEN
        RAISE EXCEPTION 'poison found at commit';
      END IF;
      RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON aggregate_heads
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse())sql");
  const auto answers = AppendTogether(TenWithPoison());
  EXPECT_THAT(answers[4], AllOf(HasReason(Reason::kInternal), HasMessage(HasSubstr("poison found at commit"))));
  ExpectOnlyThePoisonFailed(answers);
}

TEST_F(PoisonTest, ARequestThatKillsItsSessionFailsAlone) {
  database_.Execute(R"sql(
    CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      PERFORM pg_terminate_backend(pg_backend_pid());
      RETURN NEW;
    END $$;
    CREATE TRIGGER die BEFORE INSERT ON events_v2 FOR EACH ROW
      WHEN (NEW.event_type = 'poison') EXECUTE FUNCTION die())sql");
  const auto answers = AppendTogether(TenWithPoison());
  EXPECT_THAT(answers[4], HasReason(Reason::kDatabaseUnavailable));
  ExpectOnlyThePoisonFailed(answers);
}

TEST_F(GroupCommitTest, ARepeatInTheSameBatchGetsTheFirstAnswer) {
  const auto batch = One(AggregateIn(0), VersionCheck::Exact(0), {Event(1), Event(2)});
  auto other_content = batch;
  other_content.appends[0].events[1].data = R"({"other": 1})";
  const auto answers =
      AppendTogether({batch, batch, other_content, batch, One(AggregateIn(0), VersionCheck::Exact(2), {Event(3)})});
  for (const std::size_t i : {0U, 1U, 3U}) {
    ASSERT_THAT(answers[i], IsOk()) << i;
    EXPECT_EQ(answers[i]->front().events, answers[0]->front().events) << i;
    EXPECT_EQ(answers[i]->front().version, 2) << i;
  }
  EXPECT_THAT(answers[2], AllOf(HasReason(Reason::kEventIdConflict), HasMessage(HasSubstr("stored as version 2"))));
  EXPECT_THAT(answers[4], IsOk());
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 4);
}

TEST_F(GroupCommitTest, ARepeatWhoseFirstFailsIsJudgedByItself) {
  database_.Execute("ALTER TABLE events_v2 ADD CONSTRAINT no_poison CHECK (event_type <> 'poison')");
  auto poison = One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)});
  poison.appends[0].events[0].event_type = "poison";
  const auto answers = AppendTogether({poison, poison, One(AggregateIn(0), VersionCheck::Exact(0), {Event(1)})});
  EXPECT_THAT(answers[0], HasReason(Reason::kInternal));
  EXPECT_THAT(answers[1], HasReason(Reason::kInternal));
  EXPECT_THAT(answers[2], IsOk());
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 2);
}

TEST_F(GroupCommitTest, AHugeRequestDoesNotShareATransaction) {
  // 2 000 events make a transaction: what does not fit waits for the next one, and nothing is cut.
  std::vector<domain::NewEvent> many;
  for (std::uint64_t i = 0; i < 5'000; ++i) many.push_back(Event(100'000 + i));
  const auto answers = AppendTogether({One(AggregateIn(0, 0), VersionCheck::Exact(0), {Event(1)}),
                                       One(AggregateIn(0, 1), VersionCheck::Exact(0), many),
                                       One(AggregateIn(0, 2), VersionCheck::Exact(0), {Event(2)})});
  for (const auto& answer : answers) ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answers[1]->front().version, 5'000);
  EXPECT_LT(TransactionOf(answers[0]->front().events[0]), TransactionOf(answers[1]->front().events[0]));
  EXPECT_LT(TransactionOf(answers[1]->front().events[0]), TransactionOf(answers[2]->front().events[0]));
  EXPECT_EQ(TransactionOf(answers[1]->front().events.front()), TransactionOf(answers[1]->front().events.back()));
  EXPECT_EQ(ExpectVerified(database_.conninfo()), 5'003);
}

}  // namespace
}  // namespace eventstore::testing
