-- Who runs executions. An ordinary table: there are few, and they live long.
CREATE TABLE worker (
    id             uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    name           text        NOT NULL UNIQUE,
    host           text        NOT NULL DEFAULT '',
    worker_type    text        NOT NULL DEFAULT '',
    -- draining: finishes what it has and gets nothing new.
    status         text        NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'draining', 'inactive', 'error')),
    capabilities   jsonb       NOT NULL DEFAULT '{}',
    last_heartbeat timestamptz NOT NULL DEFAULT clock_timestamp(),
    created        timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated        timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);  -- heartbeats change rows in place

CREATE TRIGGER touch_updated BEFORE UPDATE ON worker FOR EACH ROW EXECUTE FUNCTION touch_updated();

-- Heartbeats are not followed: they would be nearly all of it.
SELECT track_history('worker', ARRAY['name', 'host', 'worker_type', 'status', 'capabilities'], 'name',
                     p_interval => '7 days', p_retention_days => 180, p_ahead => '7 days');
