"""eventctl partitions and eventctl housekeeper against the real server: what they say, and their exit codes."""
import json

from harness.client import append_request, new_event, new_id
from harness.eventctl import NEGATIVE, OK, UNREACHABLE, USAGE, eventctl, objects
from harness.suite import StoreTest

# A run by schedule that failed a moment ago, and is not tried again today.
FAILED = """
INSERT INTO housekeeper_runs (task, instance, trigger, attempt, finished_at, status, error)
SELECT 'partition-maintenance', 'test:1', 'schedule', n, now(), 'failed', 'made up' FROM generate_series(1, 6) n
"""


class Nowhere:
    address = "127.0.0.1:1"


class EventctlHousekeeperTest(StoreTest):
    def ctl(self, *arguments, code=OK):
        done = eventctl(self.server, *arguments)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done

    # Partitions.

    def test_check_is_green_and_says_why(self):
        self.client.append(append_request(new_id(), "any", [new_event()]))
        text = self.ctl("partitions", "check").stdout
        self.assertIn("green: today has its partition, made by the insert that needs them", text)
        self.assertIn("FROM (UTC)", text)
        status = json.loads(self.ctl("partitions", "check", "--json").stdout)
        self.assertEqual(status["health"], "green")
        self.assertEqual(status["engine"], "timescaledb")
        self.assertTrue(status["today_exists"])
        self.assertGreater(status["newest_partitions"][0]["bytes"], 0)

    def test_check_is_yellow_with_exit_code_1(self):
        database = self.server.database()
        database.run(FAILED)
        self.addCleanup(database.run, "DELETE FROM housekeeper_runs WHERE instance = 'test:1'")
        done = self.ctl("partitions", "check", code=1)
        self.assertIn("yellow", done.stdout)
        self.assertIn("partition-maintenance failed, 6 times in a row", done.stdout)

    def test_check_tells_what_cannot_be_reached(self):
        self.assertEqual(eventctl(Nowhere, "partitions", "check").returncode, UNREACHABLE)
        self.ctl("partitions", "check", "--newest", "0", code=USAGE)

    def test_fix_tries_an_insert(self):
        text = self.ctl("partitions", "fix").stdout
        self.assertIn("partition-maintenance: succeeded", text)
        self.assertIn("tried, and rolled back", text)
        run = json.loads(self.ctl("partitions", "fix", "--dry-run", "--to-days", "5", "--json").stdout)
        self.assertEqual(run["parameters"], {"dry_run": 1, "from_days": -30, "to_days": 5})

    def test_maintain(self):
        self.assertIn("partition-maintenance: succeeded", self.ctl("partitions", "maintain", "--dry-run").stdout)
        names = [task["name"] for task in objects(self.ctl("housekeeper", "tasks", "--json").stdout)]
        if "retention" not in names:
            done = self.ctl("partitions", "maintain", "--dry-run", "--retention-days", "90", code=NEGATIVE)
            self.assertIn("TASK_NOT_FOUND", done.stderr)

    # Tasks and runs.

    def test_tasks_as_a_table_and_as_objects(self):
        self.ctl("housekeeper", "run", "verify-sample")
        text = self.ctl("housekeeper", "tasks").stdout
        self.assertIn("SCHEDULE (UTC)", text)
        self.assertIn("verify-sample", text)
        self.assertEqual(self.ctl("housekeeper").stdout.count("\n"), text.count("\n"))
        tasks = {task["name"]: task for task in objects(self.ctl("housekeeper", "tasks", "--json").stdout)}
        self.assertEqual(tasks["verify-sample"]["last_run"]["status"], "succeeded")
        self.assertEqual(tasks["verify-sample"]["time_limit_seconds"], 600)

    def test_run_tells_what_came_of_it(self):
        run = json.loads(self.ctl("housekeeper", "run", "refresh-aggregates", "--json").stdout)
        self.assertEqual((run["status"], run["trigger"]), ("succeeded", "operator"))
        self.assertIn("skipped", self.ctl("housekeeper", "run", "compression").stdout)
        done = self.ctl("housekeeper", "run", "nothing", code=NEGATIVE)
        self.assertIn("eventctl housekeeper tasks", done.stderr)

    def test_runs_are_filtered(self):
        for _ in range(3):
            self.ctl("housekeeper", "run", "prune-housekeeper-runs")
        runs = objects(self.ctl("housekeeper", "runs", "--task", "prune-housekeeper-runs", "--max", "2", "--json").stdout)
        self.assertEqual(len(runs), 2)
        self.assertGreater(runs[0]["id"], runs[1]["id"])
        self.assertIn("STARTED (UTC)", self.ctl("housekeeper", "runs").stdout)
        self.assertEqual(self.ctl("housekeeper", "runs", "--status", "interrupted").stdout, "")
        self.ctl("housekeeper", "runs", "--status", "lost", code=USAGE)

    def test_schedule_is_changed(self):
        text = self.ctl("housekeeper", "schedule", "compression", "@weekly").stdout
        self.assertIn('compression: "@weekly", next at', text)
        self.assertIn("switched off", self.ctl("housekeeper", "schedule", "compression", "--off").stdout)
        self.assertIn("switched off", self.ctl("housekeeper", "tasks").stdout)
        self.ctl("housekeeper", "schedule", "compression", "0 2 * * *", "--on")
        self.assertIn("field schedule", self.ctl("housekeeper", "schedule", "compression", "daily", code=USAGE).stderr)
        self.ctl("housekeeper", "schedule", "compression", code=USAGE)
        self.ctl("housekeeper", "schedule", "nothing", "@daily", code=NEGATIVE)
