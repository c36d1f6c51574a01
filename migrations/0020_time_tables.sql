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
