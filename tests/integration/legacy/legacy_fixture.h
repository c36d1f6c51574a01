// A store with a legacy table beside it, in the usual layout.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "server/domain/system_clock.h"
#include "server/moving/forwarder.h"
#include "server/moving/legacy_link.h"
#include "server/storage/verifier.h"
#include "tests/integration/store/batches.h"
#include "tests/integration/store/instance.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"
#include "tools/eventctl/moving/link_rule.h"

namespace eventstore::moving {

class LegacyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database_.Execute(
        "CREATE TABLE events (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), timestamp timestamptz NOT NULL DEFAULT "
        "now(), "
        "type text NOT NULL, data jsonb NOT NULL, user_id text)");
    ASSERT_THAT(session_.EnsureConnected(), testing::IsOk());
  }

  // No lock is waited for in a test that does not say so.
  static LockPatience Patience() {
    LockPatience patience;
    patience.attempts = 1;
    patience.sleep = [](std::chrono::milliseconds) {};
    return patience;
  }

  MakeRowRule Rules() const { return eventctl::RowRules(clock_); }

  void Install(LegacyDirection direction, bool strict = false) {
    LegacyLink link;
    link.direction = direction;
    link.strict = strict;
    ASSERT_THAT(InstallLink(session_, link, "tester", Patience()), testing::IsOk());
  }

  // Legacy rows of aggregate `a`, as SQL: their ids are testing::Id(first) and so on.
  static std::string Rows(int a, int first, int count, const char* type = "old") {
    return fmt::format(
        "INSERT INTO events (id, timestamp, type, data, user_id) SELECT "
        "('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, clock_timestamp(), '{}', "
        "jsonb_build_object('entityId', '{}', 'n', n), 'somebody' FROM generate_series({}, {}) n;",
        type, testing::Id(static_cast<std::uint64_t>(a)).ToString(), first, first + count - 1);
  }

  std::int64_t Count(const std::string& what) const {
    return database_.Execute("SELECT count(*) FROM " + what)[0][0].as<std::int64_t>();
  }

  std::string Text(const std::string& select) const { return database_.Execute(select)[0][0].c_str(); }

  // Everything that waits.
  ForwardStep ForwardAll(int batch = 100) {
    ForwardStep sum;
    for (;;) {
      auto step = forwarder_.Step(batch);
      EXPECT_THAT(step, testing::IsOk());
      if (!step.ok()) return sum;
      sum.taken += step->taken;
      sum.already_there += step->already_there;
      sum.refused += step->refused;
      sum.mirrored += step->mirrored;
      if (!step->more) return sum;
    }
  }

  void ExpectCleanStore() {
    auto report = storage::Verifier(database_.conninfo()).Run({}, {});
    ASSERT_THAT(report, testing::IsOk());
    EXPECT_TRUE(report->clean()) << (report->violations.empty() ? "" : report->violations.front().detail);
  }

  testing::TestDatabase database_;
  storage::Session session_{database_.conninfo(), "test"};
  domain::SystemClock clock_;
  Forwarder forwarder_{database_.conninfo(), Rules()};
};

}  // namespace eventstore::moving
