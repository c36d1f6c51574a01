-- What a user did in the last p_days days, oldest first. p_event_types NULL: every type.
CREATE FUNCTION get_user_event_stream(
    p_user_id     text,
    p_days        integer DEFAULT 30,
    p_event_types text[]  DEFAULT NULL,
    p_limit       integer DEFAULT 1000
) RETURNS SETOF events_v2
LANGUAGE plpgsql STABLE
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    since timestamptz := now() - make_interval(days => p_days);
BEGIN
    RETURN QUERY
        SELECT e.*
        FROM events_v2 e
        WHERE e.user_id = p_user_id
          AND e.timestamp >= since
          AND (p_event_types IS NULL OR e.event_type = ANY (p_event_types))
        ORDER BY e.timestamp, e.global_position
        LIMIT p_limit;
END
$$;
