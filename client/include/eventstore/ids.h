// Ids for events, aggregates and workflows.
#pragma once

#include <string>

namespace eventstore::client {

// A new UUID of version 7 (RFC 9562): the time in milliseconds, then 74 random bits. Thread-safe; needs no state, so it
// is safe in forked processes too.
std::string MakeUuidV7();

}  // namespace eventstore::client
