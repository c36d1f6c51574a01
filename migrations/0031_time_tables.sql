-- Tables that are cut by time, beside events_v2: the housekeeper makes their partitions where the engine needs them,
-- compresses where the edition can, and archives and drops what is over.
CREATE TABLE time_tables (
    -- In the schema public.
    table_name          text    PRIMARY KEY,
    time_column         text    NOT NULL,
    -- The column that rows have in common which are compressed together.
    compress_by         text    NOT NULL,
    -- Length of a chunk in microseconds. They begin at multiples of it since 1970, UTC.
    interval_us         bigint  NOT NULL CHECK (interval_us >= 1000000),
    -- From the end of a chunk. NULL: never.
    compress_after_days integer CHECK (compress_after_days > 0),
    retention_days      integer CHECK (retention_days > 0),
    -- Rows before it have been dropped: set by retention, so that whoever reads on from there is told.
    dropped_before      timestamptz NOT NULL DEFAULT '-infinity'
);

-- One row for each archive file of theirs, written before what it holds is dropped; as archived_chunks is for events.
CREATE TABLE archived_rows (
    table_name  text        NOT NULL,
    range_start timestamptz NOT NULL,
    range_end   timestamptz NOT NULL,
    -- Of the lines (server/storage/event_lines.h): the same rows have the same one.
    digest      text        NOT NULL,
    file        text,                    -- NULL: it was asked for dropping without an archive
    rows        bigint      NOT NULL,
    archived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    dropped_at  timestamptz,             -- NULL: archived and still there
    PRIMARY KEY (table_name, range_start, digest)
);
