-- Who has which bucket of a group, and how far it is. Rows are changed in place once a second while events flow: room in
-- the pages keeps that from growing the table or its index.
CREATE TABLE consumer_group_buckets (
    group_name text    NOT NULL REFERENCES consumer_groups ON DELETE CASCADE,
    bucket     integer NOT NULL,
    -- Everything of the bucket up to here was answered or is parked. The position of an event, or 0; never a horizon
    -- (server/storage/subscription_start.h).
    position   bigint  NOT NULL,
    -- The member that gets its events, and the one that shall. No references: a member that is gone is found by its row.
    owner      uuid,
    wanted     uuid,
    PRIMARY KEY (group_name, bucket)
) WITH (fillfactor = 50);
