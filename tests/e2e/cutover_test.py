"""From a legacy table to the store while its writer goes on: dual write, a forwarder that is killed, check, switch, back, switch
again, and the table dropped with its archive. Whatever the writer was told is committed is in the store at the end, once."""
import glob
import hashlib
import os
import shutil
import subprocess
import tempfile
import threading

from harness.client import Client, append_request, new_event, new_id
from harness.eventctl import NEGATIVE, OK, Running, eventctl, objects
from harness.server import SLOWER, Server, wait_until
from harness.suite import StoreTest

_TABLE = """
CREATE TABLE events (id uuid PRIMARY KEY, timestamp timestamptz NOT NULL DEFAULT now(), type text NOT NULL,
                     data jsonb NOT NULL, user_id text);
CREATE INDEX ON events (timestamp);
-- 40 days of the past; per aggregate some times run backwards.
INSERT INTO events
SELECT gen_random_uuid(), now() - interval '60 days' + n * interval '2 hours' - (n % 7) * interval '5 hours',
       (ARRAY['order.placed', 'order.paid', 'order.sent'])[1 + n % 3],
       jsonb_build_object('entityId', ('00000000-0000-7000-8000-' || lpad(to_hex(n % 23), 12, '0'))::uuid, 'n', n), 'user-' || n % 5
FROM generate_series(1, 480) n;
"""
_PATIENCE_S = 60 * SLOWER


class OldWriter:
    """An old service: about 50 inserts a second, over one connection, until stop()."""

    def __init__(self, command):
        self.ids = []
        self._stopping = threading.Event()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
        self.problem = None
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self):
        count = 0
        while not self._stopping.wait(0.02):
            count += 1
            event_id, entity = new_id(), f"00000000-0000-7000-8000-{count % 23:012x}"
            self._process.stdin.write(
                f"INSERT INTO events (id, type, data, user_id) VALUES ('{event_id}', 'order.placed', "
                f'\'{{"entityId": "{entity}", "late": {count}}}\', \'old\');\n\\echo written\n'
            )
            answer = self._process.stdout.readline().strip()
            if answer != "written":
                self.problem = answer
                return
            self.ids.append(event_id)

    def await_more(self, count):
        goal = len(self.ids) + count
        wait_until(lambda: self.problem or len(self.ids) >= goal, f"{count} more rows of the old writer", _PATIENCE_S)
        if self.problem:
            raise AssertionError(f"the old writer was told: {self.problem}")

    def stop(self):
        self._stopping.set()
        self._thread.join()
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class CutoverTest(StoreTest):
    def setUp(self):
        # A server of its own for each: a store has one legacy table.
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.client = Client(self.server.address)
        self.addCleanup(self.client.close)
        self.database = self.server.database()
        self.database.run(_TABLE)
        self.folder = tempfile.mkdtemp(prefix="eventstore-e2e-")
        self.addCleanup(shutil.rmtree, self.folder)

    def control(self, *arguments, code=OK):
        done = eventctl(self.server, "--json", *arguments, "--database", self.server.conninfo())
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout} {done.stderr}")
        return objects(done.stdout)[0] if done.stdout else done.stderr

    def forwarder(self):
        running = Running(self.server, "dual-write", "run", "--batch-size", "20", "--database", self.server.conninfo())
        self.addCleanup(running.stop, 9)
        return running

    def status(self):
        done = eventctl(self.server, "--json", "dual-write", "status", "--database", self.server.conninfo())
        return objects(done.stdout)[0]

    def count(self, what):
        return int(self.database.run(f"SELECT count(*) FROM {what}"))

    def await_caught_up(self):
        wait_until(lambda: self.status()["lag_rows"] < 20, "the forwarder to catch up", _PATIENCE_S)

    def append(self):
        request = append_request(new_id(), 0, [new_event(event_type="order.new")])
        self.client.append(request)
        return request.events[0].id

    def test_a_service_moves_without_stopping(self):
        self.assertIn("not linked", self.control("dual-write", "status", code=NEGATIVE)["verdict"])
        self.control("dual-write", "install")
        writer = OldWriter(self.database._command)  # pylint: disable=protected-access
        self.addCleanup(writer.stop)
        writer.await_more(20)
        # The past, as rows that wait.
        self.database.run(
            "INSERT INTO legacy_outbox (payload) SELECT to_jsonb(e) FROM events e WHERE NOT EXISTS (SELECT FROM legacy_outbox o "
            "WHERE o.payload ->> 'id' = e.id::text) ORDER BY timestamp"
        )
        self.assertIn("never compared", self.control("cutover", "switch", "--yes", code=NEGATIVE))

        first = self.forwarder()
        wait_until(lambda: self.count("events_v2") > 100, "the first rows in the store", _PATIENCE_S)
        first.stop(9)
        second = self.forwarder()
        self.await_caught_up()
        self.assertTrue(self.control("cutover", "check")["clean"])

        second.stop(9)
        writer.await_more(10)
        self.control("cutover", "switch", "--yes")
        third = self.forwarder()
        writer.await_more(20)
        appended = [self.append()]
        self.await_caught_up()
        self.assertEqual(self.count(f"events WHERE id = '{appended[0]}'"), 1)
        self.assertEqual(self.count(f"events_legacy WHERE id = '{appended[0]}'"), 1)

        self.control("cutover", "rollback", "--yes")
        self.assertEqual(self.count(f"events WHERE id = '{appended[0]}'"), 1)
        self.assertEqual(self.database.run("SELECT relkind FROM pg_class WHERE oid = 'events'::regclass"), "r")
        writer.await_more(20)
        self.await_caught_up()

        self.assertTrue(self.control("cutover", "check")["clean"])
        self.control("cutover", "switch", "--yes")
        writer.await_more(20)
        appended.append(self.append())
        third.stop(9)
        writer.await_more(10)
        writer.stop()
        self.assertIn("through the view", self.control("cutover", "drop-legacy", "--archive", self.folder, "--yes", code=NEGATIVE))
        self.control("dual-write", "run", "--once")
        self.assertTrue(self.control("cutover", "check")["clean"])
        self.assertEqual(self.status()["verdict"], "ok")

        rows = self.count("events_legacy")
        dropped = self.control("cutover", "drop-legacy", "--archive", self.folder, "--quiet", "0s", "--yes")
        self.assertIn(f"{rows:,} rows", dropped["detail"])
        self.assert_archive_is_whole()
        self.assertEqual(self.database.run("SELECT to_regclass('events_legacy') IS NULL"), "t")

        expected = sorted(writer.ids + appended)
        found = self.database.run("SELECT id FROM events WHERE user_id = 'old' OR type = 'order.new' ORDER BY id").split()
        self.assertEqual(found, expected)
        self.assertEqual(self.count("events"), 480 + len(expected))
        self.assertTrue(self.control("verify")["clean"])
        log = self.control("cutover", "plan")["log"]
        self.assertEqual(
            [f"{entry['step']} {entry['outcome']}" for entry in log],
            ["install done", "switch refused", "check done", "switch done", "rollback done", "check done", "switch done",
             "drop-legacy refused", "check done", "close done", "archive done", "drop-legacy done"],
        )

    def assert_archive_is_whole(self):
        (archive,) = glob.glob(self.folder + "/*.zst")
        with open(archive, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        with open(archive + ".sha256", encoding="utf-8") as file:
            self.assertEqual(file.read(), f"{digest}  {os.path.basename(archive)}\n")

    def test_a_probe_is_told(self):
        self.control("dual-write", "install", "--aggregate-type", "order")
        self.database.run("INSERT INTO events (id, type, data) VALUES (gen_random_uuid(), 'order.paid', '{\"entityId\": \"A-1\"}')")
        behind = self.control("dual-write", "status", "--max-lag", "0", code=NEGATIVE)
        self.assertEqual((behind["verdict"], behind["lag_rows"]), ("behind", 1))
        self.assertGreater(behind["lag_seconds"], 0)
        self.control("dual-write", "disable", "order.paid")
        self.assertEqual(self.control("dual-write", "run", "--once")["rows"], 0)
        held = self.control("dual-write", "status")
        self.assertEqual((held["verdict"], held["held"], held["lag_rows"]), ("ok", 1, 0))
        self.control("dual-write", "enable", "order.paid")
        # Whatever else writes in the cluster, as the housekeeper does at a server's start, holds it back.
        wait_until(lambda: self.control("dual-write", "run", "--once")["rows"] == 1, "the row to be forwarded")
        self.assertEqual(self.control("dual-write", "status")["held"], 0)
        self.assertEqual(self.database.run("SELECT aggregate_type FROM events_v2"), "order")

        self.database.run("DELETE FROM events_v2")
        mismatch = self.control("dual-write", "status", code=NEGATIVE)
        self.assertEqual((mismatch["verdict"], mismatch["mismatches"]), ("mismatch", 1))
        self.assertEqual([one for one in mismatch["event_types"] if one["missing_in_store"]][0]["event_type"], "order.paid")
        self.assertEqual(self.control("cutover", "check", code=NEGATIVE)["missing_in_store"], 481)
        self.assertIn("the two sides differed", self.control("cutover", "switch", "--yes", code=NEGATIVE))
