-- Every step of moving from a legacy table to the store: who did what, when, and how it ended. Only added to.
CREATE TABLE cutover_log (
    seq     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    who     text        NOT NULL,       -- the operator: account and host, and the database role
    step    text        NOT NULL,       -- install, enable, check, switch, rollback, drop-legacy and so on
    outcome text        NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
    detail  text        NOT NULL        -- for people
);
