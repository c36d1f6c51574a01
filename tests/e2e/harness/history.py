"""Events of past days, written into the database as years of running would have left them."""
import itertools

from harness.client import new_id
from harness.database import quoted
from harness.messages import event as event_pb
from harness.messages import from_micros, micros

DAY = 86_400_000_000  # microseconds
HOUR = DAY // 24
# Below every position that a transaction of today makes.
_positions = itertools.count(1)


def now(database):
    """The database's clock in microseconds."""
    return int(database.run("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"))


def past_event(aggregate_id, version, time, **fields):
    """A RecordedEvent at `time` (microseconds); positions follow the order of these calls."""
    fields.setdefault("event_type", "order.placed")
    fields.setdefault("aggregate_type", "entity")
    fields.setdefault("source", "api")
    fields.setdefault("data", '{"n": %d}' % version)
    fields.setdefault("metadata", "{}")
    fields.setdefault("id", new_id())
    return event_pb.RecordedEvent(
        aggregate_id=aggregate_id,
        version=version,
        timestamp=from_micros(time),
        global_position=next(_positions),
        **fields,
    )


def _row(event):
    def text(value):
        return quoted(value) if value else "NULL"

    time = f"to_timestamp(0) + {micros(event.timestamp)} * interval '1 microsecond'"
    values = [text(event.id), time, text(event.aggregate_id), text(event.aggregate_type), text(event.event_type)]
    values += [text(event.user_id), text(event.data), text(event.metadata), str(event.version)]
    values += [text(event.causation_id), text(event.correlation_id), text(event.source), str(event.global_position)]
    return "(" + ", ".join(values) + ")"


def native(database):
    return database.run("SELECT engine FROM store_identity") == "native"


def ensure_partition(database, time):
    """Sees to it that events can be written at `time` (microseconds), with an engine that does not make it at the insert."""
    if native(database):
        at = f"to_timestamp({time // 1_000_000})"
        database.run(
            "SELECT events_v2_make_partition(range_start, range_end) "
            f"FROM events_v2_missing_partitions({at}, {at} + interval '1 microsecond')"
        )


def tables(database):
    """Of all chunks that are there, the oldest first."""
    if native(database):
        return database.run("SELECT name FROM events_v2_partitions ORDER BY range_start").split()
    return database.run(
        "SELECT format('%I.%I', chunk_schema, chunk_name) FROM timescaledb_information.chunks "
        "WHERE hypertable_name = 'events_v2' ORDER BY range_start"
    ).split()


def drop_until(database, end):
    """Drops the chunks that end by `end` (seconds since 1970)."""
    if native(database):
        for name in database.run(
            f"SELECT name FROM events_v2_partitions WHERE range_end <= to_timestamp({end}) ORDER BY range_start"
        ).split():
            database.run(f"DROP TABLE {name}")
        return
    while True:
        try:
            database.run(f"SELECT count(*) FROM drop_chunks('events_v2', older_than => to_timestamp({end}))")
            return
        except AssertionError as error:
            # With a reader that plans on the same chunk; PostgreSQL ended one of the two.
            if "deadlock detected" not in str(error):
                raise


def drop_before(database, event):
    """Drops the chunks that end before this event's."""
    drop_until(database, event.timestamp.seconds)


def write(database, events):
    """Writes the events and the heads of their aggregates."""
    for day in {micros(event.timestamp) // DAY for event in events}:
        ensure_partition(database, day * DAY)
    rows = ",\n".join(_row(event) for event in events)
    database.run(
        f"""
        BEGIN;
        CREATE TEMP TABLE history (LIKE events_v2) ON COMMIT DROP;
        INSERT INTO history VALUES {rows};
        INSERT INTO events_v2 SELECT * FROM history;
        INSERT INTO aggregate_heads (aggregate_id, version, first_timestamp, last_timestamp)
        SELECT aggregate_id, max(version), min(timestamp), max(timestamp) FROM history GROUP BY aggregate_id;
        COMMIT;
        """
    )
