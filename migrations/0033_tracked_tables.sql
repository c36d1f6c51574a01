-- History of the fields of a table: one row for each insert, change and delete, written by triggers.
--
-- track_history() is the one place where it is said which fields of which table are followed. It makes <table>_history
-- and trigger functions that are written for just these fields, so that a change costs no dynamic SQL.

-- What is followed. Written by track_history() alone.
CREATE TABLE tracked_tables (
    -- As regclass shows it: with its schema where that is not public.
    table_name    text        PRIMARY KEY,
    history_table text        NOT NULL UNIQUE,
    id_column     text        NOT NULL,
    id_type       text        NOT NULL,
    ref_column    text,
    fields        text[]      NOT NULL,
    tracked_since timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A value as history keeps it: itself, or, when its text is longer than 4 KiB, what tells whether it is the same as another.
CREATE FUNCTION history_value(p_value jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
    SELECT CASE WHEN octet_length(p_value::text) > 4096
                THEN jsonb_build_object('digest', 'sha256:' || encode(sha256(convert_to(p_value::text, 'UTF8')), 'hex'),
                                        'size', octet_length(p_value::text), 'type', jsonb_typeof(p_value))
                ELSE p_value END
$$;

-- Follows these fields of a table from now on; again with others: those from now on, and what is recorded stays. Gives the
-- name of the table with the history. p_ref: the column by which people know a row, NULL for none. p_id: the column that
-- names a row for ever. p_ahead: for so long the table can be written to before a server runs (engine native).
--
-- An update that changes none of the fields costs a comparison and leaves no row. The function runs with the rights of its
-- owner, since whoever writes to the table need not know of its history.
CREATE FUNCTION track_history(p_table regclass, p_fields text[], p_ref text DEFAULT NULL, p_id text DEFAULT 'id',
                              p_interval interval DEFAULT '1 day', p_retention_days integer DEFAULT 90,
                              p_ahead interval DEFAULT '30 days') RETURNS text
LANGUAGE plpgsql
SET search_path = public
SET client_min_messages = warning
AS $$
DECLARE
    base text := (SELECT c.relname FROM pg_class c WHERE c.oid = p_table);
    history text := base || '_history';
    tracker text := base || '_track';
    -- Schema and name, quoted.
    target text := (SELECT format('%I.%I', n.nspname, c.relname)
                    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = p_table);
    id_type text;
    field text;
    field_type text;
    new_value text;
    old_value text;
    differs text;
    any_differs text := '';
    all_new text := '';
    all_old text := '';
    changes text := '';
    new_ref text := 'NULL';
    old_ref text := 'NULL';
BEGIN
    IF length(base) > 50 THEN
        RAISE EXCEPTION 'the name % is too long to be followed: at most 50 letters, so that % fits', base, history
            USING ERRCODE = 'name_too_long';
    END IF;
    IF coalesce(cardinality(p_fields), 0) = 0 THEN
        RAISE EXCEPTION 'no fields are given: name the columns of % that are to be followed', p_table
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- jsonb_build_object() takes a hundred arguments.
    IF cardinality(p_fields) > 50 THEN
        RAISE EXCEPTION '% fields of % are given, and at most 50 can be followed', cardinality(p_fields), p_table
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOREACH field IN ARRAY p_fields || p_id || p_ref LOOP
        PERFORM FROM pg_attribute WHERE attrelid = p_table AND attname = field AND attnum > 0 AND NOT attisdropped;
        IF NOT FOUND AND field IS NOT NULL THEN
            RAISE EXCEPTION '% has no column %: name columns that it has', p_table, field
                USING ERRCODE = 'undefined_column';
        END IF;
    END LOOP;
    IF to_regclass(quote_ident(history)) IS NOT NULL
       AND (NOT EXISTS (SELECT FROM time_tables t WHERE t.table_name = history)
            OR EXISTS (SELECT FROM tracked_tables t WHERE t.history_table = history AND t.table_name <> p_table::text)) THEN
        RAISE EXCEPTION 'there is a table % already, which is not the history of %: rename it', history, p_table
            USING ERRCODE = 'duplicate_table';
    END IF;
    SELECT format_type(atttypid, atttypmod) INTO id_type FROM pg_attribute WHERE attrelid = p_table AND attname = p_id;

    IF p_ref IS NOT NULL THEN
        new_ref := format('NEW.%I::text', p_ref);
        old_ref := format('OLD.%I::text', p_ref);
    END IF;
    FOREACH field IN ARRAY p_fields LOOP
        SELECT t.typname INTO field_type
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = p_table AND a.attname = field;
        new_value := format('public.history_value(to_jsonb(NEW.%I))', field);
        old_value := format('public.history_value(to_jsonb(OLD.%I))', field);
        -- These have no equality.
        differs := CASE WHEN field_type IN ('json', 'xml', 'point', 'polygon')
                        THEN format('OLD.%1$I::text IS DISTINCT FROM NEW.%1$I::text', field)
                        ELSE format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', field) END;
        any_differs := any_differs || CASE WHEN any_differs = '' THEN '' ELSE ' OR ' END || differs;
        all_new := all_new || CASE WHEN all_new = '' THEN '' ELSE ', ' END || format('%L, %s', field, new_value);
        all_old := all_old || CASE WHEN all_old = '' THEN '' ELSE ', ' END || format('%L, %s', field, old_value);
        changes := changes || format($part$
        IF %1$s THEN
            changed := changed || %2$L::text;
            was := was || jsonb_build_object(%2$L, %3$s);
            becomes := becomes || jsonb_build_object(%2$L, %4$s);
        END IF;$part$, differs, field, old_value, new_value);
    END LOOP;

    IF to_regclass(quote_ident(history)) IS NULL THEN
        EXECUTE format($part$
            CREATE TABLE %I (
                time           timestamptz NOT NULL,
                operation      text        NOT NULL CHECK (operation IN ('INSERT', 'UPDATE', 'DELETE')),
                entity_id      %s          NOT NULL,
                entity_ref     text,
                changed_fields text[]      NOT NULL,
                old_values     jsonb,
                new_values     jsonb,
                position       bigint      NOT NULL
            )$part$, history, id_type);
        PERFORM cut_by_time(history, 'time', p_interval);
        EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (position, time)', history);
        -- The path of one row, and of all that have a name.
        EXECUTE format('CREATE INDEX %I ON %I (entity_id, time, position)', history || '_entity', history);
        EXECUTE format('CREATE INDEX %I ON %I (entity_ref, time, position)', history || '_ref', history);
        -- Changes of the status, by what it became.
        EXECUTE format('CREATE INDEX %I ON %I ((new_values ->> ''status''), time) WHERE ''status'' = ANY (changed_fields)',
                       history || '_status', history);
        EXECUTE format('CREATE INDEX %I ON %I USING gin (changed_fields)', history || '_fields', history);
        -- Time ranges without anything else.
        EXECUTE format('CREATE INDEX %I ON %I (time, position)', history || '_time', history);
        INSERT INTO time_tables (table_name, time_column, compress_by, interval_us, compress_after_days, retention_days)
        VALUES (history, 'time', CASE WHEN p_ref IS NULL THEN 'entity_id' ELSE 'entity_ref' END,
                (extract(epoch FROM p_interval) * 1000000)::bigint, 7, p_retention_days);
        PERFORM make_partitions(history, now() - interval '1 day', now() + p_ahead);
    END IF;

    EXECUTE format($part$
CREATE OR REPLACE FUNCTION %1$I() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $function$
DECLARE
    changed text[] := '{}';
    was jsonb := '{}';
    becomes jsonb := '{}';
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO public.%2$I (time, operation, entity_id, entity_ref, changed_fields, new_values, position)
        VALUES (clock_timestamp(), 'INSERT', NEW.%3$I, %4$s, %6$L, jsonb_build_object(%7$s), public.operations_position());
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO public.%2$I (time, operation, entity_id, entity_ref, changed_fields, old_values, position)
        VALUES (clock_timestamp(), 'DELETE', OLD.%3$I, %5$s, %6$L, jsonb_build_object(%8$s), public.operations_position());
    ELSE%9$s
        INSERT INTO public.%2$I (time, operation, entity_id, entity_ref, changed_fields, old_values, new_values, position)
        VALUES (clock_timestamp(), 'UPDATE', NEW.%3$I, %4$s, changed, was, becomes, public.operations_position());
    END IF;
    RETURN NULL;
END
$function$
$part$, tracker, history, p_id, new_ref, old_ref, p_fields, all_new, all_old, changes);

    EXECUTE format('DROP TRIGGER IF EXISTS track_history ON %s', target);
    EXECUTE format('DROP TRIGGER IF EXISTS track_history_update ON %s', target);
    EXECUTE format('CREATE TRIGGER track_history AFTER INSERT OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION %I()',
                   target, tracker);
    EXECUTE format('CREATE TRIGGER track_history_update AFTER UPDATE ON %s FOR EACH ROW WHEN (%s) EXECUTE FUNCTION %I()',
                   target, any_differs, tracker);

    INSERT INTO tracked_tables (table_name, history_table, id_column, id_type, ref_column, fields)
    VALUES (p_table::text, history, p_id, id_type, p_ref, p_fields)
    ON CONFLICT (table_name) DO UPDATE
        SET id_column = excluded.id_column, ref_column = excluded.ref_column, fields = excluded.fields;
    RETURN history;
END
$$;

-- Ends it; what is recorded stays, and goes by its retention.
CREATE FUNCTION untrack_history(p_table regclass) RETURNS boolean
LANGUAGE plpgsql
SET search_path = public
SET client_min_messages = warning
AS $$
DECLARE
    target text := (SELECT format('%I.%I', n.nspname, c.relname)
                    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = p_table);
BEGIN
    DELETE FROM tracked_tables WHERE table_name = p_table::text;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TRIGGER IF EXISTS track_history ON %s', target);
    EXECUTE format('DROP TRIGGER IF EXISTS track_history_update ON %s', target);
    EXECUTE format('DROP FUNCTION IF EXISTS %I()', (SELECT c.relname FROM pg_class c WHERE c.oid = p_table) || '_track');
    RETURN true;
END
$$;
