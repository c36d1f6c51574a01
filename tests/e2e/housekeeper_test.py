"""The housekeeper as clients and operators see it: runs and their record, two servers, kills, locks."""
from harness.client import Client, append_request, failure_of, new_event, new_id
from harness.messages import housekeeper as pb
from harness.server import Server, wait_until
from harness.suite import StoreTest

MAINTENANCE = "partition-maintenance"
DONE = (pb.RUN_STATUS_SUCCEEDED, pb.RUN_STATUS_SKIPPED)


class HousekeeperTest(StoreTest):
    def tasks(self, client=None):
        answer = (client or self.client).unary("ListTasks", pb.ListTasksRequest())
        return {task.name: task for task in answer.tasks}

    def run_task(self, task, client=None, **parameters):
        """All messages of a run."""
        request = pb.RunTaskRequest(task=task, **parameters)
        return list((client or self.client).pages("RunTask", request))

    def result(self, task, client=None, **parameters):
        return self.run_task(task, client, **parameters)[-1].result

    def runs(self, client=None, **filters):
        return list((client or self.client).unary("ListRuns", pb.ListRunsRequest(**filters)).runs)

    def another(self, **settings):
        """A second server on the same database, with a client."""
        server = Server(database_url=self.server.conninfo(), settings=settings)
        self.addCleanup(server.stop)
        client = Client(server.address)
        self.addCleanup(client.close)
        return server, client

    def await_start(self, server):
        """Until what it does at its start is done."""
        wait_until(lambda: [run for run in self.runs(task=MAINTENANCE, page_size=1000)
                            if run.instance.endswith(f":{server.pid}") and run.status in DONE], "its first run", 60)
        wait_until(lambda: not self.runs(status=pb.RUN_STATUS_RUNNING), "the start to be over", 60)

    def start_run(self, server, client, task=MAINTENANCE):
        """Until the run is recorded as running there."""
        stream = client.pages("RunTask", pb.RunTaskRequest(task=task))
        wait_until(lambda: [r for r in self.runs(task=task, status=pb.RUN_STATUS_RUNNING)
                            if r.instance.endswith(f":{server.pid}")], "the run to begin")
        return stream

    # What there is.

    def test_every_task_runs_at_the_start(self):
        for name in (MAINTENANCE, "refresh-aggregates", "compression", "verify-sample", "prune-housekeeper-runs"):
            with self.subTest(task=name):
                run = wait_until(lambda: [run for run in self.runs(task=name, page_size=1000)
                                          if run.trigger == pb.RUN_TRIGGER_STARTUP and run.status in DONE
                                          and run.instance.endswith(f":{self.server.pid}")], "its run", 60)[0]
                self.assertEqual(run.attempt, 1)
                self.assertEqual(run.error, "")
                task = self.tasks()[name]
                self.assertTrue(task.description)
                self.assertTrue(task.enabled)
                self.assertFalse(task.overdue)
                self.assertGreater(task.next_run_at.seconds, run.started_at.seconds)
                self.assertGreater(task.time_limit_seconds, 0)

    def test_a_run_is_progress_and_then_its_record(self):
        *progress, last = self.run_task(MAINTENANCE)
        self.assertTrue(progress)
        for message in progress:
            self.assertTrue(message.progress.doing)
        run = last.result
        self.assertEqual(run.status, pb.RUN_STATUS_SUCCEEDED)
        self.assertEqual(run.trigger, pb.RUN_TRIGGER_OPERATOR)
        self.assertEqual(run.counts["test_inserts"], 1)
        self.assertTrue(run.instance.endswith(f":{self.server.pid}"), run.instance)
        self.assertEqual(self.runs(task=MAINTENANCE)[0], run)

    def test_parameters_are_recorded(self):
        run = self.result(MAINTENANCE, dry_run=True, from_days=-3, to_days=4)
        self.assertEqual(dict(run.parameters), {"dry_run": 1, "from_days": -3, "to_days": 4})
        self.assertNotIn("test_inserts", run.counts)

    def test_what_is_wrong_is_named(self):
        self.assertEqual(failure_of(lambda: self.run_task("unknown")).reason, "TASK_NOT_FOUND")
        failure = failure_of(lambda: self.run_task(MAINTENANCE, from_days=5, to_days=1))
        self.assertEqual(list(failure.fields), ["from_days"])
        failure = failure_of(lambda: self.run_task("", retention_days=0))
        self.assertEqual(sorted(failure.fields), ["retention_days", "task"])
        failure = failure_of(lambda: self.runs(page_size=-1, page_token="x", status=77))
        self.assertEqual(sorted(failure.fields), ["page_size", "page_token", "status"])

    def test_runs_are_paged_newest_first(self):
        for _ in range(5):
            self.result("prune-housekeeper-runs")
        everything = self.runs(task="prune-housekeeper-runs", page_size=1000)
        self.assertGreaterEqual(len(everything), 5)
        self.assertEqual(everything, sorted(everything, key=lambda run: -run.id))
        token, paged = "", []
        while True:
            request = pb.ListRunsRequest(task="prune-housekeeper-runs", page_size=2, page_token=token)
            page = self.client.unary("ListRuns", request)
            self.assertLessEqual(len(page.runs), 2)
            paged += page.runs
            token = page.next_page_token
            if not token:
                break
        self.assertEqual(paged, everything)
        for status in DONE + (pb.RUN_STATUS_INTERRUPTED,):  # another test kills servers in runs of this task
            self.assertEqual(self.runs(task="prune-housekeeper-runs", status=status, page_size=1000),
                             [run for run in everything if run.status == status])

    def test_a_schedule_is_changed_for_all(self):
        def update(**fields):
            return self.client.unary("UpdateSchedule", pb.UpdateScheduleRequest(task="compression", **fields)).task

        task = update(schedule="30 3 * * SUN", changed_by="ada")
        self.assertEqual((task.schedule, task.changed_by, task.enabled), ("30 3 * * SUN", "ada", True))
        self.assertEqual(task.next_run_at.seconds % 86_400, 3 * 3600 + 30 * 60)
        task = update(enabled=False)
        self.assertFalse(task.enabled or task.HasField("next_run_at"))
        self.assertEqual(task.schedule, "30 3 * * SUN")
        self.assertEqual(self.tasks()["compression"], task)
        failure = failure_of(lambda: update(schedule="0 25 * * *"))
        self.assertIn("the hour is not understood", failure.fields["schedule"])
        self.assertEqual(list(failure_of(update).fields), ["schedule"])
        request = pb.UpdateScheduleRequest(task="unknown", enabled=True)
        self.assertEqual(failure_of(lambda: self.client.unary("UpdateSchedule", request)).reason, "TASK_NOT_FOUND")
        update(schedule="0 2 * * *", enabled=True)

    def test_the_partitions_are_told(self):
        self.client.append(append_request(new_id(), "any", [new_event()]))
        status = self.client.unary("GetPartitionStatus", pb.GetPartitionStatusRequest(newest=1))
        self.assertEqual(status.health, pb.PARTITION_HEALTH_GREEN, status)
        self.assertEqual(status.engine, "timescaledb")
        self.assertFalse(status.made_ahead)
        self.assertTrue(status.today_exists)
        self.assertGreater(status.bytes, 0)
        self.assertGreaterEqual(status.partitions, 1)
        self.assertEqual(len(status.newest_partitions), 1)
        newest = status.newest_partitions[0]
        self.assertEqual(newest.to.seconds - getattr(newest, "from").seconds, 86_400)
        self.assertLessEqual(status.oldest.seconds, getattr(newest, "from").seconds)

    def test_hours_are_counted(self):
        kind = f"kind-{new_id()}"
        for _ in range(3):
            self.client.append(append_request(new_id(), "any", [new_event(kind), new_event(kind)]))
        self.assertEqual(self.result("refresh-aggregates").status, pb.RUN_STATUS_SUCCEEDED)
        count = f"SELECT sum(events) FROM events_hourly WHERE event_type = '{kind}'"
        self.assertEqual(self.server.database().run(count), "6")

    # Bad days.

    def test_an_instance_without_a_housekeeper_says_so_and_answers(self):
        _, client = self.another(housekeeper="off")
        self.assertEqual(failure_of(lambda: self.run_task(MAINTENANCE, client)).reason, "HOUSEKEEPER_OFF")
        self.assertIn(MAINTENANCE, self.tasks(client))

    def test_of_two_servers_one_runs_a_task(self):
        server, client = self.another(housekeeper_lock_timeout_ms=60_000)
        self.await_start(server)
        with self.server.database().lock("events_v2"):
            stream = self.start_run(server, client)
            failure = failure_of(lambda: self.run_task(MAINTENANCE))
            self.assertEqual((failure.code, failure.reason), ("ABORTED", "TASK_RUNNING"))
            self.assertTrue(failure.info.metadata["instance"].endswith(f":{server.pid}"), failure)
            self.assertEqual(failure_of(lambda: self.run_task(MAINTENANCE, client)).reason, "TASK_RUNNING")
        self.assertEqual(list(stream)[-1].result.status, pb.RUN_STATUS_SUCCEEDED)
        self.assertEqual(self.result(MAINTENANCE).status, pb.RUN_STATUS_SUCCEEDED)

    def start_blocked_run(self, server, client, task):
        """Until it waits for a lock. What a server does of itself at its start may be just ending, and is refused beside it:
        then once more."""
        def blocked():
            if not [run for run in self.runs(task=task, status=pb.RUN_STATUS_RUNNING)
                    if run.instance.endswith(f":{server.pid}")]:
                calls.append(client.pages("RunTask", pb.RunTaskRequest(task=task)))
                return False
            return self.server.database().run(waiting) != "0"

        waiting = ("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'eventstored%' "
                   "AND wait_event_type = 'Lock'")
        calls = []  # a call that is let go of is cancelled
        wait_until(blocked, "the run to wait for the lock", 60)
        return calls

    def kill(self, server, task):
        """In the middle of a run of the task; the run, once it is marked."""
        begun = wait_until(lambda: [run for run in self.runs(task=task, status=pb.RUN_STATUS_RUNNING)
                                    if run.instance.endswith(f":{server.pid}")], "the run to begin", 60)[0]
        server.signal(9)
        server.wait()
        return begun

    def await_marked(self, begun):
        dead = wait_until(lambda: [run for run in self.runs(task=begun.task, status=pb.RUN_STATUS_INTERRUPTED)
                                   if run.id == begun.id], "the run to be marked", 60)[0]
        self.assertIn("ended in the middle of it", dead.error)
        return dead

    def test_a_server_killed_in_the_middle_of_a_task(self):
        aggregate = new_id()
        self.client.append(append_request(aggregate, "any", [new_event()]))
        with self.server.database().lock("events_v2"):
            server, _ = self.another(housekeeper_lock_timeout_ms=60_000)
            begun = self.kill(server, MAINTENANCE)
        dead = self.await_marked(begun)
        repair = wait_until(lambda: [run for run in self.runs(task=MAINTENANCE) if run.id > dead.id and
                                     run.trigger == pb.RUN_TRIGGER_REPAIR and run.status in DONE], "the repair", 60)[-1]
        self.assertTrue(repair.instance.endswith(f":{self.server.pid}"))
        self.assertEqual(self.client.version(aggregate), 1)

    def test_a_server_killed_while_it_counts_for_an_operator(self):
        kind = f"kind-{new_id()}"
        self.client.append(append_request(new_id(), "any", [new_event(kind)]))
        server, client = self.another(housekeeper_lock_timeout_ms=60_000)
        self.await_start(server)
        # It has counted, and has to note how far it is.
        with self.server.database().transaction("SELECT * FROM events_hourly_state FOR UPDATE;"):
            calls = self.start_blocked_run(server, client, "refresh-aggregates")
            begun = self.kill(server, "refresh-aggregates")
        self.assertTrue(calls)
        self.await_marked(begun)
        self.assertEqual(self.result("refresh-aggregates").status, pb.RUN_STATUS_SUCCEEDED)
        count = f"SELECT sum(events) FROM events_hourly WHERE event_type = '{kind}'"
        self.assertEqual(self.server.database().run(count), "1")

    def test_a_server_killed_while_it_verifies(self):
        self.killed_while_it_waits("verify-sample", "LOCK TABLE aggregate_heads IN ACCESS EXCLUSIVE MODE;")

    def test_a_server_killed_while_it_forgets_runs(self):
        old = f"test:{new_id()}"
        run = f"""
            INSERT INTO housekeeper_runs (task, instance, trigger, attempt, started_at, finished_at, status)
            SELECT '{MAINTENANCE}', '{old}', 'schedule', 1, t, t, 'succeeded' FROM (SELECT now() - interval '1 year') q(t)
            """
        self.killed_while_it_waits(
            "prune-housekeeper-runs", f"SELECT * FROM housekeeper_runs WHERE instance = '{old}' FOR UPDATE;", run)
        self.assertEqual(
            self.server.database().run(f"SELECT count(*) FROM housekeeper_runs WHERE instance = '{old}'"), "0")

    def killed_while_it_waits(self, task, lock, first=""):
        server, client = self.another(housekeeper_lock_timeout_ms=60_000)
        self.await_start(server)
        self.server.database().run(first)
        self.result(MAINTENANCE)  # the last run of each task is kept
        with self.server.database().transaction(lock):
            calls = self.start_blocked_run(server, client, task)
            begun = self.kill(server, task)
        self.assertTrue(calls)
        self.await_marked(begun)
        self.assertEqual(self.result(task).status, pb.RUN_STATUS_SUCCEEDED)

    def test_a_lock_held_by_a_long_reader_fails_the_run_which_is_tried_again(self):
        with self.server.database().lock("events_v2"):
            server, client = self.another(housekeeper_lock_timeout_ms=200, housekeeper_retry_seconds=1)

            def failed():
                return [run for run in self.runs(task=MAINTENANCE, status=pb.RUN_STATUS_FAILED)
                        if run.instance.endswith(f":{server.pid}")]

            run = wait_until(failed, "the run to fail", 60)[0]
            self.assertIn("another session held a lock for longer than 200 ms", run.error)
            self.assertIn("the oldest open transaction is that of backend", run.error)
            self.assertIn("psql", run.error)
            self.assertGreaterEqual(self.tasks(client)[MAINTENANCE].failures, 1)
            status = client.unary("GetPartitionStatus", pb.GetPartitionStatusRequest())
            self.assertEqual(status.health, pb.PARTITION_HEALTH_YELLOW)
            self.assertIn("partition-maintenance failed", status.remarks[0])
        again = wait_until(lambda: [r for r in self.runs(task=MAINTENANCE, status=pb.RUN_STATUS_SUCCEEDED)
                                    if r.id > run.id], "the next attempt", 60)[-1]
        self.assertGreaterEqual(again.attempt, 2)

    def test_a_server_that_stops_ends_what_it_runs(self):
        server, client = self.another(housekeeper_lock_timeout_ms=60_000)
        self.await_start(server)
        with self.server.database().lock("events_v2"):
            stream = self.start_run(server, client)
            self.assertEqual(server.stop(), 0)
        run = list(stream)[-1].result
        self.assertEqual(run.status, pb.RUN_STATUS_INTERRUPTED)
        self.assertIn("the server was stopped", run.error)

    def test_who_goes_away_ends_the_run_after_its_step(self):
        client = Client(self.server.address)
        with self.server.database().lock("events_hourly_state"):
            stream = client.pages("RunTask", pb.RunTaskRequest(task="refresh-aggregates"))
            wait_until(lambda: self.runs(task="refresh-aggregates", status=pb.RUN_STATUS_RUNNING), "the run to begin")
            stream.cancel()
            client.close()
        run = wait_until(lambda: [r for r in self.runs(task="refresh-aggregates")[:1]
                                  if r.status != pb.RUN_STATUS_RUNNING], "its end")[0]
        self.assertEqual(run.trigger, pb.RUN_TRIGGER_OPERATOR)
        self.assertIn(run.status, (pb.RUN_STATUS_INTERRUPTED, pb.RUN_STATUS_SUCCEEDED))
