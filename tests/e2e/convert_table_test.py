"""eventctl convert-table as a program: what it says, what it refuses, and that a table which is written to all the time is
converted whole though the program is killed in the middle."""
import json
import signal
import subprocess
import threading

from harness.client import new_id
from harness.eventctl import BINARY, NEGATIVE, OK, USAGE
from harness.server import SLOWER, wait_until
from harness.suite import StoreTest

ROWS = 20_000
_TABLE = """
CREATE TABLE {0} (id bigserial PRIMARY KEY, taken_at timestamptz NOT NULL DEFAULT clock_timestamp(), sensor text NOT NULL,
                  value numeric NOT NULL);
CREATE INDEX ON {0} (sensor, taken_at);
INSERT INTO {0} (taken_at, sensor, value)
SELECT now() - i % 10 * interval '1 day', 'sensor-' || i % 7, i FROM generate_series(1, {1}) i;
CREATE TABLE {0}_note (id int PRIMARY KEY, reading bigint REFERENCES {0});
"""


class Load(threading.Thread):
    """Inserts, changes and deletes until it is told to stop; keeps the sum that the table must have."""

    def __init__(self, database, table):
        super().__init__(daemon=True)
        self._database, self._table = database, table
        self._over = threading.Event()
        self.rounds, self.error = 0, None
        self.start()

    def run(self):
        while not self._over.is_set():
            try:
                # What is there is always whole: as many rows come as go, and a change takes from one what it gives another.
                self._database.run(f"""
                    BEGIN;
                    INSERT INTO {self._table} (sensor, value) VALUES ('load', {self.rounds}), ('load', -{self.rounds});
                    UPDATE {self._table} SET value = value + 1 WHERE id = {1 + self.rounds % ROWS};
                    UPDATE {self._table} SET value = value - 1 WHERE id = {1 + (self.rounds * 7 + 3) % ROWS};
                    COMMIT;""")
                self.rounds += 1
            except AssertionError as error:
                self.error = error
                return

    def stop(self):
        self._over.set()
        self.join(60)
        if self.error:
            raise self.error
        return self.rounds


class ConvertTableTest(StoreTest):
    def setUp(self):
        self.database = self.server.database()
        self.table = "readings_" + new_id()[:8]
        self.database.run(_TABLE.format(self.table, ROWS))

    def command(self, *arguments):
        return [BINARY, "convert-table", self.table, *arguments, "--database", self.server.conninfo()]

    def ctl(self, *arguments, code=OK):
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=300 * SLOWER, check=False,
                              stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done

    def sums(self):
        return self.database.run(f"SELECT count(*), sum(value), count(DISTINCT id) FROM {self.table}")

    def cut(self):
        return self.database.run(f"SELECT count(*) FROM time_tables WHERE table_name = '{self.table}'") == "1"

    def copied(self):
        return int(self.database.run(
            f"SELECT coalesce((SELECT rows_copied FROM table_conversions WHERE table_name = '{self.table}'), 0)"))

    def killed_in_the_middle(self, *arguments):
        process = subprocess.Popen(self.command(*arguments), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        wait_until(lambda: self.copied() > 0 or process.poll() is not None, "some rows to be copied", 60 * SLOWER)
        process.kill()
        self.assertEqual(process.wait(), -signal.SIGKILL)
        self.assertLess(self.copied(), ROWS)
        self.assertFalse(self.cut())

    def test_under_load_through_a_kill(self):
        load = Load(self.database, self.table)
        try:
            self.killed_in_the_middle("--time-column", "taken_at", "--batch", "50", "--yes")
            self.killed_in_the_middle("--time-column", "taken_at", "--batch", "50", "--yes")
            done = self.ctl("--time-column", "taken_at", "--yes")
            self.assertIn("begun:", done.stdout)
            self.assertIn(f"{self.table} is cut by taken_at now", done.stdout)
            at = load.rounds
            wait_until(lambda: load.error or load.rounds > at + 3, "the load to go on", 60)
        finally:
            rounds = load.stop()
        total = ROWS + 2 * rounds
        self.assertEqual(self.sums(), f"{total}|{ROWS * (ROWS + 1) // 2}|{total}")
        self.assertTrue(self.cut())
        self.assertEqual(self.database.run(
            f"SELECT count(*) FROM pg_constraint WHERE conrelid = '{self.table}_note'::regclass AND contype = 'f'"), "0")
        self.assertIn("cut by time already", self.ctl("--time-column", "taken_at", "--yes", code=NEGATIVE).stdout)

    def test_a_dry_run_says_what_it_would_do_and_does_nothing(self):
        before = self.sums()
        said = self.ctl("--time-column", "taken_at", "--dry-run").stdout
        self.assertIn("DROPPED", said)
        self.assertIn(f"{self.table}_note", said)
        plan = json.loads(self.ctl("--time-column", "taken_at", "--dry-run", "--json").stdout)
        self.assertEqual((plan["rows"], plan["partitions"], plan["id_column"], plan["begun"]), (ROWS, 10, "id", False))
        self.assertEqual(len(plan["dropped"]), 1)
        self.assertFalse(self.cut())
        self.assertEqual(self.sums(), before)

    def test_without_yes_nothing_is_done(self):
        self.ctl("--time-column", "taken_at", code=USAGE)
        self.assertFalse(self.cut())
        self.ctl(code=USAGE)
        self.assertIn("refused", self.ctl("--time-column", "sensor", "--yes", code=NEGATIVE).stdout)

    def test_what_has_begun_can_be_taken_back(self):
        before = self.sums()
        self.killed_in_the_middle("--time-column", "taken_at", "--batch", "50", "--yes")
        self.ctl("--abandon")
        self.ctl("--abandon", code=NEGATIVE)
        self.assertEqual(self.sums(), before)
        self.assertEqual(self.database.run(
            f"SELECT count(*) FROM pg_class WHERE relname LIKE '{self.table}\\_conver%'"), "0")
        # And begun anew.
        self.ctl("--time-column", "taken_at", "--yes")
        self.assertEqual(self.sums(), before)
        self.assertTrue(self.cut())
