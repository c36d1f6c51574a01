"""Watch: creations and changes of status as they happen, once each and in order, through breaks and restarts."""
import threading
import time

from harness.client import Client, failure_of, new_id
from harness.messages import operations as pb
from harness.metrics import Metrics
from harness.operations import COMPLETED, FAILED, REQUESTED, RUNNING, SCHEDULED, Records
from harness.server import Server, wait_until
from harness.suite import StoreTest
from harness.watcher import Watcher


def told(change):
    return (pb.RecordKind.Name(change.kind)[len("RECORD_KIND_"):].lower(), change.ref, change.previous_status, change.status)


class WatchTest(StoreTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.records = Records(cls.client)

    def watch(self, **fields):
        watcher = Watcher(self.client, **fields)
        self.addCleanup(watcher.stop)
        watcher.await_caught_up()
        return watcher

    def test_watchers_are_counted(self):
        def watchers():
            return Metrics(self.server).sum("eventstore_watchers")

        # Those of other cases may be on their way out.
        wait_until(lambda: watchers() == 0, "the watchers of other cases to be gone")
        watcher = self.watch()
        self.assertEqual(watchers(), 1)
        watcher.stop()
        wait_until(lambda: watchers() == 0, "the watcher to be gone")
        self.assertEqual(Metrics(self.server).sum("eventstore_operations_connections"), 4)
        self.assertEqual(Metrics(self.server).sum("eventstore_operations_queue_requests"), 0)

    def another(self):
        server = Server(database_url=self.server.conninfo())
        self.addCleanup(server.stop)
        client = Client(server.address)
        self.addCleanup(client.close)
        return server, client

    def test_what_happens_is_told_in_order(self):
        ref = f"test.{new_id()}"
        watcher = self.watch(refs=[ref])
        self.records.event(trigger_ref=ref)
        enforcement = self.records.enforcement(rule_ref=ref)
        execution = self.records.execution(action_ref=ref)
        self.records.execution(action_ref="core.other")
        self.records.run(execution, FAILED)
        self.records.call("ResolveEnforcement", id=enforcement.id, status=pb.ENFORCEMENT_STATUS_PROCESSED)
        worker = self.records.worker(name=ref)
        self.records.call("HeartbeatWorker", id=worker.id)
        self.records.call("DeregisterWorker", id=worker.id, forget=True)
        changes = watcher.await_changes(9)
        self.assertEqual([told(c) for c in changes], [
            ("event", ref, "", ""), ("enforcement", ref, "", "created"), ("execution", ref, "", "requested"),
            ("execution", ref, "requested", "scheduled"), ("execution", ref, "scheduled", "running"),
            ("execution", ref, "running", "failed"), ("enforcement", ref, "created", "processed"),
            ("worker", ref, "", "active"), ("worker", ref, "active", "")])
        self.assertEqual(changes[2].id, execution.id)

    def test_filters(self):
        ref = f"test.{new_id()}"
        failed = self.watch(kinds=[pb.RECORD_KIND_EXECUTION], refs=[ref], statuses=["failed", "timeout"])
        events = self.watch(kinds=[pb.RECORD_KIND_EVENT], refs=[ref])
        for end in (COMPLETED, FAILED, COMPLETED, FAILED):
            self.records.event(trigger_ref=ref)
            self.records.run(self.records.execution(action_ref=ref), end)
        self.assertEqual([c.status for c in failed.await_changes(2)], ["failed", "failed"])
        self.assertEqual(len(events.await_changes(4)), 4)
        # Another server sees the same, and from the same places on.
        _, client = self.another()
        again = Watcher(client, resume_token=failed.tokens[0], refs=[ref])
        self.addCleanup(again.stop)
        self.assertEqual(len(again.await_changes(20)), 20)
        self.assertEqual([c for c in again.changes if c.status == "failed"], failed.changes)

    def test_resumed_without_loss_while_two_write(self):
        """Two writers on two servers, one watcher that breaks its call all the time and one that never does."""
        _, client = self.another()
        ref = f"test.{new_id()}"
        steady = self.watch(refs=[ref])
        start = steady.tokens[0]
        broken = Watcher(client, break_every=3, refs=[ref], resume_token=start)
        self.addCleanup(broken.stop)
        rounds, done = 40, []

        def write(records):
            """Until it was broken often: how much comes in one message is the server's affair."""
            count = 0
            while count < rounds or (broken.breaks <= 3 and count < 50 * rounds):
                records.run(records.execution(action_ref=ref), COMPLETED)
                count += 1
            done.append(count)

        writers = [threading.Thread(target=write, args=(Records(c),)) for c in (self.client, client)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        self.assertEqual(len(done), 2)
        expected = sum(done) * 4
        for watcher in (steady, broken):
            changes = watcher.await_changes(expected)
            self.assertEqual(len(changes), expected)
            self.assertEqual(len({(c.id, c.status) for c in changes}), expected)
            paths = {}
            for change in changes:
                paths.setdefault(change.id, []).append(change.status)
            self.assertEqual(set(map(tuple, paths.values())), {("requested", "scheduled", "running", "completed")})
        self.assertEqual([told(c) + (c.id,) for c in steady.changes], [told(c) + (c.id,) for c in broken.changes])
        self.assertGreater(broken.breaks, 3)
        # And once more from the start, by pages from the database.
        late = Watcher(self.client, refs=[ref], resume_token=start)
        self.addCleanup(late.stop)
        self.assertEqual([told(c) for c in late.await_changes(expected)], [told(c) for c in steady.changes])

    def test_through_a_restart_of_the_server(self):
        server, client = self.another()
        ref = f"test.{new_id()}"
        first = Watcher(client, refs=[ref])
        first.await_caught_up()
        Records(client).event(trigger_ref=ref)
        first.await_changes(1)
        token = first.tokens[-1]
        self.assertEqual(server.stop(), 0)
        wait_until(lambda: first.error, "the watcher to be told")
        self.assertEqual(first.error.code, "UNAVAILABLE")
        self.records.event(trigger_ref=ref)
        second = Watcher(self.client, refs=[ref], resume_token=token)
        self.addCleanup(second.stop)
        self.assertEqual(len(second.await_changes(1)), 1)

    def test_what_is_open_holds_back_and_nothing_is_lost(self):
        ref = f"test.{new_id()}"
        watcher = self.watch(refs=[ref])
        with self.server.database().transaction(f"INSERT INTO event (trigger_ref) VALUES ('{ref}');"):
            self.records.execution(action_ref=ref)
            time.sleep(0.5)  # nothing may come, so there is nothing to wait for
            self.assertEqual(watcher.changes, [])
        # It was rolled back.
        self.assertEqual([told(c)[0] for c in watcher.await_changes(1)], ["execution"])

    def test_heartbeats_and_tokens(self):
        watcher = self.watch(refs=["nobody"], heartbeat_seconds=1)
        wait_until(lambda: len(watcher.tokens) >= 3, "two heartbeats")
        self.assertEqual(watcher.changes, [])

    def test_bad_tokens(self):
        failure = failure_of(lambda: list(self.client.pages("Watch", pb.WatchRequest(resume_token="x"))))
        self.assertEqual((failure.code, set(failure.fields)), ("INVALID_ARGUMENT", {"resume_token"}))
        ahead = pb.WatchRequest(resume_token=f"{10 ** 15}.{int(time.time() * 1e6)}")
        failure = failure_of(lambda: list(self.client.pages("Watch", ahead)))
        self.assertEqual((failure.code, failure.reason), ("OUT_OF_RANGE", "POSITION_AHEAD"))

    def test_a_watcher_that_does_not_read_costs_nothing_and_misses_nothing(self):
        ref = f"test.{new_id()}"
        lazy = self.client.pages("Watch", pb.WatchRequest(refs=[ref]), deadline_s=None)
        self.addCleanup(lazy.cancel)
        next(lazy)
        for _ in range(20):
            self.records.run(self.records.execution(action_ref=ref), COMPLETED)
        seen = []
        for message in lazy:
            seen.extend(message.changes)
            if len(seen) == 80:
                break
        self.assertEqual(len({(c.id, c.status) for c in seen}), 80)
