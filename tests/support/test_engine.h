// Which engine this run of a test program is about: EVENTSTORE_TEST_ENGINE, by default timescaledb. CTest runs the suites
// that need a database once for each; what holds on one has to hold on the other.
#pragma once

#include "server/storage/engines/engine.h"
#include "server/storage/migration_set.h"

namespace eventstore::testing {

// Throws when the variable names none.
const storage::Engine& TestEngine();

// Of that engine.
storage::MigrationSet TestMigrations();

inline bool OnNative() { return TestEngine().name == std::string(storage::kNativeEngine); }

}  // namespace eventstore::testing
