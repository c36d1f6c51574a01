#include "server/storage/session.h"

#include <chrono>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "server/storage/sql_errors.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::storage {
namespace {

using domain::Reason;
using ::eventstore::testing::HasMessage;
using ::eventstore::testing::HasReason;
using ::eventstore::testing::IsOk;
using ::eventstore::testing::TestDatabase;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Query kOne{"test_one", "SELECT 1"};

class SessionTest : public ::testing::Test {
 protected:
  std::string Ask(const std::string& sql) {
    auto rows = session_.RunText(sql, {});
    EXPECT_THAT(rows, IsOk());
    return rows.ok() ? (*rows)[0][0].c_str() : "";
  }

  TestDatabase database_;
  Session session_{database_.conninfo(), "test"};
};

TEST_F(SessionTest, SettingsTheStoreReliesOnAreMade) {
  EXPECT_EQ(Ask("SHOW TimeZone"), "UTC");
  EXPECT_EQ(Ask("SHOW synchronous_commit"), "on");
  EXPECT_EQ(Ask("SHOW plan_cache_mode"), "force_custom_plan");
  EXPECT_EQ(Ask("SHOW idle_in_transaction_session_timeout"), "1min");
  EXPECT_EQ(Ask("SHOW application_name"), "eventstored test");
}

TEST_F(SessionTest, ParametersAreValuesWhateverTheyHold) {
  const std::string text = "'; DROP TABLE events_v2; -- $1 \\ \n €";
  auto rows = session_.RunText("SELECT $1::text, $2::text IS NULL, $3::text", {text, std::nullopt, ""});
  ASSERT_THAT(rows, IsOk());
  EXPECT_EQ((*rows)[0][0].c_str(), text);
  EXPECT_TRUE((*rows)[0][1].as<bool>());
  EXPECT_EQ(std::string((*rows)[0][2].c_str()), "");
}

TEST_F(SessionTest, AScriptIsOneTransactionAndGivesItsLastResult) {
  auto rows = session_.RunScript("CREATE TABLE scripted (n integer); INSERT INTO scripted VALUES (1); SELECT 7");
  ASSERT_THAT(rows, IsOk());
  EXPECT_EQ((*rows)[0][0].as<int>(), 7);
  EXPECT_THAT(session_.RunScript("INSERT INTO scripted VALUES (2); SELECT 1 / 0"), Not(IsOk()));
  EXPECT_EQ(Ask("SELECT count(*) FROM scripted"), "1");
}

TEST_F(SessionTest, StatementsThatAreSentTogetherAnswerInOrderOrFailTogether) {
  database_.Execute("CREATE TABLE scripted (n integer)");
  const std::vector<KeptStatement> good{{"INSERT INTO scripted VALUES ($1::integer) RETURNING n", {"1"}},
                                        {"SELECT n + $1::integer FROM scripted ORDER BY n", {"10"}},
                                        {"SELECT $1::integer, $2::text", {std::nullopt, "x"}}};
  std::vector<KeptStatement> bad = good;
  bad.insert(bad.begin() + 1, {"SELECT 1 / $1::integer", {"0"}});
  for (int i = 1; i <= 4; ++i) {  // as text, prepared, and prepared before
    const auto failed = session_.RunKeptTogether(bad).status();
    EXPECT_EQ(SqlStateOf(failed), "22012") << failed;
    EXPECT_TRUE(session_.connected());
    auto rows = session_.RunKeptTogether(good);
    ASSERT_THAT(rows, IsOk());
    ASSERT_EQ(rows->size(), 3U);
    EXPECT_EQ(rows->at(0).Int4(0, 0), 1);
    EXPECT_EQ(rows->at(1).size(), i);  // what failed has left nothing
    EXPECT_EQ(rows->at(1).Int4(0, 0), 11);
    EXPECT_TRUE(rows->at(2).IsNull(0, 0));
    EXPECT_EQ(rows->at(2).Text(0, 1), "x");
    EXPECT_EQ(Ask("SELECT 7"), "7");
  }
  EXPECT_EQ(session_.generation(), 1U);
  // A table that is gone is no reason to forget the session either.
  database_.Execute("DROP TABLE scripted");
  EXPECT_EQ(SqlStateOf(session_.RunKeptTogether(good).status()), "42P01");
  EXPECT_EQ(Ask("SELECT 7"), "7");
}

TEST_F(SessionTest, TheConnectionMayDieUnderStatementsThatAreSentTogether) {
  ASSERT_THAT(session_.EnsureConnected(), IsOk());
  const std::vector<KeptStatement> statements{{"SELECT $1::integer", {"1"}},
                                              {"SELECT pg_terminate_backend(pg_backend_pid()), $1::text", {""}},
                                              {"SELECT $1::bigint", {"1"}}};
  EXPECT_TRUE(IsConnectionLost(session_.RunKeptTogether(statements).status()));
  EXPECT_FALSE(session_.connected());
  EXPECT_THAT(session_.RunKeptTogether({statements.data(), 1}), IsOk());
  EXPECT_EQ(session_.generation(), 2U);
}

TEST_F(SessionTest, AStatementThatTakesTooLongIsCancelledAndTheSessionGoesOn) {
  ASSERT_THAT(session_.SetStatementTimeout(milliseconds(20)), IsOk());
  const auto late = session_.RunText("SELECT pg_sleep(600)", {}).status();
  EXPECT_THAT(late, HasReason(Reason::kDeadlineExceeded));
  EXPECT_EQ(SqlStateOf(late), "57014");
  EXPECT_FALSE(IsConnectionLost(late));
  EXPECT_TRUE(session_.connected());
  ASSERT_THAT(session_.SetStatementTimeout(milliseconds(0)), IsOk());
  EXPECT_THAT(session_.RunText("SELECT pg_sleep(0.05)", {}), IsOk());
}

TEST_F(SessionTest, TheTimeoutIsSetAgainOnANewConnection) {
  ASSERT_THAT(session_.SetStatementTimeout(milliseconds(30'000)), IsOk());
  EXPECT_EQ(Ask("SHOW statement_timeout"), "30s");
  session_.Disconnect();
  EXPECT_EQ(Ask("SHOW statement_timeout"), "0");
  ASSERT_THAT(session_.SetStatementTimeout(milliseconds(30'000)), IsOk());
  EXPECT_EQ(Ask("SHOW statement_timeout"), "30s");
}

TEST_F(SessionTest, ALostConnectionIsSaidOnceAndReplacedAtTheNextUse) {
  ASSERT_THAT(session_.Run(kOne, {}), IsOk());
  const auto generation = session_.generation();
  database_.Execute(fmt::format("SELECT pg_terminate_backend({}, 10000)", session_.backend_pid()));
  const auto lost = session_.Run(kOne, {}).status();
  EXPECT_THAT(lost, HasReason(Reason::kDatabaseUnavailable));
  EXPECT_TRUE(IsConnectionLost(lost));
  EXPECT_TRUE(domain::FromStatus(lost).retry_after_ms.has_value());
  EXPECT_FALSE(session_.connected());
  // Prepared statements went with the old connection.
  EXPECT_THAT(session_.Run(kOne, {}), IsOk());
  EXPECT_EQ(session_.generation(), generation + 1);
}

TEST_F(SessionTest, ALostConnectionNeverContinuesItsTransactionOnANewOne) {
  ASSERT_THAT(session_.RunScript("CREATE TABLE half (n integer)"), IsOk());
  ASSERT_THAT(session_.RunScript("BEGIN; INSERT INTO half VALUES (1)"), IsOk());
  database_.Execute(fmt::format("SELECT pg_terminate_backend({}, 10000)", session_.backend_pid()));
  EXPECT_THAT(session_.RunScript("INSERT INTO half VALUES (2)"), HasReason(Reason::kDatabaseUnavailable));
  EXPECT_EQ(Ask("SELECT count(*) FROM half"), "0");
}

TEST_F(SessionTest, ErrorsGetTheReasonOfTheirSqlState) {
  struct Case {
    const char* sql;
    const char* state;
    Reason reason;
    bool lost;
  };
  const std::vector<Case> cases{
      {"SELECT * FROM no_such_table", "42P01", Reason::kStoreIncompatible, false},
      {"SELECT 1 / 0", "22012", Reason::kInternal, false},
      {"SELEC", "42601", Reason::kInternal, false},
      {"DO $$ BEGIN RAISE 'x' USING ERRCODE = '40001'; END $$", "40001", Reason::kDatabaseUnavailable, false},
      {"DO $$ BEGIN RAISE 'x' USING ERRCODE = '40P01'; END $$", "40P01", Reason::kDatabaseUnavailable, false},
      {"DO $$ BEGIN RAISE 'x' USING ERRCODE = '53100'; END $$", "53100", Reason::kDatabaseUnavailable, false},
      {"DO $$ BEGIN RAISE 'x' USING ERRCODE = '55P03'; END $$", "55P03", Reason::kDatabaseUnavailable, false},
      {"DO $$ BEGIN RAISE 'x' USING ERRCODE = '42501'; END $$", "42501", Reason::kStoreIncompatible, false},
      {"SET transaction_read_only = on; CREATE TABLE t ()", "25006", Reason::kDatabaseUnavailable, false},
      // libpqxx notices the closed socket before it reads the server's last words.
      {"SELECT pg_terminate_backend(pg_backend_pid())", "", Reason::kDatabaseUnavailable, true},
  };
  for (const Case& tested : cases) {
    session_.Disconnect();
    const auto status = session_.RunScript(tested.sql).status();
    EXPECT_THAT(status, HasReason(tested.reason)) << tested.sql;
    EXPECT_EQ(SqlStateOf(status), tested.state) << status.ToString();
    EXPECT_EQ(IsConnectionLost(status), tested.lost) << tested.sql;
    EXPECT_EQ(session_.connected(), !tested.lost) << tested.sql;
  }
}

TEST_F(SessionTest, ADatabaseThatIsNotThereIsUnavailableWithoutItsSecrets) {
  for (const std::string& conninfo :
       {database_.conninfo() + " dbname=no_such_database password=secret",
        std::string("host=127.0.0.1 port=1 dbname=x user=y password=secret connect_timeout=2"),
        std::string("host=/nonexistent dbname=x user=y password=secret")}) {
    Session session(conninfo, "test");
    EXPECT_THAT(session.EnsureConnected(),
                AllOf(HasReason(Reason::kDatabaseUnavailable), HasMessage(Not(HasSubstr("secret")))));
    EXPECT_FALSE(session.connected());
  }
}

TEST_F(SessionTest, AnAddressThatCannotBeReadIsRefusedWithoutBeingRepeated) {
  Session session("postgresql://user:secret@host:not-a-port/x", "test");
  EXPECT_THAT(session.EnsureConnected(),
              AllOf(HasReason(Reason::kDatabaseUnavailable), HasMessage(Not(HasSubstr("secret")))));
  Session nonsense("password=secret nonsense", "test");
  EXPECT_THAT(nonsense.EnsureConnected(),
              AllOf(HasReason(Reason::kInvalidRequest), HasMessage(Not(HasSubstr("secret")))));
}

}  // namespace
}  // namespace eventstore::storage
