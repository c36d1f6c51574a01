// Read models by the real server and a real database: each event has its effect once.
#include "tests/integration/projection/projection_fixture.h"

namespace eventstore::testing {
namespace {

using client::Projection;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

TEST_F(ProjectionTest, AppliesWhatIsThereAndWhatComes) {
  Append(30);
  {
    Runner runner(store_, Mine(), Options(), CountEvent);
    ASSERT_TRUE(Eventually([&] { return Seen() == 30; }));
    Append(3);
    ASSERT_TRUE(Eventually([&] { return Seen() == 33; }));
    EXPECT_THAT(runner.Stop(), IsOk());
  }
  EXPECT_GE(Noted(), LastPosition());
  // The next one goes on from there.
  Append(2);
  Runner runner(store_, Mine(), Options(), CountEvent);
  ASSERT_TRUE(Eventually([&] { return Seen() == 35; }));
  EXPECT_THAT(runner.Stop(), IsOk());
  EXPECT_EQ(Times(), 35);
}

TEST_F(ProjectionTest, AHandlersErrorStopsItWithNothingHalfApplied) {
  Append(10);
  int calls = 0;
  Projection failing(store_, Mine(), Options());
  const absl::Status ended = failing.Run([&](pqxx::work& tx, const v1::RecordedEvent& event) {
    if (++calls == 7) return absl::UnavailableError("the mail server is away");
    return CountEvent(tx, event);
  });
  EXPECT_EQ(ended, absl::UnavailableError("the mail server is away"));
  EXPECT_EQ(calls, 7);
  EXPECT_EQ(Seen(), 0);
  EXPECT_EQ(Noted(), -1);
  Runner runner(store_, Mine(), Options(), CountEvent);
  ASSERT_TRUE(Eventually([&] { return Seen() == 10; }));
  EXPECT_EQ(Times(), 10);
}

TEST_F(ProjectionTest, ABatchIsNoLargerThanAsked) {
  Append(10);
  auto options = Options();
  options.max_batch_events = 4;
  int calls = 0;
  Projection failing(store_, Mine(), options);
  EXPECT_THAT(failing.Run([&](pqxx::work& tx, const v1::RecordedEvent& event) {
    if (++calls == 10) return absl::CancelledError("enough");
    return CountEvent(tx, event);
  }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(Seen(), 8);
}

TEST_F(ProjectionTest, ATransactionIsNoLongerThanAsked) {
  Append(10);
  auto options = Options();
  options.max_batch_time = milliseconds(0);
  int calls = 0;
  Projection failing(store_, Mine(), options);
  EXPECT_THAT(failing.Run([&](pqxx::work& tx, const v1::RecordedEvent& event) {
    if (++calls == 10) return absl::CancelledError("enough");
    return CountEvent(tx, event);
  }),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(Seen(), 9);
}

TEST_F(ProjectionTest, WrongSqlStopsItWithPostgresWords) {
  Append(1);
  Projection failing(store_, Mine(), Options());
  const absl::Status ended = failing.Run([&](pqxx::work& tx, const v1::RecordedEvent&) {
    tx.exec("SELECT * FROM no_such_table");
    return absl::OkStatus();
  });
  EXPECT_THAT(ended, StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(std::string(ended.message()), HasSubstr("no_such_table"));
}

TEST_F(ProjectionTest, CheckpointsAreNotedWhereNothingMatches) {
  Runner runner(store_, Mine(), Options(), CountEvent);
  // Of an event that is somebody else's.
  ASSERT_THAT(
      store_.Append({client::MakeUuidV7(), "entity"}, client::VersionCheck::Any(), {client::MakeEvent("other")}),
      IsOk());
  EXPECT_TRUE(Eventually([&] {
    return mine_.Execute("SELECT to_regclass('eventstore_projections')")[0][0].is_null() == false && Noted() > 0;
  }));
  EXPECT_THAT(runner.Stop(), IsOk());
  EXPECT_EQ(Seen(), 0);
}

TEST_F(ProjectionTest, AStoreThatWasSetBackIsExplained) {
  mine_.Execute(std::string(client::kProjectionsTable) +
                "; INSERT INTO eventstore_projections VALUES ('test', 9000000000000000000)");
  Projection projection(store_, Mine(), Options());
  const absl::Status ended = projection.Run(CountEvent);
  EXPECT_EQ(client::ErrorReason(ended), "POSITION_AHEAD");
  EXPECT_THAT(std::string(ended.message()), HasSubstr("projection test has applied events up to position 9000"));
  EXPECT_THAT(std::string(ended.message()), HasSubstr("delete its row in eventstore_projections"));
}

TEST_F(ProjectionTest, WhatIsMissingIsRefused) {
  auto options = Options();
  options.name = "";
  EXPECT_THAT(Projection(store_, Mine(), options).Run(CountEvent), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Projection(store_, {}, Options()).Run(CountEvent), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace eventstore::testing
