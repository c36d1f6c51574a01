-- What operators and admins did through the servers, and what was refused to them: who, from where, what, to what, and what
-- came of it. Rows are added and never changed; only whole times are forgotten (audit_log_forget), by the housekeeper.
CREATE TABLE audit_log (
    id         bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- An action has two rows with one call: 'begun' before it is done, and what came of it after. One without the second was
    -- cut off by the end of its server or of the database.
    call       uuid        NOT NULL,
    -- Empty: the server asks nobody who they are.
    identity   text        NOT NULL,
    -- By what the identity was proven.
    credential text        NOT NULL CHECK (credential IN ('none', 'key', 'token', 'certificate')),
    peer       text        NOT NULL,
    -- The method: 'RunTask', 'DeleteConsumerGroup'.
    action     text        NOT NULL,
    -- The group, task or worker; empty where the action has none.
    target     text        NOT NULL,
    -- 'begun', 'done', the status of a run, or the reason of the error: 'ROLE_MISSING', 'GROUP_NOT_FOUND'.
    outcome    text        NOT NULL,
    -- The request, without what it left out.
    detail     jsonb       NOT NULL DEFAULT '{}'
);
-- What came of an action.
CREATE INDEX audit_log_call ON audit_log (call) WHERE outcome <> 'begun';
-- One identity's, newest first.
CREATE INDEX audit_log_identity ON audit_log (identity, id);
-- Since when; and what is forgotten.
CREATE INDEX audit_log_at ON audit_log (at);

-- Against mistakes and against the servers' own role. Whoever owns the table can still take the trigger away: the owner is to be
-- another role where that matters.
CREATE FUNCTION audit_log_append_only() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('eventstore.audit_forgets', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'audit_log is only added to: % is refused', TG_OP
        USING ERRCODE = 'insufficient_privilege', HINT = 'audit_log_forget(before) forgets what is old.';
END $$;

CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_append_only();

-- Forgets rows before this time; how many. Nothing that is younger than a day.
CREATE FUNCTION audit_log_forget(before timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    forgotten bigint;
BEGIN
    PERFORM set_config('eventstore.audit_forgets', 'on', true);
    DELETE FROM audit_log WHERE at < least(before, clock_timestamp() - interval '1 day');
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    PERFORM set_config('eventstore.audit_forgets', '', true);
    RETURN forgotten;
END $$;
