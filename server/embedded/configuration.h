// The text of eventstore.conf: every PostgreSQL setting that we decide.
#pragma once

#include <cstdint>
#include <string>

#include "server/embedded/private_postgres.h"

namespace eventstore::embedded {

// Bytes of memory this process may use: the machine's, or its control group's limit when that is lower.
std::uint64_t UsableMemory();

std::string ConfigurationText(const PrivatePostgresOptions& options, const std::string& socket_dir,
                              const std::string& log_dir, std::uint64_t memory_bytes);

}  // namespace eventstore::embedded
