// Where PostgreSQL's programs are.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace eventstore::embedded {

// Folders that hold postgres and initdb, with TimescaleDB beside them, best first: EVENTSTORE_PG_BIN (the only one
// when set), the cache folders of tools/setup/postgres.sh, the distribution's /usr/lib/postgresql/*/bin.
std::vector<std::string> CandidateBinaries();

// The first candidate that is of `major`, or simply the first when `major` is 0. Errors name the places looked at.
absl::StatusOr<std::string> FindPostgresBinaries(int major);

// 17 for the programs of PostgreSQL 17.4.
absl::StatusOr<int> MajorVersionOf(const std::string& bin_dir);

}  // namespace eventstore::embedded
