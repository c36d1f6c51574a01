// What a request that is refused has to say, whatever the request.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace eventstore::fuzz {

// Empty when `status` is a refusal that a client can read: a known reason, valid text, the fields named.
std::string CheckRefusal(const absl::Status& status);

}  // namespace eventstore::fuzz
