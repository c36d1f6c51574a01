"""Stores of many chunks or many events, made by SQL in minutes: what the server would have written over years.

Each is a database of its own that is kept between runs. Filling goes window by window of time, each one transaction
that also notes how far it has come: ended early, it goes on there. Positions are made of the transaction's id as the
server makes them, and windows follow time, so that versions, times and positions agree.
"""

import dataclasses
import time

from progress import duration

# Of one transaction: each chunk that it touches takes a lock and, when it is new, a file for each of its indexes.
_CHUNKS_AT_ONCE = 60
_EVENTS_AT_ONCE = 100_000

_PROGRESS = """
CREATE TABLE growth_progress (next bigint NOT NULL, ends timestamptz NOT NULL, finished boolean NOT NULL DEFAULT false);
INSERT INTO growth_progress VALUES (0, now());
"""

# Event g of `total`, evenly over `days` days up to `ends`. Even ones belong to aggregates that live all the time,
# odd ones to aggregates with ten events one after another. {decade} adds one with 466 events on 391 days, as a real
# one has.
_WINDOW = """
BEGIN;
WITH numbered AS (
    SELECT 2 * g AS rank,
           '{prefix}' || CASE WHEN g % 2 = 0 THEN 'spread' || g / 2 % {spread} ELSE 'burst' || g / 20 END AS name,
           (CASE WHEN g % 2 = 0 THEN g / 2 / {spread} ELSE g / 2 % 10 END + 1)::integer AS version,
           p.ends - ({total} - g) * (interval '1 second' * {days} * 86400 / {total}) AS stamp
    FROM generate_series({first}::bigint, {last}::bigint - 1) AS g, growth_progress AS p
    {decade}
), made AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY stamp, rank) AS ordinal, md5(name)::uuid AS aggregate_id, version, stamp,
           md5(name || version) AS random
    FROM numbered
), written AS (
    INSERT INTO events_v2
    SELECT (lpad(to_hex((extract(epoch FROM stamp) * 1000)::bigint), 12, '0') || '7' || substr(random, 1, 3) || '8'
            || substr(random, 4, 15))::uuid,
           stamp, aggregate_id, 'entity', 'order.' || (ARRAY['placed', 'paid', 'packed', 'shipped'])[1 + ordinal % 4],
           'user-' || ordinal % 1000,
           jsonb_build_object('text', substr(repeat(random, {payload} / 32 + 1), 1, {payload} - 11)),
           '{{}}', version, NULL, md5('workflow' || {first} || ordinal / 10)::uuid, 'api',
           (pg_current_xact_id()::text::bigint + (SELECT xid_offset FROM store_identity)) << 20 | ordinal
    FROM made ORDER BY ordinal
)
INSERT INTO aggregate_heads SELECT aggregate_id, max(version), min(stamp), max(stamp) FROM made GROUP BY aggregate_id
ON CONFLICT (aggregate_id) DO UPDATE
SET version = greatest(aggregate_heads.version, EXCLUDED.version), last_timestamp = EXCLUDED.last_timestamp;
UPDATE growth_progress SET next = {last};
COMMIT;
"""

# The 466 events lie on every 391st part of the time, the first 75 of these days hold two. Only those of this window.
_DECADE = """
    UNION ALL
    SELECT 2 * {first} + 1, 'decade', i + 1, stamp
    FROM (
        SELECT i, p.ends - interval '1 second' * {days} * 86400 * (1 - (day + 0.5) / 391)
                  + interval '1 minute' * half AS stamp
        FROM growth_progress AS p,
             LATERAL (SELECT i, CASE WHEN i < 150 THEN i / 2 ELSE i - 75 END AS day,
                             CASE WHEN i < 150 THEN i % 2 ELSE 0 END AS half
                      FROM generate_series(0, 465) AS i) AS placed
    ) AS decade, growth_progress AS p
    WHERE stamp >= p.ends - ({total} - {first}) * (interval '1 second' * {days} * 86400 / {total})
      AND stamp < p.ends - ({total} - {last}) * (interval '1 second' * {days} * 86400 / {total})
"""

DECADE_AGGREGATE = "SELECT md5('decade')::uuid"


@dataclasses.dataclass
class Filled:
    """A database to be filled."""

    name: str
    events: int
    days: int  # one chunk each
    spread: int  # aggregates that live all the time
    decade: bool = False

    def spread_ids(self, count):
        """SQL for so many of the aggregates that live all the time."""
        return f"SELECT md5('{self.name}spread' || n)::uuid FROM generate_series(0, {min(count, self.spread) - 1}) AS n"

    def burst_ids(self, count):
        """SQL for so many of those that live for ten events, from all over the time; the last ones may be
        incomplete."""
        bursts = max(1, self.events // 20 - 1)
        step = max(1, bursts // count)
        series = f"generate_series(0, {bursts - 1}, {step})"
        return f"SELECT md5('{self.name}burst' || n)::uuid FROM {series} AS n LIMIT {count}"


def exists(cluster, name):
    return bool(cluster.rows(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"))


def fill(cluster, store, payload, settle):
    """Makes it, or goes on where an earlier run was ended. `settle()`: what a server does with a store once filled."""
    if not exists(cluster, store.name):
        cluster.psql("postgres", f"CREATE DATABASE {store.name} TEMPLATE {cluster.template()}")
    if not cluster.rows("SELECT to_regclass('growth_progress')", store.name):
        cluster.psql(store.name, _PROGRESS)
    done, finished = cluster.rows("SELECT next, finished FROM growth_progress", store.name)[0].split("|")
    if finished == "t":
        return
    next_event, began, begun_at = int(done), time.monotonic(), int(done)
    while next_event < store.events:
        most = min(_EVENTS_AT_ONCE, max(1, store.events * _CHUNKS_AT_ONCE // store.days))
        last = min(store.events, next_event + most)
        values = {
            "prefix": store.name,
            "spread": store.spread,
            "total": store.events,
            "days": store.days,
            "first": next_event,
        }
        values.update(last=last, payload=payload)
        decade = _DECADE.format(**values) if store.decade else ""
        cluster.psql(store.name, _WINDOW.format(decade=decade, **values))
        next_event = last
        left = (time.monotonic() - began) / (next_event - begun_at) * (store.events - next_event)
        print(f"  {store.name}: {next_event:,} of {store.events:,} events, {duration(left)} left", flush=True)
    settle()
    # Now, and not by autovacuum while something is measured.
    print(f"  {store.name}: vacuuming", flush=True)
    cluster.psql(store.name, "VACUUM ANALYZE")
    cluster.psql(store.name, "UPDATE growth_progress SET finished = true")
