-- What this database is: one row, written at the first migration and read by every server before it serves.
CREATE TABLE store_identity (
    only_row          boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    -- How events_v2 is partitioned: 'timescaledb' (later 'native', 'citus'). Chosen once.
    engine            text        NOT NULL,
    -- TimescaleDB's licence: 'apache' or 'timescale'. Decides who does compression and retention.
    edition           text        NOT NULL,
    -- The cluster the positions were made in. Transaction ids start anew in another cluster (dump and restore), so
    -- when this differs from pg_control_system() the server raises xid_offset before it serves.
    system_identifier bigint      NOT NULL,
    -- Added to a transaction id to make a position; see server/domain/position.h. Never lowered.
    xid_offset        bigint      NOT NULL DEFAULT 0,
    -- Number of append lanes. Every instance must use the same number, or two could append to one aggregate at once
    -- under different locks. Change it only while no server runs.
    lanes             integer     NOT NULL CHECK (lanes BETWEEN 1 AND 64),
    created_at        timestamptz NOT NULL DEFAULT now()
);

-- The migrator sets eventstore.* for the length of this transaction.
INSERT INTO store_identity (engine, edition, system_identifier, lanes)
SELECT current_setting('eventstore.engine'),
       current_setting('eventstore.edition'),
       (SELECT system_identifier FROM pg_control_system()),
       current_setting('eventstore.lanes')::integer;
