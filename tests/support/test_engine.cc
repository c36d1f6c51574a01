#include "tests/support/test_engine.h"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace eventstore::testing {

const storage::Engine& TestEngine() {
  const char* named = std::getenv("EVENTSTORE_TEST_ENGINE");
  const std::string name = named == nullptr || *named == '\0' ? storage::kTimescaleEngine : named;
  const storage::Engine* engine = storage::FindEngine(name);
  if (engine == nullptr) throw std::invalid_argument("EVENTSTORE_TEST_ENGINE: there is no engine " + name);
  return *engine;
}

storage::MigrationSet TestMigrations() { return storage::MigrationSet::Embedded(TestEngine().name).value(); }

}  // namespace eventstore::testing
