-- Store -> legacy table: events are written to the legacy table in the transaction of their append, by a trigger on
-- events_v2. One statement for each statement of the append: a trigger for each row would be copied to every chunk, and
-- making it would lock them all.
--
-- The functions that name the legacy table's columns are made for it, when it is linked: their plans are kept.

-- Whether an event came from a legacy table: then it is there. Told by what imports put into the metadata; `source` may be
-- the row's own.
CREATE FUNCTION legacy_is_from_there(metadata jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$ SELECT coalesce(metadata ?& '{legacy_id,legacy_table,batch,run}'::text[], false) $$;

-- Whether an event is to be mirrored. Position 0: no event, somebody looks which chunk takes it or has one made.
CREATE FUNCTION legacy_is_news(metadata jsonb, global_position bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$ SELECT global_position > 0 AND NOT public.legacy_is_from_there(metadata) $$;

-- Data with the aggregate's id where old readers look for it, and objects on the way there. What is in its way stays.
CREATE FUNCTION legacy_with_aggregate(data jsonb, path text[], id uuid) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
    FOR i IN 1..cardinality(path) - 1 LOOP
        IF data #>> path[1:i] IS NULL THEN
            data := jsonb_set(data, path[1:i], '{}');
        ELSIF jsonb_typeof(data #> path[1:i]) <> 'object' THEN
            RETURN data;
        END IF;
    END LOOP;
    RETURN jsonb_set(data, path, to_jsonb(id::text));
END
$$;

-- The data of an event `e` as the legacy table has it, as SQL. What came from there has its data as it was there.
CREATE FUNCTION legacy_data_text(link legacy_link) RETURNS text
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN cardinality(link.aggregate_path) = 0 THEN 'e.data'
                ELSE format('CASE WHEN e.data #>> %1$L IS NOT NULL OR public.legacy_is_from_there(e.metadata) THEN e.data '
                            'ELSE public.legacy_with_aggregate(e.data, %1$L, e.aggregate_id) END',
                            link.aggregate_path) END
$$;

-- An event as a row of the legacy table, as SQL over an event `e`: its columns, and what goes into each. The columns of
-- the legacy table that are no field of an event are left out; `with_all`: they are NULL.
CREATE FUNCTION legacy_columns(link legacy_link, with_all boolean, OUT names text, OUT expressions text)
LANGUAGE plpgsql STABLE
AS $$
BEGIN
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
           string_agg(format('%s AS %I',
               CASE a.attname
                   WHEN link.id_column THEN format('e.id::%s', t.type)
                   -- A time without zone is in UTC, whatever the session's zone is.
                   WHEN link.time_column THEN
                       CASE a.atttypid WHEN 'timestamp'::regtype THEN 'e.timestamp AT TIME ZONE ''UTC'''
                                       ELSE format('e.timestamp::%s', t.type) END
                   WHEN link.type_column THEN format('e.event_type::%s', t.type)
                   WHEN link.data_column THEN format('(%s)::%s', legacy_data_text(link), t.type)
                   WHEN link.user_column THEN format('e.user_id::%s', t.type)
                   WHEN link.correlation_column THEN format('e.correlation_id::%s', t.type)
                   WHEN link.causation_column THEN format('e.causation_id::%s', t.type)
                   WHEN link.aggregate_column THEN format('e.aggregate_id::%s', t.type)
                   ELSE format('NULL::%s', t.type)
               END, a.attname), ', ' ORDER BY a.attnum)
    INTO names, expressions
    FROM pg_attribute a, LATERAL (SELECT format_type(a.atttypid, a.atttypmod) AS type) t
    WHERE a.attrelid = format('%I.%I', link.legacy_schema, link.legacy_table)::regclass
      AND a.attnum > 0 AND NOT a.attisdropped
      AND (with_all OR a.attname IN (link.id_column, link.time_column, link.type_column, link.data_column,
                                     link.user_column, link.correlation_column, link.causation_column,
                                     link.aggregate_column));
END
$$;

CREATE FUNCTION legacy_remove_mirror() RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    DROP TRIGGER IF EXISTS eventstore_mirror ON events_v2;
    DROP FUNCTION IF EXISTS legacy_mirror_events();
    DROP FUNCTION IF EXISTS legacy_mirror_waiting(integer);
END
$$;

-- The caller holds every lane, so that no append is under way and the lock on events_v2 is free.
CREATE FUNCTION legacy_install_mirror() RETURNS void
LANGUAGE plpgsql
AS $body$
DECLARE
    link    legacy_link;
    legacy  text;
    names   text;
    values_ text;
BEGIN
    SELECT * INTO STRICT link FROM legacy_link;
    legacy := format('%I.%I', link.legacy_schema, link.legacy_table);
    SELECT c.names, c.expressions INTO names, values_ FROM legacy_columns(link, false) c;
    PERFORM legacy_remove_mirror();

    -- What goes wrong with the legacy table never fails an append, unless dual write is strict. One sub-transaction for
    -- all events of a statement; another for each of them only where it is one of them that is wrong.
    --
    -- lock_timeout: appends wait for somebody else's lock on the legacy table no longer than this, once a statement.
    EXECUTE format($make$
CREATE FUNCTION legacy_mirror_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '250ms' SET eventstore.mirroring = 'on'
AS $f$
DECLARE
    link  public.legacy_link;
    one   public.events_v2;
    what  text;
    state text;
BEGIN
    IF current_setting('eventstore.restoring', true) = 'on'
       OR NOT EXISTS (SELECT FROM added a WHERE public.legacy_is_news(a.metadata, a.global_position)) THEN
        RETURN NULL;
    END IF;
    SELECT * INTO link FROM public.legacy_link;
    INSERT INTO public.legacy_failed (event_id, event_time, event_type)
    SELECT a.id, a.timestamp, a.event_type FROM added a
    WHERE public.legacy_is_news(a.metadata, a.global_position)
      AND NOT public.legacy_type_enabled(link, a.event_type);
    BEGIN
        INSERT INTO %1$s (%2$s) SELECT %3$s FROM added e
        WHERE public.legacy_is_news(e.metadata, e.global_position) AND public.legacy_type_enabled(link, e.event_type);
        RETURN NULL;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS what = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
    END;
    IF link.is_strict THEN
        RAISE EXCEPTION 'the event cannot be written to the legacy table %%, and dual write is strict: %%', %4$L, what
            USING ERRCODE = 'ESD01';
    END IF;
    FOR one IN SELECT * FROM added a
               WHERE public.legacy_is_news(a.metadata, a.global_position)
                 AND public.legacy_type_enabled(link, a.event_type) LOOP
        -- Of the data (22), of a constraint (23), or raised by a trigger of the legacy table: it may be this event's alone.
        IF left(state, 2) IN ('22', '23', 'P0') THEN
            BEGIN
                INSERT INTO %1$s (%2$s) SELECT %3$s FROM (SELECT (one).*) e;
                CONTINUE;
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS what = MESSAGE_TEXT, state = RETURNED_SQLSTATE;
            END;
        END IF;
        INSERT INTO public.legacy_failed (event_id, event_time, event_type, error)
        VALUES (one.id, one.timestamp, one.event_type, what);
    END LOOP;
    RETURN NULL;
END
$f$
$make$, legacy, names, values_, legacy);

    -- Tries again what is not in the legacy table; types that are switched off are left waiting. How many were written.
    EXECUTE format($make$
CREATE FUNCTION legacy_mirror_waiting(p_limit integer) RETURNS integer
LANGUAGE plpgsql
SET plan_cache_mode = force_custom_plan SET lock_timeout = '5s' SET eventstore.mirroring = 'on'
AS $f$
DECLARE
    link    public.legacy_link;
    waiting record;
    what    text;
    written integer := 0;
BEGIN
    SELECT * INTO STRICT link FROM public.legacy_link;
    FOR waiting IN SELECT f.* FROM public.legacy_failed f
                   WHERE public.legacy_type_enabled(link, f.event_type)
                   ORDER BY f.noted_at LIMIT p_limit FOR UPDATE SKIP LOCKED LOOP
        BEGIN
            INSERT INTO %1$s (%2$s) SELECT %3$s FROM public.events_v2 e
            WHERE e.id = waiting.event_id AND e.timestamp = waiting.event_time;
            DELETE FROM public.legacy_failed f WHERE f.event_id = waiting.event_id AND f.event_time = waiting.event_time;
            written := written + 1;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS what = MESSAGE_TEXT;
            UPDATE public.legacy_failed f SET error = what, noted_at = clock_timestamp()
            WHERE f.event_id = waiting.event_id AND f.event_time = waiting.event_time;
        END;
    END LOOP;
    RETURN written;
END
$f$
$make$, legacy, names, values_);

    UPDATE legacy_link SET mirrored_since = coalesce(mirrored_since, clock_timestamp());
    CREATE TRIGGER eventstore_mirror AFTER INSERT ON events_v2 REFERENCING NEW TABLE AS added
        FOR EACH STATEMENT EXECUTE FUNCTION legacy_mirror_events();
END
$body$;
