-- All events, partitioned by the time they were recorded, on PostgreSQL alone: the engine native
-- (docs/decisions/0023-native-partitions.md). The table is the one of migrations/timescaledb.
--
-- The primary key holds the time because PostgreSQL demands it of a partitioned table, so it does not make ids unique
-- across days; the append path checks ids (docs/architecture.md, "Exactly once").
CREATE TABLE events_v2 (
    id              uuid        NOT NULL,
    -- The database's clock when the append held its lane; never earlier than the aggregate's previous event.
    timestamp       timestamptz NOT NULL,
    aggregate_id    uuid        NOT NULL,
    aggregate_type  text        NOT NULL,
    event_type      text        NOT NULL,
    -- NULL: nobody's event.
    user_id         text,
    data            jsonb       NOT NULL,
    metadata        jsonb       NOT NULL,
    version         integer     NOT NULL,
    causation_id    uuid,
    correlation_id  uuid,
    source          text        NOT NULL,
    -- (transaction id + offset) << 20 | ordinal; see server/domain/position.h.
    global_position bigint      NOT NULL,
    PRIMARY KEY (id, timestamp)
) PARTITION BY RANGE (timestamp);

-- One row: how the table is cut, and how far it is in use.
CREATE TABLE events_v2_partitioning (
    only_row    boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    -- Length of a partition in microseconds. They begin at multiples of it since 1970, UTC, as TimescaleDB's do.
    interval_us bigint      NOT NULL CHECK (interval_us >= 1000000),
    -- No event is recorded at or after it, so no reader opens the partitions that were made ahead. Raised by the append
    -- that needs it, in its own transaction. Never lowered: when the clock jumps ahead and back, what was recorded
    -- meanwhile is still read.
    reach       timestamptz NOT NULL DEFAULT '-infinity'
);

-- The migrator sets eventstore.* for the length of this transaction.
INSERT INTO events_v2_partitioning (interval_us)
SELECT (extract(epoch FROM current_setting('eventstore.chunk_interval')::interval) * 1000000)::bigint;

-- Every partition with its range. pg_inherits is the truth, whoever made them; one that is being detached has gone.
-- A DEFAULT partition shows with NULLs: there must be none, it would keep others from being attached.
CREATE VIEW events_v2_partitions AS
SELECT b.relid,
       b.name,
       CASE WHEN b.bound <> 'DEFAULT'
            THEN coalesce(substring(b.bound FROM $$FROM \('([^']+)'\)$$)::timestamptz, '-infinity') END AS range_start,
       CASE WHEN b.bound <> 'DEFAULT'
            THEN coalesce(substring(b.bound FROM $$TO \('([^']+)'\)$$)::timestamptz, 'infinity') END    AS range_end
FROM (
    -- 0 and not the partition's own id, which would open it, and so wait for whoever has it locked.
    SELECT c.oid AS relid, format('%I.%I', n.nspname, c.relname) AS name, pg_get_expr(c.relpartbound, 0) AS bound
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE i.inhparent = 'events_v2'::regclass AND NOT i.inhdetachpending
    OFFSET 0  -- else pg_get_expr() would run once for each use of it above
) b;

-- Those that events may be in: of the past and of today, and what reach says.
CREATE VIEW events_v2_partitions_in_use AS
SELECT p.*
FROM events_v2_partitions p, events_v2_partitioning g
WHERE p.range_start IS NULL OR p.range_start <= now() OR p.range_start < g.reach;

-- What is missing so that every moment of [p_from, p_to) has a partition: whole ones, or less beside one that somebody
-- made by hand in another size.
CREATE FUNCTION events_v2_missing_partitions(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (range_start timestamptz, range_end timestamptz)
LANGUAGE sql STABLE
AS $$
    WITH existing AS (
        SELECT coalesce(range_agg(tstzrange(p.range_start, p.range_end)), '{}') AS ranges FROM events_v2_partitions p
    )
    SELECT lower(missing), upper(missing)
    FROM existing, events_v2_partitioning g,
         generate_series(floor(extract(epoch FROM p_from) * 1000000 / g.interval_us)::bigint,
                         ceil(extract(epoch FROM p_to) * 1000000 / g.interval_us)::bigint - 1) step,
         unnest(tstzmultirange(tstzrange(to_timestamp(0) + step * g.interval_us * interval '1 microsecond',
                                         to_timestamp(0) + (step + 1) * g.interval_us * interval '1 microsecond'))
                - existing.ranges) missing
    ORDER BY 1
$$;

-- Makes the partition [p_from, p_to) unless events_v2 has one there by now; whether it made it.
--
-- CREATE TABLE ... PARTITION OF would lock events_v2 against every read and append. A table of its own that is attached
-- takes SHARE UPDATE EXCLUSIVE, which they do not notice, and holds off others who do the same. Taken first, so that
-- what is looked at does not change. The new table is empty: attaching has nothing to check.
CREATE FUNCTION events_v2_make_partition(p_from timestamptz, p_to timestamptz) RETURNS boolean
LANGUAGE plpgsql
SET TimeZone = 'UTC'
SET DateStyle = 'ISO, YMD'
SET search_path = public
SET client_min_messages = warning
AS $$
DECLARE
    wanted text := 'events_v2_p' || to_char(p_from, 'YYYYMMDD')
                   || CASE WHEN p_from = date_trunc('day', p_from) THEN '' ELSE to_char(p_from, '_HH24MISS') END;
    table_name text := wanted;
    tried integer := 1;
BEGIN
    LOCK TABLE ONLY events_v2 IN SHARE UPDATE EXCLUSIVE MODE;
    PERFORM FROM events_v2_partitions p WHERE p.range_start <= p_from AND p.range_end >= p_to;
    IF FOUND THEN
        RETURN false;
    END IF;
    -- A table of that name that is no partition: one that was detached. It is left alone.
    WHILE to_regclass(quote_ident(table_name)) IS NOT NULL LOOP
        tried := tried + 1;
        table_name := wanted || '_' || tried;
    END LOOP;
    -- What the directory of closed chunks knows of one that was here and was dropped is nothing to the new one.
    IF to_regclass('closed_chunks') IS NOT NULL THEN
        DELETE FROM closed_chunks WHERE range_start = p_from;
        IF FOUND THEN
            DELETE FROM chunk_aggregates WHERE range_start = p_from;
            DELETE FROM chunk_correlations WHERE range_start = p_from;
            DELETE FROM chunk_users WHERE range_start = p_from;
            DELETE FROM chunk_event_types WHERE range_start = p_from;
        END IF;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE events_v2 INCLUDING ALL)', table_name);
    EXECUTE format('ALTER TABLE events_v2 ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', table_name, p_from, p_to);
    RETURN true;
END
$$;

-- What the partitions are at this moment, as one number; another one after any of them came or went. Not the statement's
-- snapshot but one of its own (volatile): see below. xmin, since a table may be detached and attached with another range.
CREATE FUNCTION events_v2_partition_state() RETURNS text
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN (SELECT count(*) || ':' || coalesce(sum(hashint8extended((inhrelid::bigint << 32) | xmin::text::bigint, 0)), 0)
            FROM pg_inherits
            WHERE inhparent = 'public.events_v2'::regclass AND NOT inhdetachpending);
END
$$;

-- The same, cheap however many there are: marked IMMUTABLE it becomes a constant of the plan that asks for it, and a plan
-- that names events_v2 is thrown away by PostgreSQL when a partition comes or goes. For events_v2_partition_stamp() alone.
--
-- Never out of date: PostgreSQL tells sessions of a change after it is visible, and before whoever made it lets go of
-- events_v2. So a session that was told, and looks then with a snapshot of that moment, sees it; and no event can be in a
-- partition whose making has not been told.
CREATE FUNCTION events_v2_partitions_constant() RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    RETURN events_v2_partition_state();
END
$$;

-- Changes when events_v2_partitions_in_use does, and costs no more with thousands of them.
CREATE FUNCTION events_v2_partition_stamp() RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    -- EXISTS names the table without reading anything of it.
    RETURN (SELECT concat_ws(' ', events_v2_partitions_constant(), extract(epoch FROM g.reach),
                             floor(extract(epoch FROM now()) * 1000000 / g.interval_us))
            FROM events_v2_partitioning g, (SELECT EXISTS (SELECT FROM events_v2 WHERE false)) named);
END
$$;

-- Yesterday's, today's and those of the next 30 days; later ones are made by the servers.
SELECT count(events_v2_make_partition(m.range_start, m.range_end))
FROM events_v2_missing_partitions(now() - interval '1 day', now() + interval '30 days') m;
