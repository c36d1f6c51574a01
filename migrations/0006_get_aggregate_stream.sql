-- Events of an aggregate in version order. p_to_version NULL: up to the current version.
--
-- The head's first and last time bound the chunks that are opened. force_custom_plan: a generic plan would open all.
CREATE FUNCTION get_aggregate_stream(
    p_aggregate_id uuid,
    p_from_version integer DEFAULT 1,
    p_to_version   integer DEFAULT NULL
) RETURNS SETOF events_v2
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    head aggregate_heads;
BEGIN
    SELECT * INTO head FROM aggregate_heads WHERE aggregate_id = p_aggregate_id;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT e.*
        FROM events_v2 e
        WHERE e.aggregate_id = p_aggregate_id
          AND e.version BETWEEN p_from_version AND coalesce(p_to_version, head.version)
          AND e.timestamp BETWEEN head.first_timestamp AND head.last_timestamp
        ORDER BY e.version;
END
$$;
