#include "tools/eventctl/input/operator_name.h"

#include <pwd.h>
#include <unistd.h>

#include <array>

namespace eventstore::eventctl {

std::string OperatorName() {
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host.front() = '?';
  // One thread at this point, and nobody else asks.
  const passwd* account = getpwuid(geteuid());  // NOLINT(concurrency-mt-unsafe)
  return (account != nullptr ? std::string(account->pw_name) : std::to_string(geteuid())) + "@" + host.data();
}

}  // namespace eventstore::eventctl
