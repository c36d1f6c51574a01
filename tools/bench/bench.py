#!/usr/bin/env python3
"""make bench: the event store, its peers and PostgreSQL's own limits side by side, in one run on one PostgreSQL.

Every round measures every cell once, beginning elsewhere each time, so that whatever else the machine does falls on
all of them. A cell during which the host took more than 4 % of the processors is measured again.
"""

import argparse
import importlib
import os
import sys

import machine
import options
from cell import Cell, Context, Unavailable
from cluster import Cluster
from processes import Failed
from progress import Progress
from report import Report

MOST_STEAL = 0.04
MOST_REPEATS = 3
# Group, module, what a group that cannot run is called. COPY beside ours: pairs that are compared are measured next
# to each other.
GROUPS = [
    ("copy", "cells_copy", "COPY"),
    ("ours", "cells_ours", "ours"),
    ("subscriptions", "cells_subscriptions", "subscriptions"),
    ("sql", "cells_sql", "one SQL transaction each"),
    ("messagedb", "cells_messagedb", "message-db"),
    ("emmett", "cells_emmett", "emmett-postgresql"),
    ("nats", "cells_nats", "NATS JetStream"),
    ("umadb", "cells_umadb", "UmaDB"),
]
# Beside the measured seconds: a fresh database and a server to start and stop.
_AROUND_S = 3.0


def parse_arguments():
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__.partition("\n\n")[0])
    options.add_common(parser, rounds=5, seconds=8)
    names = ", ".join(group for group, *_ in GROUPS)
    parser.add_argument("--only", default="", help=f"groups or cells, with commas between: {names}, unary_64, ...")
    return parser.parse_args()


def wanted(cell, only):
    return not only or cell.group in only or cell.name in only


def collect(context, only, report):
    """The cells that can run; the others are in the report, with the reason."""
    found = []
    for group, module, title in GROUPS:
        importable = importlib.import_module(module)
        # A group of which nothing is wanted shall not fetch its packages either. Names of cells begin with their
        # group's, those of ours and COPY cost nothing to make.
        if only and group not in only and group not in ("ours", "copy"):
            if not any(name.startswith(group) for name in only):
                continue
        print(f"preparing {title}", flush=True)
        try:
            cells = importable.cells(context)
        except (Unavailable, Failed) as error:
            print(f"  {title} is left out: {error}", flush=True)
            report.cannot(group, title, group, str(error))
            continue
        found += [cell for cell in cells if wanted(cell, only)]
    return found


def interleaved(cells, round_number):
    """COPY between ours and not before it, and another beginning in each round."""
    copies = [cell for cell in cells if cell.name in ("copy_1", "copy_2")]
    others = [cell for cell in cells if cell not in copies]
    order = []
    gap = max(1, len(others) // (len(copies) + 1))
    for i, cell in enumerate(others):
        order.append(cell)
        if copies and (i + 1) % gap == 0:
            order.append(copies.pop(0))
    order += copies
    begin = round_number * len(order) // 3 % max(1, len(order))
    return order[begin:] + order[:begin]


def measure(cell: Cell, context, progress, round_number):
    """One sample that the host did not disturb, as far as that can be had."""
    label = f"round {round_number + 1}: {cell.title}"
    progress.start(label)
    for repeat in range(MOST_REPEATS + 1):
        watch = machine.Watch()
        sample = cell.sample(context.seconds)
        shares = watch.shares()
        if shares["steal"] <= MOST_STEAL or repeat == MOST_REPEATS:
            break
        progress.end(f"{label}: {shares['steal']:.0%} of the processors were stolen, again")
        progress.again(label, context.seconds + context.warmup + _AROUND_S)
    sample.update(
        round=round_number + 1, steal=round(shares["steal"], 4), idle=round(shares["idle"], 3), repeats=repeat
    )
    rate = f"{sample['rate']:,.0f} {cell.unit}"
    p50 = f", p50 {sample['p50_ms']:.2f} ms" if sample.get("p50_ms") is not None else ""
    progress.end(f"{label}: {rate}{p50}")
    return sample


def run_rounds(cells, context, rounds, report):
    each = context.seconds + context.warmup + _AROUND_S
    progress = Progress([each] * len(cells) * rounds)
    for round_number in range(rounds):
        for cell in interleaved(cells, round_number):
            try:
                report.add_sample(cell.name, measure(cell, context, progress, round_number))
            except (Unavailable, Failed) as error:
                report.cannot(cell.name, cell.title, cell.group, str(error))
                progress.end(f"round {round_number + 1}: {cell.title}: could not run: {error}")
        report.compute_ratios()
        report.save()


def main():
    arguments = parse_arguments()
    folder = options.folder_of(arguments)
    only = [name for name in arguments.only.split(",") if name]
    report = Report(os.path.join(folder, "report.json"))
    report.data["cells"] = {}
    complete = False
    print("starting PostgreSQL", flush=True)
    cluster = Cluster(folder, os.path.abspath(arguments.binaries))
    try:
        report.begin("bench", cluster, options.described(arguments))
        source = os.path.dirname(os.path.abspath(__file__))
        context = Context(
            cluster,
            folder,
            os.path.abspath(arguments.binaries),
            arguments.seconds,
            arguments.warmup,
            arguments.payload,
            source,
        )
        cells = collect(context, only, report)
        for cell in cells:
            report.add_cell(cell)
        run_rounds(cells, context, arguments.rounds, report)
        complete = not only
    except KeyboardInterrupt:
        print("interrupted: what was measured so far is kept", file=sys.stderr)
    finally:
        cluster.stop()
    report.compute_ratios()
    options.finish(report, arguments, complete)


if __name__ == "__main__":
    main()
