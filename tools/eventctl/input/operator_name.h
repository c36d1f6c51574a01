// Who is at the keyboard, for logs that last.
#pragma once

#include <string>

namespace eventstore::eventctl {

// "me@db1": the account and the host.
std::string OperatorName();

}  // namespace eventstore::eventctl
