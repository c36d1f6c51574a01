-- Consumer groups (docs/decisions/0019-consumer-groups-by-buckets.md). Whoever changes a row of a group, here or in the
-- tables of the next migrations, holds the lock of its row in this one.
CREATE TABLE consumer_groups (
    name             text        PRIMARY KEY,
    -- How many rows it has in consumer_group_buckets. Never changes: aggregates belong to buckets by their number.
    buckets          integer     NOT NULL CHECK (buckets BETWEEN 1 AND 1024),
    -- Drawn anew when the group is created or reset: whoever knows another one knows another group.
    generation       bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    ack_timeout_ms   integer     NOT NULL CHECK (ack_timeout_ms > 0),
    max_deliveries   integer     NOT NULL CHECK (max_deliveries > 0),
    retry_pause_ms   integer     NOT NULL CHECK (retry_pause_ms > 0),
    -- The filter, as in EventFilter. metadata_keys and metadata_values are pairs.
    event_types         text[]   NOT NULL DEFAULT '{}',
    event_type_prefixes text[]   NOT NULL DEFAULT '{}',
    aggregate_types     text[]   NOT NULL DEFAULT '{}',
    user_ids            text[]   NOT NULL DEFAULT '{}',
    sources             text[]   NOT NULL DEFAULT '{}',
    correlation_ids     uuid[]   NOT NULL DEFAULT '{}',
    metadata_keys       text[]   NOT NULL DEFAULT '{}',
    metadata_values     text[]   NOT NULL DEFAULT '{}',
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
