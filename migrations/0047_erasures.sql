-- One row per subject that was erased. Only added to. A backup that is older than a row does not have it: `eventctl erase
-- list` writes them down for that day, and `eventctl erase --replay` makes them again.
CREATE TABLE erasures (
    number    bigint      PRIMARY KEY,
    subject   text        NOT NULL UNIQUE,
    -- NULL: there was none.
    key_id    uuid,
    erased_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The identity that called; '' where nobody is asked who calls.
    erased_by text        NOT NULL,
    reason    text        NOT NULL
);
