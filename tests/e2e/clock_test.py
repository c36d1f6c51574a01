"""The database's clock jumps, a day and forty days, ahead and back. It is set by libfaketime, in PostgreSQL alone: that is
the clock that stamps events."""
import glob
import os
import subprocess
import tempfile
import unittest

from harness.client import Client, append_request, new_event, new_id
from harness.eventctl import BINARY, OK, eventctl
from harness.messages import housekeeper, micros
from harness.server import Server, wait_until
from harness.subscriber import Subscriber, beginning

LIBRARY = "/usr/lib/*/faketime/libfaketime.so.1"
DAY = 86_400_000_000
START = """#!/bin/sh
export LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={clock} FAKETIME_NO_CACHE=1 FAKETIME_DONT_RESET=1
export FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_DISABLE_SHM=1
exec {program} "$@"
"""


def programs_of_postgres():
    """Their folder, as a server without a fake clock finds it."""
    server = Server()
    folder = os.path.dirname(os.readlink(f"/proc/{server.postmaster_pid()}/exe"))
    server.stop()
    return folder


class ClockTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        found = glob.glob(LIBRARY)
        assert found, "libfaketime is not installed"
        folder = tempfile.TemporaryDirectory(prefix="eventstore-clock-")
        cls.addClassCleanup(folder.cleanup)
        os.chmod(folder.name, 0o755)
        real = os.environ.get("EVENTSTORE_PG_BIN") or programs_of_postgres()
        for program in os.listdir(real):
            if program != "postgres":
                os.symlink(os.path.join(real, program), os.path.join(folder.name, program))
        cls.clock = os.path.join(folder.name, "clock")
        with open(os.path.join(folder.name, "postgres"), "w", encoding="utf-8") as file:
            file.write(START.format(library=found[0], clock=cls.clock, program=os.path.join(real, "postgres")))
        os.chmod(file.name, 0o755)
        cls.programs = folder.name

    def setUp(self):
        self.jump(0)
        before = os.environ.get("EVENTSTORE_PG_BIN")
        os.environ["EVENTSTORE_PG_BIN"] = self.programs
        try:
            self.server = Server(settings={"close_chunks_seconds": 1})
        finally:
            if before is None:
                del os.environ["EVENTSTORE_PG_BIN"]
            else:
                os.environ["EVENTSTORE_PG_BIN"] = before
        self.addCleanup(self.server.stop)
        self.database = self.server.database()
        self.client = Client(self.server.address)
        self.addCleanup(self.client.close)
        self.subscriber = Subscriber(self.server.address, beginning())
        self.addCleanup(self.subscriber.close)
        self.aggregate, self.sent = new_id(), 0

    def jump(self, days):
        with open(self.clock + ".new", "w", encoding="utf-8") as file:
            file.write(f"{days:+d}d\n")
        os.chmod(file.name, 0o644)
        os.rename(file.name, self.clock)

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
        self.assertEqual(eventctl(self.server, "partitions", "fix").returncode, OK)
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
