"""The engine native under real servers: upkeep that did not run stops nobody, and a store keeps its engine."""
import subprocess

from harness import history
from harness.client import Client, append_request, new_event, new_id
from harness.eventctl import BINARY
from harness.metrics import Metrics
from harness.server import Server, wait_until
from harness.suite import StoreTest



class MissingPartitionTest(StoreTest):
    def setUp(self):
        self.database = self.server.database()

    def drop_today(self):
        """Yesterday's and tomorrow's too, so that midnight may pass."""
        for name in self.database.run(
            "SELECT name FROM events_v2_partitions WHERE range_end > now() - interval '1 day' "
            "AND range_start <= now() + interval '1 day'"
        ).split():
            self.database.run(f"DROP TABLE {name}")

    def partitions_from_yesterday_to_tomorrow(self):
        return int(self.database.run(
            "SELECT count(*) FROM events_v2_partitions WHERE range_end > now() - interval '1 day' "
            "AND range_start <= now() + interval '1 day'"))

    def test_an_append_makes_what_is_missing(self):
        aggregate = new_id()
        self.client.append(append_request(aggregate, 0, [new_event()]))
        before = Metrics(self.server).sum("eventstore_partitions_repaired_total")
        self.drop_today()
        request = append_request(aggregate, 1, [new_event()])
        answer = self.client.append(request)
        self.assertEqual(answer.version, 2)
        self.assertEqual(self.client.append(request), answer)  # found where it is now
        self.assertGreaterEqual(Metrics(self.server).sum("eventstore_partitions_repaired_total"), before + 3)
        self.assertGreaterEqual(self.partitions_from_yesterday_to_tomorrow(), 3)
        wait_until(lambda: "an append found no partition" in self.server.log(), "the log to say so")

    def test_two_servers_at_once(self):
        second = Server(database_url=self.server.conninfo())
        self.addCleanup(second.stop)
        client = Client(second.address)
        self.addCleanup(client.close)
        for one in (self.client, client):
            one.append(append_request(new_id(), 0, [new_event()]))
        for _ in range(3):
            self.drop_today()
            aggregates = [new_id() for _ in range(40)]
            calls = [(self.client, client)[n % 2].start("Append", append_request(a, 0, [new_event()]))
                     for n, a in enumerate(aggregates)]
            for call in calls:
                self.assertEqual(call.result().version, 1)
            for aggregate in aggregates:
                self.assertEqual(client.version(aggregate), 1)

    def test_a_clock_that_jumped_ahead_and_back(self):
        # What a jump leaves: a head in the future, here beyond every partition that was made ahead.
        aggregate = new_id()
        self.client.append(append_request(aggregate, 0, [new_event()]))
        self.database.run(
            "UPDATE aggregate_heads SET last_timestamp = now() + interval '40 days' "
            f"WHERE aggregate_id = '{aggregate}'"
        )
        request = append_request(aggregate, "any", [new_event()])
        answer = self.client.append(request)
        self.assertGreater(answer.events[0].timestamp.seconds * 1_000_000,
                           history.now(self.database) + 39 * history.DAY)
        self.assertEqual(self.client.append(request), answer)
        self.assertEqual(self.client.version(aggregate), 2)
        # The others go on today.
        other = self.client.append(append_request(new_id(), 0, [new_event()]))
        self.assertLess(other.events[0].timestamp.seconds * 1_000_000, history.now(self.database) + history.DAY)


class EngineChoiceTest(StoreTest):
    def test_another_engine_is_refused(self):
        for engine, code in (("native", 0), ("timescaledb", 1)):
            done = subprocess.run(
                [BINARY, "migrate", "up", "--database", self.server.conninfo(), "--engine", engine],
                capture_output=True, text=True, check=False)
            if code == 0:
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("0 applied", done.stdout)
            else:
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("made with engine native and cannot be served with engine timescaledb", done.stderr)

    def test_status_names_it(self):
        done = subprocess.run(
            [BINARY, "migrate", "status", "--database", self.server.conninfo(), "--json"],
            capture_output=True, text=True, check=True)
        self.assertIn('"engine":"native"', done.stdout.replace(" ", ""))
        self.assertIn("(engine native, 2 lanes)", self.server.log())
