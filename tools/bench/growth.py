#!/usr/bin/env python3
"""make bench-growth: does it stay as fast? Appends and reads of stores with up to ten years of daily chunks and ten
million events, and what open streams cost the server.

The stores are filled by SQL and kept in build/bench, so that a run that was ended early, or a second run, goes on
with what is there. Samples of the stores alternate; medians are reported.
"""

import argparse
import os
import sys

import growth_chunks
import growth_events
import growth_streams
import options
from cell import Context
from cluster import Cluster
from growth_run import Run
from processes import Failed
from report import Report

PARTS = {
    "chunks": growth_chunks.measure,
    "events": growth_events.measure,
    "history": growth_chunks.measure_history,
    "streams": growth_streams.measure,
}
MOST_EVENTS = growth_events.EVENTS[-1]
MOST_CHUNKS = growth_chunks.CHUNKS[-1]


def parse_arguments():
    parser = argparse.ArgumentParser(prog="make bench-growth ARGS=...", description=__doc__.partition("\n\n")[0])
    options.add_common(parser, rounds=5, seconds=5)
    parser.add_argument(
        "--max-events", type=int, default=MOST_EVENTS, help="leave out stores of more events (default 10 million)"
    )
    parser.add_argument(
        "--max-chunks", type=int, default=MOST_CHUNKS, help="leave out stores of more chunks (default 3650)"
    )
    parser.add_argument("--history", default="", help="a real history too: JSON lines, may be packed with xz")
    parser.add_argument("--only", default="", help="of chunks, events, streams, history; with commas between")
    parser.add_argument("--fresh", action="store_true", help="fill anew, do not use what an earlier run has filled")
    return parser.parse_args()


def run_parts(run, only):
    for name, measure in PARTS.items():
        if only and name not in only:
            continue
        print(f"\n{name}:", flush=True)
        try:
            measure(run)
            run.report.data["growth"].get("why_not", {}).pop(name, None)
        except Failed as error:
            print(f"  {name} could not be measured: {error}", flush=True)
            run.report.data["growth"].setdefault("why_not", {})[name] = str(error)
        run.save()


def main():
    arguments = parse_arguments()
    folder = options.folder_of(arguments)
    complete = False
    report = Report(os.path.join(folder, "report.json"))
    print("starting PostgreSQL", flush=True)
    cluster = Cluster(folder, os.path.abspath(arguments.binaries))
    try:
        report.begin("growth", cluster, options.described(arguments))
        if arguments.fresh:
            for name in cluster.rows("SELECT datname FROM pg_database WHERE datname LIKE 'growth_%'"):
                cluster.drop(name)
        context = Context(
            cluster,
            folder,
            os.path.abspath(arguments.binaries),
            arguments.seconds,
            arguments.warmup,
            arguments.payload,
            os.path.dirname(os.path.abspath(__file__)),
        )
        run_parts(Run(context, arguments, report), [name for name in arguments.only.split(",") if name])
        complete = not arguments.only and arguments.max_events >= MOST_EVENTS and arguments.max_chunks >= MOST_CHUNKS
    except KeyboardInterrupt:
        print("interrupted: what was measured so far is kept", file=sys.stderr)
    finally:
        cluster.stop()
    options.finish(report, arguments, complete)


if __name__ == "__main__":
    main()
