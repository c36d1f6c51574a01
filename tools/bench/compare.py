#!/usr/bin/python3
"""Two builds of eventstored side by side: did a change pay?

Each has a private PostgreSQL of its own. They take turns in every cell, so that what else the machine does hits both;
what counts is the ratio of the medians. On a folder in memory (--folder /dev/shm/compare) the disk is left out and what
remains is work.

    tools/bench/compare.py old/bin/eventstored build/bin/eventstored
    tools/bench/compare.py OLD NEW --cells "append --in-flight 64; batch --batch-size 100 --in-flight 4" --rounds 7
    tools/bench/compare.py OLD NEW --cells "replay --fill 10000 --aggregates 1 --in-flight 1"
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import types

from eventbench import eventbench, sample_of
from machine import cpu_seconds
from processes import Failed, Process

CELLS = "append --in-flight 1; append --in-flight 64; stream --in-flight 256; batch --batch-size 100 --in-flight 4"
SETTINGS = "shared_buffers = 512MB\nmax_wal_size = 8GB\nautovacuum = off\n"


class Server:
    def __init__(self, binary, folder):
        data = os.path.join(folder, "data")
        os.makedirs(data)
        os.chmod(folder, 0o755)  # PostgreSQL runs as another account when started as root
        with open(os.path.join(data, "local.conf"), "w", encoding="utf-8") as file:
            file.write(SETTINGS)
        command = [binary, "--data-dir", data, "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]
        self._process = Process(command, os.path.join(folder, "server.log"))
        self.address = self._process.wait_for_log(r"serving gRPC on (\S+)").group(1)

    def cpu(self):
        """Seconds of the server, and of its PostgreSQL's processes that live."""
        lines = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.split("\n")
        parent = {int(pid): int(ppid) for pid, ppid in (line.split() for line in lines if line.strip())}
        ours = [p for p in parent if self._process.pid in (parent[p], parent.get(parent[p]), parent.get(parent.get(parent[p])))]
        database = 0
        for pid in ours:
            try:
                database += cpu_seconds(pid)
            except FileNotFoundError:
                pass
        return cpu_seconds(self._process.pid), database

    def stop(self):
        self._process.stop()


def measure(context, server, cell):
    kind, *arguments = cell.split()
    before = server.cpu()
    writes = kind in ("append", "batch", "stream")
    if writes:
        arguments += ["--distribution", "distinct"]
    result = eventbench(context, server.address, "--mix", kind, *arguments)
    after = server.cpu()
    sample = sample_of(result, kind)
    # Of reads without those while warming up, and with what it took to fill: their processor time is an upper bound.
    events = max(1, result["acknowledged_events"] if writes else result["operations"][kind]["events"])
    return sample["rate"], sample["p50_ms"], *(1e6 * (b - a) / events for a, b in zip(before, after))


def row(context, servers, cell, rounds):
    samples = {"old": [], "new": []}
    try:
        for turn in range(rounds):
            for name in ("old", "new") if turn % 2 == 0 else ("new", "old"):
                samples[name].append(measure(context, servers[name], cell))
    except Failed as error:
        return f"  not measured: {error}"
    old, new = ([statistics.median(column) for column in zip(*samples[name])] for name in ("old", "new"))
    pairs = zip(old, new, (0, 3, 1, 1), (18, 16, 16, 16))
    figures = "".join(f"{f'{a:.{digits}f} {b:.{digits}f}':>{width}}" for a, b, digits, width in pairs)
    return f"{figures}  {new[0] / old[0]:.2f} {new[1] / old[1]:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--cells", default=CELLS, help="mixes of eventbench with their flags, with semicolons between")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of each sample (default 2)")
    parser.add_argument("--payload", type=int, default=200)
    parser.add_argument("--binaries", default="build/bin", help="where eventbench is (default build/bin)")
    parser.add_argument("--folder", default="build/compare", help="is removed afterwards (default build/compare)")
    options = parser.parse_args()
    context = types.SimpleNamespace(
        binaries=options.binaries, seconds=options.seconds, warmup=0.3, payload=options.payload
    )
    folder = os.path.abspath(options.folder)
    shutil.rmtree(folder, ignore_errors=True)
    servers = {}
    try:
        for name in ("old", "new"):
            servers[name] = Server(getattr(options, name), os.path.join(folder, name))
        print(f"{'':44}{'events/s':>18}{'p50 ms':>16}{'server us':>16}{'database us':>16}  new ÷ old: rate, p50")
        for cell in (cell.strip() for cell in options.cells.split(";")):
            print(f"{cell:44}{row(context, servers, cell, options.rounds)}", flush=True)
    except Failed as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    finally:
        for server in servers.values():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
