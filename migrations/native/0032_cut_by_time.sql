-- What migrations need of the engine to cut a table by time, and what the servers need to look after the pieces. events_v2
-- has functions of its own (0003), since there the directory of closed chunks has to follow.

-- To be called when the table has neither indexes nor rows: it becomes another one, with the same columns, defaults and
-- checks, that is partitioned.
CREATE FUNCTION cut_by_time(p_table text, p_column text, p_interval interval) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    shape text := left(p_table, 57) || '_shape';
BEGIN
    EXECUTE format('ALTER TABLE public.%I RENAME TO %I', p_table, shape);
    EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING ALL) PARTITION BY RANGE (%I)', p_table, shape,
                   p_column);
    EXECUTE format('DROP TABLE public.%I', shape);
END
$$;

-- Every partition of a table with its range. pg_inherits is the truth, whoever made them; one that is being detached has
-- gone. As events_v2_partitions does it, and for the same reasons.
CREATE FUNCTION partitions_of(p_table text)
RETURNS TABLE (relid oid, name text, range_start timestamptz, range_end timestamptz)
LANGUAGE sql STABLE
AS $$
    SELECT b.relid,
           b.name,
           CASE WHEN b.bound <> 'DEFAULT'
                THEN coalesce(substring(b.bound FROM $re$FROM \('([^']+)'\)$re$)::timestamptz, '-infinity') END,
           CASE WHEN b.bound <> 'DEFAULT'
                THEN coalesce(substring(b.bound FROM $re$TO \('([^']+)'\)$re$)::timestamptz, 'infinity') END
    FROM (
        SELECT c.oid AS relid, format('%I.%I', n.nspname, c.relname) AS name, pg_get_expr(c.relpartbound, 0) AS bound
        FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE i.inhparent = format('public.%I', p_table)::regclass AND NOT i.inhdetachpending
        OFFSET 0
    ) b
$$;

-- What is missing so that every moment of [p_from, p_to) has a partition.
CREATE FUNCTION missing_partitions(p_table text, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (range_start timestamptz, range_end timestamptz)
LANGUAGE sql STABLE
AS $$
    WITH existing AS (
        SELECT coalesce(range_agg(tstzrange(p.range_start, p.range_end)), '{}') AS ranges FROM partitions_of(p_table) p
    )
    SELECT lower(missing), upper(missing)
    FROM existing, time_tables t,
         generate_series(floor(extract(epoch FROM p_from) * 1000000 / t.interval_us)::bigint,
                         ceil(extract(epoch FROM p_to) * 1000000 / t.interval_us)::bigint - 1) step,
         unnest(tstzmultirange(tstzrange(to_timestamp(0) + step * t.interval_us * interval '1 microsecond',
                                         to_timestamp(0) + (step + 1) * t.interval_us * interval '1 microsecond'))
                - existing.ranges) missing
    WHERE t.table_name = p_table
    ORDER BY 1
$$;

-- Makes them; how many it made. Attached and not created as partitions, since that locks nobody out; the lock holds off
-- others who do the same and is taken before anything is looked at.
CREATE FUNCTION make_partitions(p_table text, p_from timestamptz, p_to timestamptz) RETURNS integer
LANGUAGE plpgsql
SET TimeZone = 'UTC'
SET DateStyle = 'ISO, YMD'
SET search_path = public
SET client_min_messages = warning
AS $$
DECLARE
    missing record;
    wanted text;
    partition_name text;
    tried integer;
    made integer := 0;
BEGIN
    EXECUTE format('LOCK TABLE ONLY %I IN SHARE UPDATE EXCLUSIVE MODE', p_table);
    FOR missing IN SELECT m.range_start, m.range_end FROM missing_partitions(p_table, p_from, p_to) m LOOP
        wanted := left(p_table, 40) || '_p' || to_char(missing.range_start, 'YYYYMMDD')
                  || CASE WHEN missing.range_start = date_trunc('day', missing.range_start) THEN ''
                          ELSE to_char(missing.range_start, '_HH24MISS') END;
        partition_name := wanted;
        tried := 1;
        -- A table of that name that is no partition: one that was detached. It is left alone.
        WHILE to_regclass(quote_ident(partition_name)) IS NOT NULL LOOP
            tried := tried + 1;
            partition_name := wanted || '_' || tried;
        END LOOP;
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition_name, p_table);
        EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', p_table, partition_name,
                       missing.range_start, missing.range_end);
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

-- Where its oldest partition begins; NULL: there is none.
CREATE FUNCTION oldest_chunk(p_table text) RETURNS timestamptz
LANGUAGE sql STABLE
AS $$ SELECT min(p.range_start) FROM partitions_of(p_table) p $$;
