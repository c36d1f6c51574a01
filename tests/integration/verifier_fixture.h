// A small clean store, and ways to damage it.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "server/domain/system_clock.h"
#include "server/storage/verifier.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace eventstore::storage {

inline void PrintTo(const Violation& violation, std::ostream* out) {
  *out << violation.rule << " of " << violation.aggregate_id << ": " << violation.detail;
}

// Three aggregates with twelve events each, one every six hours from 2026-01-01 on: three chunks of a day. Aggregate n
// is n seconds later than the hour. Positions follow the versions, and within a version the aggregates.
inline constexpr char kCleanStore[] = R"sql(
INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, data, metadata, version, source,
                       global_position)
SELECT lpad(to_hex(a * 1000 + v), 32, '0')::uuid,
       '2026-01-01'::timestamptz + (v - 1) * interval '6 hours' + a * interval '1 second',
       lpad(a::text, 32, '0')::uuid, 'entity', 'test', '{}', '{}', v, 'api', (v * 100 + a)::bigint << 20
FROM generate_series(1, 3) a, generate_series(1, 12) v;
INSERT INTO aggregate_heads
SELECT aggregate_id, max(version), min(timestamp), max(timestamp) FROM events_v2 GROUP BY aggregate_id;
)sql";

// 2026-01-01T00:00:00Z.
inline constexpr domain::TimeMicros kJanuary = 1'767'225'600 * domain::kMicrosPerSecond;

inline constexpr char kSecond[] = "00000000-0000-0000-0000-000000000002";
inline constexpr char kThird[] = "00000000-0000-0000-0000-000000000003";

inline std::string DeleteEvents(const char* aggregate, const char* condition) {
  return fmt::format("DELETE FROM events_v2 WHERE aggregate_id = '{}' AND {};", aggregate, condition);
}

inline std::string UpdateEvent(const char* aggregate, int version, const char* assignment) {
  return fmt::format("UPDATE events_v2 SET {} WHERE aggregate_id = '{}' AND version = {};", assignment, aggregate,
                     version);
}

inline std::string UpdateHead(const char* aggregate, const std::string& assignment) {
  return fmt::format("UPDATE aggregate_heads SET {} WHERE aggregate_id = '{}';", assignment, aggregate);
}

// What a copy of an event has of its own, as SQL over the event it is copied from.
struct Copy {
  const char* timestamp = "timestamp";
  const char* version = "version";
  const char* global_position = "global_position";
};

inline std::string CopyEvent(const char* aggregate, int version, const Copy& copy) {
  return fmt::format(
      "INSERT INTO events_v2 SELECT gen_random_uuid(), {}, aggregate_id, aggregate_type, event_type, user_id, data, "
      "metadata, {}, causation_id, correlation_id, source, {} FROM events_v2 WHERE aggregate_id = '{}' AND version = "
      "{};",
      copy.timestamp, copy.version, copy.global_position, aggregate, version);
}

class VerifierTest : public ::testing::Test {
 protected:
  // January 2026, a day each: those of kCleanStore, and what tests make of it. With timescaledb the insert makes them.
  VerifierTest() {
    // None of today, which nothing is in.
    database_.DropPartitionsBefore(domain::SystemClock().Now() + 2 * domain::kMicrosPerDay);
    database_.EnsurePartitions(Days(1, 3));
  }

  static domain::TimeRange Days(int first, int last) {
    return {kJanuary + (first - 1) * domain::kMicrosPerDay, kJanuary + last * domain::kMicrosPerDay};
  }
  void DropBeforeDay(int day) { database_.DropPartitionsBefore(Days(day, day).from); }

  VerifyReport Verify(const VerifyOptions& options = {}, const Verifier::Progress& progress = {}) {
    auto report = Verifier(database_.conninfo()).Run(options, progress);
    EXPECT_THAT(report, testing::IsOk());
    return report.value_or(VerifyReport{});
  }

  testing::TestDatabase database_;
};

// "version_gap <aggregate> 2-4"
inline std::string Of(const std::string& rule, const std::string& aggregate, const std::string& versions) {
  return fmt::format("{} {} {}", rule, aggregate, versions);
}

inline std::vector<std::string> Texts(const VerifyReport& report) {
  std::vector<std::string> texts;
  for (const Violation& violation : report.violations) {
    texts.push_back(
        Of(violation.rule, violation.aggregate_id, fmt::format("{}-{}", violation.from_version, violation.to_version)));
  }
  return texts;
}

}  // namespace eventstore::storage
