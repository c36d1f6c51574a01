-- Legacy table -> store: what is written to the legacy table is noted in the writer's transaction, so that what is
-- rolled back there leaves nothing here. One statement writes one note a row, whatever the size of the statement.
--
-- SECURITY DEFINER: whoever may write to the legacy table need not have rights on ours.
CREATE FUNCTION legacy_note_inserts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    -- What the store itself mirrors is no news to it.
    IF current_setting('eventstore.mirroring', true) = 'on' THEN
        RETURN NULL;
    END IF;
    INSERT INTO public.legacy_outbox (payload) SELECT to_jsonb(n) FROM new_rows n;
    RETURN NULL;
END
$$;

CREATE FUNCTION legacy_note_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO public.legacy_changes (operation, payload)
        SELECT 'UPDATE', c.before
        FROM (SELECT to_jsonb(o) AS before FROM old_rows o EXCEPT ALL SELECT to_jsonb(n) FROM new_rows n) c;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO public.legacy_changes (operation, payload) SELECT 'DELETE', to_jsonb(o) FROM old_rows o;
    ELSE
        INSERT INTO public.legacy_changes (operation) VALUES ('TRUNCATE');
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION legacy_remove_notes(p_table regclass) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['note_inserts', 'note_updates', 'note_deletes', 'note_truncate'] LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS eventstore_%s ON %s', name, p_table);
    END LOOP;
END
$$;

-- Waits until the writers of the legacy table that are at work have ended, and makes new ones wait for that.
CREATE FUNCTION legacy_install_notes(p_table regclass) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM legacy_remove_notes(p_table);
    EXECUTE format('CREATE TRIGGER eventstore_note_inserts AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows '
                   'FOR EACH STATEMENT EXECUTE FUNCTION public.legacy_note_inserts()', p_table);
    EXECUTE format('CREATE TRIGGER eventstore_note_updates AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows '
                   'NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.legacy_note_changes()', p_table);
    EXECUTE format('CREATE TRIGGER eventstore_note_deletes AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows '
                   'FOR EACH STATEMENT EXECUTE FUNCTION public.legacy_note_changes()', p_table);
    EXECUTE format('CREATE TRIGGER eventstore_note_truncate BEFORE TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION public.legacy_note_changes()', p_table);
END
$$;
