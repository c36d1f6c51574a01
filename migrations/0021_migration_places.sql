-- How far each writer of a run is, written in the transactions of its events: so a run that was killed at any point goes
-- on behind the last event that is stored.
CREATE TABLE migration_places (
    run           uuid    NOT NULL REFERENCES migration_runs ON DELETE CASCADE,
    -- Which writer, from 0. Each has some of the lanes.
    part          integer NOT NULL,
    -- The number of the last batch, counted from 1 over the run; all parts count the same batches.
    batch         bigint  NOT NULL,
    -- The last row of that batch in the order of the source, (time, id): microseconds since 1970, and the id as text.
    time_us       bigint,
    id            text,
    -- Counts since the run began. Rows that were read again after a kill are counted again, as already there.
    events        bigint  NOT NULL,
    written       bigint  NOT NULL,
    already_there bigint  NOT NULL,
    skipped       bigint  NOT NULL,
    clamped       bigint  NOT NULL,
    PRIMARY KEY (run, part)
);
