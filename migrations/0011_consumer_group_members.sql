-- Consumers that are connected, to whichever server. Each server says every second which are its own.
CREATE TABLE consumer_group_members (
    member_id     uuid        PRIMARY KEY,
    group_name    text        NOT NULL REFERENCES consumer_groups ON DELETE CASCADE,
    consumer_name text        NOT NULL,
    -- Host and process id of the server.
    instance      text        NOT NULL,
    -- It gets nothing any more, and still has to answer.
    leaving       boolean     NOT NULL,
    joined_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- By the database's clock, the one that all servers share. One that was not seen for 10 seconds is gone.
    seen_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX consumer_group_members_group ON consumer_group_members (group_name);
