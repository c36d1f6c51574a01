"""Analytics over gRPC, and eventctl analytics, against a plain GROUP BY on the rows."""
import json

from harness.client import Failure, append_request, failure_of, new_event, new_id
from harness.eventctl import OK, USAGE, eventctl
from harness.messages import analytics as pb
from harness.messages import housekeeper, timestamp
from harness.server import wait_until
from harness.suite import StoreTest

# Three days of records, some of them in the hour that is not over.
RECORDS = """
SELECT make_partitions(t, now() - interval '4 days', now()) FROM unnest(ARRAY['event', 'execution', 'execution_history']) t;
DELETE FROM event; DELETE FROM execution_history;
INSERT INTO event (trigger_ref, created)
SELECT 'trigger-' || i % 7, now() - i * interval '13 minutes' FROM generate_series(0, 300) i;
INSERT INTO execution_history (time, operation, entity_id, entity_ref, changed_fields, new_values, position)
SELECT now() - i * interval '17 minutes', CASE i % 3 WHEN 0 THEN 'INSERT' ELSE 'UPDATE' END, gen_random_uuid(),
       'action-' || i % 2, ARRAY['status'],
       jsonb_build_object('status', (ARRAY['requested', 'completed', 'failed', 'requested', 'timeout', 'cancelled'])[i % 6 + 1]),
       operations_position()
FROM generate_series(0, 200) i;
"""

PLAIN = """
SELECT (extract(epoch FROM date_trunc('{unit}', {time}, 'UTC')))::bigint || ' ' || {ref} || ' ' || {status} || ' ' || count(*)
FROM {table} WHERE {where} GROUP BY date_trunc('{unit}', {time}, 'UTC'), {ref}, {status}
"""
EVENTS = {"time": "created", "ref": "trigger_ref", "status": "''::text", "table": "event", "where": "true"}
STATUSES = {"time": "time", "ref": "entity_ref", "status": "(new_values->>'status')", "table": "execution_history",
            "where": "operation <> 'DELETE'"}


class AnalyticsTest(StoreTest):
    def setUp(self):
        super().setUp()
        self.database = self.server.database()
        self.database.run(RECORDS)
        self.now = int(self.database.run("SELECT extract(epoch FROM now())::bigint"))
        self.range = {"from_time": timestamp(self.now - 5 * 86_400), "to_time": timestamp(self.now + 3_600)}
        self.refresh()

    def refresh(self):
        def run():
            try:
                return list(self.client.pages("RunTask", housekeeper.RunTaskRequest(task="refresh-aggregates")))
            except Failure as failure:  # at its start the server runs it by itself
                self.assertEqual(failure.reason, "TASK_RUNNING")
                return None

        run = wait_until(run, "a refresh")[-1].result
        self.assertEqual(run.status, housekeeper.RUN_STATUS_SUCCEEDED, run.error)

    def counts(self, aggregate, **fields):
        """All pages, as lines like those of PLAIN, and the last answer."""
        request = pb.GetCountsRequest(aggregate=aggregate, **{**self.range, **fields})
        lines = []
        while True:
            answer = self.client.unary("GetCounts", request)
            lines += [f"{c.bucket.seconds} {c.ref} {c.status} {c.count}" for c in answer.counts]
            if not answer.next_page_token:
                return lines, answer
            request.page_token = answer.next_page_token

    def plain(self, query, unit="hour", where=None):
        sql = PLAIN.format(unit=unit, **{**query, **({"where": where} if where else {})})
        return sorted(self.database.run(sql).splitlines())

    def test_counts_equal_a_plain_group_by(self):
        for unit, bucket in (("hour", pb.TIME_BUCKET_HOUR), ("day", pb.TIME_BUCKET_DAY)):
            for aggregate, query in ((pb.HOURLY_AGGREGATE_EVENT_VOLUME, EVENTS),
                                     (pb.HOURLY_AGGREGATE_EXECUTION_STATUS, STATUSES)):
                with self.subTest(unit=unit, table=query["table"]):
                    lines, answer = self.counts(aggregate, bucket=bucket, include_recent=True, page_size=7)
                    self.assertEqual(sorted(lines), self.plain(query, unit))
                    self.assertTrue(answer.freshness.includes_recent)

    def test_without_what_is_recent_whole_hours_are_there(self):
        lines, answer = self.counts(pb.HOURLY_AGGREGATE_EVENT_VOLUME)
        until = answer.freshness.refreshed_until.seconds
        self.assertEqual(until % 3_600, 0)
        self.assertLessEqual(until, self.now)
        self.assertEqual(sorted(lines), self.plain(EVENTS, where=f"created < to_timestamp({until})"))

    def test_a_late_row_is_there_on_request_and_after_the_next_refresh(self):
        self.refresh()  # or that of the server's start may come between
        self.database.run("INSERT INTO event (trigger_ref, created) VALUES ('late', now() - interval '50 hours')")
        kinds = self.client.unary("ListAggregates", pb.ListAggregatesRequest()).aggregates
        self.assertEqual(len(kinds), 7)
        volume = [k for k in kinds if k.aggregate == pb.HOURLY_AGGREGATE_EVENT_VOLUME][0]
        if not volume.continuous:
            self.assertEqual(len(self.counts(volume.aggregate, refs=["late"], include_recent=True)[0]), 1)
            self.assertEqual(self.counts(volume.aggregate, refs=["late"])[0], [])
        self.refresh()
        self.assertEqual(len(self.counts(volume.aggregate, refs=["late"])[0]), 1)

    def test_sums_filters_and_top_refs(self):
        lines, _ = self.counts(pb.HOURLY_AGGREGATE_EVENT_VOLUME, bucket=pb.TIME_BUCKET_DAY, sum_refs=True,
                               refs=["trigger-1", "trigger-2"], include_recent=True)
        wanted = self.database.run("SELECT count(*) FROM event WHERE trigger_ref IN ('trigger-1', 'trigger-2')")
        self.assertEqual(sum(int(line.split()[-1]) for line in lines), int(wanted))
        top = self.client.unary("GetTopRefs", pb.GetTopRefsRequest(
            aggregate=pb.HOURLY_AGGREGATE_EVENT_VOLUME, limit=3, include_recent=True, **self.range))
        plain = self.database.run("SELECT trigger_ref || ' ' || count(*) FROM event GROUP BY trigger_ref "
                                  "ORDER BY count(*) DESC, trigger_ref COLLATE \"C\" LIMIT 3").splitlines()
        self.assertEqual([f"{ref.ref} {ref.count}" for ref in top.refs], plain)
        self.assertEqual((top.total, top.distinct_refs), (301, 7))

    def test_failure_rate_and_throughput(self):
        rate = self.client.unary("GetFailureRate", pb.GetFailureRateRequest(include_recent=True, **self.range))
        counted = dict(line.split() for line in self.database.run(
            "SELECT (new_values->>'status') || ' ' || count(*) FROM execution_history GROUP BY new_values->>'status'"
        ).splitlines())
        total = rate.total
        self.assertEqual([total.completed, total.failed, total.timeout, total.cancelled],
                         [int(counted[s]) for s in ("completed", "failed", "timeout", "cancelled")])
        failures = total.failed + total.timeout
        self.assertAlmostEqual(total.failure_rate, failures / (failures + total.completed))
        self.assertEqual(sum(b.completed for b in rate.buckets), total.completed)
        through = self.client.unary("GetThroughput", pb.GetThroughputRequest(include_recent=True, **self.range))
        self.assertEqual(through.created, int(self.database.run(
            "SELECT count(*) FROM execution_history WHERE operation = 'INSERT'")))
        self.assertEqual(through.ended, total.completed + failures + total.cancelled)
        nothing = self.client.unary("GetFailureRate", pb.GetFailureRateRequest(action_refs=["none"], **self.range))
        self.assertFalse(nothing.total.HasField("failure_rate"))

    def test_counts_of_the_domains_events(self):
        self.client.append(append_request(new_id(), "any", [new_event("analytics.made"), new_event("analytics.made")]))
        lines, _ = self.counts(pb.HOURLY_AGGREGATE_DOMAIN_EVENT_VOLUME, refs=["analytics.made"], include_recent=True)
        self.assertEqual(sum(int(line.split()[-1]) for line in lines), 2)

    def test_what_is_wrong_is_named(self):
        for field, request in (("aggregate", pb.GetCountsRequest()),
                               ("page_token", pb.GetCountsRequest(aggregate=1, page_token="x")),
                               ("page_size", pb.GetCountsRequest(aggregate=1, page_size=10_001)),
                               ("from_time", pb.GetCountsRequest(aggregate=1, from_time=timestamp(0))),
                               ("bucket", pb.GetCountsRequest(aggregate=1, bucket=9)),
                               ("statuses[0]", pb.GetCountsRequest(aggregate=1, statuses=["x" * 201]))):
            with self.subTest(field=field):
                failure = failure_of(lambda: self.client.unary("GetCounts", request))
                self.assertIn(field, failure.fields)

    # eventctl.

    def ctl(self, *arguments, code=OK):
        done = eventctl(self.server, "analytics", *arguments)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done

    def test_eventctl_draws_and_says_how_far_it_goes(self):
        done = self.ctl("counts", "event-volume", "--from", "5h")
        self.assertGreaterEqual(done.stdout.count("\n"), 5)
        self.assertIn("--include-recent counts the rest now", done.stderr)
        split = self.ctl("counts", "execution-status", "--split", "status", "--from", "3d", "--include-recent").stdout
        self.assertIn("OVER THE TIME", split)
        self.assertIn("cancelled", split)
        self.assertIn("(4 others)", self.ctl("top", "event-volume", "--from", "5d", "--limit", "3").stdout)
        self.assertIn("all", self.ctl("failure-rate", "--by", "day", "--from", "5d").stdout)
        self.assertIn("an hour", self.ctl("throughput", "--from", "6h").stdout)
        self.assertIn("event_volume_hourly", self.ctl("list").stdout)
        self.ctl("counts", "nothing", code=USAGE)

    def test_eventctl_gives_json(self):
        counts = json.loads(self.ctl("counts", "event-volume", "--from", "5d", "--include-recent", "--json").stdout)
        self.assertEqual(sum(c["count"] for c in counts["counts"]), 301)
        self.assertTrue(counts["freshness"]["includes_recent"])
        rate = json.loads(self.ctl("failure-rate", "--from", "5d", "--include-recent", "--json").stdout)
        self.assertGreater(rate["total"]["failure_rate"], 0)
        self.assertEqual(json.loads(self.ctl("top", "event-volume", "--from", "5d", "--json").stdout)["distinct_refs"], 7)
        self.assertIn("created_per_hour", json.loads(self.ctl("throughput", "--json").stdout))
