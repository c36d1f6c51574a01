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
