-- Group roles with no more rights than their name says (docs/decisions/0040-least-privilege.md):
--   eventstore_reader    looks: reports, dashboards, a person with psql
--   eventstore_writer    what a server needs that does no upkeep; events can be added by it, not changed or deleted
--   eventstore_migrator  owns the schema where migrations ran under it (options=-c role=eventstore_migrator)
-- A role is the cluster's, a right is the database's: a second store in the cluster finds the roles there. Whoever may not
-- make roles migrates without them, and is told what to run.
-- What each table gives to the writer; the reader may look at all of them. Whoever adds a table adds its row. The tables of a
-- move from a legacy table are not here: their triggers run with rights on that table too, and want the owner.
CREATE TABLE store_table_rights (
    table_name text PRIMARY KEY,
    writer     text NOT NULL
);
INSERT INTO store_table_rights
SELECT name, 'SELECT, INSERT' FROM unnest(ARRAY['events_v2', 'event', 'audit_log', 'erasures']) name
UNION ALL
-- A key that was destroyed leaves its row, which is how none is made again.
SELECT name, 'SELECT, INSERT, UPDATE' FROM unnest(ARRAY['erasure_state', 'subject_keys']) name
UNION ALL
-- How far ahead of the clock events may be found (engine native): an append moves it on.
SELECT 'events_v2_partitioning', 'SELECT, UPDATE'
UNION ALL
SELECT name, 'SELECT' FROM unnest(ARRAY['schema_migrations', 'events_daily', 'events_v2_partitions',
    'events_v2_partitions_in_use', 'legacy_link', 'migration_runs', 'migration_places',
    'table_conversions', 'store_table_rights']) name
UNION ALL
SELECT name, 'SELECT, INSERT, UPDATE, DELETE' FROM unnest(ARRAY['store_identity', 'aggregate_heads', 'archived_chunks',
    'archived_rows', 'chunk_aggregates', 'chunk_correlations', 'chunk_event_types', 'chunk_users', 'closed_chunks',
    'consumer_group_attempts', 'consumer_group_buckets', 'consumer_group_members', 'consumer_group_parked',
    'consumer_groups', 'enforcement', 'execution', 'execution_history', 'worker', 'worker_history', 'enforcement_volume_hourly',
    'event_volume_hourly', 'execution_status_hourly', 'execution_throughput_hourly', 'execution_volume_hourly',
    'worker_status_hourly', 'events_hourly', 'events_hourly_state', 'hourly_aggregates', 'hourly_changes',
    'housekeeper_runs', 'housekeeper_tasks', 'import_clamped', 'lost_positions', 'time_tables', 'tracked_tables']) name;

-- Readers and writers read partitions by their own names (engine native), and a partition takes no rights from its table.
CREATE FUNCTION grant_store_partitions(p_table text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    partition regclass;
BEGIN
    IF to_regrole('eventstore_writer') IS NULL OR to_regrole('eventstore_reader') IS NULL THEN
        RETURN;
    END IF;
    FOR partition IN
        SELECT i.inhrelid FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent AND p.relkind = 'p'
        WHERE i.inhparent = to_regclass(quote_ident(p_table)) AND NOT has_table_privilege('eventstore_writer', i.inhrelid, 'SELECT')
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO eventstore_writer, eventstore_reader', partition);
    END LOOP;
END
$$;

-- Makes the roles where it may and gives them their rights; whether they are there. To be run again by the owner after a
-- superuser made the roles, after a table was added, and after a restore without privileges.
CREATE FUNCTION grant_store_roles() RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    wanted text;
    given record;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['eventstore_migrator', 'eventstore_writer', 'eventstore_reader'] LOOP
        IF to_regrole(wanted) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            EXCEPTION
                WHEN duplicate_object OR unique_violation THEN NULL;  -- another database's migration was faster
                WHEN insufficient_privilege THEN
                    RAISE NOTICE 'role % is not there and % may not make it. If you want it, run as one who may: '
                                 'CREATE ROLE % NOLOGIN; and then as the owner: SELECT grant_store_roles()',
                                 wanted, current_user, wanted;
            END;
        END IF;
    END LOOP;
    IF to_regrole('eventstore_writer') IS NULL OR to_regrole('eventstore_reader') IS NULL THEN
        RETURN false;
    END IF;
    FOR given IN
        SELECT to_regclass(quote_ident(r.table_name)) AS relation, r.table_name, r.writer
        FROM store_table_rights r WHERE to_regclass(quote_ident(r.table_name)) IS NOT NULL
    LOOP
        EXECUTE format('GRANT %s ON %s TO eventstore_writer', given.writer, given.relation);
        EXECUTE format('GRANT SELECT ON %s TO eventstore_reader', given.relation);
        PERFORM grant_store_partitions(given.table_name);
    END LOOP;
    GRANT USAGE, SELECT, UPDATE ON SEQUENCE operations_positions TO eventstore_writer;
    GRANT USAGE, SELECT ON SEQUENCE consumer_groups_generation_seq, housekeeper_runs_id_seq TO eventstore_writer;
    -- Only with the engine native are there functions that run with the owner's rights (0050).
    FOR given IN
        SELECT p.oid::regprocedure AS name FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
          AND p.proname IN ('events_v2_make_partition', 'make_partitions')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', given.name);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO eventstore_writer', given.name);
    END LOOP;
    RETURN true;
END
$$;
SELECT grant_store_roles();
