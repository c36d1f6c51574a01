-- An append that finds no partition makes it, whoever appends: a writer does not own the tables, so these two run with the
-- rights of their owner. For whom the owner or eventstore_writer is; and what they make can be read by the roles.
ALTER FUNCTION events_v2_make_partition(timestamptz, timestamptz) RENAME TO events_v2_make_bare_partition;
ALTER FUNCTION make_partitions(text, timestamptz, timestamptz) RENAME TO make_bare_partitions;

CREATE FUNCTION events_v2_make_partition(p_from timestamptz, p_to timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NOT events_v2_make_bare_partition(p_from, p_to) THEN
        RETURN false;
    END IF;
    PERFORM grant_store_partitions('events_v2');
    RETURN true;
END
$$;

-- Of our own tables and those that were converted: time_tables lists them.
CREATE FUNCTION make_partitions(p_table text, p_from timestamptz, p_to timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    made integer := make_bare_partitions(p_table, p_from, p_to);
BEGIN
    IF made > 0 THEN
        PERFORM grant_store_partitions(p_table);
    END IF;
    RETURN made;
END
$$;

REVOKE EXECUTE ON FUNCTION events_v2_make_partition(timestamptz, timestamptz) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION make_partitions(text, timestamptz, timestamptz) FROM PUBLIC;
SELECT grant_store_roles();
