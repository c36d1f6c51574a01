-- What dual write still has to bring from one side to the other. None of these tables grows while dual write keeps up.

-- Rows of the legacy table that are to come into the store: noted by a trigger in the legacy writer's own transaction,
-- deleted in the transaction that writes the events.
CREATE TABLE legacy_outbox (
    seq      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Rows below the snapshot's xmin are settled: nobody can still put one before them.
    xid      xid8        NOT NULL DEFAULT pg_current_xact_id(),
    payload  jsonb       NOT NULL,    -- the whole row
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Why the store does not take it; it is left out until it is tried again. NULL: it has not been refused.
    error    text
) WITH (
    -- A queue: the same few pages over and over.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000
);
CREATE INDEX legacy_outbox_order ON legacy_outbox (xid, seq);

-- Events of the store that are not in the legacy table, although they should be.
CREATE TABLE legacy_failed (
    event_id   uuid        NOT NULL,
    event_time timestamptz NOT NULL,    -- with the id the primary key of events_v2
    event_type text        NOT NULL,
    -- NULL: its type is switched off. Else what PostgreSQL said.
    error      text,
    noted_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (event_id, event_time)
);

-- What was done to rows of the legacy table that the store has or will have. Events do not change, so nothing is done
-- about it but say so.
CREATE TABLE legacy_changes (
    seq        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    operation  text        NOT NULL CHECK (operation IN ('UPDATE', 'DELETE', 'TRUNCATE')),
    payload    jsonb,                   -- the row as it was; NULL: TRUNCATE
    noted_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    noted_by   text        NOT NULL DEFAULT session_user
);
