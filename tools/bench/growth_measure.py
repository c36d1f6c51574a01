"""What is measured on one grown store: appends, and reads of the ten newest events of an aggregate."""

import os
import time

from cluster import Store
from eventbench import eventbench, sample_of
from processes import Failed
from progress import duration

_NEWEST = ("--mix", "replay", "--in-flight", "1", "--newest-first", "--read-limit", "10")
APPENDS = {
    "append_stream_256": ("--mix", "stream", "--distribution", "distinct", "--check", "exact", "--in-flight", "256"),
    "append_unary_64": ("--mix", "append", "--distribution", "distinct", "--check", "exact", "--in-flight", "64"),
}
# How long the server may take to note its closed chunks without a new one.
_PATIENCE_S = 60
_TELL_EVERY_S = 5
# One that opens thousands of chunks may need a second.
_LONG_READ_S = 5


def wait_until_closed(cluster, database):
    """Until the server has recorded all chunks that are closed; nothing to wait for where it records none."""
    if not cluster.rows("SELECT to_regclass('closed_chunks')", database):
        return
    first, last, began = None, None, time.monotonic()
    changed = told = began
    while True:
        closed = int(cluster.rows("SELECT count(*) FROM closed_chunks", database)[0])
        # Today's chunk is open, and yesterday's for a while.
        chunks = "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'events_v2'"
        all_chunks = int(cluster.rows(chunks, database)[0])
        if closed >= all_chunks - 2:
            return
        first = closed if first is None else first
        if closed != last:
            last, changed = closed, time.monotonic()
        if time.monotonic() - told >= _TELL_EVERY_S and closed > first:
            told = time.monotonic()
            left = (told - began) / (closed - first) * (all_chunks - closed)
            print(f"  {database}: {closed:,} of {all_chunks:,} chunks closed, {duration(left)} left", flush=True)
        if time.monotonic() - changed > _PATIENCE_S:
            print(
                f"  {database}: {all_chunks - closed:,} chunks are still not recorded as closed; going on", flush=True
            )
            return
        time.sleep(1)


def ids_file(context, database, name, sql):
    """Aggregates to read, for --aggregates-from."""
    path = os.path.join(context.folder, f"{database}-{name}.ids")
    ids = context.cluster.rows(sql, database)
    if not ids:
        raise Failed(f"{database} holds no aggregate to read")
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(ids) + "\n")
    return path


def read_newest(context, address, path):
    """Of aggregates in turn, one read at a time."""
    return sample_of(eventbench(context, address, *_NEWEST, "--aggregates-from", path), "replay")


def read_whole(context, address, aggregate):
    arguments = ("--mix", "replay", "--in-flight", "1", "--aggregate", aggregate)
    seconds = max(context.seconds, _LONG_READ_S)
    return sample_of(eventbench(context, address, *arguments, seconds=seconds), "replay")


def append(context, address, name):
    kind = APPENDS[name][1]
    return sample_of(eventbench(context, address, *APPENDS[name]), kind)


class Clone:
    """A copy that appends may grow, dropped at the end: with Clone(cluster, name) as copy: ..."""

    def __init__(self, cluster, name):
        self._cluster = cluster
        self._name = name

    def __enter__(self):
        cluster = self._cluster
        cluster.seal(self._name)
        try:
            self._copy = cluster.fresh(self._name)
        finally:
            cluster.psql("postgres", f"ALTER DATABASE {self._name} WITH ALLOW_CONNECTIONS true")
        return self._copy

    def __exit__(self, *_):
        self._cluster.drop(self._copy)


def open_store(context, database):
    """A server that has done what it does after a start."""
    store = Store(context.cluster, database)
    try:
        wait_until_closed(context.cluster, database)
        # So that none comes in the middle of one sample and not of another.
        context.cluster.psql("postgres", "CHECKPOINT")
    except BaseException:
        store.stop()
        raise
    return store
