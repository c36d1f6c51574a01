-- Continuous aggregates where the edition has them, else tables. What is made here stays, whatever edition comes later: they
-- hold hours whose rows are gone (docs/decisions/0031-hourly-aggregates.md).
--
-- Materialised only: what they say is as of a refresh, as everywhere else, and Analytics adds the rest when it is asked.
-- The policy looks at the last day alone: a refresh of hours whose chunk was dropped would take them away, and retention
-- drops nothing that is younger. Older rows that come late are the housekeeper's, which knows what was dropped.
DO $$
DECLARE
    made record;
BEGIN
    IF current_setting('eventstore.edition') <> 'timescale' THEN
        PERFORM make_rollups();
        RETURN;
    END IF;
    FOR made IN SELECT * FROM (VALUES
        ('execution_status_hourly', 'execution_history', $q$
            SELECT time_bucket('1 hour', time) AS bucket, coalesce(entity_ref, '') AS action_ref,
                   coalesce(new_values ->> 'status', '') AS new_status, count(*) AS transition_count
            FROM public.execution_history WHERE operation <> 'DELETE' AND 'status' = ANY (changed_fields)
            GROUP BY 1, 2, 3 $q$),
        ('execution_throughput_hourly', 'execution_history', $q$
            SELECT time_bucket('1 hour', time) AS bucket, coalesce(entity_ref, '') AS action_ref,
                   count(*) AS execution_count
            FROM public.execution_history WHERE operation = 'INSERT' GROUP BY 1, 2 $q$),
        ('event_volume_hourly', 'event', $q$
            SELECT time_bucket('1 hour', created) AS bucket, trigger_ref, count(*) AS event_count
            FROM public.event GROUP BY 1, 2 $q$),
        ('worker_status_hourly', 'worker_history', $q$
            SELECT time_bucket('1 hour', time) AS bucket, coalesce(entity_ref, '') AS worker_name,
                   coalesce(new_values ->> 'status', '') AS new_status, count(*) AS transition_count
            FROM public.worker_history WHERE operation <> 'DELETE' AND 'status' = ANY (changed_fields)
            GROUP BY 1, 2, 3 $q$),
        ('enforcement_volume_hourly', 'enforcement', $q$
            SELECT time_bucket('1 hour', created) AS bucket, rule_ref, count(*) AS enforcement_count
            FROM public.enforcement GROUP BY 1, 2 $q$),
        ('execution_volume_hourly', 'execution', $q$
            SELECT time_bucket('1 hour', created) AS bucket, action_ref, initial_status, count(*) AS execution_count
            FROM public.execution GROUP BY 1, 2, 3 $q$)
    ) AS v (name, source, query) LOOP
        EXECUTE format('CREATE MATERIALIZED VIEW public.%I WITH (timescaledb.continuous, '
                       'timescaledb.materialized_only = true) AS %s WITH NO DATA', made.name, made.query);
        PERFORM add_continuous_aggregate_policy(format('public.%I', made.name)::regclass, start_offset => INTERVAL '1 day',
                                                end_offset => INTERVAL '0 seconds', schedule_interval => INTERVAL '15 minutes');
        INSERT INTO hourly_aggregates (name, source, kind) VALUES (made.name, made.source, 'continuous');
    END LOOP;
END
$$;
