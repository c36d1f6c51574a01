#include "server/storage/recorded_rows.h"

#include <stdexcept>

#include "fmt/format.h"

namespace eventstore::storage {
namespace {

std::optional<domain::Uuid> MaybeId(const Rows& rows, int row, int column) {
  if (rows.IsNull(row, column)) return std::nullopt;
  return rows.Id(row, column);
}

// What both queries read; data::text is computed here, once.
std::string RowsSql(const std::string& table, const std::string& where, const std::string& order) {
  return fmt::format(R"sql(
    SELECT id, timestamp, aggregate_id, aggregate_type,
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
SELECT id, timestamp, aggregate_id, aggregate_type, event_type, user_id, data, metadata, version, causation_id, correlation_id,
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
SELECT id, timestamp, aggregate_id, aggregate_type, event_type, user_id,
       CASE WHEN octet_length(data) + octet_length(metadata) <= $2::integer THEN data END AS data,
       CASE WHEN octet_length(data) + octet_length(metadata) <= $2::integer THEN metadata END AS metadata,
       version, causation_id, correlation_id, source, global_position
FROM ({0}) p
ORDER BY {1}
)sql",
                     RowsSql(table, where, order), order);
}

bool IsTooLarge(const Rows& rows, int row) { return rows.IsNull(row, 6); }

domain::RecordedEvent RecordedFrom(const Rows& rows, int row) {
  domain::RecordedEvent event;
  event.id = rows.Id(row, 0);
  event.timestamp = rows.Time(row, 1);
  event.aggregate_id = rows.Id(row, 2);
  event.aggregate_type = rows.Text(row, 3);
  event.event_type = rows.Text(row, 4);
  event.user_id = rows.Text(row, 5);
  event.data = rows.Text(row, 6);
  event.metadata = rows.Text(row, 7);
  event.version = rows.Int4(row, 8);
  event.causation_id = MaybeId(rows, row, 9);
  event.correlation_id = MaybeId(rows, row, 10);
  event.source = rows.Text(row, 11);
  event.global_position = rows.Int8(row, 12);
  return event;
}

std::size_t PayloadBytes(const domain::RecordedEvent& event) { return event.data.size() + event.metadata.size(); }

}  // namespace eventstore::storage
