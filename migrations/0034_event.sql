-- What triggers brought: operational records, which never change. Not the domain's events, which are in events_v2.
--
-- As in all tables of operational records: ids of other records may dangle, since those are in tables cut by time that go
-- chunk by chunk, and nothing cut by time can be referred to. Readers cope. The primary key has the time because such a
-- table demands it.
CREATE TABLE event (
    id             uuid        NOT NULL DEFAULT gen_random_uuid(),
    created        timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The trigger by its name, and by its id where whoever records it has one.
    trigger_ref    text        NOT NULL,
    trigger_id     uuid,
    -- Who brought it.
    source         text        NOT NULL DEFAULT '',
    -- NULL: of no rule in particular.
    rule_ref       text,
    payload        jsonb       NOT NULL DEFAULT '{}',
    -- As in events_v2: what belongs to one workflow.
    correlation_id uuid,
    position       bigint      NOT NULL DEFAULT operations_position()
);
SELECT cut_by_time('event', 'created', '1 day');
ALTER TABLE event ADD PRIMARY KEY (id, created);

-- Lists, newest first: of all, of a trigger, of a workflow.
CREATE INDEX event_created ON event (created, id);
CREATE INDEX event_trigger ON event (trigger_ref, created, id);
CREATE INDEX event_correlation ON event (correlation_id, created, id) WHERE correlation_id IS NOT NULL;
-- Operations.Watch.
CREATE INDEX event_position ON event (position);

-- For a whole statement: an UPDATE of one that nobody is told about would be a loss of what had happened.
CREATE FUNCTION event_refuse_update() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'rows of event never change: record another one' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER refuse_update BEFORE UPDATE ON event FOR EACH STATEMENT EXECUTE FUNCTION event_refuse_update();

INSERT INTO time_tables (table_name, time_column, compress_by, interval_us, compress_after_days, retention_days)
VALUES ('event', 'created', 'trigger_ref', 86400000000, 7, 90);
-- No more than are needed until the housekeeper makes those of the next 30 days, which it does at each start: a transaction that
-- makes them all at once needs a lock for each and each of its indexes.
SELECT make_partitions('event', now() - interval '1 day', now() + interval '1 day');
