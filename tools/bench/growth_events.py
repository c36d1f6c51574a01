"""Events: appends to an empty store and to stores of up to ten million events, and reads of the latter."""

import growth_measure
from growth_fill import Filled
from growth_measure import APPENDS
from growth_run import shown

EVENTS = (10_000, 1_000_000, 10_000_000)
_DAYS = 30
# Above this a copy for each sample takes longer than the sample: appends then go into the store itself.
_LARGEST_CLONE = 1_000_000


def measure(run):
    stores = [Filled("growth_empty", 0, 1, spread=1)]
    stores += [
        Filled(f"growth_events_{n}", n, _DAYS, spread=max(1, n // 20)) for n in EVENTS if n <= run.arguments.max_events
    ]
    steps = []
    for store in stores:
        run.fill(store)
        for name in APPENDS:
            steps.append((f"{name}, {store.events:,} events", lambda s=store, n=name: _append(run, s, n)))
        if store.events:
            ids = growth_measure.ids_file(run.context, store.name, "spread", store.spread_ids(500))
            label = f"10 newest, {store.events:,} events"
            steps.append((label, lambda s=store, ids=ids: run.read_newest(s, "spread", ids)))
    run.rounds(steps)
    _report(run, stores)


def _append(run, store, name):
    if store.events > _LARGEST_CLONE:
        return run.append(store, store.name, name)
    with growth_measure.Clone(run.cluster, store.name) as copy:
        return run.append(store, copy, name)


def _report(run, stores):
    columns = ["events before", "AppendStream, 256 in flight", "unary, 64 in flight", "10 newest: p50 ms"]
    rows = []
    for store in stores:
        rates = [run.median(store.name, name, "rate") for name in APPENDS]
        p50 = run.median(store.name, "spread", "p50_ms")
        rows.append([f"{store.events:,}", *(shown(rate, 0) for rate in rates), shown(p50, 3)])
    run.table("events", f"Events, over {_DAYS} daily chunks, in aggregates of ten", columns, rows)
    series = {name: [[max(1, s.events), run.median(s.name, name, "rate")] for s in stores] for name in APPENDS}
    run.chart("events", "Appends as the store grows", "events", "events/s", series)
    if stores[-1].events == EVENTS[-1]:
        empty, full = (run.median(store.name, "append_stream_256", "rate") for store in (stores[0], stores[-1]))
        run.quotient("append_10m_events_vs_empty", full, empty)
