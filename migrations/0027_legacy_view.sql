-- A view over events_v2 that looks as the legacy table did, for readers that cannot change yet. The cut-over gives it the
-- table's name.

-- SELECT create_events_view(): for a store whose legacy table was elsewhere, in the usual layout. An error when the name is
-- taken.
CREATE FUNCTION create_events_view(p_name text DEFAULT 'events') RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format($view$
CREATE VIEW %I AS
SELECT e.id, e.timestamp, e.event_type AS type,
       CASE WHEN e.data ? 'entityId' OR legacy_is_from_there(e.metadata) THEN e.data
            ELSE e.data || jsonb_build_object('entityId', e.aggregate_id) END AS data,
       e.user_id
FROM events_v2 e
$view$, p_name);
END
$$;

-- After the renaming: makes the view with the linked table's columns, defaults, rights and old name.
CREATE FUNCTION legacy_install_view() RETURNS void
LANGUAGE plpgsql
AS $body$
DECLARE
    link    legacy_link;
    legacy  regclass;
    view    text;
    names   text;
    values_ text;
    item    record;
BEGIN
    SELECT * INTO STRICT link FROM legacy_link;
    legacy := format('%I.%I', link.legacy_schema, link.legacy_table)::regclass;
    view := format('%I.%I', link.legacy_schema, link.original_table);
    SELECT c.names, c.expressions INTO names, values_ FROM legacy_columns(link, true) c;
    EXECUTE format('CREATE VIEW %s AS SELECT %s FROM public.events_v2 e', view, values_);

    -- Old writers rely on them: id and time may be made by the table.
    FOR item IN SELECT a.attname, pg_get_expr(d.adbin, d.adrelid) AS value
                FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
                WHERE d.adrelid = legacy AND a.attgenerated = '' LOOP
        EXECUTE format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', view, item.attname, item.value);
    END LOOP;
    FOR item IN SELECT x.privilege_type AS what,
                       CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END AS whom
                FROM pg_class c, aclexplode(c.relacl) x
                WHERE c.oid = legacy AND x.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE') LOOP
        EXECUTE format('GRANT %s ON %s TO %s', item.what, view, item.whom);
    END LOOP;

    -- Old writers go on, if they may: into the legacy table, whose trigger notes the row for the store.
    EXECUTE format($make$
CREATE FUNCTION legacy_write_through_view() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $f$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        RAISE EXCEPTION '%%: events do not change, so %% is refused', %1$L, TG_OP
            USING ERRCODE = 'feature_not_supported', HINT = 'Append an event that says what is different.';
    END IF;
    IF (SELECT old_writers FROM public.legacy_link) IS DISTINCT FROM 'forward' THEN
        RAISE EXCEPTION '%%: this is a view over the event store now, and INSERT into it is refused', %1$L
            USING ERRCODE = 'feature_not_supported', HINT = 'Write with eventstore.v1.EventStore/Append.';
    END IF;
    INSERT INTO %2$s SELECT NEW.*;
    RETURN NEW;
END
$f$
$make$, view, format('%I.%I', link.legacy_schema, link.legacy_table));
    EXECUTE format('CREATE TRIGGER eventstore_old_writers INSTEAD OF INSERT OR UPDATE OR DELETE ON %s '
                   'FOR EACH ROW EXECUTE FUNCTION legacy_write_through_view()', view);
END
$body$;

-- Nobody writes or reads through the view until the transaction ends. Before the legacy table is locked, as whoever writes
-- through the view has that first. LOCK TABLE would lock events_v2 as well; this changes nothing.
CREATE FUNCTION legacy_lock_view() RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    link legacy_link;
BEGIN
    SELECT * INTO STRICT link FROM legacy_link;
    EXECUTE format('ALTER VIEW %I.%I SET (security_barrier = false)', link.legacy_schema, link.original_table);
END
$$;

CREATE FUNCTION legacy_remove_view() RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    link legacy_link;
BEGIN
    SELECT * INTO STRICT link FROM legacy_link;
    EXECUTE format('DROP VIEW %I.%I', link.legacy_schema, link.original_table);
    DROP FUNCTION legacy_write_through_view();
END
$$;
