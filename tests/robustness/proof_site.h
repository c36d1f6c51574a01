// Two servers on one PostgreSQL, and everything that can happen to them. They keep their addresses, whatever happens.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "eventstore/client.h"
#include "server/embedded/private_postgres.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace eventstore::testing {

// For whatever is awaited: far beyond what it takes on a machine that does much else.
inline constexpr std::chrono::seconds kProofPatience{300};

class ProofSite {
 public:
  // Fails the test when it cannot, as all of these do.
  void Start();
  void Stop();

  // SIGKILL, and another one.
  void RestartServer(int server);
  // SIGKILL. PostgreSQL is started again by itself.
  void KillPostmaster();
  // SIGKILL for the session of a lane while it has a transaction that is about to write. PostgreSQL ends all others, too.
  void KillWriterInTransaction();
  // A dump, restored into a fresh cluster; servers and clients go there. `meanwhile` runs when nobody serves.
  void MoveToFreshCluster(const std::function<void()>& meanwhile);

  // Repeats for as long as it takes.
  client::EventStoreClient Store(int server) const;
  ServerProcess& server(int server) { return *servers_[server]; }
  // Of the cluster of this moment.
  std::string conninfo() const { return postgres_->conninfo(); }

 private:
  void StartCluster();
  void StartServer(int server);
  // More than a fresh cluster has when it holds the store: without a raised offset, positions there would begin below
  // those that were given out here.
  void SpendTransactionIds();

  TempDir folder_;
  int clusters_ = 0;
  std::unique_ptr<embedded::PrivatePostgres> postgres_;
  std::unique_ptr<ServerProcess> servers_[2];
  int ports_[2] = {0, 0};
};

}  // namespace eventstore::testing
