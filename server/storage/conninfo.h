// Connection strings: completed, and shown without their secrets.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace eventstore::storage {

// `conninfo` (keywords or URL) with what it leaves open: application_name, connect_timeout 5 s, TCP keepalives and
// tcp_user_timeout 15 s, so that a dead network is noticed. InvalidArgument when libpq cannot read it; the message
// never repeats the string.
absl::StatusOr<std::string> CompleteConninfo(const std::string& conninfo, const std::string& application_name);

// For logs: host, port, dbname and user only.
std::string DescribeConninfo(const std::string& conninfo);

}  // namespace eventstore::storage
