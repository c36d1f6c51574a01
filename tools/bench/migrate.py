#!/usr/bin/python3
"""How fast eventctl migrate-events moves a legacy table in, beside COPY of the rows it makes.

The legacy table is in a database of its own, in the same PostgreSQL as the stores. Each sample has a store of its own,
empty, with the chunk interval that the migration proposes: the migration and the COPY both make the same chunks. COPY is
one session that loads the finished rows of events_v2, with its eight indexes, and of aggregate_heads, one commit. What
is measured of the migration is the whole command, from its start to its end.

    tools/bench/migrate.py
    tools/bench/migrate.py --lines history.jsonl.xz --rounds 5
    tools/bench/migrate.py --lines history.jsonl.xz --batch-sizes "100 500 2000 5000" --writers "1 2"

Lines are {id, timestamp, type, user_id, correlation_id, data} with the entity in data.entityId, packed with xz or not.
Without --lines rows of that shape are made: ten years, seven events an entity, many of them on one day.
"""

import argparse
import json
import lzma
import os
import shutil
import statistics
import sys
import tempfile
import time

import machine
from cells_copy import COLUMNS
from cluster import Cluster
from costs import CLIENT, IDLE, POSTGRES, Costs
from processes import Failed, run

SOURCE = "bench_migrate_source"
_TABLE = """
CREATE TABLE events (id uuid PRIMARY KEY, timestamp timestamptz NOT NULL, type text NOT NULL, data jsonb NOT NULL,
                     user_id text, correlation_id uuid);
"""
_LOAD = """
CREATE TEMPORARY TABLE lines (line text);
\\copy lines FROM '{path}' WITH (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')
INSERT INTO events
SELECT (l->>'id')::uuid, (l->>'timestamp')::timestamptz, l->>'type', l->'data', l->>'user_id',
       (l->>'correlation_id')::uuid
FROM (SELECT line::jsonb AS l FROM lines) AS parsed;
"""
_MAKE = """
INSERT INTO events
SELECT md5('event' || n)::uuid,
       '2015-01-01 08:00:00+00'::timestamptz + day * interval '1 day' + n % 8 * interval '1 hour',
       'file.' || (ARRAY['added', 'changed', 'changed', 'removed'])[1 + n % 4],
       jsonb_build_object('entityId', md5('entity' || n % ({rows} / 7 + 1))::uuid, 'path', 'part/' || md5('p' || n % 5000),
                          'commit', substr(md5('commit' || n / 8), 1, 12), 'subject', repeat(md5('subject' || n / 8), 2),
                          'additions', n % 97, 'deletions', n % 53),
       'author-' || n / 8 % 160, md5('commit' || n / 8)::uuid
FROM (SELECT n, (n::bigint * 3650 / {rows})::integer AS day FROM generate_series(1, {rows}) AS n) AS placed;
"""
_CLOCK = "SELECT extract(epoch FROM clock_timestamp());\n"


def make_source(cluster, options, folder):
    """The number of its rows."""
    cluster.create(SOURCE, "template0")
    cluster.psql(SOURCE, _TABLE)
    if options.lines:
        opened = lzma.open if options.lines.endswith(".xz") else open
        path = os.path.join(folder, "lines")
        with opened(options.lines, "rb") as file, open(path, "wb") as plain:
            shutil.copyfileobj(file, plain)
        cluster.psql(SOURCE, _LOAD.format(path=path))
    else:
        cluster.psql(SOURCE, _MAKE.format(rows=options.rows))
    cluster.psql(SOURCE, "VACUUM ANALYZE events")
    return int(cluster.rows("SELECT count(*) FROM events", SOURCE)[0])


def migrate(cluster, options, database, flags):
    command = [os.path.join(cluster.binaries, "eventctl"), "--json", "migrate-events"]
    command += ["--database", cluster.conninfo(database), "--source-url", cluster.conninfo(SOURCE)]
    return json.loads(run([*command, *flags, *options.flags.split()]).splitlines()[-1])


def one_migration(cluster, options, rows, flags):
    database = cluster.fresh()
    try:
        costs, began = Costs(cluster), time.monotonic()
        report = migrate(cluster, options, database, flags)
        seconds = time.monotonic() - began
        if report["written"] != rows:
            raise Failed(f"the migration wrote {report['written']} of {rows} rows")
        # Before the database goes: its sessions' time is counted when they have ended.
        return {"rate": rows / seconds, "seconds": seconds, "moving": report["seconds"], **costs.per_event(rows)}
    finally:
        cluster.drop(database)


def finished_rows(cluster, options, folder):
    """The files of a migration's events and heads, and the length of its chunks in microseconds."""
    database = cluster.fresh()
    names = os.path.join(folder, "events.tsv"), os.path.join(folder, "heads.tsv")
    try:
        migrate(cluster, options, database, [])
        cluster.psql(
            database,
            f"\\copy (SELECT {COLUMNS} FROM events_v2 ORDER BY global_position) TO '{names[0]}'\n"
            f"\\copy aggregate_heads TO '{names[1]}'\n",
        )
        length = (
            "SELECT (extract(epoch FROM range_end - range_start) * 1000000)::bigint FROM timescaledb_information.chunks "
            "WHERE hypertable_name = 'events_v2' GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
        )
        return *names, int(cluster.rows(length, database)[0])
    finally:
        cluster.drop(database)


def one_copy(cluster, rows, files):
    database = cluster.fresh()
    try:
        cluster.psql(database, f"SELECT set_chunk_time_interval('events_v2', {files[2]}::bigint)")
        costs = Costs(cluster)
        output = cluster.psql(
            database,
            f"{_CLOCK}BEGIN;\n\\copy events_v2 ({COLUMNS}) FROM '{files[0]}'\n\\copy aggregate_heads FROM '{files[1]}'\n"
            f"COMMIT;\n{_CLOCK}",
        )
        begin, end = (float(value) for value in output.split())
        return {"rate": rows / (end - begin), "seconds": end - begin, **costs.per_event(rows)}
    finally:
        cluster.drop(database)


def median(samples):
    return {key: statistics.median(sample[key] for sample in samples) for key in samples[0]}


def show(name, samples, copy):
    middle = median(samples)
    low, high = min(s["rate"] for s in samples), max(s["rate"] for s in samples)
    print(
        f"| {name} | {middle['rate']:,.0f} | {low:,.0f} to {high:,.0f} | {middle['rate'] / copy['rate']:.2f} | "
        f"{middle['seconds']:.2f} | {middle[CLIENT]:.1f} | {middle[POSTGRES]:.1f} | {middle[IDLE]:.0%} |"
    )


def measure(cluster, options, folder):
    rows = make_source(cluster, options, folder)
    files = finished_rows(cluster, options, folder)
    cells = {"COPY, one session": lambda: one_copy(cluster, rows, files)}
    for writers in options.writers.split() or [""]:
        for size in options.batch_sizes.split() or [""]:
            flags = (["--batch-size", size] if size else []) + (["--writers", writers] if writers else [])
            cells[" ".join(["migrate-events", *flags])] = lambda flags=flags: one_migration(cluster, options, rows, flags)
    samples = {name: [] for name in cells}
    for turn in range(options.rounds):
        for name in cells if turn % 2 == 0 else reversed(cells):
            samples[name].append(cells[name]())
    return rows, files[2], samples


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", default="", help="JSON lines to load as the legacy table")
    parser.add_argument("--rows", type=int, default=60_000, help="to make, without --lines (default 60000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch-sizes", default="", help="several to compare (default: the command's own)")
    parser.add_argument("--writers", default="", help="several to compare (default: the command's own)")
    parser.add_argument("--flags", default="", help="more of them, for each migration")
    parser.add_argument("--binaries", default="build/bin", help="where eventstored and eventctl are")
    parser.add_argument("--folder", default="build/migrate", help="is removed afterwards (default build/migrate)")
    parser.add_argument("--json", action="store_true", help="all samples, for programs")
    options = parser.parse_args()
    folder = os.path.abspath(options.folder)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    cluster, watch = None, machine.Watch()
    try:
        cluster = Cluster(folder, os.path.abspath(options.binaries))
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            rows, interval, samples = measure(cluster, options, scratch)
        if options.json:
            print(json.dumps({"rows": rows, "chunk_interval_us": interval, "samples": samples}))
            return 0
        print(f"{rows:,} rows, chunks of {interval / 86_400e6:g} days, {options.rounds} rounds, {watch.shares()['steal']:.0%} stolen")
        print("| | rows/s | lowest to highest | ÷ COPY | seconds | client µs a row | PostgreSQL µs | idle |")
        print("|---|---|---|---|---|---|---|---|")
        for name, taken in samples.items():
            show(name, taken, median(samples["COPY, one session"]))
        return 0
    except Failed as error:
        print(f"migrate: {error}", file=sys.stderr)
        return 1
    finally:
        if cluster is not None:
            cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
