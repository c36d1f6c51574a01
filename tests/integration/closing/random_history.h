// A made-up past without any regularity: aggregates that live for a day or for the whole time, events of nobody, chunks
// that hold nothing of this or that. From a seed, so that a failure can be run again.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "server/domain/time.h"
#include "server/domain/uuid.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {

struct MadeUpEvent {
  domain::TimeMicros time;
  int aggregate;
  int version;
  int user;  // below 0: nobody
  int type;
  int correlation;  // below 0: none
  std::int64_t position;
};

class RandomHistory {
 public:
  static constexpr int kAggregates = 12;
  static constexpr int kUsers = 5;
  static constexpr int kTypes = 4;
  static constexpr int kCorrelations = 9;
  // 2020-01-01T00:00:00Z.
  static constexpr domain::TimeMicros kStart = 1'577'836'800 * domain::kMicrosPerSecond;

  RandomHistory(std::uint32_t seed, int days, int events) {
    std::mt19937 random(seed);
    const auto below = [&](int n) { return static_cast<int>(random() % static_cast<std::uint32_t>(n)); };
    std::vector<domain::TimeMicros> times;
    for (int i = 0; i < events; ++i) {
      // Some days have nothing at all.
      const int day = below(days);
      if (day % 7 == 3) continue;
      times.push_back(kStart + day * domain::kMicrosPerDay + below(86'400) * domain::kMicrosPerSecond);
    }
    std::ranges::sort(times);
    std::map<int, int> versions;
    std::int64_t position = 0;
    for (const auto time : times) {
      const int day = static_cast<int>((time - kStart) / domain::kMicrosPerDay);
      // Even ones live on; odd ones for the days around their own.
      int aggregate = below(kAggregates);
      if (aggregate % 2 == 1) aggregate = (day * kAggregates / days) | 1;
      position += 1 + below(1'000);
      events_.push_back({time, aggregate, ++versions[aggregate], below(kUsers + 1) - 1, below(kTypes),
                         below(kCorrelations + 3) - 3, position});
    }
  }

  static std::string Id(char kind, int n) { return fmt::format("00000000-0000-7000-{}000-{:012x}", kind, n); }
  static domain::Uuid Aggregate(int a) { return *domain::Uuid::Parse(Id('a', a)); }
  static domain::Uuid Correlation(int c) { return *domain::Uuid::Parse(Id('b', c)); }
  static std::string User(int u) { return fmt::format("user-{}", u); }
  static std::string Type(int t) { return fmt::format("type-{}", t); }
  static std::string AggregateType(int a) { return a % 3 == 0 ? "user" : "entity"; }
  static std::string Source(const MadeUpEvent& e) { return e.position % 5 == 0 ? "sync" : "api"; }
  // Members of every kind, under names that a filter may ask for.
  static std::string Metadata(const MadeUpEvent& e) {
    static constexpr const char* kAll[] = {
        "{}",
        R"({"tenant": "acme", "try": 1})",
        R"({"tenant": "acme", "try": "1"})",
        R"({"tenant": 17, "try": 1.50, "dry": true})",
        R"({"tenant": null, "dry": "true"})",
        R"({"tenant": {"name": "acme"}, "try": [1]})",
        R"({"tenant": "a\"b\\é", "try": 1e2, "dry": false})",
        R"({"": "none", "ten": "acme"})",
    };
    return kAll[static_cast<std::size_t>(e.position) % std::size(kAll)];
  }

  const std::vector<MadeUpEvent>& events() const { return events_; }

  void Insert(const TestDatabase& database) const {
    std::set<domain::TimeMicros> days;
    // Of its days alone, as a hypertable has it.
    for (const MadeUpEvent& e : events_) days.insert(e.time / domain::kMicrosPerDay);
    for (const auto day : days) {
      database.EnsurePartitions({day * domain::kMicrosPerDay, (day + 1) * domain::kMicrosPerDay});
    }
    std::string rows;
    for (const MadeUpEvent& e : events_) {
      rows +=
          fmt::format("{}('{}', to_timestamp({}), '{}', '{}', '{}', {}, '{{}}', '{}', {}, NULL, {}, '{}', {})",
                      rows.empty() ? "" : ",", Id('9', e.version * 100 + e.aggregate),
                      e.time / domain::kMicrosPerSecond, Id('a', e.aggregate), AggregateType(e.aggregate), Type(e.type),
                      e.user < 0 ? "NULL" : fmt::format("'{}'", User(e.user)), Metadata(e), e.version,
                      e.correlation < 0 ? "NULL" : fmt::format("'{}'", Id('b', e.correlation)), Source(e), e.position);
    }
    database.Execute(
        "INSERT INTO events_v2 (id, timestamp, aggregate_id, aggregate_type, event_type, user_id, data, metadata, "
        "version, causation_id, correlation_id, source, global_position) VALUES " +
        rows +
        "; INSERT INTO aggregate_heads SELECT aggregate_id, max(version), min(timestamp), max(timestamp) FROM "
        "events_v2 GROUP BY aggregate_id");
  }

 private:
  std::vector<MadeUpEvent> events_;
};

}  // namespace eventstore::testing
