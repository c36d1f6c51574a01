-- A rule that was met by an event: made once and resolved once.
CREATE TABLE enforcement (
    id                uuid        NOT NULL DEFAULT gen_random_uuid(),
    created           timestamptz NOT NULL DEFAULT clock_timestamp(),
    rule_ref          text        NOT NULL,
    rule_id           uuid,
    trigger_ref       text        NOT NULL,
    -- May dangle. NULL: by hand.
    event_id          uuid,
    status            text        NOT NULL DEFAULT 'created' CHECK (status IN ('created', 'processed', 'disabled')),
    -- Set when it is resolved, by the trigger below.
    resolved_at       timestamptz,
    condition         jsonb       NOT NULL DEFAULT '{}',
    payload           jsonb       NOT NULL DEFAULT '{}',
    correlation_id    uuid,
    position          bigint      NOT NULL DEFAULT operations_position(),
    resolved_position bigint,
    CHECK ((status = 'created') = (resolved_at IS NULL)),
    CHECK ((status = 'created') = (resolved_position IS NULL))
);
SELECT cut_by_time('enforcement', 'created', '1 day');
ALTER TABLE enforcement ADD PRIMARY KEY (id, created);

CREATE INDEX enforcement_created ON enforcement (created, id);
CREATE INDEX enforcement_rule ON enforcement (rule_ref, created, id);
CREATE INDEX enforcement_status ON enforcement (status, created, id);
CREATE INDEX enforcement_correlation ON enforcement (correlation_id, created, id) WHERE correlation_id IS NOT NULL;
-- Operations.Watch: what was made, what was resolved.
CREATE INDEX enforcement_position ON enforcement (position);
CREATE INDEX enforcement_resolved ON enforcement (resolved_position) WHERE resolved_position IS NOT NULL;

-- Whoever resolves one says how; when and where in the order of changes is not theirs to say.
CREATE FUNCTION enforcement_resolve() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF OLD.status <> 'created' OR NEW.status = 'created' THEN
        RAISE EXCEPTION 'enforcement % is % and changes once, from created to processed or disabled', OLD.id, OLD.status
            USING ERRCODE = 'restrict_violation';
    END IF;
    NEW.resolved_at := clock_timestamp();
    NEW.resolved_position := public.operations_position();
    RETURN NEW;
END
$$;
CREATE TRIGGER resolve BEFORE UPDATE ON enforcement FOR EACH ROW EXECUTE FUNCTION enforcement_resolve();

INSERT INTO time_tables (table_name, time_column, compress_by, interval_us, compress_after_days, retention_days)
VALUES ('enforcement', 'created', 'rule_ref', 86400000000, 7, 90);
SELECT make_partitions('enforcement', now() - interval '1 day', now() + interval '1 day');
