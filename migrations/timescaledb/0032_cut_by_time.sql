-- What migrations need of the engine to cut a table by time. Same names in migrations/native.

-- To be called when the table has neither indexes nor rows.
CREATE FUNCTION cut_by_time(p_table text, p_column text, p_interval interval) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM create_hypertable(format('public.%I', p_table)::regclass, p_column::name,
                              chunk_time_interval => p_interval, create_default_indexes => false);
END
$$;

-- How many it made: none, since the insert makes them.
CREATE FUNCTION make_partitions(p_table text, p_from timestamptz, p_to timestamptz) RETURNS integer
LANGUAGE sql
AS $$ SELECT 0 $$;

-- Where its oldest chunk begins; NULL: there is none. From the catalogue itself, since the views of TimescaleDB look at
-- every chunk of the database.
CREATE FUNCTION oldest_chunk(p_table text) RETURNS timestamptz
LANGUAGE sql STABLE
AS $$
    SELECT to_timestamp(min(s.range_start) / 1000000.0)
    FROM _timescaledb_catalog.hypertable h
    JOIN _timescaledb_catalog.dimension d ON d.hypertable_id = h.id
    JOIN _timescaledb_catalog.dimension_slice s ON s.dimension_id = d.id
    WHERE h.schema_name = 'public' AND h.table_name = p_table
$$;
