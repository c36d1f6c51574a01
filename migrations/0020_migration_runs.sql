-- Migrations of a legacy table into the store (eventctl migrate-events), one row each.
CREATE TABLE migration_runs (
    run         uuid        PRIMARY KEY,
    -- Which source it reads, without secrets: "events at host=... dbname=...". A run that did not finish is gone on with
    -- by the next one of the same source.
    source      text        NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Of the last process that worked on it.
    updated_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- NULL: not yet.
    finished_at timestamptz
);
