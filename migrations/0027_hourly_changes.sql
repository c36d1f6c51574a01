-- Which hours of operational records have changed since they were last counted: a note for each, written by the transaction
-- that changes them (docs/decisions/0031-hourly-aggregates.md).
--
-- refresh-aggregates takes notes away and counts their hours anew, in one transaction, the counting in a later statement. So
-- whoever was not committed when it looked is not counted, and neither is the note taken: the next run does both. Nothing is
-- missed and nothing is counted twice, whatever the clocks say and however late a row is.
--
-- Nothing but notes, so that one costs little: no index, and nobody waits for anybody. There are several of one hour.
CREATE TABLE hourly_changes (
    -- The table with the rows, as in hourly_aggregates.
    source text        NOT NULL,
    hour   timestamptz NOT NULL
);

-- One a transaction and hour, as long as the hours come one after the other: set_config(..., true) ends with the
-- transaction, and is taken back with a savepoint, as the note is.
CREATE FUNCTION note_hour(p_source text, p_time timestamptz) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    noted text := 'eventstore.noted_' || p_source;
    hour timestamptz := date_trunc('hour', p_time, 'UTC');
    mark text := extract(epoch FROM hour)::text;
BEGIN
    IF current_setting(noted, true) IS DISTINCT FROM mark THEN
        INSERT INTO public.hourly_changes (source, hour) VALUES (p_source, hour);
        PERFORM set_config(noted, mark, true);
    END IF;
END
$$;

-- Two of them, since a trigger has to name its column: of `created`, of `time`. The argument is the source, since the table
-- that a trigger is told is the chunk. They run with the rights of their owner: whoever writes records need not know of this.
CREATE FUNCTION note_hour_created() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM public.note_hour(TG_ARGV[0], OLD.created);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM public.note_hour(TG_ARGV[0], NEW.created);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION note_hour_time() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM public.note_hour(TG_ARGV[0], OLD.time);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM public.note_hour(TG_ARGV[0], NEW.time);
    END IF;
    RETURN NULL;
END
$$;
