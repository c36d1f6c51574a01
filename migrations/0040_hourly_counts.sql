-- What the hourly aggregates count, each said once: of the rows as they are now, those from p_from (inclusive) to p_to
-- (exclusive). Same columns for all; status is '' where there is none. The refresh and Analytics ask them for the few hours
-- that are not counted yet. They are inlined, so that chunks of other times are not touched: no SET, nothing volatile.

-- Each status that an execution came to have, the first one included.
CREATE FUNCTION count_execution_status(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (bucket timestamptz, ref text, status text, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT date_trunc('hour', time, 'UTC'), coalesce(entity_ref, ''), coalesce(new_values ->> 'status', ''), count(*)
    FROM execution_history
    WHERE time >= p_from AND time < p_to AND operation <> 'DELETE' AND 'status' = ANY (changed_fields)
    GROUP BY 1, 2, 3
$$;

-- Executions by when they were recorded.
CREATE FUNCTION count_execution_throughput(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (bucket timestamptz, ref text, status text, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT date_trunc('hour', time, 'UTC'), coalesce(entity_ref, ''), '', count(*)
    FROM execution_history
    WHERE time >= p_from AND time < p_to AND operation = 'INSERT'
    GROUP BY 1, 2
$$;

-- Executions by when they were created, as they say themselves.
CREATE FUNCTION count_execution_volume(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (bucket timestamptz, ref text, status text, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT date_trunc('hour', created, 'UTC'), action_ref, initial_status, count(*)
    FROM execution
    WHERE created >= p_from AND created < p_to
    GROUP BY 1, 2, 3
$$;

CREATE FUNCTION count_event_volume(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (bucket timestamptz, ref text, status text, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT date_trunc('hour', created, 'UTC'), trigger_ref, '', count(*)
    FROM event
    WHERE created >= p_from AND created < p_to
    GROUP BY 1, 2
$$;

CREATE FUNCTION count_enforcement_volume(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (bucket timestamptz, ref text, status text, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT date_trunc('hour', created, 'UTC'), rule_ref, '', count(*)
    FROM enforcement
    WHERE created >= p_from AND created < p_to
    GROUP BY 1, 2
$$;

-- Each status that a worker came to have, the first one included.
CREATE FUNCTION count_worker_status(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (bucket timestamptz, ref text, status text, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT date_trunc('hour', time, 'UTC'), coalesce(entity_ref, ''), coalesce(new_values ->> 'status', ''), count(*)
    FROM worker_history
    WHERE time >= p_from AND time < p_to AND operation <> 'DELETE' AND 'status' = ANY (changed_fields)
    GROUP BY 1, 2, 3
$$;

-- Of the domain's events: what events_hourly counts.
CREATE FUNCTION count_events_v2(p_from timestamptz, p_to timestamptz)
RETURNS TABLE (bucket timestamptz, ref text, status text, count bigint)
LANGUAGE sql STABLE
AS $$
    SELECT date_trunc('hour', timestamp, 'UTC'), event_type, aggregate_type, count(*)
    FROM events_v2
    WHERE timestamp >= p_from AND timestamp < p_to
    GROUP BY 1, 2, 3
$$;
