-- The version an append has to expect now; 0 when there is no such aggregate.
CREATE FUNCTION get_aggregate_version(p_aggregate_id uuid) RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT coalesce((SELECT version FROM aggregate_heads WHERE aggregate_id = p_aggregate_id), 0)
$$;
