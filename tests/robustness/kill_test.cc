// Invariants 3 and 4: the server, its PostgreSQL and single backends are killed with SIGKILL under load, on a cluster
// with fsync on. Clients repeat with the same ids. At the end every acknowledged event is there once, and subscribers were
// given every one of them once, in order (invariant 5).
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "eventstore/client.h"
#include "server/embedded/private_postgres.h"
#include "server/storage/session.h"
#include "server/storage/verifier.h"
#include "tests/robustness/deliveries.h"
#include "tests/robustness/ledger.h"
#include "tests/robustness/load.h"
#include "tests/support/server_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace eventstore::testing {
namespace {

using std::chrono::seconds;

constexpr int kKills = 21;  // a third of them each: the server, the postmaster, one backend
// Between two kills so many events have to be acknowledged: the store works again, and the next kill hits real work.
constexpr std::size_t kEventsBetween = 60;
constexpr seconds kPatience{120};

class KillTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(StartServer(0)); }

  void StartServer(int port) {
    ServerProcess::Options options;
    options.data_dir = data_dir_;
    options.grpc_port = port;
    auto started = ServerProcess::Start(options);
    ASSERT_THAT(started, IsOk());
    server_ = *std::move(started);
  }

  client::EventStoreClient Store() const {
    client::Options options;
    options.target = server_->address();
    options.call_timeout = kPatience;
    options.retry.max_attempts = 1'000;
    options.retry.max_backoff = std::chrono::milliseconds(250);
    return client::EventStoreClient(options);
  }

  pid_t Postmaster() const {
    std::ifstream file(data_dir_ + "/pgdata/postmaster.pid");
    pid_t pid = 0;
    file >> pid;
    return pid;
  }

  // Of a lane writer: the one whose death hurts most. It may be connecting again after the last kill.
  pid_t WriterBackend() const {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < until) {
      auto conninfo = embedded::ConninfoOf(data_dir_);
      if (!conninfo.ok()) continue;
      storage::Session session(*conninfo, "test");
      auto rows = session.RunText(
          "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'eventstored lane%' ORDER BY pid LIMIT 1", {});
      if (rows.ok() && !rows->empty()) return (*rows)[0][0].as<pid_t>();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return 0;
  }

  TempDir folder_;
  const std::string data_dir_ = folder_.path() + "/data";
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(KillTest, NothingAcknowledgedIsLostOrDoubled) {
  const client::EventStoreClient store = Store();
  const int port = server_->grpc_port();
  Ledger ledger;
  // One that lives through all of it, one that is restarted again and again, and one that comes in the middle.
  const Deliveries lasting(store);
  const Deliveries restarted(store, {.restart_after = 7});
  std::unique_ptr<Deliveries> late;
  Load load({store}, ledger);
  int servers = 0;
  int postmasters = 0;
  int backends = 0;
  for (int i = 0; i < kKills; ++i) {
    ASSERT_TRUE(load.AwaitEvents(kEventsBetween, kPatience)) << "the store did not come back\n" << server_->Log();
    if (i == kKills / 2) late = std::make_unique<Deliveries>(store);
    if (i % 3 == 0) {
      server_->Kill();
      ++servers;
      ASSERT_NO_FATAL_FAILURE(StartServer(port));
      continue;
    }
    const pid_t victim = i % 3 == 1 ? Postmaster() : WriterBackend();
    ASSERT_GT(victim, 1);
    ASSERT_EQ(kill(victim, SIGKILL), 0);
    ++(i % 3 == 1 ? postmasters : backends);
  }
  ASSERT_TRUE(load.AwaitEvents(kEventsBetween, kPatience)) << server_->Log();
  load.Stop();
  std::printf(
      "%d kills (%d of the server, %d of the postmaster, %d of a backend): %zu events acknowledged, "
      "%d of them on a stream; %d appends without an answer\n",
      servers + postmasters + backends, servers, postmasters, backends, ledger.acknowledged(), load.streamed(),
      load.unanswered());
  EXPECT_GT(load.streamed(), kKills);
  const auto events = ReadEverything(store);
  ASSERT_THAT(events, IsOk());
  const std::vector<Stored> stored = Matching(*events, {});
  EXPECT_THAT(ledger.CheckAmong(stored), IsOk());
  EXPECT_THAT(lasting.AwaitAll(stored, kPatience), IsOk());
  EXPECT_THAT(restarted.AwaitAll(stored, kPatience), IsOk());
  EXPECT_THAT(late->AwaitAll(stored, kPatience), IsOk());
  std::printf("%zu events delivered to each; one in %d subscriptions\n", lasting.count(), restarted.subscriptions());
  EXPECT_THAT(ledger.CheckAgainst(store), IsOk());

  auto conninfo = embedded::ConninfoOf(data_dir_);
  ASSERT_THAT(conninfo, IsOk());
  auto report = storage::Verifier(*conninfo).Run({}, [](const storage::VerifyProgress&) {});
  ASSERT_THAT(report, IsOk());
  EXPECT_TRUE(report->clean()) << report->violations.front().rule << ": " << report->violations.front().detail;
  EXPECT_EQ(server_->Terminate(), 0);
}

TEST_F(KillTest, SigtermUnderLoadFinishesWhatItTook) {
  const client::EventStoreClient store = Store();
  const int port = server_->grpc_port();
  Ledger ledger;
  Load load({store}, ledger);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(load.AwaitEvents(kEventsBetween, kPatience)) << server_->Log();
    EXPECT_EQ(server_->Terminate(), 0) << server_->Log();
    ASSERT_NO_FATAL_FAILURE(StartServer(port));
  }
  ASSERT_TRUE(load.AwaitEvents(kEventsBetween, kPatience));
  load.Stop();
  EXPECT_EQ(load.unanswered(), 0);
  EXPECT_THAT(ledger.CheckAgainst(store), IsOk());
}

}  // namespace
}  // namespace eventstore::testing
