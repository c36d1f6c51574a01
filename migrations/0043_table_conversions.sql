-- Plain tables of a user's own become tables that are cut by time, rows included, while they are in use: `eventctl
-- convert-table` (docs/analytics.md#convert-a-table). Here stands what it does; the program asks, steps and shows.
--
-- A new table is filled beside the old one in batches; a trigger on the old one notes each change by key and time. A step
-- takes notes away and, in a later statement, takes these rows anew from the old table: whoever was not committed then has
-- his note left, and the next step has it. The last notes are taken under the lock of the swap. So no row is lost, and the
-- primary key allows none twice. Every step is a transaction and says here how far it is: who is killed begins again there.
CREATE TABLE table_conversions (
    -- In the schema public.
    table_name  text    PRIMARY KEY,
    time_column text    NOT NULL,
    id_column   text    NOT NULL,
    interval_us bigint  NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The largest id that there was at the beginning: those behind it come with a note. As text; NULL: there were none.
    until_id    text,
    -- The largest id that is copied; NULL: none is.
    last_id     text,
    rows_copied bigint  NOT NULL DEFAULT 0,
    -- Every row that was there at the beginning is copied, and the indexes are made.
    copied      boolean NOT NULL DEFAULT false
);

-- The new table and the notes, while it lasts.
CREATE FUNCTION converted_name(p_table text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT left(p_table, 52) || '_converted' $$;
CREATE FUNCTION conversion_log(p_table text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$ SELECT left(p_table, 52) || '_converting' $$;

-- What a conversion would keep, change, drop, and why it is refused. Reads only.
--   kind: refused | dropped | changed | kept; what: for people; count: rows concerned, or NULL.
CREATE FUNCTION conversion_plan(p_table text, p_time text, p_id text)
RETURNS TABLE (kind text, what text)
LANGUAGE plpgsql STABLE
SET search_path = public
AS $$
DECLARE
    target oid := to_regclass(format('public.%I', p_table));
    time_type text;
    time_number smallint;
    id_number smallint;
    nulls bigint;
    one record;
BEGIN
    IF target IS NULL THEN
        RETURN QUERY SELECT 'refused', format('there is no table %s in the schema public', p_table);
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM time_tables t WHERE t.table_name = p_table) THEN
        RETURN QUERY SELECT 'refused', format('%s is cut by time already', p_table);
        RETURN;
    END IF;
    SELECT c.relkind, c.relpersistence, c.relhassubclass, c.relispartition INTO one FROM pg_class c WHERE c.oid = target;
    IF one.relkind <> 'r' OR one.relpersistence <> 'p' OR one.relispartition
       OR EXISTS (SELECT FROM pg_inherits i WHERE target IN (i.inhrelid, i.inhparent)) THEN
        RETURN QUERY SELECT 'refused', format('%s is no plain table: a view, a hypertable, a partition, inherited, unlogged '
                                              'or temporary', p_table);
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM (VALUES ('store_identity'), ('schema_migrations'), ('aggregate_heads'), ('worker'),
                                   ('time_tables'), ('tracked_tables'), ('table_conversions'), ('hourly_aggregates'),
                                   ('hourly_changes'), ('housekeeper_runs'), ('housekeeper_tasks'), ('closed_chunks'),
                                   ('archived_chunks'), ('events_hourly'), ('consumer_groups')) v (name)
               WHERE v.name = p_table) OR p_table ~ '^(consumer_group|chunk)_|_hourly$' THEN
        RETURN QUERY SELECT 'refused', format('%s is the store''s own', p_table);
        RETURN;
    END IF;

    SELECT a.attnum, format_type(a.atttypid, NULL) INTO time_number, time_type
    FROM pg_attribute a WHERE a.attrelid = target AND a.attname = p_time AND a.attnum > 0 AND NOT a.attisdropped;
    IF time_number IS NULL THEN
        RETURN QUERY SELECT 'refused', format('%s has no column %s', p_table, p_time);
        RETURN;
    END IF;
    IF time_type <> 'timestamp with time zone' THEN
        RETURN QUERY SELECT 'refused', format('%s.%s is %s: change it to timestamptz first', p_table, p_time, time_type);
        RETURN;
    END IF;
    EXECUTE format('SELECT count(*) FROM public.%I WHERE %I IS NULL OR NOT isfinite(%2$I)', p_table, p_time) INTO nulls;
    IF nulls > 0 THEN
        RETURN QUERY SELECT 'refused', format('%s rows have no %s, or an infinite one: give them one, or delete them',
                                              nulls, p_time);
    END IF;
    SELECT a.attnum INTO id_number
    FROM pg_attribute a WHERE a.attrelid = target AND a.attname = p_id AND a.attnum > 0 AND NOT a.attisdropped;
    IF id_number IS NULL OR NOT EXISTS (
        SELECT FROM pg_index i WHERE i.indrelid = target AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                                 AND i.indnkeyatts = 1 AND i.indkey[0] = id_number) THEN
        RETURN QUERY SELECT 'refused', format('%s.%s does not tell its rows apart: name a column that is the primary key, or '
                                              'unique and NOT NULL, with --id-column', p_table, p_id);
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = target AND a.attnum = id_number AND NOT a.attnotnull) THEN
        RETURN QUERY SELECT 'refused', format('%s.%s may be NULL: set it NOT NULL first', p_table, p_id);
    END IF;
    -- What would be left behind without a word.
    RETURN QUERY
        SELECT 'refused', format('%s is an identity column: make it a default (ALTER COLUMN %I DROP IDENTITY, then SET '
                                 'DEFAULT nextval(...))', a.attname, a.attname)
        FROM pg_attribute a WHERE a.attrelid = target AND a.attidentity <> '' AND NOT a.attisdropped;
    RETURN QUERY
        SELECT 'refused', format('the exclusion constraint %s cannot hold over several tables: drop it first', c.conname)
        FROM pg_constraint c WHERE c.conrelid = target AND c.contype = 'x';
    RETURN QUERY
        SELECT 'refused', format('the materialized view %s reads it: drop it, convert, make it again', v.oid::regclass)
        FROM (SELECT DISTINCT c.oid FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
              JOIN pg_class c ON c.oid = r.ev_class
              WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = target
                AND c.relkind = 'm') v;
    RETURN QUERY
        SELECT 'refused', format('the rule %s is on it: drop it first', r.rulename)
        FROM pg_rewrite r WHERE r.ev_class = target;
    RETURN QUERY
        SELECT 'refused', format('the trigger %s is a constraint trigger or has transition tables, which a table cut by time '
                                 'cannot have: drop it first', t.tgname)
        FROM pg_trigger t WHERE t.tgrelid = target AND NOT t.tgisinternal
                            AND (t.tgconstraint <> 0 OR t.tgoldtable IS NOT NULL OR t.tgnewtable IS NOT NULL);
    IF to_regclass('_timescaledb_catalog.hypertable') IS NOT NULL THEN
        RETURN QUERY
            SELECT 'refused', format('the trigger %s is disabled, or fires on replicas or always, which a hypertable cannot say: '
                                     'enable it or drop it first', t.tgname)
            FROM pg_trigger t WHERE t.tgrelid = target AND NOT t.tgisinternal AND t.tgenabled <> 'O';
    END IF;
    RETURN QUERY
        SELECT 'refused', format('it is published by %s: take it out, and add it again afterwards', p.pubname)
        FROM pg_publication_rel pr JOIN pg_publication p ON p.oid = pr.prpubid WHERE pr.prrelid = target;
    RETURN QUERY
        SELECT 'refused', format('the history of %s is recorded: end it with `eventctl history untrack`, convert, begin '
                                 'again', p_table)
        FROM tracked_tables t WHERE t.table_name = p_table;

    RETURN QUERY
        SELECT 'dropped', format('foreign key %s of %s: %s', c.conname, c.conrelid::regclass, pg_get_constraintdef(c.oid))
        FROM pg_constraint c WHERE c.confrelid = target AND c.contype = 'f' AND c.conparentid = 0 ORDER BY c.conname;
    RETURN QUERY
        SELECT 'changed', format('%s%s becomes PRIMARY KEY (%I, %I)', CASE WHEN c.oid IS NULL THEN 'there is no primary key; it '
                                 ELSE c.conname || ' ' END, coalesce(pg_get_constraintdef(c.oid), ''), p_id, p_time)
        FROM (SELECT 1) x LEFT JOIN pg_constraint c ON c.conrelid = target AND c.contype = 'p';
    RETURN QUERY
        SELECT 'changed', format('index %s is not unique any more, since %s is not in it', i.indexrelid::regclass, p_time)
        FROM pg_index i
        WHERE i.indrelid = target AND i.indisunique AND NOT i.indisprimary AND NOT time_number = ANY (i.indkey::smallint[]);
    RETURN QUERY
        SELECT 'changed', format('column %s is NOT NULL', p_time)
        FROM pg_attribute a WHERE a.attrelid = target AND a.attnum = time_number AND NOT a.attnotnull;
    RETURN QUERY
        SELECT 'kept', format('index %s', i.indexrelid::regclass)
        FROM pg_index i WHERE i.indrelid = target AND NOT i.indisprimary;
    RETURN QUERY SELECT 'kept', format('trigger %s', t.tgname) FROM pg_trigger t
                 WHERE t.tgrelid = target AND NOT t.tgisinternal AND t.tgname NOT LIKE 'convert\_table%';
    RETURN QUERY SELECT 'kept', format('policy %s', p.polname) FROM pg_policy p WHERE p.polrelid = target;
    RETURN QUERY SELECT 'kept', format('foreign key %s', c.conname) FROM pg_constraint c
                 WHERE c.conrelid = target AND c.contype = 'f' AND c.confrelid <> target;
    RETURN QUERY SELECT 'kept', format('view %s', v.oid::regclass)
        FROM (SELECT DISTINCT c.oid FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
              JOIN pg_class c ON c.oid = r.ev_class
              WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = target
                AND c.relkind = 'v') v;
END
$$;

-- The partitions that rows of these times need, where the engine makes none by itself.
CREATE FUNCTION make_partitions_at(p_table text, p_times timestamptz[]) RETURNS void
LANGUAGE sql
AS $$
    SELECT count(make_partitions(p_table, b.at, b.at + interval '1 microsecond'))
    FROM (SELECT DISTINCT to_timestamp(0) + floor(extract(epoch FROM u.at) * 1000000 / t.interval_us)::bigint
                                            * t.interval_us * interval '1 microsecond' AS at
          FROM unnest(p_times) u (at), time_tables t WHERE t.table_name = p_table) b
$$;

-- Columns that rows are copied by: not those that PostgreSQL computes.
CREATE FUNCTION conversion_columns(p_table regclass) RETURNS text
LANGUAGE sql STABLE
AS $$
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = p_table AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
$$;

-- Makes the new table, the notes and the trigger. False: it had begun before, and goes on.
CREATE FUNCTION conversion_begin(p_table text, p_time text, p_id text, p_interval interval) RETURNS boolean
LANGUAGE plpgsql
SET search_path = public
SET client_min_messages = warning
AS $$
DECLARE
    made text := converted_name(p_table);
    log text := conversion_log(p_table);
    micros bigint := extract(epoch FROM p_interval) * 1000000;
BEGIN
    IF EXISTS (SELECT FROM table_conversions c WHERE c.table_name = p_table) THEN
        RETURN false;
    END IF;
    IF to_regclass(quote_ident(made)) IS NOT NULL OR to_regclass(quote_ident(log)) IS NOT NULL THEN
        RAISE EXCEPTION 'there is a table % or % already: rename it', made, log USING ERRCODE = 'duplicate_table';
    END IF;
    INSERT INTO table_conversions (table_name, time_column, id_column, interval_us) VALUES (p_table, p_time, p_id, micros);
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL EXCLUDING INDEXES)', made, p_table);
    EXECUTE format('ALTER TABLE %I ALTER COLUMN %I SET NOT NULL', made, p_time);
    PERFORM cut_by_time(made, p_time, p_interval);
    EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (%I, %I)', made, p_id, p_time);
    -- Until it has its name nothing is compressed or dropped.
    INSERT INTO time_tables (table_name, time_column, compress_by, interval_us) VALUES (made, p_time, p_id, micros);
    EXECUTE format('CREATE TABLE %I AS SELECT %I AS id, %I AS at FROM %I WHERE false', log, p_id, p_time, p_table);
    EXECUTE format($part$
CREATE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $function$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO public.%1$I (id, at) VALUES (OLD.%2$I, OLD.%3$I);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO public.%1$I (id, at) VALUES (NEW.%2$I, NEW.%3$I);
    END IF;
    RETURN NULL;
END
$function$
$part$, log, p_id, p_time);
    EXECUTE format('CREATE TRIGGER convert_table AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION %I()',
                   p_table, log);
    EXECUTE format($part$
CREATE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql
AS $function$
BEGIN
    RAISE EXCEPTION '%2$s is being converted: TRUNCATE it before or afterwards' USING ERRCODE = 'object_in_use';
END
$function$
$part$, log || '_t', p_table);
    EXECUTE format('CREATE TRIGGER convert_table_truncate BEFORE TRUNCATE ON %I EXECUTE FUNCTION %I()', p_table, log || '_t');
    -- Whoever wrote before the trigger has committed: making it waited for them.
    EXECUTE format('UPDATE table_conversions SET until_id = (SELECT o.%1$I::text FROM %2$I o ORDER BY o.%1$I DESC LIMIT 1) '
                   'WHERE table_name = %2$L', p_id, p_table);
    RETURN true;
END
$$;

-- Copies the next rows by their ids; how many. 0: all are.
CREATE FUNCTION conversion_copy(p_table text, p_rows integer) RETURNS bigint
LANGUAGE plpgsql
SET search_path = public
AS $$
DECLARE
    state table_conversions%ROWTYPE;
    made text := converted_name(p_table);
    columns text := conversion_columns(p_table::regclass);
    id_type text;
    after text;
    top text;
    written bigint;
    times timestamptz[];
BEGIN
    SELECT c.table_name, c.time_column, c.id_column, c.interval_us, c.started_at, c.until_id, c.last_id, c.rows_copied, c.copied
    INTO STRICT state FROM table_conversions c WHERE c.table_name = p_table FOR UPDATE;
    SELECT format_type(a.atttypid, a.atttypmod) INTO id_type
    FROM pg_attribute a WHERE a.attrelid = p_table::regclass AND a.attname = state.id_column;
    IF state.until_id IS NULL THEN
        RETURN 0;
    END IF;
    after := CASE WHEN state.last_id IS NULL THEN 'true' ELSE format('o.%I > %L::%s', state.id_column, state.last_id, id_type) END
             || format(' AND o.%I <= %L::%s', state.id_column, state.until_id, id_type);
    EXECUTE format('SELECT (array_agg(b.id ORDER BY b.id DESC))[1]::text, array_agg(DISTINCT b.at) FROM '
                   '(SELECT o.%1$I AS id, o.%2$I AS at FROM %3$I o WHERE %4$s ORDER BY o.%1$I LIMIT %5$s) b',
                   state.id_column, state.time_column, p_table, after, p_rows) INTO top, times;
    IF top IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM make_partitions_at(made, times);
    -- A row that is there already came with a note.
    EXECUTE format('INSERT INTO %1$I (%2$s) SELECT %2$s FROM %3$I o WHERE %4$s AND o.%5$I <= %6$L::%7$s '
                   'AND o.%8$I = ANY (%9$L::timestamptz[]) ON CONFLICT DO NOTHING',
                   made, columns, p_table, after, state.id_column, top, id_type, state.time_column, times);
    GET DIAGNOSTICS written = ROW_COUNT;
    UPDATE table_conversions c SET last_id = top, rows_copied = c.rows_copied + written WHERE c.table_name = p_table;
    RETURN greatest(written, 1);
END
$$;

-- Takes so many notes away and these rows anew; how many notes. 0: there are none.
CREATE FUNCTION conversion_catch_up(p_table text, p_notes integer) RETURNS bigint
LANGUAGE plpgsql
SET search_path = public
AS $$
DECLARE
    state table_conversions%ROWTYPE;
    made text := converted_name(p_table);
    log text := conversion_log(p_table);
    columns text := conversion_columns(p_table::regclass);
    taken bigint;
    times timestamptz[];
BEGIN
    SELECT c.table_name, c.time_column, c.id_column, c.interval_us, c.started_at, c.until_id, c.last_id, c.rows_copied, c.copied
    INTO STRICT state FROM table_conversions c WHERE c.table_name = p_table FOR UPDATE;
    EXECUTE format('CREATE TEMPORARY TABLE conversion_taken ON COMMIT DROP AS SELECT id, at FROM %I WHERE false', log);
    EXECUTE format('WITH taken AS (DELETE FROM %1$I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %1$I LIMIT %2$s)) RETURNING id, at) '
                   'INSERT INTO conversion_taken (id, at) SELECT id, at FROM taken', log, p_notes);
    GET DIAGNOSTICS taken = ROW_COUNT;
    IF taken > 0 THEN
        -- The bounds are there for the planner: partitions of other times are not touched.
        EXECUTE format('DELETE FROM %1$I m USING (SELECT DISTINCT id, at FROM conversion_taken) t '
                       'WHERE m.%2$I = t.id AND m.%3$I = t.at AND m.%3$I >= %4$L AND m.%3$I <= %5$L',
                       made, state.id_column, state.time_column, (SELECT min(at) FROM conversion_taken),
                       (SELECT max(at) FROM conversion_taken));
        -- The rows as they are now: a later statement than the taking, so whoever wrote a note is seen.
        EXECUTE format('SELECT array_agg(DISTINCT o.%1$I) FROM %2$I o WHERE o.%3$I IN (SELECT id FROM conversion_taken)',
                       state.time_column, p_table, state.id_column) INTO times;
        PERFORM make_partitions_at(made, times);
        EXECUTE format('INSERT INTO %1$I (%2$s) SELECT %2$s FROM %3$I o '
                       'WHERE o.%4$I IN (SELECT id FROM conversion_taken) AND o.%5$I = ANY (%6$L::timestamptz[]) '
                       'ON CONFLICT DO NOTHING',
                       made, columns, p_table, state.id_column, state.time_column, times);
    END IF;
    DROP TABLE conversion_taken;
    RETURN taken;
END
$$;

-- The indexes of the old table, on the new one, which nobody uses yet. They are found again by the old one's number.
CREATE FUNCTION conversion_indexes(p_table text) RETURNS integer
LANGUAGE plpgsql
SET search_path = public
SET client_min_messages = warning
AS $$
DECLARE
    one record;
    made integer := 0;
BEGIN
    FOR one IN
        SELECT i.indexrelid, pg_get_indexdef(i.indexrelid) AS definition,
               i.indisunique AND a.attnum = ANY (i.indkey::smallint[]) AS is_unique
        FROM pg_index i
        JOIN table_conversions c ON c.table_name = p_table
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = c.time_column
        WHERE i.indrelid = p_table::regclass AND NOT i.indisprimary AND i.indisvalid
    LOOP
        CONTINUE WHEN to_regclass(format('public.converted_%s', one.indexrelid)) IS NOT NULL;
        EXECUTE format('CREATE %s INDEX converted_%s ON %I%s', CASE WHEN one.is_unique THEN 'UNIQUE' ELSE '' END,
                       one.indexrelid, converted_name(p_table), substring(one.definition FROM ' USING .*$'));
        made := made + 1;
    END LOOP;
    UPDATE table_conversions c SET copied = true WHERE c.table_name = p_table;
    RETURN made;
END
$$;

-- The swap, in one transaction with lock_timeout set: takes the last notes, gives the new table all that belongs to the old
-- one, and drops that one. p_compress_by NULL: the id.
CREATE FUNCTION conversion_finish(p_table text, p_compress_by text, p_compress_days integer, p_retention_days integer)
RETURNS void
LANGUAGE plpgsql
SET search_path = public
SET client_min_messages = warning
AS $$
DECLARE
    state table_conversions%ROWTYPE;
    old oid := p_table::regclass;
    made text := converted_name(p_table);
    log text := conversion_log(p_table);
    away text := left(p_table, 56) || '_before';
    before text[];
    after text[];
    statement text;
    key_name text;
    is_own boolean;
BEGIN
    SELECT c.table_name, c.time_column, c.id_column, c.interval_us, c.started_at, c.until_id, c.last_id, c.rows_copied, c.copied
    INTO STRICT state FROM table_conversions c WHERE c.table_name = p_table FOR UPDATE;
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', p_table);
    WHILE conversion_catch_up(p_table, 10000) > 0 LOOP
    END LOOP;
    PERFORM conversion_indexes(p_table);

    -- What belongs to it, as statements, while names still mean the old table.
    SELECT coalesce(array_agg(format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname)), '{}') INTO before
    FROM pg_constraint c WHERE c.confrelid = old AND c.contype = 'f' AND c.conparentid = 0;
    SELECT c.conname INTO key_name FROM pg_constraint c WHERE c.conrelid = old AND c.contype = 'p';
    after := ARRAY(
        SELECT format('CREATE OR REPLACE VIEW %s%s AS %s', v.oid::regclass,
                      (SELECT format(' WITH (%s)', array_to_string(w.reloptions, ', ')) FROM pg_class w
                       WHERE w.oid = v.oid AND w.reloptions IS NOT NULL), pg_get_viewdef(v.oid))
        FROM (SELECT DISTINCT c.oid FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
              JOIN pg_class c ON c.oid = r.ev_class
              WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = old
                AND c.relkind = 'v') v);
    after := after || ARRAY(
        SELECT format('ALTER SEQUENCE %s OWNED BY %I.%I', d.objid::regclass, p_table, a.attname)
        FROM pg_depend d JOIN pg_attribute a ON a.attrelid = old AND a.attnum = d.refobjsubid
        JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
        WHERE d.classid = 'pg_class'::regclass AND d.refobjid = old AND d.deptype = 'a');
    after := after || ARRAY(
        SELECT format('ALTER TABLE %I ADD CONSTRAINT %I %s', p_table, c.conname, pg_get_constraintdef(c.oid))
        FROM pg_constraint c WHERE c.conrelid = old AND c.contype = 'f' AND c.confrelid <> old);
    after := after || ARRAY(
        SELECT pg_get_triggerdef(t.oid)
        FROM pg_trigger t WHERE t.tgrelid = old AND NOT t.tgisinternal AND t.tgname NOT LIKE 'convert\_table%');
    after := after || ARRAY(
        SELECT format('ALTER TABLE %I %s TRIGGER %I', p_table,
                      CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, t.tgname)
        FROM pg_trigger t WHERE t.tgrelid = old AND NOT t.tgisinternal AND t.tgenabled <> 'O'
                            AND t.tgname NOT LIKE 'convert\_table%');
    after := after || ARRAY(
        SELECT format('CREATE POLICY %I ON %I AS %s FOR %s TO %s%s%s', p.polname, p_table,
                      CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
                      CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
                                    ELSE 'ALL' END,
                      (SELECT string_agg(CASE WHEN r.role = 0 THEN 'PUBLIC' ELSE r.role::regrole::text END, ', ')
                       FROM unnest(p.polroles) r (role)),
                      ' USING (' || pg_get_expr(p.polqual, old) || ')',
                      ' WITH CHECK (' || pg_get_expr(p.polwithcheck, old) || ')')
        FROM pg_policy p WHERE p.polrelid = old);
    after := after || ARRAY(
        SELECT format('GRANT %s ON %I TO %s%s', g.privilege_type, p_table,
                      CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END,
                      CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM pg_class c, aclexplode(c.relacl) g WHERE c.oid = old AND g.grantee <> c.relowner);
    after := after || ARRAY(
        SELECT format('GRANT %s (%I) ON %I TO %s%s', g.privilege_type, a.attname, p_table,
                      CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END,
                      CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
        FROM pg_attribute a, aclexplode(a.attacl) g WHERE a.attrelid = old AND NOT a.attisdropped);
    after := after || ARRAY(
        SELECT format('ALTER TABLE %I %s', p_table, v.what)
        FROM pg_class c, LATERAL (VALUES ('ENABLE ROW LEVEL SECURITY', c.relrowsecurity),
                                         ('FORCE ROW LEVEL SECURITY', c.relforcerowsecurity)) v (what, is_on)
        WHERE c.oid = old AND v.is_on);
    after := after || ARRAY(
        SELECT format('COMMENT ON TABLE %I IS %L', p_table, obj_description(old, 'pg_class'))
        WHERE obj_description(old, 'pg_class') IS NOT NULL);
    after := after || ARRAY(
        SELECT format('ALTER INDEX converted_%s RENAME TO %I', i.indexrelid, c.relname)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = old AND NOT i.indisprimary AND i.indisvalid);
    -- Last: whoever is not its owner any more may do nothing of the above.
    after := after || ARRAY(
        SELECT format('ALTER TABLE %I OWNER TO %s', p_table, c.relowner::regrole)
        FROM pg_class c WHERE c.oid = old AND c.relowner::regrole::text <> quote_ident(current_user));

    FOREACH statement IN ARRAY before LOOP
        EXECUTE statement;
    END LOOP;
    EXECUTE format('DROP TRIGGER convert_table ON %I', p_table);
    EXECUTE format('DROP TRIGGER convert_table_truncate ON %I', p_table);
    EXECUTE format('DROP FUNCTION %I()', log);
    EXECUTE format('DROP FUNCTION %I()', log || '_t');
    EXECUTE format('DROP TABLE %I', log);
    EXECUTE format('ALTER TABLE %I RENAME TO %I', p_table, away);
    EXECUTE format('ALTER TABLE %I RENAME TO %I', made, p_table);
    -- Views and sequences go over first, the rest takes names that the old table has until it is gone.
    FOREACH statement IN ARRAY after LOOP
        CONTINUE WHEN statement NOT LIKE 'CREATE OR REPLACE VIEW %' AND statement NOT LIKE 'ALTER SEQUENCE %';
        EXECUTE statement;
    END LOOP;
    EXECUTE format('DROP TABLE %I', away);
    FOREACH statement IN ARRAY after LOOP
        CONTINUE WHEN statement LIKE 'CREATE OR REPLACE VIEW %' OR statement LIKE 'ALTER SEQUENCE %';
        EXECUTE statement;
    END LOOP;
    SELECT c.conname <> coalesce(key_name, p_table || '_pkey') INTO is_own
    FROM pg_constraint c WHERE c.conrelid = p_table::regclass AND c.contype = 'p';
    IF is_own THEN
        EXECUTE format('ALTER TABLE %I RENAME CONSTRAINT %I TO %I', p_table,
                       (SELECT c.conname FROM pg_constraint c WHERE c.conrelid = p_table::regclass AND c.contype = 'p'),
                       coalesce(key_name, p_table || '_pkey'));
    END IF;
    UPDATE time_tables t SET table_name = p_table, compress_by = coalesce(p_compress_by, state.id_column),
                             compress_after_days = p_compress_days, retention_days = p_retention_days
    WHERE t.table_name = made;
    DELETE FROM table_conversions c WHERE c.table_name = p_table;
    PERFORM make_partitions(p_table, now() - interval '1 day', now() + interval '30 days');
END
$$;

-- Takes back what conversion_begin() made; the old table is as it was.
CREATE FUNCTION conversion_abandon(p_table text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = public
SET client_min_messages = warning
AS $$
BEGIN
    DELETE FROM table_conversions c WHERE c.table_name = p_table;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TRIGGER IF EXISTS convert_table ON %I', p_table);
    EXECUTE format('DROP TRIGGER IF EXISTS convert_table_truncate ON %I', p_table);
    EXECUTE format('DROP FUNCTION IF EXISTS %I()', conversion_log(p_table));
    EXECUTE format('DROP FUNCTION IF EXISTS %I()', conversion_log(p_table) || '_t');
    EXECUTE format('DROP TABLE IF EXISTS %I', conversion_log(p_table));
    EXECUTE format('DROP TABLE IF EXISTS %I', converted_name(p_table));
    DELETE FROM time_tables t WHERE t.table_name = converted_name(p_table);
    RETURN true;
END
$$;
