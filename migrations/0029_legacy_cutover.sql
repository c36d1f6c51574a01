-- The steps of the cut-over, each within the caller's transaction. The caller holds every lane and the legacy table, for a
-- rollback the view before it, and has found that the conditions hold (server/domain/cutover.h).

-- The legacy table gets out of the way, and the view takes its name. From now on both sides are written to, so that there is
-- a way back: events of the store are mirrored, and rows that old writers bring through the view are noted.
CREATE FUNCTION legacy_switch(p_old_writers text) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    link legacy_link;
BEGIN
    SELECT * INTO STRICT link FROM legacy_link;
    EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', link.legacy_schema, link.legacy_table,
                   link.legacy_table || '_legacy');
    UPDATE legacy_link SET legacy_table = link.legacy_table || '_legacy', stage = 'switched', direction = 'both',
                           old_writers = p_old_writers, switched_at = clock_timestamp();
    PERFORM legacy_install_notes(format('%I.%I', l.legacy_schema, l.legacy_table)::regclass) FROM legacy_link l;
    PERFORM legacy_install_mirror();
    PERFORM legacy_install_view();
END
$$;

CREATE FUNCTION legacy_rollback() RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    link legacy_link;
BEGIN
    PERFORM legacy_remove_view();
    SELECT * INTO STRICT link FROM legacy_link;
    EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', link.legacy_schema, link.legacy_table, link.original_table);
    UPDATE legacy_link SET legacy_table = original_table, stage = 'linked', direction = linked_direction,
                           switched_at = NULL;
    IF link.linked_direction = 'legacy_to_store' THEN
        PERFORM legacy_remove_mirror();
        UPDATE legacy_link SET mirrored_since = NULL;
    ELSE
        PERFORM legacy_install_mirror();
    END IF;
    IF link.linked_direction = 'store_to_legacy' THEN
        PERFORM legacy_remove_notes(format('%I.%I', link.legacy_schema, link.original_table)::regclass);
    END IF;
END
$$;

-- Nothing is written to the legacy table any more.
CREATE FUNCTION legacy_close() RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM legacy_remove_mirror();
    PERFORM legacy_remove_notes(format('%I.%I', l.legacy_schema, l.legacy_table)::regclass) FROM legacy_link l;
    DELETE FROM legacy_failed;
    UPDATE legacy_link SET stage = 'closing', old_writers = 'refuse';
END
$$;

-- How many rows the legacy table has, and the sum of the first 8 bytes of the SHA-256 of each row's JSON text: the same for
-- the same rows in any order. What an archive of it has to hold.
CREATE FUNCTION legacy_digest(OUT rows_ bigint, OUT digest numeric)
LANGUAGE plpgsql STABLE
AS $$
DECLARE
    link legacy_link;
BEGIN
    SELECT * INTO STRICT link FROM legacy_link;
    EXECUTE format($q$
        SELECT count(*), coalesce(sum(('x' || encode(substr(sha256(convert_to(to_jsonb(t)::text, 'UTF8')), 1, 8), 'hex'))
                                      ::bit(64)::bigint), 0)
        FROM %I.%I t$q$, link.legacy_schema, link.legacy_table)
    INTO rows_, digest;
END
$$;

CREATE FUNCTION legacy_drop() RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    link legacy_link;
BEGIN
    SELECT * INTO STRICT link FROM legacy_link;
    -- Whoever depends on it (views, foreign keys) makes this fail, by name.
    EXECUTE format('DROP TABLE %I.%I', link.legacy_schema, link.legacy_table);
    UPDATE legacy_link SET stage = 'dropped';
END
$$;
