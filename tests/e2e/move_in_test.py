"""The whole way from a legacy table to the store, by tools/demo/move_in.py: ten sparse years with an old service that goes on
inserting, a copy and a forwarder that are killed, the switch, back, again, and the table dropped. The script judges for itself;
what it leaves is judged here once more, by other means."""
import os
import subprocess
import sys

from harness.server import SLOWER
from harness.suite import StoreTest

_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "demo", "move_in.py")
_ROWS = 3000


class MoveInTest(StoreTest):
    def test_ten_years_move_in_while_rows_arrive(self):
        done = subprocess.run(
            [sys.executable, "-B", _SCRIPT, "-", "--rows", str(_ROWS), "--batch-size", "100", "--data-dir", self.server.data_dir,
             "--server", self.server.address],
            capture_output=True, text=True, timeout=900 * SLOWER, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr)

        database = self.server.database()
        number = lambda sql: int(database.run(f"SELECT {sql}"))
        self.assertEqual(number("count(*) FROM past"), _ROWS)
        self.assertEqual(number("count(*) FROM past WHERE id NOT IN (SELECT id FROM events_v2)"), 0)
        self.assertGreater(number("count(DISTINCT timestamp::date) FROM events_v2 WHERE timestamp < now() - interval '1 year'"), 100)
        self.assertGreater(number("count(*) FROM events_v2 WHERE user_id = 'old-service'"), 100)
        self.assertEqual(number("count(*) FROM events_v2"), number("count(*) FROM events"))
        # Both ways were taken, and leave the same.
        runs = database.run("SELECT string_agg(DISTINCT CASE metadata ->> 'run' WHEN 'dual-write' THEN 'dual' ELSE 'copied' END, "
                            "' ') FROM events_v2 WHERE source = 'migration'")
        self.assertEqual(runs, "copied dual")
        self.assertEqual(number("count(DISTINCT (SELECT string_agg(k, ',' ORDER BY k) FROM jsonb_object_keys(metadata - "
                                "'original_timestamp') k)) FROM events_v2 WHERE source = 'migration'"), 1)
        # Entities without an id are aggregates of their own, of one event.
        self.assertEqual(number("count(*) FROM events_v2 e JOIN aggregate_heads h USING (aggregate_id) WHERE NOT e.data ? 'entityId' "
                                "AND h.version <> 1"), 0)
        self.assertEqual(
            database.run("SELECT string_agg(step || ' ' || outcome, ', ' ORDER BY seq) FROM cutover_log"),
            "install done, switch refused, check done, switch done, rollback done, check done, switch done, drop-legacy refused, "
            "close done, archive done, drop-legacy done")
        self.assertEqual(database.run("SELECT to_regclass('events_legacy') IS NULL"), "t")
        self.assertEqual(number("count(*) FROM legacy_outbox") + number("count(*) FROM legacy_failed"), 0)
