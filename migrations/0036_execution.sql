-- A run of an action. Its states and their order: server/domain/operations/execution_status.h. Each change of one leaves a
-- row in execution_history.
CREATE TABLE execution (
    id             uuid        NOT NULL DEFAULT gen_random_uuid(),
    created        timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Of the last change, by the trigger below.
    updated        timestamptz NOT NULL DEFAULT clock_timestamp(),
    action_ref     text        NOT NULL,
    action_id      uuid,
    -- These may dangle. NULL: none.
    enforcement_id uuid,
    parent_id      uuid,
    worker_id      uuid,
    status         text        NOT NULL DEFAULT 'requested'
                   CHECK (status IN ('requested', 'scheduled', 'running', 'cancelling', 'completed', 'failed', 'timeout',
                                     'cancelled', 'abandoned')),
    parameters     jsonb       NOT NULL DEFAULT '{}',
    result         jsonb,
    -- When it came to run, and when it ended.
    started_at     timestamptz,
    finished_at    timestamptz,
    correlation_id uuid
);
SELECT cut_by_time('execution', 'created', '1 day');
ALTER TABLE execution ADD PRIMARY KEY (id, created);

CREATE INDEX execution_created ON execution (created, id);
CREATE INDEX execution_action ON execution (action_ref, created, id);
CREATE INDEX execution_status ON execution (status, created, id);
CREATE INDEX execution_correlation ON execution (correlation_id, created, id) WHERE correlation_id IS NOT NULL;

-- The database's clock, whoever writes. Also of worker.
CREATE FUNCTION touch_updated() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.updated := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE TRIGGER touch_updated BEFORE UPDATE ON execution FOR EACH ROW EXECUTE FUNCTION touch_updated();

INSERT INTO time_tables (table_name, time_column, compress_by, interval_us, compress_after_days, retention_days)
VALUES ('execution', 'created', 'action_ref', 86400000000, 7, 90);
SELECT make_partitions('execution', now() - interval '1 day', now() + interval '1 day');

-- Operations.Watch reads these rows, since they have positions.
SELECT track_history('execution', ARRAY['status', 'worker_id', 'result', 'started_at', 'finished_at'], 'action_ref',
                     p_ahead => '1 day');
