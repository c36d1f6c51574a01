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
    mark text := floor(date_part('epoch', p_time) / 3600)::text;
BEGIN
    IF current_setting('eventstore.noted_' || p_source, true) IS DISTINCT FROM mark THEN
        INSERT INTO public.hourly_changes (source, hour) VALUES (p_source, date_trunc('hour', p_time, 'UTC'));
        mark := set_config('eventstore.noted_' || p_source, mark, true);
    END IF;
END
$$;

-- Two of them, since a trigger has to name its column: of `created`, of `time`. The argument is the source, since the table
-- that a trigger is told is the chunk. They run with the rights of their owner: whoever writes records need not know of this.
-- An insert is what nearly all of them are, so it calls nothing more.
CREATE FUNCTION note_hour_created() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    mark text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        mark := floor(date_part('epoch', NEW.created) / 3600)::text;
        IF current_setting('eventstore.noted_' || TG_ARGV[0], true) IS DISTINCT FROM mark THEN
            INSERT INTO public.hourly_changes (source, hour) VALUES (TG_ARGV[0], date_trunc('hour', NEW.created, 'UTC'));
            mark := set_config('eventstore.noted_' || TG_ARGV[0], mark, true);
        END IF;
        RETURN NULL;
    END IF;
    PERFORM public.note_hour(TG_ARGV[0], OLD.created);
    IF TG_OP = 'UPDATE' THEN
        PERFORM public.note_hour(TG_ARGV[0], NEW.created);
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION note_hour_time() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    mark text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        mark := floor(date_part('epoch', NEW.time) / 3600)::text;
        IF current_setting('eventstore.noted_' || TG_ARGV[0], true) IS DISTINCT FROM mark THEN
            INSERT INTO public.hourly_changes (source, hour) VALUES (TG_ARGV[0], date_trunc('hour', NEW.time, 'UTC'));
            mark := set_config('eventstore.noted_' || TG_ARGV[0], mark, true);
        END IF;
        RETURN NULL;
    END IF;
    PERFORM public.note_hour(TG_ARGV[0], OLD.time);
    IF TG_OP = 'UPDATE' THEN
        PERFORM public.note_hour(TG_ARGV[0], NEW.time);
    END IF;
    RETURN NULL;
END
$$;
