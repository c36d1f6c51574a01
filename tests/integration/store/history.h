// A past: events over many days, straight into the tables, with heads that fit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "fmt/format.h"
#include "server/domain/event.h"
#include "server/domain/time.h"
#include "server/domain/uuid.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {

// Event number n (from 1) has id E(n), position n, and comes `n - 1` steps after the first one. The events go around the
// aggregates, users, types and correlations by number, each with its own period.
struct History {
  int days = 5;
  int events_a_day = 500;
  int aggregates = 3;
  int users = 2;
  int types = 4;
  int correlations = 5;
  int data_bytes = 2;
  // 2020-01-01T00:00:00Z: the first event is the first thing of its day.
  domain::TimeMicros start = 1'577'836'800 * domain::kMicrosPerSecond;

  int events() const { return days * events_a_day; }
  domain::TimeMicros Step() const { return domain::kMicrosPerDay / events_a_day; }
  domain::TimeMicros TimeOf(int n) const { return start + (n - 1) * Step(); }
  domain::Version VersionOf(int n) const { return (n - 1) / aggregates + 1; }
  // Of aggregate a (from 0).
  domain::Version LastVersion(int a) const { return (events() - 1 - a) / aggregates + 1; }

  static domain::Uuid EventId(int n) { return *domain::Uuid::Parse(fmt::format("00000000-0000-7000-9000-{:012x}", n)); }
  static domain::Uuid AggregateId(int a) {
    return *domain::Uuid::Parse(fmt::format("00000000-0000-7000-a000-{:012x}", a));
  }
  static domain::Uuid CorrelationId(int c) {
    return *domain::Uuid::Parse(fmt::format("00000000-0000-7000-b000-{:012x}", c));
  }
  static std::string User(int u) { return fmt::format("user-{}", u); }
  static std::string Type(int t) { return fmt::format("type-{}", t); }

  // In several transactions: one that makes many chunks needs a lock for each of their indexes.
  void Insert(const TestDatabase& database) const {
    database.EnsurePartitions({start, start + days * domain::kMicrosPerDay});
    constexpr int kDaysAtOnce = 50;
    for (int day = 0; day < days; day += kDaysAtOnce) {
      database.Execute(fmt::format(R"sql(
        INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, user_id, data, metadata, version,
                               causation_id, correlation_id, source, global_position)
        SELECT ('00000000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid,
               to_timestamp({start}) + (n - 1) * interval '{step} microseconds',
               ('00000000-0000-7000-a000-' || lpad(to_hex((n - 1) % {aggregates}), 12, '0'))::uuid,
               'entity', 'type-' || (n - 1) % {types}, 'user-' || (n - 1) % {users},
               jsonb_build_object('x', repeat('x', {bytes})), '{{}}', (n - 1) / {aggregates} + 1, NULL,
               ('00000000-0000-7000-b000-' || lpad(to_hex((n - 1) % {correlations}), 12, '0'))::uuid, 'api', n
        FROM generate_series({first}, {last}) n ORDER BY n)sql",
                                   fmt::arg("start", start / domain::kMicrosPerSecond), fmt::arg("step", Step()),
                                   fmt::arg("aggregates", aggregates), fmt::arg("types", types),
                                   fmt::arg("users", users), fmt::arg("bytes", data_bytes),
                                   fmt::arg("correlations", correlations), fmt::arg("first", day * events_a_day + 1),
                                   fmt::arg("last", std::min(day + kDaysAtOnce, days) * events_a_day)));
    }
    database.Execute(fmt::format(R"sql(
      INSERT INTO aggregate_heads
      SELECT ('00000000-0000-7000-a000-' || lpad(to_hex(a), 12, '0'))::uuid, ({events} - 1 - a) / {aggregates} + 1,
             to_timestamp({start}) + a * interval '{step} microseconds',
             to_timestamp({start}) + (({events} - 1 - a) / {aggregates} * {aggregates} + a) * interval '{step} microseconds'
      FROM generate_series(0, {aggregates} - 1) a)sql",
                                 fmt::arg("start", start / domain::kMicrosPerSecond), fmt::arg("step", Step()),
                                 fmt::arg("aggregates", aggregates), fmt::arg("events", events())));
  }

  // Everything before the day (from 0), as retention does it.
  void DropBefore(const TestDatabase& database, int day) const {
    database.DropPartitionsBefore(start + day * domain::kMicrosPerDay);
  }
};

}  // namespace eventstore::testing
