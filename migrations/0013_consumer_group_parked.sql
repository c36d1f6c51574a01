-- Events that a group set aside. With what it takes to read them again from their chunk alone; the events stay where they
-- are.
CREATE TABLE consumer_group_parked (
    group_name      text        NOT NULL REFERENCES consumer_groups ON DELETE CASCADE,
    event_id        uuid        NOT NULL,
    global_position bigint      NOT NULL,
    event_time      timestamptz NOT NULL,
    aggregate_id    uuid        NOT NULL,
    bucket          integer     NOT NULL,
    reason          text        NOT NULL,
    deliveries      integer     NOT NULL,
    parked_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- It waits to be delivered again, and how often that has failed since it was asked for.
    replaying       boolean     NOT NULL DEFAULT false,
    replay_attempts integer     NOT NULL DEFAULT 0,
    PRIMARY KEY (group_name, event_id)
);
-- The list of what is parked, page by page.
CREATE UNIQUE INDEX consumer_group_parked_position ON consumer_group_parked (group_name, global_position);
-- What the owner of a bucket has to deliver again.
CREATE INDEX consumer_group_parked_replaying ON consumer_group_parked (group_name, bucket) WHERE replaying;
