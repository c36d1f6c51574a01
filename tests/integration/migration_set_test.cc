#include "server/storage/migration_set.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "server/storage/server_facts.h"
#include "server/storage/sql_script.h"
#include "tests/support/status_matchers.h"

namespace eventstore::storage {
namespace {

using domain::Reason;
using ::eventstore::testing::HasMessage;
using ::eventstore::testing::HasReason;
using ::eventstore::testing::IsOk;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(EmbeddedMigrations, AreTheFilesOfTheTreeByteForByte) {
  std::set<std::pair<std::string, std::string>> expected;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(MIGRATIONS_FOLDER)) {
    if (entry.path().extension() != ".sql") continue;
    std::stringstream bytes;
    bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    // By its name: a file may be a link that leads elsewhere.
    expected.emplace(entry.path().lexically_relative(MIGRATIONS_FOLDER).string(), bytes.str());
  }
  ASSERT_FALSE(expected.empty());
  std::set<std::pair<std::string, std::string>> embedded;
  for (const SqlFile& file : EmbeddedMigrations()) embedded.emplace(file.path, file.text);
  EXPECT_EQ(embedded, expected);
}

TEST(EmbeddedMigrations, MakeASetForTimescale) {
  auto set = MigrationSet::Embedded(kTimescaleEngine);
  ASSERT_THAT(set, IsOk());
  EXPECT_EQ(set->engine(), "timescaledb");
  EXPECT_EQ(set->migrations().front().name, "store_identity");
}

TEST(MigrationSet, MergesCommonFilesAndThoseOfOneEngineByNumber) {
  const std::vector<SqlFile> files{
      {"0001_one.sql", "SELECT 1"},
      {"0003_three.sql", "SELECT 3"},
      {"native/0002_own_two.sql", "SELECT 22"},
      {"timescaledb/0002_two.sql", "SELECT 2"},
      {"timescaledb/0004_four.sql", ""},
  };
  auto set = MigrationSet::Merge("timescaledb", files);
  ASSERT_THAT(set, IsOk());
  std::vector<std::string> names;
  for (const Migration& migration : set->migrations()) {
    EXPECT_EQ(migration.number, static_cast<int>(names.size()) + 1);
    names.push_back(migration.name);
  }
  EXPECT_THAT(names, ElementsAre("one", "two", "three", "four"));
  EXPECT_EQ(set->migrations()[1].sql, "SELECT 2");
  // sha256sum of nothing.
  EXPECT_EQ(set->migrations()[3].checksum, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(MigrationSet, RefusesABrokenTree) {
  struct Case {
    std::vector<SqlFile> files;
    std::string message;
  };
  const std::vector<Case> cases{
      {{}, "engine timescaledb has no migrations"},
      {{{"native/0001_one.sql", ""}}, "engine timescaledb has no migrations"},
      {{{"0002_two.sql", ""}}, "no migration 0001"},
      {{{"0001_one.sql", ""}, {"0003_three.sql", ""}}, "no migration 0002"},
      {{{"0001_one.sql", ""}, {"timescaledb/0001_other.sql", ""}},
       "two files for engine timescaledb have the number 0001"},
      {{{"1_one.sql", ""}}, "1_one.sql is not called NNNN_name.sql"},
      {{{"0001-one.sql", ""}}, "is not called"},
      {{{"0001_One.sql", ""}}, "is not called"},
      {{{"0001_.sql", ""}}, "is not called"},
      {{{"0000_zero.sql", ""}}, "is not called"},
      {{{"timescaledb/deep/0001_one.sql", ""}}, "is not called"},
      {{{"0001_one.sql", "CREATE TABLE t (); COMMIT; CREATE TABLE u ()"}}, "0001_one.sql contains COMMIT"},
  };
  for (const Case& bad : cases) {
    EXPECT_THAT(MigrationSet::Merge("timescaledb", bad.files),
                AllOf(HasReason(Reason::kInternal), HasMessage(HasSubstr(bad.message))));
  }
}

TEST(SqlScript, FindsWhereStatementsBegin) {
  EXPECT_THAT(StatementStarts(""), IsEmpty());
  EXPECT_THAT(StatementStarts(" ;; -- only\n /* comments */ ;"), IsEmpty());
  EXPECT_THAT(StatementStarts("create table t(a text default ';'); SELECT 1"), ElementsAre("CREATE TABLE", "SELECT"));
  EXPECT_THAT(StatementStarts("CREATE RULE r AS ON INSERT TO t DO (DELETE FROM u; DELETE FROM v); DROP TABLE t"),
              ElementsAre("CREATE RULE", "DROP TABLE"));
}

TEST(SqlScript, FindsTransactionControlWhereItIsAStatement) {
  EXPECT_EQ(FindTransactionControl("begin"), "BEGIN");
  EXPECT_EQ(FindTransactionControl("SELECT 1; start transaction"), "START TRANSACTION");
  EXPECT_EQ(FindTransactionControl("SELECT 1;COMMIT AND CHAIN;"), "COMMIT AND");
  EXPECT_EQ(FindTransactionControl("end;"), "END");
  EXPECT_EQ(FindTransactionControl("/* a /* nested */ comment */ Rollback"), "ROLLBACK");
  EXPECT_EQ(FindTransactionControl("-- x\nABORT"), "ABORT");
  EXPECT_EQ(FindTransactionControl("SAVEPOINT a"), "SAVEPOINT A");
  EXPECT_EQ(FindTransactionControl("RELEASE a"), "RELEASE A");
  EXPECT_EQ(FindTransactionControl("PREPARE TRANSACTION 'x'"), "PREPARE TRANSACTION");
  // A backslash escapes in E'…' alone.
  EXPECT_EQ(FindTransactionControl(R"(SELECT '\'; COMMIT; SELECT '')"), "COMMIT");
  EXPECT_EQ(FindTransactionControl("SELECT $a$ $b$ $a$; COMMIT; SELECT $b$ $b$"), "COMMIT");
}

TEST(SqlScript, IgnoresTransactionWordsElsewhere) {
  for (const char* script : {
           "PREPARE q AS SELECT 1",
           "SELECT 'x; COMMIT;'",
           "SELECT 'it''s; COMMIT; '",
           R"(SELECT E'\'; COMMIT; ')",
           "SELECT \"a; COMMIT; \" FROM t",
           "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN; COMMIT; END $$",
           "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $body$ SELECT '$$'; COMMIT; END $body$",
           "-- ; COMMIT;\nSELECT 1",
           "/* ; COMMIT; /* */ ; COMMIT; */ SELECT 1",
           "SELECT committed FROM begin_end",
           "SELECT a$b$; ",
           "SELECT 1 /* never closed; COMMIT",
           "SELECT 'never closed; COMMIT",
           "SELECT $$ never closed; COMMIT",
       }) {
    EXPECT_EQ(FindTransactionControl(script), "") << script;
  }
}

TEST(ServerFacts, VersionsAreComparedAsNumbers) {
  EXPECT_TRUE(VersionLess("2.9.3", "2.13.0"));
  EXPECT_TRUE(VersionLess("2.13", "2.13.1"));
  EXPECT_FALSE(VersionLess("2.13", "2.13.0"));
  EXPECT_FALSE(VersionLess("2.13.0-dev", "2.13.0"));
  EXPECT_FALSE(VersionLess("3.0", "2.13.0"));
}

TEST(ServerFacts, AServerThatCannotHoldTheStoreIsRefusedWithWhatToDo) {
  const ServerFacts good{170'011, "17.11", true, "2.19.3", "2.19.3", "apache"};
  EXPECT_THAT(CheckServer(good, kTimescaleEngine), IsOk());

  const auto expect_refused = [](const ServerFacts& facts, const std::string& message) {
    EXPECT_THAT(CheckServer(facts, kTimescaleEngine),
                AllOf(HasReason(Reason::kStoreIncompatible), HasMessage(HasSubstr(message))));
  };
  ServerFacts facts = good;
  facts.version_number = 140'012;
  facts.version = "14.12";
  expect_refused(facts, "PostgreSQL 14.12 is too old, at least version 15");
  facts = good;
  facts.timescale_available = facts.timescale_installed = "";
  expect_refused(facts, "has no TimescaleDB extension");
  facts = good;
  facts.timescale_preloaded = false;
  expect_refused(facts, "shared_preload_libraries");
  facts = good;
  facts.timescale_installed = "2.12.1";
  expect_refused(facts,
                 "TimescaleDB 2.12.1 is too old, at least 2.13.0 is needed: install a newer package and run ALTER");
  facts.timescale_installed = "";
  EXPECT_THAT(CheckServer(facts, kTimescaleEngine), IsOk());
  facts.timescale_available = "2.12.1";
  expect_refused(facts, "too old");
}

TEST(ServerFacts, OnlyTheTimescaleEngineNeedsTheExtension) {
  EXPECT_THAT(CheckServer({150'000, "15.0", false, "", "", ""}, "native"), IsOk());
  EXPECT_THAT(CheckServer({140'000, "14.0", false, "", "", ""}, "native"), HasReason(Reason::kStoreIncompatible));
}

}  // namespace
}  // namespace eventstore::storage
