-- The two sides of dual write, by type, over rows and events of the last p_window. By ids, so that what is on its way or
-- has another time in the store is no difference. One statement, so one moment of both sides.
--
-- legacy_rows, store_events: in the window, each by its own time. Of the events that the store alone was given, only
-- those count that should be in the legacy table.
CREATE FUNCTION legacy_compare(p_window interval)
RETURNS TABLE (event_type text, legacy_rows bigint, store_events bigint, waiting bigint,
               missing_in_store bigint, missing_in_legacy bigint)
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_custom_plan
AS $body$
DECLARE
    link  legacy_link;
    since timestamptz := now() - p_window;
BEGIN
    SELECT * INTO STRICT link FROM legacy_link;
    -- An event is never earlier in the store than in the legacy table, where a time was raised it is later.
    RETURN QUERY EXECUTE format($compare$
WITH noted AS MATERIALIZED (
    SELECT (o.payload ->> %3$L)::uuid AS id, o.payload ->> %5$L AS event_type FROM legacy_outbox o
), l AS MATERIALIZED (
    SELECT r.%3$I AS id, r.%5$I::text AS event_type FROM %1$I.%2$I r WHERE r.%4$I >= $1
), s AS MATERIALIZED (
    SELECT e.id, e.event_type, legacy_is_from_there(e.metadata) AS from_there,
           NOT legacy_is_from_there(e.metadata) AND e.timestamp >= $3 AS mirrored,
           coalesce(c.original_timestamp, e.timestamp) >= $1 AS in_window
    FROM events_v2 e LEFT JOIN import_clamped c ON c.event_id = e.id WHERE e.timestamp >= $1
), absent_here AS (
    SELECT l.event_type FROM l
    WHERE NOT EXISTS (SELECT FROM s WHERE s.id = l.id) AND NOT EXISTS (SELECT FROM noted n WHERE n.id = l.id) AND $2
), absent_there AS (
    SELECT s.event_type FROM s
    WHERE s.mirrored AND NOT EXISTS (SELECT FROM %1$I.%2$I r WHERE r.%3$I = s.id)
      AND NOT EXISTS (SELECT FROM legacy_failed f WHERE f.event_id = s.id)
)
SELECT c.event_type, sum(c.a)::bigint, sum(c.b)::bigint, sum(c.c)::bigint, sum(c.d)::bigint, sum(c.e)::bigint
FROM (
    SELECT l.event_type, 1 AS a, 0 AS b, 0 AS c, 0 AS d, 0 AS e FROM l
    UNION ALL SELECT s.event_type, 0, 1, 0, 0, 0 FROM s
              WHERE s.in_window AND (s.from_there OR s.mirrored OR EXISTS (SELECT FROM l WHERE l.id = s.id))
    UNION ALL SELECT n.event_type, 0, 0, 1, 0, 0 FROM noted n
    UNION ALL SELECT f.event_type, 0, 0, 1, 0, 0 FROM legacy_failed f WHERE f.error IS NULL
    UNION ALL SELECT h.event_type, 0, 0, 0, 1, 0 FROM absent_here h
    UNION ALL SELECT t.event_type, 0, 0, 0, 0, 1 FROM absent_there t
) c
GROUP BY c.event_type ORDER BY c.event_type
$compare$, link.legacy_schema, link.legacy_table, link.id_column, link.time_column, link.type_column)
    USING since, link.direction <> 'store_to_legacy', coalesce(link.mirrored_since, 'infinity');
END
$body$;

-- The statements of the comparison of everything (server/moving/move_check.h): (id, digest) of each row of the legacy
-- table, and (id, digest, whether it ought to be in the legacy table) of each event of a chunk; {} stands for the chunk's
-- table. The digest is over time, type, user and data as the legacy table has them.
CREATE FUNCTION legacy_check_text(OUT legacy_rows text, OUT store_events text)
LANGUAGE plpgsql STABLE
AS $body$
DECLARE
    link   legacy_link;
    legacy text;
BEGIN
    SELECT * INTO STRICT link FROM legacy_link;
    legacy := format('%I.%I', link.legacy_schema, link.legacy_table);
    legacy_rows := format(
        'SELECT r.%1$I, hashtextextended(concat_ws(''|'', (extract(epoch FROM r.%2$I::timestamptz) * 1000000)::bigint, '
        'r.%3$I, coalesce(nullif(r.%4$I::jsonb, ''null''), ''{}''), %5$s), 0) FROM %6$s r',
        link.id_column, link.time_column, link.type_column, link.data_column,
        CASE WHEN link.user_column IS NULL THEN 'NULL' ELSE format('nullif(r.%I::text, '''')', link.user_column) END, legacy);
    store_events := format(
        'SELECT e.id, hashtextextended(concat_ws(''|'', (extract(epoch FROM coalesce(c.original_timestamp, e.timestamp)) '
        '* 1000000)::bigint, e.event_type, %1$s, %2$s), 0), legacy_is_from_there(e.metadata) OR e.timestamp >= %3$L '
        'FROM {} e LEFT JOIN import_clamped c ON c.event_id = e.id',
        legacy_data_text(link), CASE WHEN link.user_column IS NULL THEN 'NULL' ELSE 'e.user_id' END,
        coalesce(link.mirrored_since, 'infinity'));
END
$body$;
