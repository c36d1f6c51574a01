-- One narrow row per aggregate. The only guard of version uniqueness: a hypertable cannot enforce
-- UNIQUE (aggregate_id, version), since its partitioning column is not part of it.
--
-- No foreign key to or from events_v2: creating a chunk would take locks that deadlock with appends.
-- Retention drops chunks and never heads, so versions go on where they were.
CREATE TABLE aggregate_heads (
    aggregate_id    uuid        PRIMARY KEY,
    version         integer     NOT NULL CHECK (version > 0),
    first_timestamp timestamptz NOT NULL,
    last_timestamp  timestamptz NOT NULL,
    CHECK (first_timestamp <= last_timestamp)
) WITH (
    -- Room for HOT updates: no indexed column ever changes, so an append rewrites the row within its page.
    fillfactor = 70,
    autovacuum_vacuum_scale_factor = 0.05
);
