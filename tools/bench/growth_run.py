"""What the parts of make bench-growth share: samples, rounds over all stores, one sample of each kind on one store."""

import statistics

import growth_measure
from growth_fill import fill
from processes import Failed
from progress import Progress

# Beside the measured seconds: a server to start and stop.
_AROUND_S = 4.0


def shown(value, digits):
    """A figure for a table; nothing where there is none."""
    return "" if value is None else f"{value:,.{digits}f}"


class Run:
    def __init__(self, context, arguments, report):
        self.context = context
        self.cluster = context.cluster
        self.arguments = arguments
        self.report = report
        self._samples = {}
        self._tables, self._charts = [], []

    def fill(self, store):
        fill(self.cluster, store, self.context.payload, lambda: self.settle(store.name))

    def settle(self, database):
        """Lets a server record which chunks are closed."""
        with growth_measure.open_store(self.context, database):
            pass

    def add(self, store, figure, sample):
        self._samples.setdefault(f"{store}: {figure}", []).append(sample)

    def median(self, store, figure, key):
        samples = self._samples.get(f"{store}: {figure}")
        return statistics.median(sample[key] for sample in samples) if samples else None

    def table(self, name, title, columns, rows):
        self._tables.append({"name": name, "title": title, "columns": columns, "rows": rows})

    def chart(self, name, title, x, y, series):
        """Of the points that were measured; series: {name: [[x, y], ...]}."""
        series = {line: [point for point in points if point[1] is not None] for line, points in series.items()}
        self._charts.append({"name": name, "title": title, "file": f"{name}.svg", "x": x, "y": y, "series": series})

    def quotient(self, key, above, below):
        """Sets a ratio of the report."""
        if above and below:
            self.report.set_ratio(key, round(above / below, 3))
        else:
            self.report.set_ratio(key, None, "a sample failed")

    def save(self):
        growth = self.report.data["growth"]
        # What this run has not measured stays from the last one.
        for kind, mine in (("tables", self._tables), ("charts", self._charts)):
            names = [one["name"] for one in mine]
            growth[kind] = [one for one in growth.get(kind, []) if one.get("name") not in names] + mine
        growth.setdefault("samples", {}).update(self._samples)
        self.report.save()

    def rounds(self, steps):
        """Every (label, action) in each round: samples of all stores alternate. One that fails ends no other."""
        rounds = self.arguments.rounds
        progress = Progress([self.context.seconds + self.context.warmup + _AROUND_S] * len(steps) * rounds)
        for number in range(1, rounds + 1):
            for label, action in steps:
                progress.start(f"round {number}: {label}")
                try:
                    outcome = action()
                except Failed as error:
                    outcome = f"failed: {error}"
                progress.end(f"round {number}: {label}: {outcome}")
            self.save()

    # One sample each; what it says is for the line of progress.

    def read_newest(self, store, population, ids):
        with growth_measure.open_store(self.context, store.name) as server:
            sample = growth_measure.read_newest(self.context, server.address, ids)
        self.add(store.name, population, sample)
        return f"p50 {sample['p50_ms']:.3f} ms"

    def append(self, store, database, name):
        with growth_measure.open_store(self.context, database) as server:
            sample = growth_measure.append(self.context, server.address, name)
        self.add(store.name, name, sample)
        return f"{sample['rate']:,.0f} events/s"

    def read_whole(self, database, aggregate):
        with growth_measure.open_store(self.context, database) as server:
            sample = growth_measure.read_whole(self.context, server.address, aggregate)
        sample["events"] = round(sample["rate"] / sample["operations_per_second"])
        self.add(database, "whole", sample)
        return f"{sample['events']} events, p50 {sample['p50_ms']:.2f} ms"
