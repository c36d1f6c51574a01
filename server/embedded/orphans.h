// What an earlier server, or a postmaster that was killed, may have left running on a cluster.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/embedded/account.h"

namespace eventstore::embedded {

// How long a postmaster of an earlier server gets for its checkpoint.
constexpr std::chrono::seconds kOrphanPatience{60};

// PostgreSQL processes of this cluster: each has the cluster's folder as its working directory.
std::vector<pid_t> ProcessesOf(const std::string& pgdata, const Account& account);

// Leaves the cluster with no process and no pid file that could stop a start. A postmaster found here gets a fast
// shutdown and `patience` for it, then everything still there is forced to end (the next start recovers). Only for the holder
// of the data folder's lock. Stopped rather than taken over: a child of ours can be watched and waited for, and has
// the settings of today.
absl::Status StopOrphans(const std::string& pgdata, const std::string& socket_dir, const Account& account,
                         std::chrono::seconds patience);

// The process id in a PostgreSQL pid file's first line; 0 when there is none.
pid_t PidIn(const std::string& pid_file);

// Whether postmaster.pid says that process `pid` accepts connections.
bool IsReady(const std::string& pgdata, pid_t pid);

}  // namespace eventstore::embedded
