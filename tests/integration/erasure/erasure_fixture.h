// A database, and key rings on it as servers have them.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/system_clock.h"
#include "server/erasure/key_ring.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {

class ErasureTest : public ::testing::Test {
 protected:
  static erasure::MasterKey Master(char digit = 'a') { return *erasure::MasterKey::Parse(std::string(64, digit)); }

  std::unique_ptr<erasure::KeyRing> Ring(const domain::Clock& clock) {
    auto ring = erasure::KeyRing::Start(database_.conninfo(), Master(), clock, ids_);
    // Nothing can be tried without one.
    if (!ring.ok()) throw std::runtime_error(std::string(ring.status().message()));
    return *std::move(ring);
  }
  std::unique_ptr<erasure::KeyRing> Ring() { return Ring(clock_); }

  // The key of a subject, made unless there is one; null: erased, or the test has failed.
  static erasure::KeyPtr Of(erasure::KeyRing& ring, const std::string& subject) {
    const auto found = ring.Of({subject});
    EXPECT_THAT(found, IsOk());
    return found.ok() ? found->at(subject) : nullptr;
  }

  domain::erasure::EraseOutcome Erase(erasure::KeyRing& ring, const std::string& subject, bool dry_run = false) {
    auto outcome = ring.Erase(session_, {subject, "tester", "asked to", dry_run, false});
    EXPECT_THAT(outcome, IsOk());
    return outcome.value_or(domain::erasure::EraseOutcome{});
  }

  std::string Text(const std::string& sql) const {
    const auto rows = database_.Execute(sql);
    return rows.empty() || rows[0][0].is_null() ? "" : rows[0][0].c_str();
  }

  TestDatabase database_;
  domain::SystemClock clock_;
  FakeClock still_;  // a server whose second is never over, unless it is told
  domain::UuidV7Maker ids_{clock_};
  storage::Session session_{database_.conninfo(), "test"};
};

}  // namespace eventstore::testing
