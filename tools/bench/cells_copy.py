"""COPY of the same rows into the same tables: the limit of what PostgreSQL takes in. And COPY of an aggregate out."""

import concurrent.futures
import datetime
import os
import random

from cell import Cell, Unavailable
from costs import Costs

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
_TYPES = ("placed", "paid", "packed", "shipped", "arrived", "cancelled", "changed", "refunded")
COLUMNS = (
    "id, timestamp, aggregate_id, aggregate_type, event_type, user_id, data, metadata, version, causation_id, "
    "correlation_id, source, global_position"
)
# Of what is expected, so that a cell takes about as long as the others.
_ROWS_A_SECOND = 30_000


def _uuid(bits):
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def write_rows(prefix, part, count, payload):
    """Files of rows as eventbench --distribution distinct writes them: one event and one head each."""
    names = f"{prefix}-{part}-events.tsv", f"{prefix}-{part}-heads.tsv"
    if all(os.path.exists(name) for name in names):
        return names
    rng = random.Random(part)
    texts = ["".join(rng.choices(_LETTERS, k=max(0, payload - 11))) for _ in range(256)]
    noon = datetime.datetime.now(datetime.timezone.utc).replace(hour=12, minute=0, second=0, microsecond=0)
    milliseconds = int(noon.timestamp() * 1000)
    day = noon.strftime("%Y-%m-%d")
    with open(names[0] + ".new", "w", encoding="ascii") as events, open(
        names[1] + ".new", "w", encoding="ascii"
    ) as heads:
        for i in range(count):
            # Ids of version 7 go up; two parts run at once and both do.
            event = _uuid(
                ((milliseconds + i // 30) << 80) | (7 << 76) | ((i % 30) << 64) | (2 << 62) | rng.getrandbits(62)
            )
            aggregate = _uuid(rng.getrandbits(128))
            if i % 10 == 0:
                correlation = _uuid(rng.getrandbits(128))
            stamp = f"{day} 12:{i // 1_800_000 % 60:02}:{i // 30_000 % 60:02}.{i % 30_000 * 33:06}+00"
            position = (1_000_000 + part * 100_000_000 + i // 64) << 20 | i % 64
            events.write(
                f"{event}\t{stamp}\t{aggregate}\tentity\torder.{_TYPES[rng.getrandbits(3)]}\t"
                f"user-{rng.randrange(1000)}\t"
                f'{{"text": "{texts[i & 255]}"}}\t{{}}\t1\t\\N\t{correlation}\tapi\t{position}\n'
            )
            heads.write(f"{aggregate}\t1\t{stamp}\t{stamp}\n")
    for name in names:
        os.rename(name + ".new", name)
    return names


def _load(cluster, database, files):
    """Begin and end of one session's COPY, by the database's clock."""
    clock = "SELECT extract(epoch FROM clock_timestamp());"
    output = cluster.psql(
        database,
        f"BEGIN;\n{clock}\n\\copy events_v2 ({COLUMNS}) FROM '{files[0]}'\n"
        f"\\copy aggregate_heads FROM '{files[1]}'\nCOMMIT;\n{clock}\n",
    )
    begin, end = (float(value) for value in output.split())
    return begin, end


def _first_chunk(cluster, database):
    """Makes the chunk beforehand, as warming up does for the others: two sessions would wait for each other there."""
    cluster.psql(
        database,
        f"INSERT INTO events_v2 ({COLUMNS}) VALUES (gen_random_uuid(), current_date + time '12:00', gen_random_uuid(), "
        "'entity', 'warm', NULL, '{}', '{}', 1, NULL, NULL, 'api', 1)",
    )


def cells(context):
    cluster = context.cluster
    rows = max(2_000, int(context.seconds * _ROWS_A_SECOND))
    prefix = os.path.join(context.folder, f"copy-{datetime.date.today()}-{rows}-{context.payload}")
    parts = [write_rows(prefix, part, rows, context.payload) for part in (0, 1)]

    def copy_in(sessions):
        database = cluster.fresh()
        try:
            _first_chunk(cluster, database)
            costs = Costs(cluster)
            with concurrent.futures.ThreadPoolExecutor(sessions) as pool:
                times = list(pool.map(lambda files: _load(cluster, database, files), parts[:sessions]))
            spent = costs.per_event(sessions * rows)
        finally:
            cluster.drop(database)
        seconds = max(end for _, end in times) - min(begin for begin, _ in times)
        return {"rate": sessions * rows / seconds, "rows": sessions * rows, "seconds": seconds, **spent}

    return [
        Cell(
            name=f"copy_{sessions}",
            group="copy",
            title=f"COPY, {sessions} session{'s' * (sessions > 1)}",
            sample=lambda seconds, sessions=sessions: copy_in(sessions),
            durability="fsync once, at the end",
            layer="psql",
        )
        for sessions in (1, 2)
    ]


def copy_out(cluster, database, seconds):
    """Rows a second of COPY of one aggregate, over and over in one session."""
    found = cluster.rows("SELECT aggregate_id, version FROM aggregate_heads ORDER BY version DESC LIMIT 1", database)
    if not found:
        raise Unavailable("no aggregate was filled to read")
    aggregate, version = found[0].split("|")
    query = (
        f"\\copy (SELECT {COLUMNS} FROM events_v2 WHERE aggregate_id = '{aggregate}' ORDER BY version) "
        "TO '/dev/null'\n"
    )
    times = 1
    while True:
        clock = "SELECT extract(epoch FROM clock_timestamp());\n"
        begin, end = (float(value) for value in cluster.psql(database, clock + query * times + clock).split())
        if end - begin >= 0.7 * seconds or times >= 100_000:
            return {"rate": int(version) * times / (end - begin), "seconds": end - begin}
        times = max(times + 1, int(times * seconds / max(1e-3, end - begin)))
