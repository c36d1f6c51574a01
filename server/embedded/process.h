// Starting child processes with another account, without a shell.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/embedded/account.h"

namespace eventstore::embedded {

struct ChildSpec {
  std::vector<std::string> argv{};   // argv[0] is an absolute path
  std::string directory{};           // working directory; one the account can enter
  std::optional<Account> account{};  // changed to when account->drop
  std::string input{};               // what RunToEnd gives it on stdin
  // Sent to the child when the thread that started it ends, however that happens; 0: nothing is sent.
  int signal_on_parent_death = 0;
};

struct ChildResult {
  int exit_code = 0;   // 128 + n when signal n ended it
  std::string output;  // stdout and stderr together
};

// The child gets a small fixed environment (PATH and a UTF-8 C locale: no PG* variable of ours reaches PostgreSQL),
// a session of its own (Ctrl-C on our terminal is for us to handle), default signals, umask 077 and no descriptor
// beyond the three standard ones. stdin is /dev/null, stdout and stderr go to `output_fd`.
absl::StatusOr<pid_t> Spawn(const ChildSpec& spec, int output_fd);

// Runs it to its end.
absl::StatusOr<ChildResult> RunToEnd(const ChildSpec& spec);

// The first folder on the way to the folder `path`, itself included, that the account cannot enter. The question is put
// to the kernel by a child with the account's rights, so that access lists count as well. `path` is absolute; folders
// that do not exist end the walk.
absl::StatusOr<std::optional<std::string>> FirstClosedFolder(const Account& account, const std::string& path);

// 0 when it ended well, its exit code, or 128 + n after signal n.
int ExitCodeOf(int wait_status);

}  // namespace eventstore::embedded
