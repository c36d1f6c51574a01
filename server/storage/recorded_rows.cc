#include "server/storage/recorded_rows.h"

#include <stdexcept>

#include "fmt/format.h"

namespace eventstore::storage {
namespace {

std::optional<domain::Uuid> MaybeUuid(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return UuidOf(field);
}

std::string Text(const pqxx::field& field) { return {field.c_str(), static_cast<std::size_t>(field.size())}; }

// What both queries read; data::text is computed here, once.
std::string RowsSql(const std::string& table, const std::string& where, const std::string& order) {
  return fmt::format(R"sql(
    SELECT id, timestamp, (extract(epoch FROM timestamp) * 1000000)::bigint AS us, aggregate_id, aggregate_type,
           event_type, user_id, data::text AS data, metadata::text AS metadata, version, causation_id, correlation_id,
           source, global_position
    FROM {0}
    WHERE {1}
    ORDER BY {2}
    LIMIT $1::integer)sql",
                     table, where, order);
}

}  // namespace

domain::Uuid UuidOf(const pqxx::field& field) {
  const auto id = domain::Uuid::Parse(std::string_view(field.c_str(), static_cast<std::size_t>(field.size())));
  if (!id) throw std::runtime_error("PostgreSQL sent a uuid that is none");
  return *id;
}

std::string PageSql(const std::string& table, const std::string& where, const std::string& order) {
  return fmt::format(R"sql(
SELECT id, us, aggregate_id, aggregate_type, event_type, user_id, data, metadata, version, causation_id, correlation_id,
       source, global_position
FROM (
  SELECT p.*, sum(octet_length(data) + octet_length(metadata)) OVER (ORDER BY {1} ROWS UNBOUNDED PRECEDING)
              - octet_length(data) - octet_length(metadata) AS bytes_before
  FROM ({0}) p
) q
WHERE bytes_before < $2::bigint
ORDER BY {1}
)sql",
                     RowsSql(table, where, order), order);
}

std::string SmallRowsSql(const std::string& table, const std::string& where, const std::string& order) {
  return fmt::format(R"sql(
SELECT id, us, aggregate_id, aggregate_type, event_type, user_id,
       CASE WHEN octet_length(data) + octet_length(metadata) <= $2::integer THEN data END AS data,
       CASE WHEN octet_length(data) + octet_length(metadata) <= $2::integer THEN metadata END AS metadata,
       version, causation_id, correlation_id, source, global_position
FROM ({0}) p
ORDER BY {1}
)sql",
                     RowsSql(table, where, order), order);
}

bool IsTooLarge(const pqxx::row& row) { return row[6].is_null(); }

domain::RecordedEvent RecordedFrom(const pqxx::row& row) {
  // Stepped along: each row[i] would count up and down the references to what the result shares.
  auto field = row.begin();  // which is a field itself; *field would be a copy
  domain::RecordedEvent event;
  event.id = UuidOf(field);
  event.timestamp = (++field).as<std::int64_t>();
  event.aggregate_id = UuidOf(++field);
  event.aggregate_type = Text(++field);
  event.event_type = Text(++field);
  if (!(++field).is_null()) event.user_id = Text(field);
  event.data = Text(++field);
  event.metadata = Text(++field);
  event.version = (++field).as<domain::Version>();
  event.causation_id = MaybeUuid(++field);
  event.correlation_id = MaybeUuid(++field);
  event.source = Text(++field);
  event.global_position = (++field).as<std::int64_t>();
  return event;
}

std::size_t PayloadBytes(const domain::RecordedEvent& event) { return event.data.size() + event.metadata.size(); }

}  // namespace eventstore::storage
