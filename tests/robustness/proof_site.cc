#include "tests/robustness/proof_site.h"

#include <signal.h>

#include <cstdint>

#include "gmock/gmock.h"
#include "server/storage/session.h"
#include "tests/integration/store/eventually.h"
#include "tests/support/status_matchers.h"
#include "tests/support/store_dump.h"

namespace eventstore::testing {
namespace {

std::int64_t NextTransactionId(const std::string& conninfo) {
  storage::Session session(conninfo, "test");
  const auto rows = session.RunText("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint", {});
  EXPECT_THAT(rows, IsOk());
  return rows.ok() ? (*rows)[0][0].as<std::int64_t>() : 0;
}

}  // namespace

void ProofSite::Start() {
  ASSERT_NO_FATAL_FAILURE(StartCluster());
  for (int server : {0, 1}) ASSERT_NO_FATAL_FAILURE(StartServer(server));
}

void ProofSite::Stop() {
  for (auto& server : servers_) EXPECT_EQ(server->Terminate(), 0) << server->Log();
  postgres_->Stop();
}

void ProofSite::StartCluster() {
  embedded::PrivatePostgresOptions options;
  options.data_dir = folder_.path() + "/cluster-" + std::to_string(++clusters_);
  options.shared_buffers_mb = 64;
  auto started = embedded::PrivatePostgres::Start(options);
  ASSERT_THAT(started, IsOk());
  postgres_ = *std::move(started);
}

void ProofSite::StartServer(int server) {
  ServerProcess::Options options;
  options.database_url = conninfo();
  options.grpc_port = ports_[server];
  options.patience = kProofPatience;
  auto started = ServerProcess::Start(options);
  ASSERT_THAT(started, IsOk());
  servers_[server] = *std::move(started);
  ports_[server] = servers_[server]->grpc_port();
}

void ProofSite::RestartServer(int server) {
  servers_[server]->Kill();
  StartServer(server);
}

void ProofSite::KillPostmaster() {
  const pid_t postmaster = postgres_->postmaster_pid();
  ASSERT_GT(postmaster, 1);
  ASSERT_EQ(kill(postmaster, SIGKILL), 0);
}

void ProofSite::KillWriterInTransaction() {
  // Writers read the heads and get their transaction ids; then they stand still, with their lanes.
  storage::Session blocker(conninfo(), "blocker");
  ASSERT_THAT(blocker.RunScript("BEGIN; LOCK TABLE aggregate_heads IN SHARE MODE"), IsOk());
  storage::Session watch(conninfo(), "watch");
  pid_t victim = 0;
  ASSERT_TRUE(Eventually(
      [&] {
        const auto rows = watch.RunText(
            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'eventstored lane%' "
            "AND backend_xid IS NOT NULL AND wait_event_type = 'Lock' ORDER BY pid LIMIT 1",
            {});
        if (rows.ok() && !rows->empty()) victim = (*rows)[0][0].as<pid_t>();
        return victim > 1;
      },
      kProofPatience));
  ASSERT_EQ(kill(victim, SIGKILL), 0);
}

void ProofSite::SpendTransactionIds() {
  storage::Session session(conninfo(), "ahead");
  ASSERT_THAT(
      session.RunScript("DO $$ BEGIN FOR i IN 1..50000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"),
      IsOk());
}

void ProofSite::MoveToFreshCluster(const std::function<void()>& meanwhile) {
  ASSERT_NO_FATAL_FAILURE(SpendTransactionIds());
  ASSERT_TRUE(servers_[0]->WaitUntilServing(kProofPatience) && servers_[1]->WaitUntilServing(kProofPatience));
  // What is acknowledged from here on would not be in the dump.
  for (auto& server : servers_) ASSERT_EQ(server->Terminate(), 0) << server->Log();
  meanwhile();
  const std::string file = "dump-" + std::to_string(clusters_);
  ASSERT_THAT(DumpStore(conninfo(), folder_.path(), file), IsOk());
  const std::int64_t ids_before = NextTransactionId(conninfo());
  postgres_->Stop();
  ASSERT_NO_FATAL_FAILURE(StartCluster());
  ASSERT_THAT(RestoreStore(conninfo(), folder_.path(), file), IsOk());
  EXPECT_LT(NextTransactionId(conninfo()), ids_before) << "no position could collide: the move proves nothing";
  for (int server : {0, 1}) ASSERT_NO_FATAL_FAILURE(StartServer(server));
}

client::EventStoreClient ProofSite::Store(int server) const {
  client::Options options;
  options.target = servers_[server]->address();
  // A move with everything in it may take the whole of it.
  options.call_timeout = 3 * kProofPatience;
  options.retry.max_attempts = 1'000'000;
  options.retry.max_backoff = std::chrono::milliseconds(250);
  return client::EventStoreClient(options);
}

}  // namespace eventstore::testing
