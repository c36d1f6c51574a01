-- Seven indexes beside the primary key (id, timestamp): eight in all. Each serves a read of the API.

-- Replay of an aggregate, forward and backward, and any range of its versions.
CREATE INDEX events_v2_aggregate ON events_v2 (aggregate_id, version);

-- A user's stream in time order, with the position to break ties.
CREATE INDEX events_v2_user ON events_v2 (user_id, timestamp, global_position) WHERE user_id IS NOT NULL;

-- A workflow in global order.
CREATE INDEX events_v2_correlation ON events_v2 (correlation_id, global_position) WHERE correlation_id IS NOT NULL;

-- ReadAll and subscriptions.
CREATE INDEX events_v2_position ON events_v2 (global_position);

-- Counts and streams by type.
CREATE INDEX events_v2_event_type ON events_v2 (event_type, timestamp);
CREATE INDEX events_v2_aggregate_type ON events_v2 (aggregate_type, timestamp);

-- Time ranges without anything else.
CREATE INDEX events_v2_timestamp ON events_v2 (timestamp);
