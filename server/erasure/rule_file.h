// The file that --erasure-rules names, in TOML:
//
//   [[rule]]
//   event_types = "customer.*"              # or a list; absent: all
//   aggregate_types = ["customer"]          # absent: all
//   data = ["/email", "/addresses/*/street"]
//   metadata = "/ip"
//   subject = "user_id"                     # the default; or a pointer into data: "/customer_id"
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/domain/erasure/rules.h"

namespace eventstore::erasure {

inline constexpr std::size_t kMaxRuleFileBytes = 1 << 20;

// INVALID_REQUEST that names the line.
absl::StatusOr<std::vector<domain::erasure::Rule>> ParseRuleFile(const std::string& text);
// As above, naming the file as well.
absl::StatusOr<std::vector<domain::erasure::Rule>> ReadRuleFile(const std::string& path);

}  // namespace eventstore::erasure
