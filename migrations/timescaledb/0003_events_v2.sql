-- All events, partitioned by the time they were recorded; one chunk a day unless told otherwise.
--
-- The primary key holds the time because a hypertable demands it, so it does not make ids unique across days; the
-- append path checks ids (docs/architecture.md, "Exactly once").
CREATE TABLE events_v2 (
    id              uuid        NOT NULL,
    -- The database's clock when the append held its lane; never earlier than the aggregate's previous event.
    timestamp       timestamptz NOT NULL,
    aggregate_id    uuid        NOT NULL,
    aggregate_type  text        NOT NULL,
    event_type      text        NOT NULL,
    -- NULL: nobody's event.
    user_id         text,
    data            jsonb       NOT NULL,
    metadata        jsonb       NOT NULL,
    version         integer     NOT NULL,
    causation_id    uuid,
    correlation_id  uuid,
    source          text        NOT NULL,
    -- (transaction id + offset) << 20 | ordinal; see server/domain/position.h.
    global_position bigint      NOT NULL,
    PRIMARY KEY (id, timestamp)
);

-- create_default_indexes => false: all indexes are in the next migration, each with its reason.
SELECT create_hypertable('events_v2', 'timestamp',
                         chunk_time_interval => current_setting('eventstore.chunk_interval')::interval,
                         create_default_indexes => false);
