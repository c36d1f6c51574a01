-- The hourly aggregates of operational records, and how far each is. events_hourly (0017) counts the domain's events and has a
-- state of its own.
CREATE TABLE hourly_aggregates (
    name            text        PRIMARY KEY,
    -- The table whose rows it counts.
    source          text        NOT NULL,
    -- rollup: a table that refresh-aggregates keeps. continuous: a continuous aggregate of TimescaleDB's Community edition.
    kind            text        NOT NULL CHECK (kind IN ('rollup', 'continuous')),
    -- Whole hours before it were counted at refreshed_at; what was committed since then is not in them. Of a continuous
    -- aggregate: by the housekeeper; its policy may be further.
    refreshed_until timestamptz NOT NULL DEFAULT '-infinity',
    refreshed_at    timestamptz
);

-- As tables, where the edition has nothing for it, and what notes their changes. For the migrations.
CREATE FUNCTION make_rollups() RETURNS void
LANGUAGE plpgsql
SET search_path = public
AS $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT * FROM (VALUES
        ('execution_status_hourly',     'execution_history', 'action_ref',  'new_status',     'transition_count'),
        ('execution_throughput_hourly', 'execution_history', 'action_ref',  NULL,             'execution_count'),
        ('event_volume_hourly',         'event',             'trigger_ref', NULL,             'event_count'),
        ('worker_status_hourly',        'worker_history',    'worker_name', 'new_status',     'transition_count'),
        ('enforcement_volume_hourly',   'enforcement',       'rule_ref',    NULL,             'enforcement_count'),
        ('execution_volume_hourly',     'execution',         'action_ref',  'initial_status', 'execution_count')
    ) AS v (name, source, ref, status, count) LOOP
        EXECUTE format('CREATE TABLE %I (bucket timestamptz NOT NULL, %I text NOT NULL%s, '
                       '%I bigint NOT NULL CHECK (%I > 0), PRIMARY KEY (bucket, %I%s))',
                       made.name, made.ref, coalesce(', ' || made.status || ' text NOT NULL', ''), made.count, made.count, made.ref,
                       coalesce(', ' || made.status, ''));
        -- One key over a long time.
        EXECUTE format('CREATE INDEX %I ON %I (%I, bucket)', made.name || '_ref', made.name, made.ref);
        INSERT INTO hourly_aggregates (name, source, kind) VALUES (made.name, made.source, 'rollup');
    END LOOP;

    -- Changes of what is counted by. Rows of event never change; those of history only by hand.
    CREATE TRIGGER note_hour AFTER INSERT OR DELETE ON event
        FOR EACH ROW EXECUTE FUNCTION note_hour_created('event');
    CREATE TRIGGER note_hour AFTER INSERT OR DELETE OR UPDATE OF created, rule_ref ON enforcement
        FOR EACH ROW EXECUTE FUNCTION note_hour_created('enforcement');
    CREATE TRIGGER note_hour AFTER INSERT OR DELETE OR UPDATE OF created, action_ref, initial_status ON execution
        FOR EACH ROW EXECUTE FUNCTION note_hour_created('execution');
    CREATE TRIGGER note_hour AFTER INSERT OR DELETE OR UPDATE ON execution_history
        FOR EACH ROW EXECUTE FUNCTION note_hour_time('execution_history');
    CREATE TRIGGER note_hour AFTER INSERT OR DELETE OR UPDATE ON worker_history
        FOR EACH ROW EXECUTE FUNCTION note_hour_time('worker_history');

    -- What there is already.
    INSERT INTO hourly_changes (source, hour)
    SELECT DISTINCT 'event', date_trunc('hour', created, 'UTC') FROM event
    UNION ALL SELECT DISTINCT 'enforcement', date_trunc('hour', created, 'UTC') FROM enforcement
    UNION ALL SELECT DISTINCT 'execution', date_trunc('hour', created, 'UTC') FROM execution
    UNION ALL SELECT DISTINCT 'execution_history', date_trunc('hour', time, 'UTC') FROM execution_history
    UNION ALL SELECT DISTINCT 'worker_history', date_trunc('hour', time, 'UTC') FROM worker_history;
END
$$;

-- Once a day was enough for events_hourly; an aggregate by the hour is of use when the hour is over. Who has set another
-- schedule keeps it.
UPDATE housekeeper_tasks SET schedule = '0 * * * *' WHERE name = 'refresh-aggregates' AND changed_by = 'default';
