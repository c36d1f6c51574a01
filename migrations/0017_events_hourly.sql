-- Events per UTC hour and type, kept by the task refresh-aggregates: as of its last run, where events_daily is of now and reads
-- every event. Hours of chunks that were dropped stay, so it says what there was when the events are gone.
CREATE TABLE events_hourly (
    hour           timestamptz NOT NULL,
    event_type     text        NOT NULL,
    aggregate_type text        NOT NULL,
    events         bigint      NOT NULL CHECK (events > 0),
    PRIMARY KEY (hour, event_type, aggregate_type)
);

-- How far it is: every event with a smaller position is counted.
CREATE TABLE events_hourly_state (
    only_row     boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    position     bigint      NOT NULL DEFAULT 0,
    refreshed_at timestamptz
);
INSERT INTO events_hourly_state DEFAULT VALUES;
