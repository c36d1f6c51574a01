-- What retention took out of events_v2, and where it is (docs/decisions/0022-retention-archives-before-it-drops.md).

-- Names this store, also after dump and restore, so that an archive is not restored into another one by mistake.
ALTER TABLE store_identity ADD COLUMN store_id uuid NOT NULL DEFAULT gen_random_uuid();

-- One row for each archive file, written before what it holds is dropped. The events of a range may be in several files
-- when retention goes by aggregate type.
CREATE TABLE archived_chunks (
    range_start  timestamptz NOT NULL,
    range_end    timestamptz NOT NULL,
    -- Of the events themselves (server/storage/event_lines.h): the same events have the same one.
    digest       text        NOT NULL,
    file         text,                    -- NULL: it was asked for dropping without an archive
    events       bigint      NOT NULL,
    min_position bigint,                  -- NULL: there were no events
    max_position bigint,
    archived_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    dropped_at   timestamptz,             -- NULL: archived and still there
    restored_at  timestamptz,
    -- Restored events are not dropped again before this.
    hold_until   timestamptz,
    gone         boolean     NOT NULL GENERATED ALWAYS AS (dropped_at IS NOT NULL AND restored_at IS NULL) STORED,
    PRIMARY KEY (range_start, digest)
);

-- Whether the events of a moment are gone, asked by every read of an aggregate.
CREATE INDEX archived_chunks_gone ON archived_chunks (range_start) INCLUDE (range_end, max_position) WHERE gone;
