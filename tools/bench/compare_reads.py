#!/usr/bin/python3
"""Two builds of eventstored side by side on stores that make bench-growth has filled: did a change of reads pay?

They take turns on the same PostgreSQL; medians. Processor time of the server and of PostgreSQL is counted over whole
runs, warming up included, so it is an upper bound; of a machine that does other things besides, it tells most.

    tools/bench/compare_reads.py old/bin build/bin                     # after make bench-growth ARGS="--only chunks"
    tools/bench/compare_reads.py old/bin build/bin --chunks 1,3650 --rounds 7
"""

import argparse
import os
import statistics
import sys

import costs
import growth_fill
import growth_measure
from cell import Context
from cluster import Cluster
from processes import Failed

_EVENTS = 200_000


def reads(context, cluster, chunks):
    """(label, database, function of a server's address) of what can be read."""
    found = []
    for count in chunks:
        name = f"growth_chunks_{count}_{_EVENTS}"
        if not cluster.rows(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            print(f"left out: {name} is not filled; make bench-growth ARGS='--only chunks' does that", flush=True)
            continue
        ids = os.path.join(context.folder, f"{name}-spread.ids")
        found.append((f"10 newest, {count} chunks", name, lambda at, ids=ids: growth_measure.read_newest(context, at, ids)))
        if count == max(chunks):
            for aggregate in cluster.rows(growth_fill.DECADE_AGGREGATE, name)[:1]:
                read = lambda at, one=aggregate: growth_measure.read_whole(context, at, one)  # noqa: E731
                found.append(("an aggregate of ten years", name, read))
    return found


def sample(context, cluster, binaries, database, read):
    cluster.binaries = os.path.abspath(binaries)
    with growth_measure.open_store(context, database) as store:
        spent = costs.Costs(cluster, store.pid)
        one = read(store.address)
        count = max(1, one["operations_per_second"] * (context.seconds + context.warmup))
        used = spent.per_event(count, 0)
    return one["p50_ms"], used[costs.SERVER], used[costs.POSTGRES]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", help="folder of the one build's programs")
    parser.add_argument("new", help="folder of the other's")
    parser.add_argument("--chunks", default="1,30,3650", help="stores by their number of chunks (default 1,30,3650)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of each sample (default 2)")
    parser.add_argument("--folder", default="build/bench", help="where the stores are (default build/bench)")
    options = parser.parse_args()
    folder = os.path.abspath(options.folder)
    cluster = None
    try:
        cluster = Cluster(folder, os.path.abspath(options.old))
        context = Context(cluster, folder, os.path.abspath(options.new), options.seconds, 1, 200, "")
        cells = reads(context, cluster, [int(text) for text in options.chunks.split(",")])
        print(f"{'':30}{'p50 ms':>16}{'server us':>16}{'database us':>16}   old, new")
        for label, database, read in cells:
            samples = {"old": [], "new": []}
            for turn in range(options.rounds):
                for name in ("old", "new") if turn % 2 == 0 else ("new", "old"):
                    samples[name].append(sample(context, cluster, getattr(options, name), database, read))
            old, new = ([statistics.median(column) for column in zip(*samples[name])] for name in ("old", "new"))
            figures = "".join(f"{f'{a:.{d}f} {b:.{d}f}':>16}" for a, b, d in zip(old, new, (3, 0, 0)))
            print(f"{label:30}{figures}", flush=True)
        return 0
    except Failed as error:
        print(f"compare_reads: {error}", file=sys.stderr)
        return 1
    finally:
        if cluster is not None:
            cluster.stop()


if __name__ == "__main__":
    sys.exit(main())
