-- When each task of the housekeeper runs (docs/decisions/0021-the-housekeeper.md). A server adds the rows of the tasks that
-- it knows and finds missing; from then on they are the operator's.
CREATE TABLE housekeeper_tasks (
    name         text        PRIMARY KEY,
    -- Five fields of cron or a name such as @daily, in UTC (server/domain/schedule.h).
    schedule     text        NOT NULL,
    enabled      boolean     NOT NULL DEFAULT true,
    -- A run that takes longer is cancelled and has failed.
    time_limit_s integer     NOT NULL CHECK (time_limit_s > 0),
    -- Who changed it last: "default" until somebody does.
    changed_by   text        NOT NULL DEFAULT 'default',
    -- A task that has never run is overdue by this.
    changed_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
