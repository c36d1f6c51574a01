"""Retention as an operator lives it: 400 days brought to 90 under load, the server killed on the way, and all of it back."""
import os
import subprocess
import threading
import unittest

from harness import history
from harness.client import Client, append_request, new_event, new_id
from harness.eventctl import BINARY, OK, eventctl, objects
from harness.messages import housekeeper as pb
from harness.messages import store
from harness.server import Server, wait_until

DAYS, KEPT, LIVED = 400, 90, 20


class Writer(threading.Thread):
    """Appends without a pause until stop(); every answer that is not OK is kept."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.acknowledged, self.failures = 0, []
        self._address, self._ended = address, threading.Event()
        self.start()

    def run(self):
        client = Client(self._address)
        while not self._ended.is_set():
            try:
                client.append(append_request(new_id(), 0, [new_event(), new_event()]))
                self.acknowledged += 2
            except Exception as error:  # whatever it was, the test fails by it
                self.failures.append(repr(error))
        client.close()

    def stop(self):
        self._ended.set()
        self.join()


class RetentionTest(unittest.TestCase):
    def setUp(self):
        self.server = Server(settings={"housekeeper_retry_seconds": 1})
        self.addCleanup(self.server.stop)
        self.client = Client(self.server.address)
        self.addCleanup(self.client.close)
        self.database = self.server.database()
        self.archive = os.path.join(self.server.data_dir, "archive")

    def fill(self):
        """Two events a day; aggregates of 20 days each, and one that lives all the time. Then the days are closed."""
        today = history.now(self.database) // history.DAY
        everlasting, events, born = new_id(), [], {}
        for day in range(DAYS):
            time = (today - DAYS + day) * history.DAY + history.HOUR
            mortal = born.setdefault(day // LIVED, new_id())
            events.append(history.past_event(everlasting, day + 1, time))
            events.append(history.past_event(mortal, day % LIVED + 1, time + 1))
        history.write(self.database, events)
        self.server.restart(close_chunks_seconds=1)
        wait_until(lambda: self.count("SELECT count(*) FROM closed_chunks") >= DAYS, "the days to be closed", 120)
        return everlasting

    def count(self, sql):
        return int(self.database.run(sql))

    def old(self):
        return self.count(f"SELECT count(*) FROM events_v2 WHERE timestamp < now() - interval '{KEPT + 1} days'")

    def verify(self):
        done = subprocess.run([BINARY, "verify"], capture_output=True, text=True, check=False, timeout=300,
                              env={**os.environ, "DATABASE_URL": self.server.conninfo()})
        self.assertEqual(done.returncode, OK, done.stdout + done.stderr)

    def archives(self, *arguments):
        return subprocess.run([BINARY, "--json", "archive", *arguments, "--dir", self.archive], capture_output=True,
                              text=True, check=False, timeout=300,
                              env={**os.environ, "DATABASE_URL": self.server.conninfo()})

    def run_retention(self, **parameters):
        request = pb.RunTaskRequest(task="retention", retention_days=KEPT, **parameters)
        return list(self.client.pages("RunTask", request))[-1].result

    def test_400_days_to_90_and_back(self):
        everlasting = self.fill()
        digest = "SELECT md5(string_agg(e::text, ',' ORDER BY id)) FROM events_v2 e WHERE timestamp < now() - interval '2 days'"
        before = self.database.run(digest)

        plan = self.run_retention(dry_run=True)
        self.assertEqual(plan.status, pb.RUN_STATUS_SUCCEEDED, plan.error)
        to_drop = plan.counts["events_to_drop"]
        self.assertEqual(self.count("SELECT count(*) FROM events_v2"), 2 * DAYS)

        writer = Writer(self.server.address)
        wait_until(lambda: writer.acknowledged > 0 or writer.failures, "the writer to write")
        run = self.run_retention()
        writer.stop()
        self.assertEqual(run.status, pb.RUN_STATUS_SUCCEEDED, run.error)
        self.assertEqual(writer.failures, [])
        self.assertEqual(run.counts["events_dropped"], to_drop)
        self.assertEqual(run.counts["events_archived"], to_drop)
        self.assertEqual(self.old(), 0)
        self.assertEqual(self.count("SELECT count(*) FROM events_v2"), 2 * DAYS - to_drop + writer.acknowledged)
        self.verify()

        # What is gone is in files that verify, every event of it; and the stream says where it begins.
        verified = self.archives("verify")
        self.assertEqual(verified.returncode, OK, verified.stdout + verified.stderr)
        self.assertEqual(sum(file["events"] for file in objects(verified.stdout) if "events" in file), to_drop)
        pages = list(self.client.pages("GetAggregateStream",
                                       store.GetAggregateStreamRequest(aggregate_id=everlasting)))
        self.assertEqual(pages[0].first_available_version, to_drop // 2 + 1)
        self.assertEqual(pages[0].current_version, DAYS)
        answer = self.client.append(append_request(everlasting, DAYS, [new_event()]))
        self.assertEqual(answer.version, DAYS + 1)

        restored = self.archives("restore", "--from", "2000-01-01")
        self.assertEqual(restored.returncode, OK, restored.stdout + restored.stderr)
        self.assertEqual(self.database.run(digest), before)
        self.verify()
        pages = list(self.client.pages("GetAggregateStream",
                                       store.GetAggregateStreamRequest(aggregate_id=everlasting)))
        self.assertEqual(pages[0].first_available_version, 1)
        self.assertEqual([event.version for page in pages for event in page.events], list(range(1, DAYS + 2)))

    def test_killed_in_the_middle_and_finished_by_the_next(self):
        self.fill()
        chunks = self.count("SELECT count(*) FROM closed_chunks")
        stream = self.client.pages("RunTask", pb.RunTaskRequest(task="retention", retention_days=KEPT))
        next(iter(stream))
        wait_until(lambda: self.count("SELECT count(*) FROM closed_chunks") < chunks, "a chunk to go", 60)
        self.server.restart()
        self.assertGreater(self.old(), 0)  # it was in the middle
        wait_until(lambda: "interrupted" in self.database.run(
            "SELECT status FROM housekeeper_runs WHERE task = 'retention' ORDER BY id"), "the run to be marked", 60)
        wait_until(lambda: not self.count("SELECT count(*) FROM housekeeper_runs WHERE status = 'running'"),
                   "the start to be over", 60)
        run = self.run_retention()
        self.assertEqual(run.status, pb.RUN_STATUS_SUCCEEDED, run.error)
        self.assertEqual(self.old(), 0)
        self.verify()
        gone = 2 * DAYS - self.count("SELECT count(*) FROM events_v2")
        verified = self.archives("verify")
        self.assertEqual(verified.returncode, OK, verified.stdout + verified.stderr)
        archived = objects(self.archives("list").stdout)
        self.assertGreaterEqual(sum(file["events"] for file in archived if "events" in file), gone)
        self.assertEqual(self.count("SELECT sum(events) FROM archived_chunks WHERE dropped_at IS NOT NULL"), gone)

    def test_eventctl_says_what_would_go(self):
        self.fill()
        done = eventctl(self.server, "partitions", "maintain", "--retention-days", KEPT, "--dry-run", "--json")
        self.assertEqual(done.returncode, OK, done.stderr)
        runs = {run["task"]: run for run in objects(done.stdout)}
        self.assertGreater(runs["retention"]["counts"]["events_to_drop"], 2 * (DAYS - KEPT - 3))
        self.assertEqual(self.count("SELECT count(*) FROM events_v2"), 2 * DAYS)
        self.assertFalse(os.path.exists(self.archive) and os.listdir(self.archive))
