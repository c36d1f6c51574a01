// Operational records of a test's own choice, and what a plain GROUP BY says of them.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>

#include "fmt/format.h"
#include "server/domain/analytics.h"
#include "tests/support/test_database.h"

namespace eventstore::testing {

using Counts = std::map<domain::CountKey, std::int64_t>;

class Records {
 public:
  explicit Records(const TestDatabase& database) : database_(database) {}

  // The past has partitions, with an engine that does not make them at the insert.
  void MakeRoom(int days) const {
    for (const char* table : {"event", "enforcement", "execution", "execution_history", "worker_history"}) {
      database_.Execute(fmt::format("SELECT make_partitions('{}', now() - interval '{} days', now())", table, days));
    }
  }

  // SQL for a row of each kind, so long ago. Keys are few, so that hours have several rows of one.
  static std::string Event(int key, std::int64_t minutes_ago) {
    return fmt::format("INSERT INTO event (trigger_ref, created) VALUES ('trigger-{}', now() - interval '{} minutes');",
                       key, minutes_ago);
  }
  static std::string Enforcement(int key, std::int64_t minutes_ago) {
    return fmt::format(
        "INSERT INTO enforcement (rule_ref, trigger_ref, created) VALUES ('rule-{}', 't', now() - interval '{} "
        "minutes');",
        key, minutes_ago);
  }
  static std::string Execution(int key, std::int64_t minutes_ago) {
    return fmt::format(
        "INSERT INTO execution (action_ref, status, created) VALUES ('action-{}', '{}', now() - interval '{} "
        "minutes');",
        key, key % 2 == 0 ? "requested" : "scheduled", minutes_ago);
  }
  // As the triggers of execution and worker would have written it then.
  static std::string History(const std::string& table, int key, std::int64_t minutes_ago) {
    static constexpr const char* kOperations[] = {"INSERT", "UPDATE", "UPDATE", "DELETE"};
    static constexpr const char* kStatuses[] = {"requested", "running", "completed"};
    return fmt::format(
        "INSERT INTO {} (time, operation, entity_id, entity_ref, changed_fields, new_values, position) VALUES (now() - "
        "interval '{} minutes', '{}', gen_random_uuid(), 'ref-{}', '{{{}}}', '{{\"status\": \"{}\"}}', "
        "operations_position());",
        table, minutes_ago, kOperations[key % 4], key, key % 5 == 4 ? "result" : "status", kStatuses[key % 3]);
  }

  // Written by hand here, so that it shares nothing with what it judges. Hours before `until`, or all.
  Counts Plain(domain::Aggregate aggregate, const std::string& until = "infinity") const {
    static const std::map<domain::Aggregate, const char*> kQueries = {
        {domain::Aggregate::kExecutionStatus,
         "SELECT time, entity_ref, new_values->>'status' FROM execution_history "
         "WHERE operation IN ('INSERT', 'UPDATE') AND 'status' = ANY (changed_fields)"},
        {domain::Aggregate::kExecutionThroughput,
         "SELECT time, entity_ref, '' FROM execution_history WHERE operation = 'INSERT'"},
        {domain::Aggregate::kEventVolume, "SELECT created, trigger_ref, '' FROM event"},
        {domain::Aggregate::kWorkerStatus,
         "SELECT time, entity_ref, new_values->>'status' FROM worker_history "
         "WHERE operation IN ('INSERT', 'UPDATE') AND 'status' = ANY (changed_fields)"},
        {domain::Aggregate::kEnforcementVolume, "SELECT created, rule_ref, '' FROM enforcement"},
        {domain::Aggregate::kExecutionVolume, "SELECT created, action_ref, initial_status FROM execution"},
        {domain::Aggregate::kDomainEventVolume, "SELECT timestamp, event_type, aggregate_type FROM events_v2"},
    };
    return Read(
        fmt::format("SELECT (floor(extract(epoch FROM at) / 3600) * 3600000000)::bigint, ref, status, count(*) "
                    "FROM ({}) AS raw (at, ref, status) WHERE at < '{}'::timestamptz GROUP BY 1, 2, 3",
                    kQueries.at(aggregate), until));
  }

  Counts Read(const std::string& sql) const {
    Counts counts;
    for (const auto& row : database_.Execute(sql)) {
      counts[{row[0].as<std::int64_t>(), row[1].c_str(), row[2].c_str()}] = row[3].as<std::int64_t>();
    }
    return counts;
  }

 private:
  const TestDatabase& database_;
};

// What differs between the two, for a message; "" when nothing does.
inline std::string Difference(const Counts& is, const Counts& shall) {
  std::string text;
  const auto line = [&](const domain::CountKey& key, std::int64_t a, std::int64_t b) {
    text += fmt::format("hour {} of \"{}\" \"{}\": {}, and should be {}\n", key.bucket / domain::kMicrosPerHour,
                        key.ref, key.status, a, b);
  };
  for (const auto& [key, count] : shall) {
    const auto found = is.find(key);
    if (found == is.end() || found->second != count) line(key, found == is.end() ? 0 : found->second, count);
  }
  for (const auto& [key, count] : is) {
    if (!shall.contains(key)) line(key, count, 0);
  }
  return text;
}

// A row of some kind at some time of the last days.
inline std::string AnyRecord(std::mt19937& random, int days) {
  const int key = static_cast<int>(random() % 6);
  // Half of them lately, the others late.
  const auto minutes = static_cast<std::int64_t>(random() % (random() % 2 == 0 ? 90 : days * 1'440));
  switch (random() % 5) {
    case 0:
      return Records::Event(key, minutes);
    case 1:
      return Records::Enforcement(key, minutes);
    case 2:
      return Records::Execution(key, minutes);
    case 3:
      return Records::History("execution_history", key, minutes);
    default:
      return Records::History("worker_history", key, minutes);
  }
}

}  // namespace eventstore::testing
