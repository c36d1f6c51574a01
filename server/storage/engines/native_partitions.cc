#include "server/storage/engines/native_partitions.h"

#include <algorithm>

#include "fmt/format.h"
#include "server/domain/error.h"
#include "server/domain/floor_to.h"
#include "server/storage/engines/native_range.h"
#include "server/storage/sql_errors.h"
#include "server/storage/sql_text.h"
#include "server/storage/transaction.h"
#include "spdlog/spdlog.h"

namespace eventstore::storage {
namespace {

// reltuples is -1 before the first ANALYZE.
constexpr Query kList{"native_partition_list", R"sql(
SELECT p.name,
       p.range_start IS NULL,  -- DEFAULT
       CASE WHEN isfinite(p.range_start) THEN (extract(epoch FROM p.range_start) * 1000000)::bigint END,
       CASE WHEN isfinite(p.range_end) THEN (extract(epoch FROM p.range_end) * 1000000)::bigint END,
       pg_total_relation_size(p.relid), coalesce(c.events, greatest(r.reltuples, 0)::bigint), c.events IS NOT NULL
FROM partitions_of($1) p
JOIN pg_class r ON r.oid = p.relid
LEFT JOIN closed_chunks c ON c.range_start = p.range_start AND c.range_end = p.range_end AND c.chunk = p.name
ORDER BY p.range_start
)sql"};

constexpr Query kMissing{"native_missing", R"sql(
SELECT range_start, range_end FROM events_v2_missing_partitions($1::timestamptz, $2::timestamptz)
)sql"};
// Of the others: all that are missing at once, since they come and go with the days and are few.
constexpr Query kMakeAll{"native_make_all", "SELECT make_partitions($1, $2::timestamptz, $3::timestamptz)"};
constexpr Query kMake{"native_make", "SELECT events_v2_make_partition($1::timestamptz, $2::timestamptz)"};

// Of what is missing in [$1, $2) the part that holds $3.
constexpr Query kMakeAround{"native_make_around", R"sql(
WITH existing AS (
    SELECT coalesce(range_agg(tstzrange(p.range_start, p.range_end)), '{}') AS ranges FROM events_v2_partitions p
)
SELECT events_v2_make_partition(lower(missing), upper(missing))
FROM existing, unnest(tstzmultirange(tstzrange($1::timestamptz, $2::timestamptz)) - existing.ranges) missing
WHERE missing @> $3::timestamptz
)sql"};

// Somebody else's partition lies across the one to be made.
constexpr char kOverlaps[] = "42P17";
constexpr int kTries = 3;

// Says of a table that Drop() has begun with it, so that it is dropped and not taken for somebody's own.
constexpr char kDropping[] = "eventstore: being dropped";
constexpr Query kLeftOver{"native_left_over", R"sql(
SELECT format('%I.%I', n.nspname, c.relname), i.inhrelid IS NOT NULL, i.inhparent::regclass
FROM pg_description d
JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass AND d.objsubid = 0
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
WHERE d.description = $1 AND c.relkind IN ('r', 'p') AND (i.inhrelid IS NULL OR i.inhdetachpending)
)sql"};

constexpr char kNotInTransaction[] = "25P01";
constexpr char kLockNotFree[] = "55P03";
constexpr int kShortTries = 40;

std::string QuotedName(const std::string& table) {
  std::string quoted = "public.\"";
  for (const char c : table) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

// Asked of PostgreSQL itself: SAVEPOINT is an error outside of a transaction, and changes nothing inside.
absl::StatusOr<bool> InTransaction(Session& session) {
  const auto asked = session.RunScript("SAVEPOINT native_drop");
  if (asked.ok()) return true;
  if (SqlStateOf(asked.status()) == kNotInTransaction) return false;
  return asked.status();
}

// The savepoint is there.
absl::Status DropWithin(Session& session, const std::string& parent, const std::string& table) {
  auto timeout = session.RunScript("SHOW lock_timeout");
  if (!timeout.ok()) return timeout.status();
  absl::Status detached = absl::OkStatus();
  for (int attempt = 0; attempt < kShortTries; ++attempt) {
    detached = session
                   .RunScript(fmt::format("SET LOCAL lock_timeout = '50ms'; ALTER TABLE {1} DETACH PARTITION {0}; "
                                          "DROP TABLE {0}",
                                          table, parent))
                   .status();
    // Undoes the setting as well.
    if (SqlStateOf(detached) != kLockNotFree) break;
    auto back = session.RunScript("ROLLBACK TO SAVEPOINT native_drop; SELECT pg_sleep(0.05)");
    if (!back.ok()) return back.status();
  }
  if (!detached.ok()) return detached;
  return session
      .RunScript(fmt::format("SET LOCAL lock_timeout = '{}'; RELEASE SAVEPOINT native_drop", (*timeout)[0][0].c_str()))
      .status();
}

// What an earlier Drop() left behind.
void DropLeftOvers(Session& session) {
  auto rows = session.Run(kLeftOver, {kDropping});
  if (!rows.ok()) return;  // what the caller does next says why
  for (const auto& row : *rows) {
    const std::string table = row[0].c_str();
    auto dropped =
        row[1].as<bool>()
            ? session.RunScript(fmt::format("ALTER TABLE {} DETACH PARTITION {} FINALIZE", row[2].c_str(), table))
            : absl::StatusOr<pqxx::result>(pqxx::result());
    if (dropped.ok()) dropped = session.RunScript(fmt::format("DROP TABLE IF EXISTS {}", table));
    if (!dropped.ok()) {
      spdlog::warn("partition {} was begun to be dropped and is still there: {}", table,
                   std::string(dropped.status().message()));
    }
  }
}

}  // namespace

absl::StatusOr<std::vector<Partition>> NativePartitions::List(Session& session) const {
  auto rows = session.Run(kList, {table_});
  if (!rows.ok()) return rows.status();
  std::vector<Partition> partitions;
  for (const auto& row : *rows) {
    auto range = NativeRange(row, 1);
    if (!range.ok()) return range.status();
    partitions.push_back({.table = row[0].c_str(),
                          .range = *range,
                          .bytes = row[4].as<std::int64_t>(),
                          .rows = row[5].as<std::int64_t>(),
                          .rows_exact = row[6].as<bool>()});
  }
  return partitions;
}

absl::StatusOr<int> NativePartitions::Ensure(Session& session, const domain::TimeRange& range) const {
  if (range.from <= domain::kMinTime || range.to > domain::kMaxTime) {
    return domain::ErrorOf(domain::Reason::kInvalidRequest,
                           "partitions can be made for a range with a beginning and an end alone");
  }
  if (table_ != "events_v2") {
    auto all = session.Run(kMakeAll, {table_, TimestampText(range.from), TimestampText(range.to)});
    if (!all.ok()) return all.status();
    return (*all)[0][0].as<int>();
  }
  int made = 0;
  for (int attempt = 1;; ++attempt) {
    auto missing = session.Run(kMissing, {TimestampText(range.from), TimestampText(range.to)});
    if (!missing.ok()) return missing.status();
    absl::Status last = absl::OkStatus();
    for (const auto& row : *missing) {
      auto one = session.Run(kMake, {row[0].c_str(), row[1].c_str()});
      last = one.status();
      if (!one.ok()) break;
      if ((*one)[0][0].as<bool>()) ++made;
    }
    if (last.ok()) return made;
    if (SqlStateOf(last) != kOverlaps || attempt == kTries) return last;
  }
}

absl::Status NativePartitions::MakeOf(Session& session, std::span<const domain::TimeMicros> times,
                                      domain::TimeMicros interval) const {
  Transaction transaction(session);
  if (absl::Status begun = transaction.Begin(); !begun.ok()) return begun;
  for (const domain::TimeMicros time : times) {
    const domain::TimeMicros start = domain::FloorTo(time, interval);
    const domain::TimeMicros from = std::max(start, domain::kMinTime);
    auto made = session.Run(kMakeAround, {TimestampText(from), TimestampText(start + interval), TimestampText(time)});
    if (!made.ok()) return made.status();
  }
  return transaction.Commit();
}

absl::Status NativePartitions::Drop(Session& session, const Partition& partition) const {
  auto inside = InTransaction(session);
  if (!inside.ok()) return inside.status();
  if (*inside) return DropWithin(session, QuotedName(table_), partition.table);
  DropLeftOvers(session);
  auto done = session.RunScript(fmt::format("COMMENT ON TABLE {} IS '{}'", partition.table, kDropping));
  if (done.ok()) {
    done = session.RunScript(
        fmt::format("ALTER TABLE {} DETACH PARTITION {} CONCURRENTLY", QuotedName(table_), partition.table));
  }
  if (done.ok()) done = session.RunScript(fmt::format("DROP TABLE {}", partition.table));
  return done.status();
}

absl::Status NativePartitions::Compress(Session& /*session*/, const Partition& /*partition*/) const {
  return domain::ErrorOf(domain::Reason::kStoreIncompatible,
                         "the engine native does not compress; timescaledb's Community edition does");
}

}  // namespace eventstore::storage
