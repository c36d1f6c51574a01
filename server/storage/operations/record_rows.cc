#include "server/storage/operations/record_rows.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace eventstore::storage {
namespace {

domain::Uuid IdOf(const pqxx::field& field) {
  const auto id = domain::Uuid::Parse(field.c_str());
  if (!id) throw std::runtime_error("a row of operational records has a bad id");
  return *id;
}

std::optional<domain::Uuid> OptionalIdOf(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return IdOf(field);
}

std::optional<domain::TimeMicros> OptionalTimeOf(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return field.as<std::int64_t>();
}

std::optional<std::string> OptionalTextOf(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return std::string(field.c_str());
}

template <typename Status, typename Names>
Status StatusOf(const pqxx::field& field, const Names& names) {
  const auto at = std::ranges::find(names, std::string_view(field.c_str()));
  if (at == names.end()) throw std::runtime_error("a row of operational records has an unknown status");
  return static_cast<Status>(at - names.begin());
}

}  // namespace

domain::TriggerEvent TriggerEventFrom(const pqxx::row& row) {
  return {.id = IdOf(row[0]),
          .created = row[1].as<std::int64_t>(),
          .trigger_ref = row[2].c_str(),
          .trigger_id = OptionalIdOf(row[3]),
          .source = row[4].c_str(),
          .rule_ref = OptionalTextOf(row[5]),
          .payload = row[6].c_str(),
          .correlation_id = OptionalIdOf(row[7])};
}

domain::Enforcement EnforcementFrom(const pqxx::row& row) {
  return {.id = IdOf(row[0]),
          .created = row[1].as<std::int64_t>(),
          .rule_ref = row[2].c_str(),
          .rule_id = OptionalIdOf(row[3]),
          .trigger_ref = row[4].c_str(),
          .event_id = OptionalIdOf(row[5]),
          .status = StatusOf<domain::EnforcementStatus>(row[6], domain::kEnforcementStatuses),
          .resolved_at = OptionalTimeOf(row[7]),
          .condition = row[8].c_str(),
          .payload = row[9].c_str(),
          .correlation_id = OptionalIdOf(row[10])};
}

domain::Execution ExecutionFrom(const pqxx::row& row) {
  return {.id = IdOf(row[0]),
          .created = row[1].as<std::int64_t>(),
          .updated = row[2].as<std::int64_t>(),
          .action_ref = row[3].c_str(),
          .action_id = OptionalIdOf(row[4]),
          .enforcement_id = OptionalIdOf(row[5]),
          .parent_id = OptionalIdOf(row[6]),
          .worker_id = OptionalIdOf(row[7]),
          .status = StatusOf<domain::ExecutionStatus>(row[8], domain::kExecutionStatuses),
          .parameters = row[9].c_str(),
          .result = OptionalTextOf(row[10]),
          .started_at = OptionalTimeOf(row[11]),
          .finished_at = OptionalTimeOf(row[12]),
          .correlation_id = OptionalIdOf(row[13])};
}

domain::Worker WorkerFrom(const pqxx::row& row) {
  return {.id = IdOf(row[0]),
          .name = row[1].c_str(),
          .host = row[2].c_str(),
          .worker_type = row[3].c_str(),
          .status = StatusOf<domain::WorkerStatus>(row[4], domain::kWorkerStatuses),
          .capabilities = row[5].c_str(),
          .last_heartbeat = row[6].as<std::int64_t>(),
          .created = row[7].as<std::int64_t>(),
          .updated = row[8].as<std::int64_t>()};
}

std::optional<std::string> TextOf(const std::optional<domain::Uuid>& id) {
  if (!id) return std::nullopt;
  return id->ToString();
}

}  // namespace eventstore::storage
