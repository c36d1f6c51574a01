"""Who did what: events that say who appended them, and the table of what operators and admins did."""
import json
import os
import subprocess

from harness.client import SLOWER, Client, append_request, failure_of, new_event, new_id
from harness.eventctl import BINARY, OK, USAGE, objects
from harness.keys import KeyFile
from harness.messages import groups, housekeeper, store
from harness.server import Server, wait_until
from harness.suite import StoreTest

# A name that has to be escaped, and how the file of keys writes it.
ODD = 'odd "name" \\ here'
ODD_IN_TOML = ODD.replace("\\", "\\\\").replace('"', '\\"')


class AuditTest(StoreTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = KeyFile()
        cls.keys.add("orders", "reader", "writer").add(ODD_IN_TOML, "writer").add("ops", "operator")
        cls.keys.add("chief", "admin").write()
        cls.guest = Server(database_url=cls.server.conninfo(),
                           settings={"auth_keys": cls.keys.path, "audit_metadata": "true", "log_format": "json"})
        cls.addClassCleanup(cls.guest.stop)
        cls.database = cls.server.database()
        # One of the two runs it by itself at the start, for both; then it is for the tests to run.
        runs = "SELECT count(*) FROM housekeeper_runs WHERE task = 'prune-housekeeper-runs' AND finished_at IS NOT NULL"
        wait_until(lambda: cls.database.run(runs) != "0", "the housekeeper's first run")

    def as_(self, name, server=None):
        client = Client((server or self.guest).address, token=self.keys.key[name])
        self.addCleanup(client.close)
        return client

    def audit(self, **query):
        request = housekeeper.ListAuditLogRequest(page_size=1000, **query)
        return list(self.as_("ops").unary("ListAuditLog", request).records)


class MetadataTest(AuditTest):
    def metadata_of(self, aggregate):
        return [json.loads(event.metadata) for event in self.client.replay(aggregate)]

    def test_each_event_says_who_appended_it(self):
        aggregate, other = new_id(), new_id()
        client = self.as_("orders")
        client.append(append_request(aggregate, 0, [new_event(), new_event(metadata=' { "a" : {"b": [1]}} ')]))
        client.append_batch([append_request(aggregate, 2, [new_event(metadata="{\t\n}")])])
        self.as_(ODD_IN_TOML).append(append_request(other, 0, [new_event()]))
        list(client.append_stream([store.AppendStreamRequest(items=[append_request(other, 1, [new_event()])])]))
        self.assertEqual(self.metadata_of(aggregate), [
            {"_recorded_by": "orders"}, {"_recorded_by": "orders", "a": {"b": [1]}}, {"_recorded_by": "orders"}])
        self.assertEqual(self.metadata_of(other), [{"_recorded_by": ODD}, {"_recorded_by": "orders"}])

    def test_a_retry_is_the_same_append(self):
        aggregate = new_id()
        request = append_request(aggregate, 0, [new_event(metadata='{"a": 1}')])
        client = self.as_("orders")
        first = client.append(request)
        self.assertEqual(client.append(request), first)
        # By another identity it is not.
        failure = failure_of(lambda: self.as_("chief").append(request))
        self.assertEqual(failure.reason, "EVENT_ID_CONFLICT")
        self.assertEqual(self.client.version(aggregate), 1)

    def test_nobody_writes_it_but_the_server(self):
        client = self.as_("orders")
        for metadata in ('{"_recorded_by": "chief"}', '{"a": 1, "\\u005frecorded_by": {}}'):
            request = append_request(new_id(), 0, [new_event(metadata=metadata)])
            failure = failure_of(lambda: client.append(request))
            self.assertEqual((failure.code, failure.reason), ("INVALID_ARGUMENT", "INVALID_REQUEST"))
            self.assertEqual(failure.fields, {
                "events[0].metadata": 'has a member "_recorded_by", which is the server\'s to write'})
        # Further inside, or in the data, it is anybody's.
        client.append(append_request(new_id(), 0, [new_event(metadata='{"a": {"_recorded_by": 1}}',
                                                             data={"_recorded_by": 1})]))

    def test_off_it_is_a_member_like_others(self):
        aggregate = new_id()
        self.client.append(append_request(aggregate, 0, [new_event(), new_event(metadata='{"_recorded_by": "x"}')]))
        self.assertEqual(self.metadata_of(aggregate), [{}, {"_recorded_by": "x"}])

    def test_it_needs_identities(self):
        run = subprocess.run([os.environ["EVENTSTORED_BINARY"], "--audit-metadata", "--print-config"],
                             capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(run.returncode, 2, run.stdout)
        self.assertIn("give auth_keys or jwt_jwks", run.stderr)


class TrailTest(AuditTest):
    def refuse(self, action, call):
        """Calls until its refusal is kept: of each second only so many are, and another test may have used them up."""
        def kept():
            self.assertEqual(failure_of(call).reason, "ROLE_MISSING")
            return [record for record in self.audit(action=action) if record.outcome == "ROLE_MISSING"]

        wait_until(kept, "the refusal to be kept", 30 * SLOWER)

    def test_what_was_done_and_what_came_of_it(self):
        ops, chief = self.as_("ops"), self.as_("chief")
        name = "audit-" + new_id()
        ops.unary("CreateConsumerGroup", groups.CreateConsumerGroupRequest(name=name, from_now={}))
        self.refuse("DeleteConsumerGroup",
                    lambda: ops.unary("DeleteConsumerGroup", groups.DeleteConsumerGroupRequest(name=name)))
        chief.unary("DeleteConsumerGroup", groups.DeleteConsumerGroupRequest(name=name))
        failure_of(lambda: chief.unary("DeleteConsumerGroup", groups.DeleteConsumerGroupRequest(name=name)))

        def found():
            records = [record for record in self.audit(action="DeleteConsumerGroup")]
            mine = [record for record in records if record.target == name]
            refused = [record for record in records if record.outcome == "ROLE_MISSING"]
            return (mine, refused) if len(mine) == 2 and refused else None

        (again, deleted), refused = wait_until(found, "the records", 30 * SLOWER)
        self.assertEqual((deleted.identity, deleted.credential, deleted.outcome), ("chief", "key", "done"))
        self.assertEqual(again.outcome, "GROUP_NOT_FOUND")
        self.assertTrue(deleted.peer.startswith("ipv4:127.0.0.1:"), deleted.peer)
        self.assertEqual(json.loads(deleted.detail), {"name": name})
        self.assertEqual((refused[0].identity, refused[0].target, refused[0].detail), ("ops", "", "{}"))
        created, = [record for record in self.audit(action="CreateConsumerGroup") if record.target == name]
        self.assertEqual((created.identity, created.outcome), ("ops", "done"))
        # Each has its two rows.
        self.assertEqual(self.database.run(
            f"SELECT count(*), count(DISTINCT outcome) FROM audit_log WHERE call = '{created.call_id}'"), "2|2")

    def test_runs(self):
        ops = self.as_("ops")
        request = housekeeper.RunTaskRequest(task="prune-housekeeper-runs", dry_run=True)
        list(ops.pages("RunTask", request))
        self.refuse("RunTask", lambda: list(ops.pages("RunTask", housekeeper.RunTaskRequest(task="retention"))))
        failure_of(lambda: list(ops.pages("RunTask", housekeeper.RunTaskRequest(task="no-such-task"))))

        def outcomes():
            records = self.audit(action="RunTask", identity="ops")
            return {(record.target, record.outcome) for record in records} if len(records) >= 3 else None

        wanted = {("prune-housekeeper-runs", "succeeded"), ("", "ROLE_MISSING"), ("no-such-task", "TASK_NOT_FOUND")}
        wait_until(lambda: outcomes() == wanted, "the records", 30 * SLOWER)
        record, = [record for record in self.audit(action="RunTask") if record.outcome == "succeeded"]
        self.assertEqual(json.loads(record.detail), {"task": "prune-housekeeper-runs", "dryRun": True})

    def test_what_nobody_proved_is_not_in_the_table(self):
        before = self.database.run("SELECT count(*) FROM audit_log")
        stranger = Client(self.guest.address)
        self.addCleanup(stranger.close)

        def call():
            failure = failure_of(lambda: stranger.unary("DeleteConsumerGroup", groups.DeleteConsumerGroupRequest(name="x")))
            self.assertEqual(failure.code, "UNAUTHENTICATED")

        def told():
            """Of each second the log has so many lines only, and another test may have used them up."""
            call()
            return "CREDENTIALS_MISSING" in self.guest.log()

        for _ in range(20):
            call()
        # Reading is not kept either, nor is appending.
        self.as_("ops").unary("ListTasks", housekeeper.ListTasksRequest())
        self.as_("orders").append(append_request(new_id(), 0, [new_event()]))
        wait_until(told, "the log to tell of it", 30 * SLOWER)
        self.assertEqual(self.database.run("SELECT count(*) FROM audit_log"), before)

    def test_refusals_cannot_fill_the_table(self):
        client = self.as_("orders")
        count = "SELECT count(*) FROM audit_log WHERE identity = 'orders'"
        before = int(self.database.run(count))
        calls = 300
        for _ in range(calls):
            failure_of(lambda: client.unary("UpdateSchedule", housekeeper.UpdateScheduleRequest(task="x")))
        kept = int(self.database.run(count)) - before
        self.assertGreater(kept, 0)
        self.assertLess(kept, calls)

    def test_without_a_record_nothing_is_done(self):
        name = "audit-" + new_id()
        self.database.run("ALTER TABLE audit_log RENAME TO audit_log_away")
        try:
            failure = failure_of(lambda: self.as_("ops").unary(
                "CreateConsumerGroup", groups.CreateConsumerGroupRequest(name=name, from_now={})))
            self.assertEqual(failure.code, "FAILED_PRECONDITION")
        finally:
            self.database.run("ALTER TABLE audit_log_away RENAME TO audit_log")
        failure = failure_of(lambda: self.as_("ops").unary("GetConsumerGroup", groups.GetConsumerGroupRequest(name=name)))
        self.assertEqual(failure.reason, "GROUP_NOT_FOUND")

    def test_rows_are_only_added(self):
        self.as_("ops").unary("CreateConsumerGroup", groups.CreateConsumerGroupRequest(name="audit-" + new_id(), from_now={}))
        for statement in ("UPDATE audit_log SET identity = 'nobody'", "DELETE FROM audit_log", "TRUNCATE audit_log"):
            with self.assertRaisesRegex(AssertionError, "audit_log is only added to"):
                self.database.run(statement)

    def test_what_is_old_is_forgotten(self):
        self.database.run(
            "INSERT INTO audit_log (at, call, identity, credential, peer, action, target, outcome) "
            "SELECT now() - make_interval(days => age), gen_random_uuid(), 'old', 'key', '', 'RunTask', '', 'done' "
            "FROM unnest(ARRAY[399, 401, 402]) age")
        chief = self.as_("chief")
        result = list(chief.pages("RunTask", housekeeper.RunTaskRequest(task="prune-housekeeper-runs")))[-1].result
        self.assertEqual(result.counts["audit_records_forgotten"], 2)
        self.assertEqual(len(self.audit(identity="old")), 1)

    def test_pages(self):
        for _ in range(3):
            self.as_("ops").unary("CreateConsumerGroup",
                                  groups.CreateConsumerGroupRequest(name="audit-" + new_id(), from_now={}))
        ids, token = [], ""
        for _ in range(100):
            page = self.as_("ops").unary("ListAuditLog", housekeeper.ListAuditLogRequest(
                page_size=2, page_token=token, action="CreateConsumerGroup", identity="ops"))
            ids += [record.id for record in page.records]
            token = page.next_page_token
            if not token:
                break
        self.assertEqual(ids, [record.id for record in self.audit(action="CreateConsumerGroup", identity="ops")])
        self.assertGreaterEqual(len(ids), 3)
        self.assertEqual(ids, sorted(ids, reverse=True))

    def test_eventctl_shows_it(self):
        name = "audit-" + new_id()
        self.as_("ops").unary("CreateConsumerGroup", groups.CreateConsumerGroupRequest(name=name, from_now={}))

        def run(key, *arguments):
            return subprocess.run([BINARY, "--server", self.guest.address, *arguments], capture_output=True, text=True,
                                  timeout=60, check=False, env={**os.environ, "EVENTSTORE_TOKEN": self.keys.key[key]})

        shown = run("ops", "audit", "--who", "ops", "--action", "CreateConsumerGroup", "--since", "1h")
        self.assertEqual(shown.returncode, OK, shown.stderr)
        line, = [line for line in shown.stdout.splitlines() if name in line]
        self.assertIn("done", line)
        told, = [record for record in objects(run("ops", "--json", "audit").stdout) if record["target"] == name]
        self.assertEqual((told["identity"], told["detail"]["name"]), ("ops", name))
        self.assertEqual(run("ops", "audit", "--who", "nobody").stdout, "")
        self.assertNotEqual(run("orders", "audit").returncode, OK)
        self.assertEqual(run("ops", "audit", "--since", "yesterday").returncode, USAGE)
