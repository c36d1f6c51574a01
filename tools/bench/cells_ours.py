"""The event store: gRPC client, server and PostgreSQL on this machine, every append checked and durable."""

from cell import Cell
from cells_copy import copy_out
from cluster import Store
from costs import Costs, client_us
from eventbench import eventbench, sample_of
from processes import Failed

REPLAYED_EVENTS = 10_000

# New aggregates, each expected not to exist: the same for every contender, and the most work for heads and indexes.
_NEW = ("--distribution", "distinct", "--check", "exact")


def _count_matches(cluster, database, result):
    """What was acknowledged is in the tables, no more and no less: a figure of a store that loses events is worth
    nothing."""
    stored = int(cluster.rows("SELECT count(*) FROM events_v2", database)[0])
    heads = int(cluster.rows("SELECT coalesce(sum(version), 0) FROM aggregate_heads", database)[0])
    if not stored == heads == result["acknowledged_events"]:
        raise Failed(f"{result['acknowledged_events']} events acknowledged, {stored} stored, {heads} in the heads")


def sample_append(context, kind, *arguments, seconds):
    database = context.cluster.fresh()
    try:
        with Store(context.cluster, database) as store:
            costs = Costs(context.cluster, store.pid)
            result = eventbench(context, store.address, "--mix", kind, *arguments, seconds=seconds)
            # Warming up included on both sides.
            spent = costs.per_event(result["acknowledged_events"], client_us(result, kind))
        _count_matches(context.cluster, database, result)
        return {**sample_of(result, kind), **spent}
    finally:
        context.cluster.drop(database)


def sample_ping(context, seconds):
    """The limit for unary calls: client, server and gRPC between them, and nothing behind."""
    database = context.cluster.fresh()
    try:
        with Store(context.cluster, database) as store:
            costs = Costs(context.cluster, store.pid)
            result = eventbench(context, store.address, "--mix", "ping", "--in-flight", "64", seconds=seconds)
            sample = sample_of(result, "ping")
            sample["rate"] = sample["operations_per_second"]
            calls = sample["rate"] * seconds
            # Those while warming up are not counted, and taken to be as many a second.
            spent = costs.per_event(calls * (1 + context.warmup / seconds), 1e6 * result["client_cpu_seconds"] / calls)
        return {**sample, **spent}
    finally:
        context.cluster.drop(database)


class Replay:
    """A database with one long aggregate, made when it is first needed."""

    def __init__(self, context):
        self._context = context
        self._database = None

    def database(self):
        if self._database is None:
            self._database = self._context.cluster.fresh()
            fill = ("--mix", "replay", "--fill", str(REPLAYED_EVENTS), "--aggregates", "1", "--in-flight", "1")
            with Store(self._context.cluster, self._database) as store:
                eventbench(self._context, store.address, *fill, seconds=0.1, warmup=0)
            self._aggregate = self._context.cluster.rows("SELECT aggregate_id FROM aggregate_heads", self._database)[0]
            self._context.cluster.psql(self._database, "VACUUM ANALYZE")
        return self._database

    def sample(self, seconds):
        database = self.database()
        arguments = ("--mix", "replay", "--aggregate", self._aggregate, "--in-flight", "1")
        with Store(self._context.cluster, database) as store:
            result = eventbench(self._context, store.address, *arguments, seconds=seconds)
        return sample_of(result, "replay")

    def sample_copy_out(self, seconds):
        return copy_out(self._context.cluster, self.database(), seconds)


def cells(context):
    def appends(name, title, kind, *arguments):
        def sample(seconds):
            return sample_append(context, kind, *arguments, seconds=seconds)

        return Cell(name=name, group="ours", title=title, sample=sample)

    made = []
    for n in (1, 16, 64, 256):
        made.append(appends(f"unary_{n}", f"ours, unary, {n} in flight", "append", *_NEW, "--in-flight", str(n)))
    for n in (10, 100, 1000):
        size = ("--batch-size", str(n), "--in-flight", "4")
        made.append(appends(f"batch_{n}", f"ours, AppendBatch of {n}, 4 in flight", "batch", *_NEW, *size))
    for n in (1, 16, 64, 256):
        made.append(
            appends(f"stream_{n}", f"ours, AppendStream, {n} in flight", "stream", *_NEW, "--in-flight", str(n))
        )
    anyway = ("--check", "any", "--in-flight", "64")
    made.append(
        appends(
            "distinct_any_64",
            "ours, any version, new aggregates, 64 in flight",
            "append",
            *anyway,
            "--distribution",
            "distinct",
        )
    )
    made.append(
        appends(
            "hot_any_64",
            "ours, any version, one hot aggregate, 64 in flight",
            "append",
            *anyway,
            "--distribution",
            "hot",
        )
    )
    made.append(
        Cell(
            name="ping_64",
            group="ours",
            title="calls that do nothing (health check), 64 in flight",
            sample=lambda seconds: sample_ping(context, seconds),
            unit="calls/s",
            durability="",
        )
    )
    replay = Replay(context)
    made.append(
        Cell(
            name="replay",
            group="ours",
            title=f"ours, replay of {REPLAYED_EVENTS:,} events",
            sample=replay.sample,
            durability="read",
        )
    )
    made.append(
        Cell(
            name="copy_out",
            group="copy",
            title=f"COPY of {REPLAYED_EVENTS:,} events out",
            sample=replay.sample_copy_out,
            durability="read",
            layer="psql",
        )
    )
    return made
