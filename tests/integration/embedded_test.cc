// The private PostgreSQL, started for real: what it survives, and what it refuses.
#include "server/embedded/private_postgres.h"

#include <libpq-fe.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/embedded/account.h"
#include "server/embedded/configuration.h"
#include "server/embedded/files.h"
#include "server/embedded/orphans.h"
#include "server/embedded/process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace eventstore::embedded {
namespace {

namespace fs = std::filesystem;
using ::eventstore::testing::HasMessage;
using ::eventstore::testing::IsOk;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

PrivatePostgresOptions Small(const std::string& data_dir) {
  PrivatePostgresOptions options;
  options.data_dir = data_dir;
  options.durable = false;
  options.shared_buffers_mb = 16;
  options.max_connections = 20;
  options.max_locks_per_transaction = 64;
  return options;
}

// The first field of the first row, or the error's text.
std::string Ask(const std::string& conninfo, const std::string& sql) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(conninfo.c_str()), &PQfinish);
  if (PQstatus(connection.get()) != CONNECTION_OK) return PQerrorMessage(connection.get());
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()), &PQclear);
  if (PQresultStatus(result.get()) == PGRES_TUPLES_OK && PQntuples(result.get()) > 0)
    return PQgetvalue(result.get(), 0, 0);
  return PQerrorMessage(connection.get());
}

bool Eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

// Path to content of every file below `folder`.
std::map<std::string, std::string> Snapshot(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    files[entry.path()] = entry.is_regular_file() ? ReadFile(entry.path()).value_or("?") : "";
  }
  return files;
}

class EmbeddedTest : public ::testing::Test {
 protected:
  std::string DataDir() const { return folder_.path() + "/data"; }
  std::string PgData() const { return DataDir() + "/pgdata"; }

  static void SetUpTestSuite() {
    made_ = std::make_unique<eventstore::testing::TempDir>();
    ASSERT_THAT(PrivatePostgres::Start(Small(made_->path() + "/data")), IsOk());
  }
  static void TearDownTestSuite() { made_.reset(); }

  // A cluster that was started and stopped once: a copy, since making one takes a second.
  void MakeCluster() {
    const auto copied =
        RunToEnd({.argv = {"/bin/cp", "-a", made_->path() + "/data", DataDir()}, .directory = folder_.path()});
    ASSERT_THAT(copied, IsOk());
    ASSERT_EQ(copied->exit_code, 0) << copied->output;
  }

  static inline std::unique_ptr<eventstore::testing::TempDir> made_;
  eventstore::testing::TempDir folder_;
};

TEST_F(EmbeddedTest, InitialisesStartsAndConnects) {
  auto postgres = PrivatePostgres::Start(Small(DataDir()));
  ASSERT_THAT(postgres, IsOk());
  const auto& conninfo = (*postgres)->conninfo();
  EXPECT_EQ(Ask(conninfo, "SELECT current_database()"), "eventstore");
  EXPECT_EQ(Ask(conninfo, "SHOW listen_addresses"), "");
  EXPECT_EQ(Ask(conninfo, "SHOW synchronous_commit"), "on");
  EXPECT_EQ(Ask(conninfo, "SHOW timezone"), "UTC");
  EXPECT_EQ(Ask(conninfo, "SHOW server_encoding"), "UTF8");
  EXPECT_EQ(Ask(conninfo, "SHOW shared_preload_libraries"), "timescaledb");
  EXPECT_EQ(Ask(conninfo, "SHOW timescaledb.telemetry_level"), "off");
  EXPECT_EQ(Ask(conninfo, "SELECT count(*) FROM pg_available_extensions WHERE name = 'timescaledb'"), "1");
  EXPECT_EQ(Ask(conninfo, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'"), "0");
}

TEST_F(EmbeddedTest, KeepsTheDiskInStepUnlessToldOtherwise) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  auto options = Small(DataDir());
  options.durable = true;
  auto postgres = PrivatePostgres::Start(options);
  ASSERT_THAT(postgres, IsOk());
  EXPECT_EQ(Ask((*postgres)->conninfo(), "SHOW fsync"), "on");
  EXPECT_EQ(Ask((*postgres)->conninfo(), "SHOW full_page_writes"), "on");
}

TEST_F(EmbeddedTest, ThePasswordShowsNowhereButInItsFile) {
  auto postgres = PrivatePostgres::Start(Small(DataDir()));
  ASSERT_THAT(postgres, IsOk());
  const std::string passfile = DataDir() + "/passfile";
  struct stat info{};
  ASSERT_EQ(stat(passfile.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  std::string password = ReadFile(passfile).value();
  password = password.substr(password.rfind(':') + 1, 64);
  ASSERT_EQ(password.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_THAT((*postgres)->conninfo(), Not(HasSubstr(password)));
  (*postgres)->Stop();
  for (const auto& [path, content] : Snapshot(DataDir())) {
    EXPECT_EQ(path == passfile, content.find(password) != std::string::npos) << path;
  }
}

TEST_F(EmbeddedTest, AKilledPostmasterIsStartedAgainWithItsData) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  auto postgres = PrivatePostgres::Start(Small(DataDir()));
  ASSERT_THAT(postgres, IsOk());
  Ask((*postgres)->conninfo(), "CREATE TABLE kept AS SELECT 42 AS answer");
  for (int round = 0; round < 2; ++round) {
    const pid_t before = (*postgres)->postmaster_pid();
    ASSERT_GT(before, 0);
    ASSERT_EQ(kill(before, SIGKILL), 0);
    ASSERT_TRUE(Eventually([&] {
      const pid_t now = (*postgres)->postmaster_pid();
      return now > 0 && now != before && Ask((*postgres)->conninfo(), "SELECT 1") == "1";
    }));
    EXPECT_EQ(Ask((*postgres)->conninfo(), "SELECT answer FROM kept"), "42");
  }
}

TEST_F(EmbeddedTest, StopsWhileItIsRestarting) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  auto postgres = PrivatePostgres::Start(Small(DataDir()));
  ASSERT_THAT(postgres, IsOk());
  ASSERT_EQ(kill((*postgres)->postmaster_pid(), SIGKILL), 0);
  (*postgres)->Stop();
  EXPECT_EQ((*postgres)->postmaster_pid(), -1);
  (*postgres)->Stop();
  postgres->reset();  // with it goes the lock
  EXPECT_THAT(PrivatePostgres::Start(Small(DataDir())), IsOk());
}

TEST_F(EmbeddedTest, AStartCanBeCalledOff) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  const auto account = ChooseAccount(PgData());
  const auto bin = FindPostgresBinaries();
  ASSERT_THAT(account, IsOk());
  ASSERT_THAT(bin, IsOk());
  // A program that starts and never gets ready.
  const std::string slow = folder_.path() + "/bin";
  fs::create_directory(slow);
  std::ofstream(slow + "/initdb") << "#!/bin/sh\n";
  std::ofstream(slow + "/postgres") << "#!/bin/sh\ncase $1 in --version) exec '" << *bin
                                    << "/postgres' --version;; esac\nexec sleep 600\n";
  for (const char* program : {"/postgres", "/initdb"}) ASSERT_EQ(chmod((slow + program).c_str(), 0755), 0);
  auto options = Small(DataDir());
  options.bin_dir = slow;
  options.stop_requested = [] { return true; };
  EXPECT_EQ(PrivatePostgres::Start(options).status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(PrivatePostgres::Start(Small(DataDir())), IsOk());
}

TEST_F(EmbeddedTest, StopLeavesACheckpointedCluster) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  const auto bin = FindPostgresBinaries();
  ASSERT_THAT(bin, IsOk());
  auto postgres = PrivatePostgres::Start(Small(DataDir()));
  ASSERT_THAT(postgres, IsOk());
  Ask((*postgres)->conninfo(), "CREATE TABLE written AS SELECT 1");
  (*postgres)->Stop();
  const auto shown = RunToEnd({.argv = {*bin + "/pg_controldata", PgData()}, .directory = "/"});
  ASSERT_THAT(shown, IsOk());
  EXPECT_THAT(shown->output, HasSubstr("shut down\n"));
  EXPECT_FALSE(fs::exists(PgData() + "/postmaster.pid"));
}

TEST_F(EmbeddedTest, APidFileOfAnotherProcessIsNoObstacle) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  const auto account = ChooseAccount(PgData());
  ASSERT_THAT(account, IsOk());
  // Of PostgreSQL's own account: such a process PostgreSQL itself would take for a running server.
  const auto stranger =
      Spawn({.argv = {"/usr/bin/sleep", "600"}, .directory = "/", .account = *account}, STDERR_FILENO);
  ASSERT_THAT(stranger, IsOk());
  const std::string text =
      fmt::format("{}\n{}\n1700000000\n5432\n{}/run\n\n  1234 5678\nready   \n", *stranger, PgData(), DataDir());
  ASSERT_THAT(ReplaceFile(PgData() + "/postmaster.pid", text, 0600, account->uid, account->gid), IsOk());
  ASSERT_THAT(ReplaceFile(DataDir() + "/run/.s.PGSQL.5432.lock", text, 0600, account->uid, account->gid), IsOk());
  {
    auto postgres = PrivatePostgres::Start(Small(DataDir()));
    ASSERT_THAT(postgres, IsOk());
    EXPECT_EQ(Ask((*postgres)->conninfo(), "SELECT 1"), "1");
  }
  EXPECT_EQ(kill(*stranger, 0), 0) << "the stranger was not to be touched";
  kill(*stranger, SIGKILL);
  waitpid(*stranger, nullptr, 0);
}

TEST_F(EmbeddedTest, APidFileOfNobodyIsNoObstacle) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  const auto account = ChooseAccount(PgData());
  ASSERT_THAT(account, IsOk());
  const auto gone = Spawn({.argv = {"/usr/bin/true"}, .directory = "/"}, STDERR_FILENO);
  ASSERT_THAT(gone, IsOk());
  waitpid(*gone, nullptr, 0);
  const std::string text =
      fmt::format("{}\n{}\n1700000000\n5432\n{}/run\n\n  1234 5678\nready   \n", *gone, PgData(), DataDir());
  ASSERT_THAT(ReplaceFile(PgData() + "/postmaster.pid", text, 0600, account->uid, account->gid), IsOk());
  auto postgres = PrivatePostgres::Start(Small(DataDir()));
  ASSERT_THAT(postgres, IsOk());
  EXPECT_EQ(Ask((*postgres)->conninfo(), "SELECT 1"), "1");
}

TEST_F(EmbeddedTest, AnOrphanedPostmasterIsStoppedAndReplaced) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  const auto account = ChooseAccount(PgData());
  const auto bin = FindPostgresBinaries();
  ASSERT_THAT(account, IsOk());
  ASSERT_THAT(bin, IsOk());
  const auto orphan =
      Spawn({.argv = {*bin + "/postgres", "-D", PgData()}, .directory = "/", .account = *account}, STDERR_FILENO);
  ASSERT_THAT(orphan, IsOk());
  ASSERT_TRUE(Eventually([&] { return IsReady(PgData(), *orphan); }));
  auto postgres = PrivatePostgres::Start(Small(DataDir()));
  EXPECT_EQ(waitpid(*orphan, nullptr, WNOHANG), *orphan) << "the orphan is to be gone";
  ASSERT_THAT(postgres, IsOk());
  EXPECT_NE((*postgres)->postmaster_pid(), *orphan);
  EXPECT_EQ(Ask((*postgres)->conninfo(), "SELECT 1"), "1");
}

TEST_F(EmbeddedTest, AKilledOwnerTakesPostgresDownCleanlyAndTheNextOneStarts) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  const auto account = ChooseAccount(PgData());
  const auto bin = FindPostgresBinaries();
  ASSERT_THAT(account, IsOk());
  ASSERT_THAT(bin, IsOk());
  // This program again, as a server that only runs a private PostgreSQL. It is told where the programs are: a spawned
  // process has another HOME, and an ordinary user's are in the cache folder below it.
  const auto owner = Spawn(
      {.argv = {"/usr/bin/env", "EVENTSTORE_PG_BIN=" + *bin, fs::read_symlink("/proc/self/exe"), "--own", DataDir()},
       .directory = "/"},
      STDERR_FILENO);
  ASSERT_THAT(owner, IsOk());
  ASSERT_TRUE(Eventually([&] { return fs::exists(DataDir() + "/conninfo"); }));
  ASSERT_FALSE(ProcessesOf(PgData(), *account).empty());
  kill(*owner, SIGKILL);
  waitpid(*owner, nullptr, 0);
  auto postgres = PrivatePostgres::Start(Small(DataDir()));
  ASSERT_THAT(postgres, IsOk());
  EXPECT_EQ(Ask((*postgres)->conninfo(), "SELECT 1"), "1");
}

TEST_F(EmbeddedTest, APostmasterThatHangsIsForced) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  const auto account = ChooseAccount(PgData());
  const auto bin = FindPostgresBinaries();
  ASSERT_THAT(account, IsOk());
  ASSERT_THAT(bin, IsOk());
  const auto orphan =
      Spawn({.argv = {*bin + "/postgres", "-D", PgData()}, .directory = "/", .account = *account}, STDERR_FILENO);
  ASSERT_THAT(orphan, IsOk());
  ASSERT_TRUE(Eventually([&] { return IsReady(PgData(), *orphan); }));
  for (const pid_t pid : ProcessesOf(PgData(), *account)) kill(pid, SIGSTOP);
  EXPECT_THAT(StopOrphans(PgData(), DataDir() + "/run", *account, std::chrono::seconds(1)), IsOk());
  EXPECT_TRUE(ProcessesOf(PgData(), *account).empty());
  waitpid(*orphan, nullptr, 0);
  EXPECT_THAT(PrivatePostgres::Start(Small(DataDir())), IsOk());
}

TEST_F(EmbeddedTest, AClusterOfAnotherVersionIsRefusedUntouched) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  const std::string actual = ReadFile(PgData() + "/PG_VERSION").value();
  std::ofstream(PgData() + "/PG_VERSION") << "9\n";
  const auto before = Snapshot(PgData());
  const auto refused = PrivatePostgres::Start(Small(DataDir()));
  EXPECT_THAT(refused, HasMessage(AllOf(HasSubstr("PostgreSQL 9"),
                                        HasSubstr("PostgreSQL " + actual.substr(0, actual.find('\n'))),
                                        HasSubstr("EVENTSTORE_PG_BIN"), HasSubstr("nothing was changed"))));
  EXPECT_EQ(Snapshot(PgData()), before);
}

TEST_F(EmbeddedTest, AFolderThatHoldsSomethingElseIsRefusedUntouched) {
  fs::create_directories(PgData());
  std::ofstream(PgData() + "/holiday.jpg") << "picture";
  const auto account = ChooseAccount(DataDir() + "/none");
  ASSERT_THAT(account, IsOk());
  if (account->drop) {
    ASSERT_EQ(chown(PgData().c_str(), account->uid, account->gid), 0);
  }
  const auto before = Snapshot(PgData());
  EXPECT_THAT(PrivatePostgres::Start(Small(DataDir())), HasMessage(HasSubstr(PgData())));
  EXPECT_EQ(Snapshot(PgData()), before);
}

TEST_F(EmbeddedTest, APostgresFolderItselfIsRefused) {
  fs::create_directories(DataDir());
  std::ofstream(DataDir() + "/PG_VERSION") << "17\n";
  EXPECT_THAT(PrivatePostgres::Start(Small(DataDir())), HasMessage(HasSubstr("DATABASE_URL")));
}

TEST_F(EmbeddedTest, ASecondOwnerIsRefused) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  auto first = PrivatePostgres::Start(Small(DataDir()));
  ASSERT_THAT(first, IsOk());
  const auto second = PrivatePostgres::Start(Small(DataDir()));
  EXPECT_THAT(second, HasMessage(AllOf(HasSubstr("another server"), HasSubstr(std::to_string(getpid())),
                                       HasSubstr(DataDir()))));
  EXPECT_EQ(Ask((*first)->conninfo(), "SELECT 1"), "1");
}

// Root can enter such a folder, the account of PostgreSQL cannot; an ordinary user cannot either.
TEST_F(EmbeddedTest, ADataFolderBelowAClosedOneIsRefusedByName) {
  const std::string closed = folder_.path() + "/closed";
  fs::create_directory(closed);
  ASSERT_EQ(chmod(closed.c_str(), geteuid() == 0 ? 0700 : 0), 0);
  EXPECT_THAT(PrivatePostgres::Start(Small(closed + "/deeper/data")),
              HasMessage(AllOf(HasSubstr(closed), HasSubstr("--data-dir"))));
  ASSERT_EQ(chmod(closed.c_str(), 0755), 0);
  EXPECT_FALSE(fs::exists(closed + "/deeper/data/pgdata"));
}

TEST_F(EmbeddedTest, ProgramsBelowAClosedFolderAreRefusedByName) {
  const auto bin = FindPostgresBinaries();
  ASSERT_THAT(bin, IsOk());
  const std::string closed = folder_.path() + "/closed";
  fs::create_directories(closed + "/bin");
  for (const char* program : {"postgres", "initdb"}) {
    const std::string wrapper = closed + "/bin/" + program;
    std::ofstream(wrapper) << "#!/bin/sh\nexec '" << *bin << "/" << program << "' \"$@\"\n";
    ASSERT_EQ(chmod(wrapper.c_str(), 0755), 0);
  }
  ASSERT_EQ(chmod(closed.c_str(), geteuid() == 0 ? 0700 : 0), 0);
  auto options = Small(DataDir());
  options.bin_dir = closed + "/bin";
  EXPECT_THAT(PrivatePostgres::Start(options), HasMessage(HasSubstr(closed)));
  EXPECT_FALSE(fs::exists(PgData()));
  ASSERT_EQ(chmod(closed.c_str(), 0755), 0);
}

class OddPathTest : public EmbeddedTest, public ::testing::WithParamInterface<std::string> {};

TEST_P(OddPathTest, Works) {
  const std::string data_dir = folder_.path() + "/" + GetParam();
  auto postgres = PrivatePostgres::Start(Small(data_dir));
  ASSERT_THAT(postgres, IsOk());
  EXPECT_EQ(Ask((*postgres)->conninfo(), "SELECT 1"), "1");
  EXPECT_EQ(ConninfoOf(data_dir).value_or(""), (*postgres)->conninfo());
  const std::string log_dir = Ask((*postgres)->conninfo(), "SHOW log_directory");
  EXPECT_EQ(log_dir, fs::canonical(data_dir).string() + "/log");
}

INSTANTIATE_TEST_SUITE_P(Paths, OddPathTest,
                         ::testing::Values("with spaces in it", R"(it's "quoted" \ and more)", "one, two, three",
                                           "größer", std::string(120, 'x'), "a/" + std::string(100, 'y') + "/b"));

TEST_F(EmbeddedTest, ConninfoIsThereWhileItRuns) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  auto postgres = PrivatePostgres::Start(Small(DataDir()));
  ASSERT_THAT(postgres, IsOk());
  EXPECT_EQ(ConninfoOf(DataDir()).value_or(""), (*postgres)->conninfo());
  (*postgres)->Stop();
  EXPECT_THAT(ConninfoOf(DataDir()), HasMessage(HasSubstr("eventstored --data-dir")));
}

TEST_F(EmbeddedTest, ALostPassfileIsMadeAnew) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  fs::remove(DataDir() + "/passfile");
  auto postgres = PrivatePostgres::Start(Small(DataDir()));
  ASSERT_THAT(postgres, IsOk());
  EXPECT_EQ(Ask((*postgres)->conninfo(), "SELECT 1"), "1");
}

TEST_F(EmbeddedTest, AnInitialisationCutShortIsBegunAgain) {
  fs::create_directories(PgData() + ".new/base");
  std::ofstream(PgData() + ".new/PG_VERSION") << "17\n";
  auto postgres = PrivatePostgres::Start(Small(DataDir()));
  ASSERT_THAT(postgres, IsOk());
  EXPECT_EQ(Ask((*postgres)->conninfo(), "SELECT 1"), "1");
  EXPECT_FALSE(fs::exists(PgData() + ".new"));
}

TEST_F(EmbeddedTest, TheOperatorsOwnSettingsWinAndOursAreRewritten) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  std::ofstream(DataDir() + "/local.conf") << "work_mem = '5MB'\n";
  std::ofstream(DataDir() + "/eventstore.conf") << "this is no setting\n";
  auto options = Small(DataDir());
  options.max_connections = 23;
  auto postgres = PrivatePostgres::Start(options);
  ASSERT_THAT(postgres, IsOk());
  EXPECT_EQ(Ask((*postgres)->conninfo(), "SHOW work_mem"), "5MB");
  EXPECT_EQ(Ask((*postgres)->conninfo(), "SHOW max_connections"), "23");
}

TEST_F(EmbeddedTest, AStartThatFailsSaysWhatPostgresSaid) {
  ASSERT_NO_FATAL_FAILURE(MakeCluster());
  std::ofstream(DataDir() + "/local.conf") << "no_such_setting = 1\n";
  EXPECT_THAT(PrivatePostgres::Start(Small(DataDir())), HasMessage(HasSubstr("no_such_setting")));
}

TEST(ConfigurationTest, MemorySettingsFollowTheMemoryWithinBounds) {
  constexpr std::uint64_t kGiB = 1ULL << 30;
  const PrivatePostgresOptions options;
  EXPECT_THAT(ConfigurationText(options, "/s", "/l", kGiB / 16), HasSubstr("\nshared_buffers = '64MB'\n"));
  EXPECT_THAT(ConfigurationText(options, "/s", "/l", 4 * kGiB), HasSubstr("\nshared_buffers = '1024MB'\n"));
  EXPECT_THAT(ConfigurationText(options, "/s", "/l", 256 * kGiB), HasSubstr("\nshared_buffers = '8192MB'\n"));
  EXPECT_GT(UsableMemory(), kGiB / 16);
}

TEST(ConfigurationTest, ValuesCannotBreakOutOfTheirQuotes) {
  EXPECT_THAT(ConfigurationText({}, "/it's", "/l'\\", 1 << 30),
              AllOf(HasSubstr("unix_socket_directories = '\"/it''s\"'"), HasSubstr("log_directory = '/l''\\\\'")));
}

int Own(const std::string& data_dir) {
  auto postgres = PrivatePostgres::Start(Small(data_dir));
  if (!postgres.ok()) {
    fmt::print(stderr, "{}\n", std::string(postgres.status().message()));
    return 1;
  }
  pause();
  return 0;
}

}  // namespace
}  // namespace eventstore::embedded

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--own") return eventstore::embedded::Own(argv[2]);
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
