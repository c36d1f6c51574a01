#include "server/storage/operations/change_feed.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/storage/sql_text.h"

namespace eventstore::storage {
namespace {

using domain::RecordKind;

constexpr Query kDrawn{"changes_drawn", R"sql(
SELECT CASE WHEN is_called THEN last_value ELSE 0 END, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
FROM operations_positions
)sql"};

// A key is the class above the low 32 bits of the mark.
constexpr Query kMarks{"changes_marks", R"sql(
SELECT l.objid::text::bigint
FROM pg_locks l
WHERE l.locktype = 'advisory' AND l.classid = $1::oid AND l.objsubid = 1 AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
)sql"};

// $1: after; $2: horizon; $3: earliest time; $4: limit; $5: kinds; $6: refs; $7: statuses, both NULL for all. A part whose kind is not
// asked for is not run at all.
constexpr Query kChanges{"changes_read", R"sql(
SELECT position, kind, id, ref, status, previous, (extract(epoch FROM at) * 1000000)::bigint
FROM (
    (SELECT position, 0 AS kind, id::text AS id, trigger_ref AS ref, '' AS status, '' AS previous, created AS at
     FROM event
     WHERE position > $1::bigint AND position < $2::bigint AND created >= $3::timestamptz AND 0 = ANY ($5::integer[])
       AND ($6::text[] IS NULL OR trigger_ref = ANY ($6::text[])) AND $7::text[] IS NULL
     ORDER BY position LIMIT $4::integer)
    UNION ALL
    (SELECT position, 1, id::text, rule_ref, 'created', '', created
     FROM enforcement
     WHERE position > $1::bigint AND position < $2::bigint AND created >= $3::timestamptz AND 1 = ANY ($5::integer[])
       AND ($6::text[] IS NULL OR rule_ref = ANY ($6::text[]))
       AND ($7::text[] IS NULL OR 'created' = ANY ($7::text[]))
     ORDER BY position LIMIT $4::integer)
    UNION ALL
    (SELECT resolved_position, 1, id::text, rule_ref, status, 'created', resolved_at
     FROM enforcement
     WHERE resolved_position > $1::bigint AND resolved_position < $2::bigint
       AND created >= $3::timestamptz - $8::integer * interval '1 day' AND 1 = ANY ($5::integer[])
       AND ($6::text[] IS NULL OR rule_ref = ANY ($6::text[]))
       AND ($7::text[] IS NULL OR status = ANY ($7::text[]))
     ORDER BY resolved_position LIMIT $4::integer)
    UNION ALL
    (SELECT position, 2, entity_id::text, coalesce(entity_ref, ''), coalesce(new_values ->> 'status', ''),
            coalesce(old_values ->> 'status', ''), time
     FROM execution_history
     WHERE position > $1::bigint AND position < $2::bigint AND time >= $3::timestamptz AND 2 = ANY ($5::integer[])
       AND 'status' = ANY (changed_fields)
       AND ($6::text[] IS NULL OR entity_ref = ANY ($6::text[]))
       AND ($7::text[] IS NULL OR coalesce(new_values ->> 'status', '') = ANY ($7::text[]))
     ORDER BY position LIMIT $4::integer)
    UNION ALL
    (SELECT position, 3, entity_id::text, coalesce(entity_ref, ''), coalesce(new_values ->> 'status', ''),
            coalesce(old_values ->> 'status', ''), time
     FROM worker_history
     WHERE position > $1::bigint AND position < $2::bigint AND time >= $3::timestamptz AND 3 = ANY ($5::integer[])
       AND 'status' = ANY (changed_fields)
       AND ($6::text[] IS NULL OR entity_ref = ANY ($6::text[]))
       AND ($7::text[] IS NULL OR coalesce(new_values ->> 'status', '') = ANY ($7::text[]))
     ORDER BY position LIMIT $4::integer)
) c
ORDER BY position
LIMIT $4::integer
)sql"};

constexpr Query kDropped{"changes_dropped", R"sql(
SELECT (extract(epoch FROM max(dropped_before)) * 1000000)::bigint
FROM time_tables
WHERE table_name IN ('event', 'enforcement', 'execution_history', 'worker_history') AND isfinite(dropped_before)
)sql"};

std::string KindArray(const std::vector<RecordKind>& kinds) {
  ArrayText text;
  for (int kind = 0; kind < 4; ++kind) {
    if (kinds.empty() || std::ranges::find(kinds, static_cast<RecordKind>(kind)) != kinds.end()) {
      text.AddPlain(static_cast<std::int64_t>(kind));
    }
  }
  return text.Take();
}

std::optional<std::string> AnyOf(const std::vector<std::string>& values) {
  if (values.empty()) return std::nullopt;
  return TextArray(values);
}

}  // namespace

absl::StatusOr<ChangeHorizon> ReadChangeHorizon(Session& session, std::int64_t settled) {
  auto drawn = session.Run(kDrawn, {});
  if (!drawn.ok()) return drawn.status();
  ChangeHorizon horizon;
  horizon.drawn = (*drawn)[0][0].as<std::int64_t>();
  horizon.now = (*drawn)[0][1].as<std::int64_t>();
  horizon.position = horizon.drawn + 1;
  if (horizon.drawn == settled) return horizon;
  auto marks = session.Run(kMarks, {fmt::format("{}", kOperationsMarkClass)});
  if (!marks.ok()) return marks.status();
  for (const auto& row : *marks) {
    // Marks lie within 2^31 of each other, so the distance modulo 2^32 gives the rest back; one above is of later.
    const auto distance =
        static_cast<std::int32_t>(static_cast<std::uint32_t>(horizon.drawn) - row[0].as<std::uint32_t>());
    horizon.position = std::min(horizon.position, horizon.drawn - distance);
  }
  return horizon;
}

absl::StatusOr<ChangePage> ReadChanges(Session& session, const domain::ChangePlace& after, const ChangeHorizon& horizon,
                                       const domain::ChangeFilter& filter, int limit) {
  ChangePage page;
  // The clock may have been set back since.
  const domain::TimeMicros earliest = std::min(after.time, horizon.now) - domain::kMicrosPerDay;
  auto rows = session.Run(
      kChanges, {fmt::format("{}", after.position), fmt::format("{}", horizon.position),
                 TimestampText(std::max(earliest, domain::kMinTime)), fmt::format("{}", limit), KindArray(filter.kinds),
                 AnyOf(filter.refs), AnyOf(filter.statuses), fmt::format("{}", kResolvedWithinDays)});
  if (!rows.ok()) return rows.status();
  for (const auto& row : *rows) {
    page.changes.push_back({.position = row[0].as<std::int64_t>(),
                            .kind = static_cast<RecordKind>(row[1].as<int>()),
                            .id = row[2].c_str(),
                            .ref = row[3].c_str(),
                            .status = row[4].c_str(),
                            .previous_status = row[5].c_str(),
                            .time = row[6].as<std::int64_t>()});
  }
  page.last = page.changes.size() < static_cast<std::size_t>(limit);
  if (page.last) {
    page.upto = {std::max(after.position, horizon.position - 1), horizon.now};
  } else {
    // What comes next was not made before what was just read, or a little.
    page.upto = {page.changes.back().position, page.changes.back().time};
  }
  return page;
}

absl::Status CheckNotDropped(Session& session, const domain::ChangePlace& after) {
  auto rows = session.Run(kDropped, {});
  if (!rows.ok()) return rows.status();
  if ((*rows)[0][0].is_null() || after.time >= (*rows)[0][0].as<std::int64_t>()) return absl::OkStatus();
  domain::Error error;
  error.reason = domain::Reason::kEventsDropped;
  error.message = fmt::format(
      "changes after the resume_token, up to {}, are gone by retention: watch from now on, and read the records that "
      "matter",
      TimestampText((*rows)[0][0].as<std::int64_t>()));
  error.metadata = {{"dropped_up_to", TimestampText((*rows)[0][0].as<std::int64_t>())}};
  return domain::ToStatus(error);
}

}  // namespace eventstore::storage
