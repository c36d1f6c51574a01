"""What a careful client could do with SQL alone: one transaction for each append, with compare-and-set on the head."""

from cell import Cell
from pgbench import pgbench

_FUNCTION = """
CREATE FUNCTION bench_append(p_aggregate uuid, p_expected integer, p_data text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    stamp    timestamptz := clock_timestamp();
    position bigint      := pg_current_xact_id()::text::bigint << 20;
BEGIN
    IF p_expected = 0 THEN
        INSERT INTO aggregate_heads VALUES (p_aggregate, 1, stamp, stamp) ON CONFLICT DO NOTHING;
    ELSE
        UPDATE aggregate_heads SET version = version + 1, last_timestamp = stamp
        WHERE aggregate_id = p_aggregate AND version = p_expected;
    END IF;
    IF NOT FOUND THEN
        RAISE 'version conflict' USING ERRCODE = 'serialization_failure';
    END IF;
    -- Ids that begin with the time, as ours do: random ones would spread over the whole index.
    INSERT INTO events_v2 VALUES (
        encode(overlay(uuid_send(gen_random_uuid()) PLACING
                       substring(int8send((extract(epoch FROM stamp) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 'hex')::uuid,
        stamp, p_aggregate, 'entity', 'order.placed', 'user-' || (random() * 1000)::integer, p_data::jsonb, '{}',
        p_expected + 1, NULL, gen_random_uuid(), 'api', position);
    RETURN position;
END
$$;
"""


def script_of(payload):
    # format() is not done once for all, as a cast of a constant would be: the text is parsed each time, as ours is.
    text = "x" * (payload - 11 - 6)
    return (
        "\\set n random(100000, 999999)\n"
        f'SELECT bench_append(gen_random_uuid(), 0, format(\'{{"text":"{text}%s"}}\', :n::text));\n'
    )


def cells(context):
    cluster = context.cluster

    def sample(clients, seconds):
        database = cluster.fresh()
        try:
            cluster.psql(database, _FUNCTION)
            return pgbench(cluster, database, script_of(context.payload), clients, seconds, context.warmup)
        finally:
            cluster.drop(database)

    return [
        Cell(
            name=f"sql_cas_{clients}",
            group="sql",
            title=f"one SQL transaction each, {clients} client{'s' * (clients > 1)}",
            sample=lambda seconds, clients=clients: sample(clients, seconds),
            layer="pgbench, no network layer",
        )
        for clients in (1, 16, 64)
    ]
