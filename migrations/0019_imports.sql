-- For events that are written with times of long ago (docs/decisions/0025-moving-in.md).

-- What closed_changes was when a closed chunk was last opened again. A reader whose list of chunks is older reads it
-- anew, since it has that chunk as closed.
ALTER TABLE store_identity ADD COLUMN reopened_change bigint NOT NULL DEFAULT 0;

-- Imported events that are later than their own time, because their aggregate had a later event when they came. All
-- others are at their own time, which is where a repeated import looks for them. Few, or none: history is imported in
-- the order of time.
CREATE TABLE import_clamped (
    event_id           uuid        PRIMARY KEY,
    aggregate_id       uuid        NOT NULL,
    original_timestamp timestamptz NOT NULL,
    -- Where it is in events_v2.
    timestamp          timestamptz NOT NULL CHECK (timestamp > original_timestamp)
);
