// The store's own check of its invariants, for the end of a test.
#pragma once

#include <cstdint>
#include <string>

#include "gtest/gtest.h"
#include "server/storage/verifier.h"
#include "tests/support/status_matchers.h"

namespace eventstore::testing {

// Fails the test for each violation; gives the number of events.
inline std::int64_t ExpectVerified(const std::string& conninfo) {
  const auto report = storage::Verifier(conninfo).Run({}, {});
  EXPECT_THAT(report, IsOk());
  if (!report.ok()) return -1;
  for (const storage::Violation& violation : report->violations) {
    ADD_FAILURE() << violation.rule << ": aggregate " << violation.aggregate_id << ", version "
                  << violation.from_version << " to " << violation.to_version << ": " << violation.detail;
  }
  EXPECT_FALSE(report->more_violations);
  return report->events;
}

}  // namespace eventstore::testing
