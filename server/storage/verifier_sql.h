// The statements of the verifier. {} stands for a chunk's own table, quoted by PostgreSQL's format('%I').
//
// Those that read the store run under the exported snapshot and copy into temporary tables. Those that compare run
// outside of it: rows of the temporary tables are younger than the snapshot, so under it they would not be seen.
#pragma once

#include "server/storage/session.h"

namespace eventstore::storage::verifier_sql {

inline constexpr char kTemporaryTables[] = R"sql(
SET statement_timeout = 0;
SET work_mem = '64MB';
CREATE TEMPORARY TABLE verify_ids (id uuid, global_position bigint, chunk integer);
-- What one chunk holds of one aggregate.
CREATE TEMPORARY TABLE verify_runs (
    aggregate_id uuid, chunk integer, broken boolean, events bigint,
    first_version integer, last_version integer, first_position bigint, last_position bigint,
    first_time timestamptz, last_time timestamptz);
CREATE TEMPORARY TABLE verify_totals (
    aggregate_id uuid, broken boolean, first_version integer, last_version integer,
    first_time timestamptz, last_time timestamptz);
CREATE TEMPORARY TABLE verify_heads (
    aggregate_id uuid, version integer, first_timestamp timestamptz, last_timestamp timestamptz);
-- The times of which retention has taken events, all of them or those of some aggregates.
CREATE TEMPORARY TABLE verify_gone (range_start timestamptz PRIMARY KEY, range_end timestamptz);
-- Events fetched again because something is wrong with them.
CREATE TEMPORARY TABLE verify_rows (
    id uuid, aggregate_id uuid, version integer, timestamp timestamptz, global_position bigint);
)sql";

// $1: the chunk's number. One pass over the chunk. Neighbours are compared inside the chunk here, and between chunks
// by kTotals from what is kept of each.
inline constexpr char kScanChunk[] = R"sql(
WITH events AS MATERIALIZED (
    SELECT id, aggregate_id, version, timestamp, global_position FROM {}
), ids AS (
    INSERT INTO verify_ids SELECT id, global_position, $1::integer FROM events
), neighbours AS (
    SELECT *, version < 1
              OR coalesce(version <> lag(version) OVER w + 1::bigint
                          OR timestamp < lag(timestamp) OVER w
                          OR global_position <= lag(global_position) OVER w, false) AS broken
    FROM events
    WINDOW w AS (PARTITION BY aggregate_id ORDER BY version)
), runs AS (
    INSERT INTO verify_runs
    SELECT aggregate_id, $1::integer, bool_or(broken), count(*), min(version), max(version),
           min(global_position), max(global_position), min(timestamp), max(timestamp)
    FROM neighbours
    GROUP BY aggregate_id
    RETURNING events
)
SELECT coalesce(sum(events), 0)::bigint FROM runs
)sql";

inline constexpr Query kTotals{"verify_totals", R"sql(
INSERT INTO verify_totals
SELECT aggregate_id, bool_or(broken), min(first_version), max(last_version), min(first_time), max(last_time)
FROM (
    SELECT aggregate_id, first_version, last_version, first_time, last_time,
           broken OR coalesce(first_version <> lag(last_version) OVER w + 1::bigint
                              OR first_time < lag(last_time) OVER w
                              OR first_position <= lag(last_position) OVER w, false) AS broken
    FROM verify_runs
    WINDOW w AS (PARTITION BY aggregate_id ORDER BY first_version, chunk)
) runs
GROUP BY aggregate_id
)sql"};

// $1: how many aggregates at most. Which chunks hold the aggregates whose order is broken.
inline constexpr Query kBrokenChunks{"verify_broken_chunks", R"sql(
SELECT r.chunk, array_agg(r.aggregate_id)
FROM verify_runs r
JOIN (SELECT aggregate_id FROM verify_totals WHERE broken ORDER BY aggregate_id LIMIT $1::bigint) b USING (aggregate_id)
GROUP BY r.chunk
ORDER BY r.chunk
)sql"};

inline constexpr char kFetchAggregates[] = R"sql(
INSERT INTO verify_rows
SELECT id, aggregate_id, version, timestamp, global_position FROM {} WHERE aggregate_id = ANY ($1::uuid[])
)sql";

// $1: how many at most.
inline constexpr Query kOrder{"verify_order", R"sql(
SELECT rule, aggregate_id, coalesce(previous_version, version), version,
       format('version %s: time %s, position %s; the one before it, version %s: time %s, position %s',
              version, timestamp, global_position,
              coalesce(previous_version::text, '(none)'), coalesce(previous_timestamp::text, '-'),
              coalesce(previous_position::text, '-'))
FROM (
    SELECT *, lag(version) OVER w AS previous_version, lag(timestamp) OVER w AS previous_timestamp,
           lag(global_position) OVER w AS previous_position
    FROM verify_rows
    WINDOW w AS (PARTITION BY aggregate_id ORDER BY version, global_position)
) neighbours
CROSS JOIN LATERAL (VALUES
    ('version_below_one', version < 1),
    ('duplicate_version', version = previous_version),
    ('version_gap', version > previous_version + 1::bigint),
    ('timestamp_order', version > previous_version AND timestamp < previous_timestamp),
    ('position_order', version > previous_version AND global_position <= previous_position)
) AS rules (rule, violated)
WHERE violated
ORDER BY aggregate_id, version, rule
LIMIT $1::bigint
)sql"};

// $1: only of aggregates with events since then.
inline constexpr Query kCopyHeads{"verify_copy_heads", R"sql(
INSERT INTO verify_heads
SELECT aggregate_id, version, first_timestamp, last_timestamp FROM aggregate_heads
WHERE last_timestamp >= $1::timestamptz
)sql"};

inline constexpr Query kCopyGone{"verify_copy_gone", R"sql(
INSERT INTO verify_gone SELECT range_start, max(range_end) FROM archived_chunks WHERE gone GROUP BY range_start
)sql"};

// $1: the start of the oldest chunk there is. What lay before it was dropped. $2: how many at most.
inline constexpr Query kHeads{"verify_heads", R"sql(
SELECT rule, aggregate_id, coalesce(t.first_version, 0), coalesce(t.last_version, h.version),
       format('head: version %s, first %s, last %s; events: versions %s to %s, first %s, last %s',
              coalesce(h.version::text, '(none)'), coalesce(h.first_timestamp::text, '-'),
              coalesce(h.last_timestamp::text, '-'), coalesce(t.first_version::text, '(none)'),
              coalesce(t.last_version::text, '(none)'), coalesce(t.first_time::text, '-'),
              coalesce(t.last_time::text, '-'))
FROM verify_totals t
FULL JOIN verify_heads h USING (aggregate_id)
LEFT JOIN LATERAL (SELECT g.range_end > h.first_timestamp AS gone FROM verify_gone g
                   WHERE g.range_start <= h.first_timestamp ORDER BY g.range_start DESC LIMIT 1) f
    ON t.first_version > 1
LEFT JOIN LATERAL (SELECT g.range_end > h.last_timestamp AS gone FROM verify_gone g
                   WHERE g.range_start <= h.last_timestamp ORDER BY g.range_start DESC LIMIT 1) l
    ON t.last_version IS NULL
CROSS JOIN LATERAL (VALUES
    ('event_without_head', h.version IS NULL),
    ('head_without_events',
     t.last_version IS NULL AND h.last_timestamp >= $1::timestamptz AND l.gone IS NOT TRUE),
    ('missing_beginning', t.first_version > 1 AND h.first_timestamp >= $1::timestamptz AND f.gone IS NOT TRUE),
    ('head_version', h.version <> t.last_version),
    ('head_first_timestamp',
     CASE WHEN t.first_version > 1 THEN h.first_timestamp > t.first_time ELSE h.first_timestamp <> t.first_time END),
    ('head_last_timestamp', h.last_timestamp <> t.last_time)
) AS rules (rule, violated)
WHERE violated
ORDER BY aggregate_id, rule
LIMIT $2::bigint
)sql"};

inline constexpr Query kCounts{"verify_counts", R"sql(
SELECT count(*),
       count(*) FILTER (WHERE t.first_version > 1 AND (h.first_timestamp < $1::timestamptz OR f.gone)),
       count(*) FILTER (WHERE t.last_version IS NULL AND (h.last_timestamp < $1::timestamptz OR l.gone))
FROM verify_totals t
FULL JOIN verify_heads h USING (aggregate_id)
LEFT JOIN LATERAL (SELECT g.range_end > h.first_timestamp AS gone FROM verify_gone g
                   WHERE g.range_start <= h.first_timestamp ORDER BY g.range_start DESC LIMIT 1) f
    ON t.first_version > 1
LEFT JOIN LATERAL (SELECT g.range_end > h.last_timestamp AS gone FROM verify_gone g
                   WHERE g.range_start <= h.last_timestamp ORDER BY g.range_start DESC LIMIT 1) l
    ON t.last_version IS NULL
)sql"};

// {0}: a closed chunk. $1: the start of its range. What differs between its events and what was recorded of them.
inline constexpr char kDirectory[] = R"sql(
WITH chunk AS (
    SELECT range_start, range_end, events, coalesce(min_position, 0) AS least, coalesce(max_position, 0) AS greatest
    FROM closed_chunks WHERE range_start = $1::timestamptz
), held AS (
    SELECT 'aggregate' AS kind, e.aggregate_id::text AS key, min(e.version)::bigint AS first, count(*) AS events
    FROM {0} e CROSS JOIN chunk c LEFT JOIN aggregate_heads h ON h.aggregate_id = e.aggregate_id
    WHERE (h.first_timestamp >= c.range_start AND h.first_timestamp < c.range_end) IS NOT TRUE
       OR EXISTS (SELECT FROM archived_chunks g WHERE g.gone AND g.range_start < c.range_end
                                                  AND g.range_end > c.range_start)
    GROUP BY e.aggregate_id
    UNION ALL SELECT 'correlation', correlation_id::text, 0, count(*) FROM {0}
    WHERE correlation_id IS NOT NULL GROUP BY correlation_id
    UNION ALL SELECT 'user', user_id, 0, count(*) FROM {0} WHERE user_id IS NOT NULL GROUP BY user_id
    UNION ALL SELECT 'event type', event_type, 0, count(*) FROM {0} GROUP BY event_type
    UNION ALL SELECT 'chunk', 'smallest position', coalesce(min(global_position), 0), count(*) FROM {0}
    UNION ALL SELECT 'chunk', 'largest position', coalesce(max(global_position), 0), count(*) FROM {0}
    UNION ALL SELECT 'chunk', 'closed before closed_until', 0, 0
), recorded AS (
    SELECT 'aggregate' AS kind, aggregate_id::text AS key, first_version::bigint AS first, events::bigint
    FROM chunk_aggregates WHERE range_start = $1::timestamptz
    UNION ALL SELECT 'correlation', correlation_id::text, 0, events FROM chunk_correlations
    WHERE range_start = $1::timestamptz
    UNION ALL SELECT 'user', user_id, 0, events FROM chunk_users WHERE range_start = $1::timestamptz
    UNION ALL SELECT 'event type', event_type, 0, events FROM chunk_event_types WHERE range_start = $1::timestamptz
    UNION ALL SELECT 'chunk', 'smallest position', least, events FROM chunk
    UNION ALL SELECT 'chunk', 'largest position', greatest, events FROM chunk
    UNION ALL SELECT 'chunk', 'closed before closed_until', 0, (c.range_end > i.closed_until)::integer
    FROM chunk c, store_identity i
)
SELECT 'directory', CASE WHEN kind = 'aggregate' THEN key ELSE '' END,
       coalesce(r.first, h.first), coalesce(h.first, r.first),
       format('the chunk of %s: %s %s: recorded %s events from %s on, found %s from %s on', $1::text, kind, key,
              coalesce(r.events, 0), coalesce(r.first, 0), coalesce(h.events, 0), coalesce(h.first, 0))
FROM held h FULL JOIN recorded r USING (kind, key)
WHERE h.first IS DISTINCT FROM r.first OR h.events IS DISTINCT FROM r.events
ORDER BY kind, key
LIMIT 1000
)sql";

// Which chunks hold the ids that occur twice. $1: how many ids at most.
inline constexpr Query kDuplicateIds{"verify_duplicate_ids", R"sql(
SELECT i.chunk, array_agg(i.id)
FROM verify_ids i
JOIN (SELECT id FROM verify_ids GROUP BY id HAVING count(*) > 1 LIMIT $1::bigint) d USING (id)
GROUP BY i.chunk
ORDER BY i.chunk
)sql"};

inline constexpr Query kDuplicatePositions{"verify_duplicate_positions", R"sql(
SELECT i.chunk, array_agg(i.global_position)
FROM verify_ids i
JOIN (SELECT global_position FROM verify_ids GROUP BY global_position HAVING count(*) > 1 LIMIT $1::bigint) d
     USING (global_position)
GROUP BY i.chunk
ORDER BY i.chunk
)sql"};

inline constexpr char kFetchIds[] = R"sql(
INSERT INTO verify_rows
SELECT id, aggregate_id, version, timestamp, global_position FROM {} WHERE id = ANY ($1::uuid[])
)sql";

inline constexpr char kFetchPositions[] = R"sql(
INSERT INTO verify_rows
SELECT id, aggregate_id, version, timestamp, global_position FROM {} WHERE global_position = ANY ($1::bigint[])
)sql";

// One row for each event after the first with the same id, naming that first one. $1: how many at most.
inline constexpr Query kIdRows{"verify_id_rows", R"sql(
SELECT 'duplicate_event_id', aggregate_id, version, version, detail
FROM (
    SELECT id, aggregate_id, version, row_number() OVER w AS occurrence,
           format('event %s of %s is also version %s of aggregate %s, of %s',
                  id, timestamp, first_value(version) OVER w, first_value(aggregate_id) OVER w,
                  first_value(timestamp) OVER w) AS detail
    FROM verify_rows
    WINDOW w AS (PARTITION BY id ORDER BY timestamp, global_position, aggregate_id, version)
) occurrences
WHERE occurrence > 1
ORDER BY id, occurrence
LIMIT $1::bigint
)sql"};

inline constexpr Query kPositionRows{"verify_position_rows", R"sql(
SELECT 'duplicate_position', aggregate_id, version, version, detail
FROM (
    SELECT global_position, aggregate_id, version, row_number() OVER w AS occurrence,
           format('position %s of event %s is also that of event %s, version %s of aggregate %s',
                  global_position, id, first_value(id) OVER w, first_value(version) OVER w,
                  first_value(aggregate_id) OVER w) AS detail
    FROM verify_rows
    WINDOW w AS (PARTITION BY global_position ORDER BY timestamp, aggregate_id, version, id)
) occurrences
WHERE occurrence > 1
ORDER BY global_position, occurrence
LIMIT $1::bigint
)sql"};

inline constexpr Query kForgetRows{"verify_forget_rows", "DELETE FROM verify_rows"};

}  // namespace eventstore::storage::verifier_sql
