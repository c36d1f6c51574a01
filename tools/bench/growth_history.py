"""A real history instead of a made one: JSON lines {id, timestamp, type, user_id, correlation_id, data}, packed with
xz or not, stored at the times they happened, one daily chunk for each day. data.entityId is the aggregate."""

import datetime
import json
import lzma
import os

from growth_fill import exists
from processes import Failed

NAME = "growth_history"
# Days in one transaction; see growth_fill.
_DAYS_AT_ONCE = 60

_STAGE = """
CREATE UNLOGGED TABLE growth_stage (ordinal bigint, day date, id uuid, stamp timestamptz, aggregate_id uuid,
                                    version integer, event_type text, user_id text, correlation_id uuid, data jsonb);
"""
_COPY = """
INSERT INTO events_v2
SELECT id, stamp, aggregate_id, 'entity', event_type, user_id, data, '{{}}', version, NULL, correlation_id, 'migration',
       (pg_current_xact_id()::text::bigint + (SELECT xid_offset FROM store_identity)) << 20
       | row_number() OVER (ORDER BY ordinal)
FROM growth_stage WHERE day BETWEEN '{first}' AND '{last}' ORDER BY ordinal;
"""
_HEADS = """
INSERT INTO aggregate_heads SELECT aggregate_id, max(version), min(stamp), max(stamp)
FROM growth_stage GROUP BY aggregate_id;
"""


def _read(path):
    opened = lzma.open(path, "rt", encoding="utf-8") if path.endswith(".xz") else open(path, encoding="utf-8")
    with opened as file:
        for line in file:
            event = json.loads(line)
            # Some distributions' Python does not read "Z".
            stamp = datetime.datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00"))
            yield stamp.astimezone(datetime.timezone.utc), event


def _escaped(text):
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _write_stage(path, target):
    """The days that occur, in order. Within an aggregate time never runs back, as the server has it."""
    events = sorted(_read(path), key=lambda pair: pair[0])
    versions, days = {}, []
    with open(target, "w", encoding="utf-8") as file:
        for ordinal, (stamp, event) in enumerate(events):
            aggregate = event["data"]["entityId"]
            versions[aggregate] = versions.get(aggregate, 0) + 1
            day = stamp.date().isoformat()
            if not days or days[-1] != day:
                days.append(day)
            fields = (ordinal, day, event["id"], stamp.isoformat(), aggregate, versions[aggregate], event["type"])
            fields += (event["user_id"], event["correlation_id"], json.dumps(event["data"], ensure_ascii=False))
            file.write("\t".join(_escaped(str(field)) for field in fields) + "\n")
    return days


def load(cluster, path, settle):
    """The database; made anew when an earlier run did not complete it. `settle(name)` as for growth_fill."""
    if exists(cluster, NAME):
        if not cluster.rows("SELECT to_regclass('growth_stage')", NAME):
            return NAME
        cluster.drop(NAME)
    if not os.path.exists(path):
        raise Failed(f"there is no history {path}")
    cluster.psql("postgres", f"CREATE DATABASE {NAME} TEMPLATE {cluster.template()}")
    stage = os.path.join(cluster.folder, "growth-history.tsv")
    try:
        cluster.psql(NAME, _STAGE)
        days = _write_stage(path, stage)
        cluster.psql(NAME, f"\\copy growth_stage FROM '{stage}'")
        for i in range(0, len(days), _DAYS_AT_ONCE):
            window = days[i : i + _DAYS_AT_ONCE]
            cluster.psql(NAME, _COPY.format(first=window[0], last=window[-1]))
            print(f"  {NAME}: {min(len(days), i + _DAYS_AT_ONCE):,} of {len(days):,} days", flush=True)
        cluster.psql(NAME, _HEADS)
        settle(NAME)
        cluster.psql(NAME, "VACUUM ANALYZE")
        cluster.psql(NAME, "DROP TABLE growth_stage")
    finally:
        if os.path.exists(stage):
            os.unlink(stage)
    return NAME


# The one that the target speaks of, else the longest-lived of those with many events.
LONG_LIVED = """
SELECT h.aggregate_id FROM aggregate_heads AS h
ORDER BY h.version = 466 DESC, h.version DESC LIMIT 1
"""
