// The pipelined, binary connection of the lane writers.
#include "server/storage/pipeline_session.h"

#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "server/storage/session.h"
#include "server/storage/sql_errors.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::storage {
namespace {

using domain::Reason;
using ::eventstore::testing::HasReason;
using ::eventstore::testing::IsOk;
using ::eventstore::testing::TestDatabase;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class PipelineSessionTest : public ::testing::Test {
 protected:
  // The rows of one statement, run by itself.
  Rows Ask(const Prepared& statement, const Parameters& parameters = {}) {
    EXPECT_THAT(session_.Add(statement, parameters), IsOk());
    auto results = session_.Run();
    EXPECT_THAT(results, IsOk());
    return results.ok() ? std::move(results->at(0)) : Rows(nullptr);
  }

  TestDatabase database_;
  PipelineSession session_{database_.conninfo(), "test", "SET plan_cache_mode = auto"};
};

TEST_F(PipelineSessionTest, SettingsTheStoreReliesOnAreMade) {
  EXPECT_EQ(Ask({"commit", "SHOW synchronous_commit"}).Text(0, 0), "on");
  EXPECT_EQ(Ask({"idle", "SHOW idle_in_transaction_session_timeout"}).Text(0, 0), "1min");
  EXPECT_EQ(Ask({"plan", "SHOW plan_cache_mode"}).Text(0, 0), "auto");
  EXPECT_EQ(Ask({"name", "SHOW application_name"}).Text(0, 0), "eventstored test");
}

// What PostgreSQL prints of what was sent.
TEST_F(PipelineSessionTest, ArraysArriveAsTheyAre) {
  const std::string hostile = "'; DROP TABLE events_v2; -- {\"} \\ \n € NULL";
  BinaryArray texts(PgType::kText);
  texts.AddText(hostile);
  texts.AddNull();
  texts.AddText("");
  BinaryArray ids(PgType::kUuid);
  ids.Add(*domain::Uuid::Parse("01900000-0000-7000-8000-0000000000ff"));
  ids.Add(std::optional<domain::Uuid>());
  BinaryArray times(PgType::kTimestamp);
  for (const domain::TimeMicros time :
       {domain::TimeMicros{0}, domain::TimeMicros{-1}, domain::TimeMicros{946'684'800'000'001}}) {
    times.AddTime(time);
  }
  BinaryArray numbers(PgType::kInt8);
  numbers.AddInt8(std::numeric_limits<std::int64_t>::min());
  numbers.AddInt8(std::numeric_limits<std::int64_t>::max());
  BinaryArray small(PgType::kInt4);
  small.AddInt4(-1);
  BinaryArray json(PgType::kJsonb);
  json.AddJson(R"({"b": [1, "\"€"], "a": null})");
  Parameters parameters;
  parameters.Add(texts).Add(ids).Add(times).Add(numbers).Add(small).Add(json).Add(BinaryArray(PgType::kText));
  const Rows rows = Ask({"arrays",
                         "SELECT $1[1], $1[2] IS NULL, $1[3], $2::text, $3::text, $4::text, $5::text, $6[1]::text, "
                         "cardinality($7::text[])"},
                        parameters);
  EXPECT_EQ(rows.Text(0, 0), hostile);
  EXPECT_TRUE(rows.Bool(0, 1));
  EXPECT_EQ(rows.Text(0, 2), "");
  EXPECT_EQ(rows.Text(0, 3), "{01900000-0000-7000-8000-0000000000ff,NULL}");
  EXPECT_EQ(rows.Text(0, 4),
            R"({"1970-01-01 00:00:00+00","1969-12-31 23:59:59.999999+00","2000-01-01 00:00:00.000001+00"})");
  EXPECT_EQ(rows.Text(0, 5), "{-9223372036854775808,9223372036854775807}");
  EXPECT_EQ(rows.Text(0, 6), "{-1}");
  EXPECT_EQ(rows.Text(0, 7), R"({"a": null, "b": [1, "\"€"]})");
  EXPECT_EQ(rows.Int4(0, 8), 0);
}

TEST_F(PipelineSessionTest, ValuesComeBackAsTheyAre) {
  const auto id = *domain::Uuid::Parse("01900000-0000-7000-8000-0000000000ff");
  BinaryArray ids(PgType::kUuid);
  ids.Add(id);
  Parameters parameters;
  parameters.AddInt4(-5).AddInt8(1LL << 40).AddTime(1'700'000'000'123'456).AddText("x").Add(ids);
  const Rows rows =
      Ask({"values",
           "SELECT $1::int4, $2::int8, $3::timestamptz, $4::text, $5[1], NULL::int4, '{3,1,2}'::int4[], '{}'::int4[]"},
          parameters);
  EXPECT_EQ(rows.Int4(0, 0), -5);
  EXPECT_EQ(rows.Int8(0, 1), 1LL << 40);
  EXPECT_EQ(rows.Time(0, 2), 1'700'000'000'123'456);
  EXPECT_EQ(rows.Text(0, 3), "x");
  EXPECT_EQ(rows.Id(0, 4), id);
  EXPECT_TRUE(rows.IsNull(0, 5));
  EXPECT_THAT(rows.Int4s(0, 6), ElementsAre(3, 1, 2));
  EXPECT_THAT(rows.Int4s(0, 7), IsEmpty());
}

TEST_F(PipelineSessionTest, AfterAnErrorTheRestIsSkippedAndTheNextRunIsAsGoodAsNew) {
  database_.Execute("CREATE TABLE written (n integer)");
  const Prepared write{"write", "INSERT INTO written VALUES ($1)"};
  const Prepared fail{"fail", "SELECT 1 / $1"};
  for (int round = 0; round < 2; ++round) {  // prepared in the first, known in the second
    ASSERT_THAT(session_.Add(write, Parameters().AddInt4(1)), IsOk());
    ASSERT_THAT(session_.Add(fail, Parameters().AddInt4(0)), IsOk());
    ASSERT_THAT(session_.Add(write, Parameters().AddInt4(2)), IsOk());
    const auto results = session_.Run();
    EXPECT_THAT(results, HasReason(Reason::kInternal));
    EXPECT_EQ(SqlStateOf(results.status()), "22012");
    EXPECT_EQ(session_.succeeded(), 1U);
    EXPECT_TRUE(session_.connected());
    EXPECT_EQ(Ask({"count", "SELECT count(*) FROM written"}).Int8(0, 0), 0);
  }
}

TEST_F(PipelineSessionTest, AStatementThatCouldNotBePreparedMayBeTriedAgain) {
  const Prepared late{"late", "SELECT count(*) FROM comes_later"};
  ASSERT_THAT(session_.Add(late), IsOk());
  EXPECT_EQ(SqlStateOf(session_.Run().status()), "42P01");
  database_.Execute("CREATE TABLE comes_later ()");
  EXPECT_EQ(Ask(late).Int8(0, 0), 0);
}

TEST_F(PipelineSessionTest, ALostConnectionIsSaidAndMadeAnew) {
  const auto pid = Ask({"pid", "SELECT pg_backend_pid()"}).Int4(0, 0);
  EXPECT_EQ(session_.generation(), 1U);
  database_.Execute("SELECT pg_terminate_backend(" + std::to_string(pid) + ", 10000)");
  absl::Status lost = session_.Add({"one", "SELECT 1"});
  if (lost.ok()) lost = session_.Run().status();
  EXPECT_THAT(lost, HasReason(Reason::kDatabaseUnavailable));
  EXPECT_TRUE(IsConnectionLost(lost));
  EXPECT_FALSE(session_.connected());
  EXPECT_EQ(Ask({"one", "SELECT 1"}).Int4(0, 0), 1);
  EXPECT_EQ(session_.generation(), 2U);
}

TEST_F(PipelineSessionTest, ADatabaseThatIsNotThereIsUnavailable) {
  PipelineSession nowhere("host=127.0.0.1 port=1 user=nobody", "test", "");
  const absl::Status refused = nowhere.EnsureConnected();
  EXPECT_THAT(refused, HasReason(Reason::kDatabaseUnavailable));
  EXPECT_TRUE(IsConnectionLost(refused));
}

TEST_F(PipelineSessionTest, FourMegabytesGoThrough) {
  BinaryArray texts(PgType::kText);
  const std::string kilobyte(1024, 'x');
  for (int i = 0; i < 4096; ++i) texts.AddText(kilobyte);
  const Rows rows = Ask({"many", "SELECT sum(length(t)) FROM unnest($1::text[]) t"}, Parameters().Add(texts));
  EXPECT_EQ(rows.Int8(0, 0), 4096 * 1024);
}

}  // namespace
}  // namespace eventstore::storage
