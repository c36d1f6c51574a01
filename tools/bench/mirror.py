#!/usr/bin/env python3
"""mirror.py [--rounds N] [--seconds S]: what an append pays while the store mirrors into a legacy table (docs/migration.md).

One server with one store, and a legacy table `events` with its primary key and an index on the time. Samples with and
without the mirror alternate; medians are reported. Needs build/bin (make build).
"""

import argparse
import json
import os
import statistics
import sys
import tempfile

from cluster import Cluster, Store
from processes import environment, run

BINARIES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "bin")
SHAPES = {
    "one append at a time": ["--in-flight", "1"],
    "64 appends in flight": ["--in-flight", "64"],
    "AppendBatch of 100, 4 in flight": ["--mix", "batch", "--in-flight", "4"],
}
TABLE = """
CREATE TABLE events (id uuid PRIMARY KEY, timestamp timestamptz NOT NULL, type text NOT NULL, data jsonb NOT NULL, user_id text);
CREATE INDEX ON events (timestamp);
"""


def measure(address, arguments, shape):
    """Events a second, and the median latency in milliseconds."""
    command = [os.path.join(BINARIES, "eventbench"), "--server", address, "--json", "--seconds", str(arguments.seconds),
               "--warmup", "1", *SHAPES[shape]]
    (operation,) = json.loads(run(command, env=environment()))["operations"].values()
    return operation["events_per_second"], operation["latency_ms"]["p50"]


def report(arguments, folder):
    cluster = Cluster(folder, BINARIES)
    try:
        cluster.create("bench_mirror", "template0")
        conninfo = cluster.conninfo("bench_mirror")
        eventctl = os.path.join(BINARIES, "eventctl")
        with Store(cluster, "bench_mirror") as store:
            cluster.psql("bench_mirror", TABLE)
            print("| | alone | with the mirror | ratio | p50 alone | p50 with it |\n|---|---|---|---|---|---|")
            for shape in SHAPES:
                samples = {False: [], True: []}
                for _ in range(arguments.rounds):
                    for mirrored, of_kind in samples.items():
                        if mirrored:
                            run([eventctl, "dual-write", "install", "--direction", "store-to-legacy", "--database", conninfo])
                        of_kind.append(measure(store.address, arguments, shape))
                        if mirrored:
                            run([eventctl, "dual-write", "remove", "--yes", "--database", conninfo])
                (rate, p50), (mirrored_rate, mirrored_p50) = ([statistics.median(one) for one in zip(*of_kind)]
                                                              for of_kind in samples.values())
                print(f"| {shape} | {rate:,.0f} | {mirrored_rate:,.0f} | {mirrored_rate / rate:.2f} | {p50:.2f} ms | "
                      f"{mirrored_p50:.2f} ms |", flush=True)
    finally:
        cluster.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mirror-") as folder:
        os.chmod(folder, 0o755)  # started by root, PostgreSQL runs with another account
        report(arguments, folder)


if __name__ == "__main__":
    sys.exit(main())
