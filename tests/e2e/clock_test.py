"""The database's clock jumps, a day and forty days, ahead and back."""
import os
import subprocess
import unittest

from harness.client import Client, append_request, new_event, new_id
from harness.eventctl import BINARY, OK, eventctl
from harness.fake_clock import FakeClock
from harness.messages import housekeeper, micros
from harness.server import wait_until
from harness.subscriber import Subscriber, beginning

DAY_S = 86_400
DAY = DAY_S * 1_000_000


class ClockTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clock = FakeClock()
        cls.addClassCleanup(cls.clock.close)

    def setUp(self):
        self.jump(0)
        self.server = self.clock.server(close_chunks_seconds=1)
        self.addCleanup(self.server.stop)
        self.database = self.server.database()
        self.client = Client(self.server.address)
        self.addCleanup(self.client.close)
        self.subscriber = Subscriber(self.server.address, beginning())
        self.addCleanup(self.subscriber.close)
        self.aggregate, self.sent = new_id(), 0

    def jump(self, days):
        self.clock.set(days * DAY_S)

    def now(self):
        return int(self.database.run("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"))

    def append(self):
        """To the aggregate that lives through it, and to a new one; the event of the latter."""
        self.sent += 1
        self.client.append(append_request(self.aggregate, self.sent - 1, [new_event()]))
        return self.client.append(append_request(new_id(), 0, [new_event()])).events[0]

    def check(self):
        events = list(self.client.replay(self.aggregate))
        self.assertEqual([event.version for event in events], list(range(1, self.sent + 1)))
        for order in ([micros(event.timestamp) for event in events], [event.global_position for event in events]):
            self.assertEqual(order, sorted(order))
        self.subscriber.await_events(2 * self.sent)
        positions = [event.global_position for event in self.subscriber.events]
        self.assertEqual(positions, sorted(set(positions)))
        self.assertEqual(len(positions), 2 * self.sent)
        done = subprocess.run([BINARY, "verify"], capture_output=True, text=True, check=False, timeout=300,
                              env={**os.environ, "DATABASE_URL": self.server.conninfo()})
        self.assertEqual(done.returncode, OK, done.stdout + done.stderr)

    def upkeep_goes_on(self):
        # At its start the server makes partitions by itself.
        wait_until(lambda: eventctl(self.server, "partitions", "fix").returncode == OK, "partitions fix", 120)
        now = self.now()
        for task in self.client.unary("ListTasks", housekeeper.ListTasksRequest()).tasks:
            self.assertLess(micros(task.next_run_at) - now, DAY + DAY // 12, task.name)

    def test_ahead_and_back(self):
        for days in (1, 40):
            with self.subTest(days=days):
                self.append()
                here = self.now()
                self.jump(days)
                self.assertGreaterEqual(micros(self.append().timestamp) - here, days * DAY)
                self.upkeep_goes_on()
                # Today is long over by that clock, so it is closed.
                wait_until(lambda: int(self.database.run(
                    "SELECT count(*) FROM closed_chunks WHERE events > 0 AND range_start <= "
                    f"to_timestamp({here // 1_000_000})")), "today to be closed", 60)
                self.append()
                self.jump(0)
                self.append()
                self.check()
                self.upkeep_goes_on()
                self.append()
                self.check()

    def test_back_and_ahead(self):
        for days in (-1, -40):
            with self.subTest(days=days):
                self.append()
                here = self.now()
                self.jump(days)
                self.append()
                self.upkeep_goes_on()
                self.check()
                self.jump(0)
                self.assertGreaterEqual(micros(self.append().timestamp), here)
                self.upkeep_goes_on()
                self.check()
