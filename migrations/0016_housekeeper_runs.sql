-- Every run of a task, kept for a while (the task prune-housekeeper-runs).
CREATE TABLE housekeeper_runs (
    id          bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    task        text        NOT NULL,
    -- Host and process id of the server.
    instance    text        NOT NULL,
    trigger     text        NOT NULL CHECK (trigger IN ('schedule', 'startup', 'operator', 'repair')),
    -- 1, and one more for each retry of a run that failed.
    attempt     integer     NOT NULL CHECK (attempt > 0),
    -- What an operator said for this run.
    parameters  jsonb       NOT NULL DEFAULT '{}',
    -- The time of the schedule that this run is for, so that one instance runs it and the others see that it was.
    due_at      timestamptz,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    -- running: under the task's advisory lock; where that lock is free, the server died, and the next to come says so.
    -- skipped: there is nothing to do here (an engine or edition that cannot).
    -- interrupted: ended by the end of its server, or by its operator.
    status      text        NOT NULL DEFAULT 'running'
                            CHECK (status IN ('running', 'succeeded', 'failed', 'skipped', 'interrupted')),
    counts      jsonb       NOT NULL DEFAULT '{}',
    summary     text        NOT NULL DEFAULT '',
    error       text        NOT NULL DEFAULT '',
    CHECK ((status = 'running') = (finished_at IS NULL))
);
-- The runs of a task, newest first; the last one of each.
CREATE INDEX housekeeper_runs_task ON housekeeper_runs (task, id);
-- Those of a status, newest first: what failed, and what runs.
CREATE INDEX housekeeper_runs_status ON housekeeper_runs (status, id);
