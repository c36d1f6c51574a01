// Stands between a server and PostgreSQL and breaks the connection at a COMMIT, on either side of it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temp_dir.h"

namespace eventstore::testing {

class CommitProxy {
 public:
  enum class AtCommit {
    kForward,
    kCutBefore,  // PostgreSQL never sees it: rolled back
    kCutAfter,   // PostgreSQL has answered it; the answer is lost
    kCutDuring,  // PostgreSQL has it and may still be at it
    kHold,       // until Continue()
  };

  // `conninfo`: of the database, through a unix socket or TCP.
  explicit CommitProxy(const std::string& conninfo);
  ~CommitProxy();
  CommitProxy(const CommitProxy&) = delete;
  CommitProxy& operator=(const CommitProxy&) = delete;

  // Through the proxy.
  const std::string& conninfo() const { return conninfo_; }

  // For the next COMMIT; the ones after it are forwarded. `stay_away`: nobody can connect any more, until Return().
  void Next(AtCommit action, bool stay_away = false);
  void Return() { away_ = false; }
  // Until a COMMIT is held.
  bool AwaitHeld();
  void Continue();

 private:
  struct Connection;

  void Accept();
  void Serve(int client);
  // False when the connection is to end.
  bool ToServer(Connection& connection);
  bool ToClient(Connection& connection);
  // Holding mutex_: whether this is what was asked for next.
  bool Takes(AtCommit action);
  bool BeforeCommit();
  bool AfterCommit(Connection& connection);
  int ConnectToServer() const;

  const TempDir folder_;
  std::string host_;
  std::string port_;
  std::string conninfo_;
  int listener_ = -1;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> away_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  AtCommit next_ = AtCommit::kForward;
  bool away_after_ = false;
  bool held_ = false;
  bool continue_ = false;
  std::vector<std::thread> threads_;  // of the accepting thread alone
  std::thread accepting_;
};

}  // namespace eventstore::testing
