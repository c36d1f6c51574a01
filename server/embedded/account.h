// Which system account PostgreSQL runs as. PostgreSQL refuses to run as root, so a server started by root needs
// an unprivileged one; a server started by anybody else uses its own.
#pragma once

#include <sys/types.h>

#include <string>

#include "absl/status/statusor.h"

namespace eventstore::embedded {

struct Account {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;  // the number as text when the uid has no name
  // True when this process is root and children must change to `uid` and `gid` before they start.
  bool drop = false;
};

// For root, in this order: the owner of `pgdata` when that exists (a cluster keeps its account), the account
// `eventstore`, made as a system account with useradd when it is missing, or else `postgres`, or else `nobody`.
// The last two are for systems where no account can be added (a read-only /etc); they are shared with other programs,
// so the log says which was taken. Refused: a `pgdata` owned by root, or by somebody else than this ordinary user.
absl::StatusOr<Account> ChooseAccount(const std::string& pgdata);

}  // namespace eventstore::embedded
