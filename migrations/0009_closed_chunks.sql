-- What closed chunks hold, so that no read opens a chunk that has nothing for it. Written by the servers in the
-- background when nothing can be appended to a chunk any more (docs/decisions/0015-directory-of-closed-chunks.md),
-- never by appends. Here they are only made: a database that has chunks already is caught up with while it serves.

-- No event is ever recorded before closed_until, whatever the clock says: appends read it under their lane locks, and
-- it is raised under all of them.
ALTER TABLE store_identity
    ADD COLUMN closed_until   timestamptz NOT NULL DEFAULT '-infinity',
    -- Counts what happens to closed_chunks; readers keep the list in memory and see from this whether it is current.
    ADD COLUMN closed_changes bigint      NOT NULL DEFAULT 0;

-- One row for each closed chunk. It counts as closed only while a table of that name has that range: what was dropped
-- and made again is another chunk.
CREATE TABLE closed_chunks (
    range_start  timestamptz PRIMARY KEY,
    range_end    timestamptz NOT NULL,
    chunk        text        NOT NULL,
    events       bigint      NOT NULL,
    min_position bigint,                -- NULL: it holds no events
    max_position bigint,
    change       bigint      NOT NULL   -- closed_changes when it was recorded
);

-- The directory: which closed chunks hold an aggregate, a correlation, a user, a type. Each primary key answers its
-- question by itself; the BRIN indexes find the rows of a chunk that was dropped, since rows come in the order of
-- chunks.

-- Versions of one aggregate in one chunk have no gap, so the first and their number name them all. The chunk of an
-- aggregate's first event is left out: its head says it. So an aggregate that lives within one chunk costs nothing.
CREATE TABLE chunk_aggregates (
    aggregate_id  uuid        NOT NULL,
    range_start   timestamptz NOT NULL,
    first_version integer     NOT NULL,
    events        integer     NOT NULL,
    PRIMARY KEY (aggregate_id, range_start) INCLUDE (first_version, events)
);
CREATE INDEX chunk_aggregates_chunk ON chunk_aggregates USING brin (range_start) WITH (pages_per_range = 16);

CREATE TABLE chunk_correlations (
    correlation_id uuid        NOT NULL,
    range_start    timestamptz NOT NULL,
    events         bigint      NOT NULL,
    PRIMARY KEY (correlation_id, range_start) INCLUDE (events)
);
CREATE INDEX chunk_correlations_chunk ON chunk_correlations USING brin (range_start) WITH (pages_per_range = 16);

CREATE TABLE chunk_users (
    user_id     text        NOT NULL,
    range_start timestamptz NOT NULL,
    events      bigint      NOT NULL,
    PRIMARY KEY (user_id, range_start) INCLUDE (events)
);
CREATE INDEX chunk_users_chunk ON chunk_users USING brin (range_start) WITH (pages_per_range = 16);

CREATE TABLE chunk_event_types (
    event_type  text        NOT NULL,
    range_start timestamptz NOT NULL,
    events      bigint      NOT NULL,
    PRIMARY KEY (event_type, range_start) INCLUDE (events)
);
CREATE INDEX chunk_event_types_chunk ON chunk_event_types USING brin (range_start) WITH (pages_per_range = 16);
