// What a PostgreSQL server is able to be for us, found out by reading alone.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/storage/session.h"

namespace eventstore::storage {

struct ServerFacts {
  int version_number = 0;            // 170011 for 17.11
  std::string version;               // "17.11 (Debian 17.11-0+deb13u1)"
  bool timescale_preloaded = false;  // in shared_preload_libraries
  std::string timescale_available;   // version CREATE EXTENSION would give; "" when it is not there
  std::string timescale_installed;   // version in this database; "" when it is not in it
  std::string edition;               // "apache" or "timescale"; "" until the extension is in this database
};

inline constexpr int kMinPostgres = 150'000;
// The first that supports PostgreSQL 16; what we read of its catalogue has been the same since.
inline constexpr char kMinTimescale[] = "2.13.0";

absl::StatusOr<ServerFacts> ReadServerFacts(Session& session);

// STORE_INCOMPATIBLE, with what to do, unless this server can hold a store of `engine`.
absl::Status CheckServer(const ServerFacts& facts, const std::string& engine);

// Compares numbers between dots; what follows the numbers ("-dev") is not looked at.
bool VersionLess(const std::string& left, const std::string& right);

}  // namespace eventstore::storage
