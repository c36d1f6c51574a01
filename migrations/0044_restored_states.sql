-- How a server notices that an earlier state of the store was restored below it, and what it remembers of that
-- (docs/decisions/0039-positions-after-a-restore.md). system_identifier alone tells another cluster from this one; a dump
-- restored into the same cluster, and a base backup or a standby brought forward under a new timeline, keep it.
ALTER TABLE store_identity
    -- The timeline that the cluster writes: raised by every recovery from an archive and every promotion of a standby.
    ADD COLUMN timeline  integer,
    -- The oid of this very table: another one after pg_restore, the same one in a base backup.
    ADD COLUMN table_oid oid;

UPDATE store_identity
SET timeline  = ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer,
    table_oid = 'store_identity'::regclass;

ALTER TABLE store_identity
    ALTER COLUMN timeline  SET NOT NULL,
    ALTER COLUMN table_oid SET NOT NULL;

-- One row for each time. Positions between the two bounds, both exclusive, are of nothing that is stored: they were given
-- out, if at all, by what the restore took back. Whoever has noted one of them has seen what the store has lost.
CREATE TABLE lost_positions (
    -- 'events': positions of events_v2; 'changes': positions of operational records (operations_positions).
    kind       text        NOT NULL CHECK (kind IN ('events', 'changes')),
    after      bigint      NOT NULL,
    before     bigint      NOT NULL,
    noticed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, after, before),
    CHECK (after < before)
);
