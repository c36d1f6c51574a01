-- Where a change stands in the order of all changes of operational records, so that Operations.Watch can be resumed
-- (docs/decisions/0030-operational-records.md). One number for each change, drawn when it is made.
--
-- Positions are drawn in one order and become visible in another: a transaction that drew 5 may commit after one that drew
-- 6. So whoever draws says so by a lock, and a reader stops before the smallest of them (server/storage/operations/
-- horizon.h):
--   writer  (1) mark := nextval   (2) shared lock whose key is the mark   (3) position := nextval   (4) commit, unlock
--   reader  (1) x := last value   (2) marks of all locks                  (3) reads what is below x and all these marks
-- Whoever holds no lock at the reader's (2) either drew its position later, and it is above x, or has ended, and its rows
-- are seen at (3). The locks never wait: they are shared.
--
-- CACHE 1 is needed: with more, a session would give out numbers that it drew long ago.
CREATE SEQUENCE operations_positions AS bigint CACHE 1;

-- 1163284304 is "EVOP". The mark is set once a transaction; set_config(..., true) ends with it, as the lock does, also when
-- a savepoint takes both back.
CREATE FUNCTION operations_position() RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF coalesce(current_setting('eventstore.operations_mark', true), '') = '' THEN
        PERFORM pg_advisory_xact_lock_shared((1163284304::bigint << 32)
                                             | (nextval('public.operations_positions') & 4294967295));
        PERFORM set_config('eventstore.operations_mark', 'set', true);
    END IF;
    RETURN nextval('public.operations_positions');
END
$$;
