"""A simulated day of an automation platform (harness/platform_day.py), and what the store says of it afterwards: the path of
every execution, every change once in Watch, and every hourly figure beside a plain GROUP BY.

EVENTSTORE_DAY_SCALE=1 is the whole day: 5,000 triggers, 3,000 enforcements, 8,000 executions, and heartbeats every 5 s.
"""
import json
import os
import random
import unittest
from collections import Counter

from harness.client import Client
from harness.fake_clock import FakeClock
from harness.messages import analytics, micros, operations as pb, store, timestamp
from harness.operations import Records
from harness.platform_day import DIES, LEAVES, WORKERS, PlatformDay, print_progress, run_task, status_name, worker_timeout_of
from harness.watcher import Watcher

SCALE = float(os.environ.get("EVENTSTORE_DAY_SCALE", "0.05"))
SEED = int(os.environ.get("EVENTSTORE_DAY_SEED", random.randrange(10**6)))

# Figures as people would count them: the table, its time, its ref, its status and what is not counted.
PLAIN = {
    "execution_status_hourly": ("execution_history", "time", "entity_ref", "new_values ->> 'status'",
                                "'status' = ANY (changed_fields) AND operation <> 'DELETE'"),
    "execution_throughput_hourly": ("execution_history", "time", "entity_ref", "''", "operation = 'INSERT'"),
    "execution_volume_hourly": ("execution", "created", "action_ref", "initial_status", "true"),
    "event_volume_hourly": ("event", "created", "trigger_ref", "''", "true"),
    "enforcement_volume_hourly": ("enforcement", "created", "rule_ref", "''", "true"),
    "worker_status_hourly": ("worker_history", "time", "entity_ref", "new_values ->> 'status'",
                             "'status' = ANY (changed_fields) AND operation <> 'DELETE'"),
}


class PlatformDayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        print(f"EVENTSTORE_DAY_SCALE={SCALE} EVENTSTORE_DAY_SEED={SEED}", flush=True)
        clock = FakeClock()
        cls.addClassCleanup(clock.close)
        clock.set(-86_400)
        cls.server = clock.server(worker_timeout_seconds=worker_timeout_of(SCALE))
        cls.addClassCleanup(cls.server.stop)
        cls.client = Client(cls.server.address)
        cls.addClassCleanup(cls.client.close)
        cls.records = Records(cls.client)
        cls.database = cls.server.database()
        cls.watcher = Watcher(cls.client, break_every=50)
        cls.addClassCleanup(cls.watcher.stop)
        cls.watcher.await_caught_up()
        cls.day = PlatformDay(cls.server.address, clock, SCALE, SEED)
        cls.addClassCleanup(cls.day.close)
        cls.day.run(print_progress)
        run_task(cls.client, "refresh-aggregates")

    def number(self, sql):
        return int(self.database.run(f"SELECT {sql}"))

    def test_everything_that_was_asked_for_is_there_once(self):
        for table, count in (("event", self.day.triggers), ("enforcement", self.day.enforcements),
                             ("execution", self.day.executions), ("worker", WORKERS)):
            self.assertEqual(self.number(f"count(*) FROM {table}"), count, table)
        self.assertGreater(self.number("count(DISTINCT date_trunc('hour', created)) FROM event"), 20)
        resolved = dict(line.split("|") for line in self.database.run(
            "SELECT id, status FROM enforcement WHERE resolved_at IS NOT NULL").splitlines())
        self.assertEqual(resolved, {key: pb.EnforcementStatus.Name(value)[len("ENFORCEMENT_STATUS_"):].lower()
                                    for key, value in self.day.enforced.items()})
        self.assertEqual(len(resolved), self.day.enforcements)

    def test_history_replays_the_path_of_every_execution(self):
        entries, _ = self.records.pages("GetHistory", "entries", table="execution", page_size=1_000)
        paths = {}
        for entry in entries:
            values = json.loads(entry.new_values)
            if "status" in values:
                paths.setdefault(entry.entity_id, []).append((micros(entry.time), values["status"]))
        self.assertEqual(set(paths), set(self.day.paths))
        for execution, path in self.day.paths.items():
            self.assertEqual([status for _, status in paths[execution]], [status_name(s) for s in path], execution)
            self.assertEqual(sorted(paths[execution]), paths[execution])
        # Of one alone it is the same.
        for execution in list(self.day.paths)[:20]:
            one, _ = self.records.pages("GetHistory", "entries", table="execution", entity_id=execution)
            self.assertEqual(one, [entry for entry in entries if entry.entity_id == execution])

    def test_heartbeats_leave_no_history_and_who_goes_does(self):
        steps = -(-86_400 // self.day.step_s)
        self.assertGreater(self.day.heartbeats, steps * (WORKERS - 2))
        left = self.database.run(
            "SELECT entity_ref || ' ' || string_agg(new_values ->> 'status', ' ' ORDER BY position) FROM worker_history "
            "GROUP BY entity_ref HAVING count(*) > 1 ORDER BY 1").splitlines()
        self.assertEqual(left, [f"worker-{LEAVES:02} active draining inactive", f"worker-{DIES:02} active inactive"])
        self.assertEqual(self.number("count(*) FROM worker_history"), WORKERS + 3)

    def test_watch_showed_every_change_once_and_in_order(self):
        moves = sum(len(path) - 1 for path in self.day.paths.values())
        # Events are made; enforcements are made and resolved; executions are made and moved; workers as above.
        wanted = (self.day.triggers + 2 * self.day.enforcements + self.day.executions + moves + WORKERS + 3)
        changes = self.watcher.await_changes(wanted)
        kinds = Counter(pb.RecordKind.Name(change.kind) for change in changes)
        self.assertEqual(len(changes), wanted, kinds)
        paths = {}
        for change in changes:
            if change.kind == pb.RECORD_KIND_EXECUTION:
                paths.setdefault(change.id, []).append(change.status)
        self.assertEqual(paths, {key: [status_name(s) for s in path] for key, path in self.day.paths.items()})
        self.assertGreater(self.watcher.breaks, 0)

    def test_every_hourly_figure_is_that_of_a_plain_group_by(self):
        for name, (table, time, ref, status, where) in PLAIN.items():
            with self.subTest(aggregate=name):
                aggregate = analytics.HourlyAggregate.Value("HOURLY_AGGREGATE_" + name.removesuffix("_hourly").upper())
                plain = Counter()
                for line in self.database.run(
                        f"SELECT extract(epoch FROM date_trunc('hour', {time}, 'UTC'))::bigint, {ref}, {status}, count(*) "
                        f"FROM {table} WHERE {where} GROUP BY 1, 2, 3").splitlines():
                    hour, key, value, count = line.split("|")
                    plain[(int(hour), key, value)] += int(count)
                self.assertTrue(plain)
                until, counts = self.counts(aggregate, include_recent=False)
                self.assertEqual(counts, {key: n for key, n in plain.items() if key[0] < until})
                self.assertGreater(len({key[0] for key in counts}), 1 if name.startswith("worker") else 20)
                self.assertEqual(self.counts(aggregate, include_recent=True)[1], plain)

    def counts(self, aggregate, include_recent):
        now = self.number("extract(epoch FROM clock_timestamp())::bigint")
        request = analytics.GetCountsRequest(aggregate=aggregate, from_time=timestamp(now - 2 * 86_400),
                                             to_time=timestamp(now + 3_600), include_recent=include_recent, page_size=5_000)
        found = Counter()
        while True:
            answer = self.client.unary("GetCounts", request)
            for count in answer.counts:
                found[(count.bucket.seconds, count.ref, count.status)] += count.count
            if not answer.next_page_token:
                return answer.freshness.refreshed_until.seconds, found
            request.page_token = answer.next_page_token

    def test_what_belongs_together_is_one_timeline(self):
        correlation, count = self.day.correlated.most_common(1)[0]
        found = [item for page in self.client.pages("GetCorrelatedEvents", store.GetCorrelatedEventsRequest(
            correlation_id=correlation, include_operations=True)) for item in page.items]
        self.assertEqual(len(found), count)
