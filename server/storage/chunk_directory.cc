#include "server/storage/chunk_directory.h"

#include <algorithm>
#include <optional>

#include "fmt/format.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

using domain::Direction;
using domain::TimeRange;

// Each answers at least one row, with the count of changes of its own snapshot. One for each direction: what one has to
// sort, the other finds sorted in the index.
constexpr Query kUser{"directory_user", R"sql(
SELECT i.closed_changes, (extract(epoch FROM d.range_start) * 1000000)::bigint, d.events, NULL
FROM store_identity i
LEFT JOIN LATERAL (
    SELECT range_start, events FROM chunk_users
    WHERE user_id = $1 AND range_start >= $2::timestamptz AND range_start < $3::timestamptz
    ORDER BY range_start LIMIT $4::integer
) d ON true
ORDER BY d.range_start
)sql"};

constexpr Query kUserBackward{"directory_user_backward", R"sql(
SELECT i.closed_changes, (extract(epoch FROM d.range_start) * 1000000)::bigint, d.events, NULL
FROM store_identity i
LEFT JOIN LATERAL (
    SELECT range_start, events FROM chunk_users
    WHERE user_id = $1 AND range_start >= $2::timestamptz AND range_start < $3::timestamptz
    ORDER BY range_start DESC LIMIT $4::integer
) d ON true
ORDER BY d.range_start DESC
)sql"};

constexpr Query kUsers{"directory_users", R"sql(
SELECT i.closed_changes, (extract(epoch FROM d.range_start) * 1000000)::bigint, d.events, d.user_id
FROM store_identity i
LEFT JOIN chunk_users d ON d.user_id = ANY ($1::text[])
                           AND d.range_start >= $2::timestamptz AND d.range_start < $3::timestamptz
)sql"};

constexpr Query kEventTypes{"directory_event_types", R"sql(
SELECT i.closed_changes, (extract(epoch FROM d.range_start) * 1000000)::bigint, d.events, d.event_type
FROM store_identity i
LEFT JOIN chunk_event_types d ON (d.event_type = ANY ($1::text[]) OR d.event_type ^@ ANY ($2::text[]))
                                 AND d.range_start >= $3::timestamptz AND d.range_start < $4::timestamptz
)sql"};

constexpr Query kAllEventTypes{"directory_all_event_types", R"sql(
SELECT i.closed_changes, (extract(epoch FROM d.range_start) * 1000000)::bigint, d.events, d.event_type
FROM store_identity i
LEFT JOIN chunk_event_types d ON d.range_start >= $1::timestamptz AND d.range_start < $2::timestamptz
)sql"};

constexpr Query kCorrelations{"directory_correlations", R"sql(
SELECT i.closed_changes, (extract(epoch FROM d.range_start) * 1000000)::bigint, d.events, NULL
FROM store_identity i
LEFT JOIN chunk_correlations d ON d.correlation_id = ANY ($1::uuid[])
                                  AND d.range_start >= $2::timestamptz AND d.range_start < $3::timestamptz
)sql"};

// The head and the places are of one moment.
constexpr Query kAggregate{"directory_aggregate", R"sql(
SELECT i.closed_changes, h.version, (extract(epoch FROM h.first_timestamp) * 1000000)::bigint,
       (extract(epoch FROM h.last_timestamp) * 1000000)::bigint,
       (SELECT first_version FROM chunk_aggregates WHERE aggregate_id = $1::uuid ORDER BY range_start LIMIT 1),
       (extract(epoch FROM d.range_start) * 1000000)::bigint, d.first_version, d.events,
       coalesce((SELECT g.range_end > h.first_timestamp FROM archived_chunks g
                 WHERE g.gone AND g.range_start <= h.first_timestamp ORDER BY g.range_start DESC LIMIT 1), false)
FROM store_identity i
LEFT JOIN aggregate_heads h ON h.aggregate_id = $1::uuid
LEFT JOIN LATERAL (
    SELECT range_start, first_version, events FROM chunk_aggregates
    WHERE aggregate_id = $1::uuid AND range_start >= $2::timestamptz AND range_start < $3::timestamptz
      AND first_version::bigint + events > $4::bigint AND first_version <= $5::integer
    ORDER BY range_start LIMIT $6::integer
) d ON true
ORDER BY d.range_start
)sql"};

constexpr Query kAggregateBackward{"directory_aggregate_backward", R"sql(
SELECT i.closed_changes, h.version, (extract(epoch FROM h.first_timestamp) * 1000000)::bigint,
       (extract(epoch FROM h.last_timestamp) * 1000000)::bigint,
       (SELECT first_version FROM chunk_aggregates WHERE aggregate_id = $1::uuid ORDER BY range_start LIMIT 1),
       (extract(epoch FROM d.range_start) * 1000000)::bigint, d.first_version, d.events,
       coalesce((SELECT g.range_end > h.first_timestamp FROM archived_chunks g
                 WHERE g.gone AND g.range_start <= h.first_timestamp ORDER BY g.range_start DESC LIMIT 1), false)
FROM store_identity i
LEFT JOIN aggregate_heads h ON h.aggregate_id = $1::uuid
LEFT JOIN LATERAL (
    SELECT range_start, first_version, events FROM chunk_aggregates
    WHERE aggregate_id = $1::uuid AND range_start >= $2::timestamptz AND range_start < $3::timestamptz
      AND first_version::bigint + events > $4::bigint AND first_version <= $5::integer
    ORDER BY range_start DESC LIMIT $6::integer
) d ON true
ORDER BY d.range_start DESC
)sql"};

std::string Number(std::int64_t number) { return fmt::format("{}", number); }

absl::StatusOr<Places> Find(Session& session, const Query& query, const pq::Args& args,
                            std::optional<std::size_t> most) {
  auto rows = session.Run(query, args);
  if (!rows.ok()) return rows.status();
  Places found;
  found.changes = (*rows)[0][0].as<std::int64_t>();
  for (const auto& row : *rows) {
    if (row[1].is_null()) continue;
    found.places.push_back({row[1].as<std::int64_t>(), row[2].as<std::int64_t>(), row[3].c_str()});
  }
  found.more = most && found.places.size() >= *most;
  return found;
}

absl::StatusOr<Places> FindAll(Session& session, const Query& query, std::string key, const TimeRange& range) {
  return Find(session, query, {std::move(key), TimestampText(range.from), TimestampText(range.to)}, std::nullopt);
}

}  // namespace

absl::StatusOr<Places> FindUser(Session& session, const std::string& user_id, const TimeRange& range,
                                Direction direction, int most) {
  return Find(session, direction == Direction::kForward ? kUser : kUserBackward,
              {user_id, TimestampText(range.from), TimestampText(range.to), Number(most)}, most);
}

absl::StatusOr<Places> FindUsers(Session& session, const std::vector<std::string>& user_ids, const TimeRange& range) {
  return FindAll(session, kUsers, TextArray(user_ids), range);
}

absl::StatusOr<Places> FindEventTypes(Session& session, const std::vector<std::string>& event_types,
                                      const std::vector<std::string>& prefixes, const TimeRange& range) {
  if (!event_types.empty() || !prefixes.empty()) {
    return Find(session, kEventTypes,
                {TextArray(event_types), TextArray(prefixes), TimestampText(range.from), TimestampText(range.to)},
                std::nullopt);
  }
  return Find(session, kAllEventTypes, {TimestampText(range.from), TimestampText(range.to)}, std::nullopt);
}

absl::StatusOr<Places> FindCorrelations(Session& session, const std::vector<domain::Uuid>& correlation_ids,
                                        const TimeRange& range) {
  return FindAll(session, kCorrelations, IdArray(correlation_ids), range);
}

absl::StatusOr<AggregatePlaces> FindAggregate(Session& session, const domain::Uuid& aggregate_id,
                                              const AggregateRange& range, Direction direction, int most) {
  auto rows = session.Run(direction == Direction::kForward ? kAggregate : kAggregateBackward,
                          {aggregate_id.ToString(), TimestampText(range.chunks.from), TimestampText(range.chunks.to),
                           Number(range.from), Number(range.to), Number(most)});
  if (!rows.ok()) return rows.status();
  AggregatePlaces found;
  const auto first = (*rows)[0];
  found.changes = first[0].as<std::int64_t>();
  if (first[1].is_null()) return found;
  found.head = {first[1].as<domain::Version>(), first[2].as<std::int64_t>(), first[3].as<std::int64_t>()};
  found.beginning_gone = first[8].as<bool>();
  if (!first[4].is_null()) found.second_chunk_from = first[4].as<domain::Version>();
  for (const auto& row : *rows) {
    if (row[5].is_null()) continue;
    found.places.push_back({row[5].as<std::int64_t>(), row[6].as<domain::Version>(), row[7].as<std::int64_t>()});
  }
  found.more = found.places.size() >= static_cast<std::size_t>(most);
  return found;
}

const Chunk* ChunkFrom(const ChunkList& chunks, domain::TimeMicros start) {
  const Chunk* chunk = ChunkAt(chunks, start);
  return chunk != nullptr && chunk->range.from == start ? chunk : nullptr;
}

const Chunk* ChunkAt(const ChunkList& chunks, domain::TimeMicros time) {
  const auto at = Overlapping(chunks, {time, time + 1});
  return at.empty() ? nullptr : &at.front();
}

}  // namespace eventstore::storage
