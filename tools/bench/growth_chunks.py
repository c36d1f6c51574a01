"""Chunks: the same number of events over 1 to 3,650 days. The ten newest events of aggregates that live all the time,
and of those that lived for a moment; appends; and an aggregate that was changed on 391 days of ten years."""

import growth_fill
import growth_history
from growth_fill import Filled
from growth_measure import APPENDS, ids_file
from growth_run import shown
from processes import Failed

CHUNKS = (1, 30, 365, 3650)
_EVENTS = 200_000
_READ_AGGREGATES = 500
_POPULATIONS = {"spread": "spread over all chunks", "burst": "of one moment"}


def measure(run):
    events = min(_EVENTS, run.arguments.max_events)
    # A hundred events for each of those that live all the time.
    stores = [
        Filled(f"growth_chunks_{n}_{events}", events, n, spread=max(1, events // 200), decade=n == CHUNKS[-1])
        for n in CHUNKS
        if n <= run.arguments.max_chunks
    ]
    steps = []
    for store in stores:
        run.fill(store)
        steps += _steps(run, store)
    run.rounds(steps)
    _report(run, stores)


def _steps(run, store):
    steps = []
    for population, sql in (
        ("spread", store.spread_ids(_READ_AGGREGATES)),
        ("burst", store.burst_ids(_READ_AGGREGATES)),
    ):
        ids = ids_file(run.context, store.name, population, sql)
        label = f"10 newest, {_POPULATIONS[population]}, {store.days} chunks"
        steps.append((label, lambda name=population, ids=ids: run.read_newest(store, name, ids)))
    for name in APPENDS:
        steps.append((f"{name}, {store.days} chunks", lambda name=name: run.append(store, store.name, name)))
    if store.decade:
        aggregate = run.cluster.rows(growth_fill.DECADE_AGGREGATE, store.name)[0]
        steps.append(("aggregate of ten years", lambda: run.read_whole(store.name, aggregate)))
    return steps


def _report(run, stores):
    columns = ["chunks"]
    for population in _POPULATIONS.values():
        columns += [f"10 newest, {population}: p50 ms", "p99 ms"]
    columns += ["AppendStream, 256 in flight", "unary, 64 in flight"]
    rows = []
    for store in stores:
        reads = [run.median(store.name, name, key) for name in _POPULATIONS for key in ("p50_ms", "p99_ms")]
        rates = [run.median(store.name, name, "rate") for name in APPENDS]
        rows.append([store.days, *(shown(value, 3) for value in reads), *(shown(value, 0) for value in rates)])
    run.table("chunks", f"Chunks: {stores[0].events:,} events over so many days, one chunk a day", columns, rows)
    series = {
        line: [[store.days, run.median(store.name, name, "p50_ms")] for store in stores]
        for name, line in _POPULATIONS.items()
    }
    run.chart("chunks", "Ten newest events of an aggregate", "chunks", "p50 ms", series)
    if (stores[0].days, stores[-1].days) != (CHUNKS[0], CHUNKS[-1]):
        return
    first, last = (run.median(store.name, "spread", "p50_ms") for store in (stores[0], stores[-1]))
    run.quotient("stream_read_3650_chunks_vs_1", last, first)
    p50, p99 = (run.median(stores[-1].name, "whole", key) for key in ("p50_ms", "p99_ms"))
    run.report.set_ratio("stream_read_10_year_aggregate_ms", p50 and round(p50, 2))
    title = "An aggregate of ten years: 466 events on 391 days among 3,650 chunks, read whole"
    run.table("decade", title, ["p50 ms", "p99 ms"], [[shown(p50, 2), shown(p99, 2)]])


def measure_history(run):
    """The same with a real history, where one is given: its figure then is the one that the target speaks of."""
    if not run.arguments.history:
        raise Failed("no --history FILE was given")
    database = growth_history.load(run.cluster, run.arguments.history, run.settle)
    aggregate = run.cluster.rows(growth_history.LONG_LIVED, database)[0]
    run.rounds([("longest-lived aggregate of the history", lambda: run.read_whole(database, aggregate))])
    p50, p99, events = (run.median(database, "whole", key) for key in ("p50_ms", "p99_ms", "events"))
    counted = f"SELECT count(DISTINCT timestamp::date) FROM events_v2 WHERE aggregate_id = '{aggregate}'"
    days = int(run.cluster.rows(counted, database)[0])
    row = [shown(events, 0), days, shown(p50, 2), shown(p99, 2)]
    run.table(
        "history",
        "The longest-lived aggregate of a real history, read whole",
        ["events", "days", "p50 ms", "p99 ms"],
        [row],
    )
    if p50 and round(events) == 466:
        run.report.set_ratio("stream_read_10_year_aggregate_ms", round(p50, 2))
