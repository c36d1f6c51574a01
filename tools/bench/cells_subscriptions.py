"""Subscriptions: how long after its acknowledgement an event comes, how fast a whole store is taken in, and what many
subscribers read."""

import time

from cell import Cell
from cells_copy import COLUMNS
from cluster import Store
from eventbench import drained, eventbench
from processes import Failed

_RATE = 2_000
_FOLLOWERS = (0, 1, 100)
# Statistics of a session that rests reach the view within a second.
_SETTLE_S = 1.5


def _followed(context, store, followers, seconds):
    result = eventbench(
        context,
        store.address,
        *("--mix", "append", "--distribution", "distinct", "--check", "exact", "--in-flight", "256"),
        *("--rate", str(_RATE), "--follow", str(followers)),
        seconds=seconds,
    )
    if followers and result["delivery"]["missing"]:
        raise Failed(f"{result['delivery']['missing']} events were acknowledged and not delivered")
    return result


def _rows_read(cluster, database):
    """Rows that any session has read in this database, as PostgreSQL counts them."""
    time.sleep(_SETTLE_S)
    sql = f"SELECT tup_returned + tup_fetched FROM pg_stat_database WHERE datname = '{database}'"
    return int(cluster.rows(sql)[0])


def _delivery(context, seconds):
    database = context.cluster.fresh()
    try:
        with Store(context.cluster, database) as store:
            result = _followed(context, store, 1, seconds)
    finally:
        context.cluster.drop(database)
    latency = result["delivery"]["latency_ms"]
    return {
        "rate": result["operations"]["append"]["events_per_second"],
        "p50_ms": latency["p50"],
        "p99_ms": latency["p99"],
        "delivered": result["delivery"]["delivered"],
    }


def _reads(context, followers, seconds):
    """Rows that the database reads for the subscribers, for each event: with them, less what is read without any."""
    read = {}
    for count in (0, followers):
        database = context.cluster.fresh()
        try:
            with Store(context.cluster, database) as store:
                before = _rows_read(context.cluster, database)
                result = _followed(context, store, count, seconds)
                rows = _rows_read(context.cluster, database) - before
                read[count] = rows / result["acknowledged_events"]
        finally:
            context.cluster.drop(database)
    return {"rate": read[followers] - read[0], "with": read[followers], "without": read[0]}


class _Whole:
    """A store with many events, made when it is first needed."""

    def __init__(self, context):
        self._context = context
        self._database = None

    def database(self):
        if self._database is None:
            self._database = self._context.cluster.fresh()
            fill = ("--mix", "batch", "--batch-size", "500", "--distribution", "distinct", "--in-flight", "4")
            with Store(self._context.cluster, self._database) as store:
                eventbench(self._context, store.address, *fill, seconds=5, warmup=0)
            self._context.cluster.psql(self._database, "VACUUM ANALYZE")
        return self._database

    def drain(self, *arguments):
        with Store(self._context.cluster, self.database()) as store:
            return {"rate": drained(self._context, store.address, *arguments)["events_per_second"]}

    def copy_out(self):
        database = self.database()
        clock = "SELECT extract(epoch FROM clock_timestamp());\n"
        query = f"\\copy (SELECT {COLUMNS} FROM events_v2 ORDER BY global_position) TO '/dev/null'\n"
        begin, end = (float(value) for value in self._context.cluster.psql(database, clock + query + clock).split())
        return {"rate": int(self._context.cluster.rows("SELECT count(*) FROM events_v2", database)[0]) / (end - begin)}


def cells(context):
    whole = _Whole(context)
    made = [
        Cell(
            name="delivery_2k",
            group="subscriptions",
            title=f"delivered to a subscriber after the acknowledgement, {_RATE:,} events a second",
            sample=lambda seconds: _delivery(context, seconds),
            durability="read",
        ),
        Cell(
            name="catch_up",
            group="subscriptions",
            title="ours, Subscribe from the beginning",
            sample=lambda seconds: whole.drain("--drain", "subscription"),
            durability="read",
        ),
        Cell(
            name="group_4",
            group="subscriptions",
            title="ours, a consumer group of 4 from the beginning, every event acknowledged",
            sample=lambda seconds: whole.drain("--drain", "group", "--consumers", "4"),
            durability="read",
        ),
        Cell(
            name="copy_out_all",
            group="subscriptions",
            title="COPY of the same store out, in the order of positions",
            sample=lambda seconds: whole.copy_out(),
            durability="read",
            layer="psql",
        ),
    ]
    for count in _FOLLOWERS[1:]:
        made.append(
            Cell(
                name=f"followers_{count}",
                group="subscriptions",
                title=f"rows the database reads an event for {count} subscriber{'s' * (count > 1)}",
                sample=lambda seconds, count=count: _reads(context, count, seconds),
                durability="read",
                unit="rows/event",
            )
        )
    return made
