"""Operational records over gRPC: what is made, moved, found and listed, and what is refused."""
import json
import threading

from harness.client import Client, Failure, append_request, failure_of, new_event, new_id
from harness.messages import event, from_micros, micros, operations as pb, store
from harness.operations import COMPLETED, FAILED, REQUESTED, RUNNING, SCHEDULED, Records
from harness.server import Server, wait_until
from harness.suite import StoreTest

STATUSES = {name[len("EXECUTION_STATUS_"):].lower(): number for name, number in pb.ExecutionStatus.items() if number}


class OperationsTest(StoreTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.records = Records(cls.client)

    def ref(self):
        return f"test.{new_id()}"

    # Records and their repeats.

    def test_a_record_is_what_was_sent(self):
        correlation, rule_ref = new_id(), self.ref()
        sent = {"trigger_ref": self.ref(), "trigger_id": new_id(), "source": "sensor", "rule_ref": rule_ref,
                "payload": '{"a": 1}', "correlation_id": correlation}
        recorded = self.records.event(**sent)
        for field, value in sent.items():
            self.assertEqual(getattr(recorded, field), value, field)
        self.assertEqual(self.records.call("GetEvent", id=recorded.id).event, recorded)
        self.assertEqual(self.records.call("GetEvent", id=recorded.id, created=recorded.created).event, recorded)

        enforcement = self.records.enforcement(rule_ref=rule_ref, event_id=recorded.id, condition='{"x": true}')
        self.assertEqual(enforcement.status, pb.ENFORCEMENT_STATUS_CREATED)
        self.assertFalse(enforcement.HasField("resolved_at"))
        self.assertEqual(enforcement.event_id, recorded.id)

        execution = self.records.execution(enforcement_id=enforcement.id, parameters='{"p": "q"}')
        self.assertEqual(execution.status, REQUESTED)
        self.assertEqual(execution.parameters, '{"p": "q"}')
        self.assertEqual((execution.result, execution.worker_id), ("", ""))

    def test_a_repeat_is_answered_as_the_first(self):
        for make, other in ((self.records.event, {"trigger_ref": "core.other"}),
                            (self.records.enforcement, {"payload": '{"other": 1}'}),
                            (self.records.execution, {"parameters": '{"other": 1}'})):
            with self.subTest(make=make.__name__):
                fields = {"id": new_id()}
                first = make(**fields)
                self.assertEqual(make(**fields), first)
                failure = failure_of(lambda: make(**fields, **other))
                self.assertEqual((failure.code, failure.reason), ("ALREADY_EXISTS", "RECORD_ID_CONFLICT"))
                self.assertEqual(failure.info.metadata["id"], fields["id"])

    def test_a_repeat_of_one_that_has_moved_is_one(self):
        made = self.records.execution(id=new_id())
        self.records.run(made)
        again = self.records.execution(id=made.id)
        self.assertEqual((again.id, again.created, again.status), (made.id, made.created, COMPLETED))

    def test_of_many_that_send_one_id_all_get_one_record(self):
        fields = {"id": new_id(), "trigger_ref": self.ref()}
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.records.event(**fields))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(answers), 8)
        self.assertEqual(len({micros(answer.created) for answer in answers}), 1)
        found, _ = self.records.pages("ListEvents", "events", trigger_ref=fields["trigger_ref"])
        self.assertEqual(len(found), 1)

    def test_what_is_wrong_is_named(self):
        cases = [
            ("RecordEvent", {}, {"trigger_ref"}),
            ("RecordEvent", {"trigger_ref": "x" * 201, "payload": "[]", "id": "nope"}, {"trigger_ref", "payload", "id"}),
            ("CreateEnforcement", {"trigger_ref": "t"}, {"rule_ref"}),
            ("CreateExecution", {"action_ref": "a", "parent_id": "x"}, {"parent_id"}),
            ("MoveExecution", {"id": new_id()}, {"expected_status", "status"}),
            ("MoveExecution", {"id": new_id(), "expected_status": 99, "status": RUNNING}, {"expected_status"}),
            ("ResolveEnforcement", {"id": new_id(), "status": pb.ENFORCEMENT_STATUS_CREATED}, {"status"}),
            ("RegisterWorker", {}, {"name"}),
            ("GetWorker", {}, {"id"}),
            ("ListEvents", {"page_size": 1001}, {"page_size"}),
            ("ListExecutions", {"page_token": "x"}, {"page_token"}),
            ("ListExecutions", {"from_time": from_micros(2), "to_time": from_micros(1)}, {"from_time"}),
            ("GetHistory", {}, {"table"}),
            ("GetHistory", {"table": "execution", "entity_id": new_id(), "entity_ref": "r"}, {"entity_id"}),
            ("GetHistory", {"table": "execution", "entity_id": "no id"}, {"entity_id"}),
        ]
        for method, fields, wrong in cases:
            with self.subTest(method=method, fields=fields):
                failure = failure_of(lambda: self.records.call(method, **fields))
                self.assertEqual(failure.code, "INVALID_ARGUMENT")
                self.assertEqual(set(failure.fields), wrong)

    def test_what_is_not_there_is_not_found(self):
        there = self.records.execution()
        cases = [("GetEvent", {"id": new_id()}), ("GetEnforcement", {"id": new_id()}), ("GetExecution", {"id": new_id()}),
                 ("GetExecution", {"id": there.id, "created": from_micros(micros(there.created) + 1)}),
                 ("GetWorker", {"name": self.ref()}), ("HeartbeatWorker", {"id": new_id()}),
                 ("MoveExecution", {"id": new_id(), "expected_status": REQUESTED, "status": SCHEDULED}),
                 ("ResolveEnforcement", {"id": new_id(), "status": pb.ENFORCEMENT_STATUS_PROCESSED})]
        for method, fields in cases:
            with self.subTest(method=method):
                failure = failure_of(lambda: self.records.call(method, **fields))
                self.assertEqual((failure.code, failure.reason), ("NOT_FOUND", "RECORD_NOT_FOUND"))

    # Moves.

    def test_through_all_states(self):
        worker = self.records.worker()
        execution = self.records.execution()
        scheduled = self.records.move(execution, REQUESTED, SCHEDULED, worker_id=worker.id)
        self.assertEqual((scheduled.status, scheduled.worker_id), (SCHEDULED, worker.id))
        self.assertFalse(scheduled.HasField("started_at"))
        running = self.records.move(execution, SCHEDULED, RUNNING)
        self.assertTrue(running.HasField("started_at"))
        self.assertFalse(running.HasField("finished_at"))
        self.assertEqual(running.worker_id, worker.id)
        done = self.records.move(execution, RUNNING, COMPLETED, result='{"ok": true}')
        self.assertEqual(done.result, '{"ok": true}')
        self.assertEqual(done.started_at, running.started_at)
        times = [micros(t) for t in (done.created, done.started_at, done.finished_at)]
        self.assertEqual(times, sorted(times))
        self.assertGreater(micros(done.updated), micros(running.updated))
        self.assertEqual(self.records.call("GetExecution", id=execution.id).execution, done)

    def test_without_created_too(self):
        execution = self.records.execution(id=new_id())
        moved = self.records.call("MoveExecution", id=execution.id, expected_status=REQUESTED, status=SCHEDULED).execution
        self.assertEqual(moved.status, SCHEDULED)

    def test_another_status_than_expected_is_a_conflict(self):
        execution = self.records.execution()
        self.records.move(execution, REQUESTED, SCHEDULED)
        for status in (SCHEDULED, FAILED, COMPLETED):
            failure = failure_of(lambda: self.records.move(execution, REQUESTED, status))
            self.assertEqual((failure.code, failure.reason), ("ABORTED", "STATUS_CONFLICT"))
            self.assertEqual(failure.info.metadata["current_status"], "scheduled")
            self.assertEqual(failure.info.metadata["expected_status"], "requested")

    def test_an_illegal_transition_names_the_legal_ones(self):
        execution = self.records.execution()
        failure = failure_of(lambda: self.records.move(execution, REQUESTED, COMPLETED))
        self.assertEqual((failure.code, failure.reason), ("FAILED_PRECONDITION", "ILLEGAL_TRANSITION"))
        self.assertEqual(dict(failure.info.metadata),
                         {"id": execution.id, "current_status": "requested", "requested_status": "completed",
                          "legal_statuses": "scheduled,failed,timeout,cancelled,abandoned"})
        for status in failure.info.metadata["legal_statuses"].split(","):
            self.records.move(self.records.execution(), REQUESTED, STATUSES[status])
        done = self.records.execution()
        self.records.run(done)
        for name, status in STATUSES.items():
            with self.subTest(status=name):
                failure = failure_of(lambda: self.records.move(done, COMPLETED, status))
                self.assertEqual(failure.reason, "ILLEGAL_TRANSITION")
                self.assertEqual(failure.info.metadata["legal_statuses"], "")
        self.assertEqual(self.records.call("GetExecution", id=done.id).execution.status, COMPLETED)

    def test_of_many_movers_one_wins(self):
        other = Server(database_url=self.server.conninfo())
        self.addCleanup(other.stop)
        client = Client(other.address)
        self.addCleanup(client.close)
        movers = [self.records, Records(client)]
        for _ in range(10):
            execution = self.records.execution()
            self.records.move(execution, REQUESTED, SCHEDULED)
            self.records.move(execution, SCHEDULED, RUNNING)
            won, lost = [], []

            def move(records, status):
                try:
                    won.append(records.move(execution, RUNNING, status).status)
                except Failure as failure:
                    lost.append((failure.reason, failure.info.metadata["current_status"]))

            threads = [threading.Thread(target=move, args=(movers[i % 2], (COMPLETED, FAILED)[i // 2 % 2]))
                       for i in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(len(won), 1)
            self.assertEqual(set(lost), {("STATUS_CONFLICT", {COMPLETED: "completed", FAILED: "failed"}[won[0]])})
            self.assertEqual(len(lost), 7)

    def test_an_enforcement_is_resolved_once(self):
        made = self.records.enforcement()

        def resolve(status):
            return self.records.call("ResolveEnforcement", id=made.id, created=made.created, status=status).enforcement

        resolved = resolve(pb.ENFORCEMENT_STATUS_DISABLED)
        self.assertEqual(resolved.status, pb.ENFORCEMENT_STATUS_DISABLED)
        self.assertGreaterEqual(micros(resolved.resolved_at), micros(made.created))
        self.assertEqual(resolve(pb.ENFORCEMENT_STATUS_DISABLED), resolved)
        failure = failure_of(lambda: resolve(pb.ENFORCEMENT_STATUS_PROCESSED))
        self.assertEqual((failure.code, failure.reason), ("ABORTED", "STATUS_CONFLICT"))
        self.assertEqual(failure.info.metadata["current_status"], "disabled")

    # Workers.

    def test_the_life_of_a_worker(self):
        worker = self.records.worker(host="h1", worker_type="python", capabilities='{"runner": ["python"]}')
        self.assertEqual(worker.status, pb.WORKER_STATUS_ACTIVE)
        beat = self.records.call("HeartbeatWorker", id=worker.id)
        self.assertEqual(beat.status, pb.WORKER_STATUS_ACTIVE)
        self.assertGreater(micros(beat.last_heartbeat), micros(worker.last_heartbeat))
        self.assertEqual(self.records.call("DrainWorker", id=worker.id).worker.status, pb.WORKER_STATUS_DRAINING)
        self.assertEqual(self.records.call("DrainWorker", id=worker.id).worker.status, pb.WORKER_STATUS_DRAINING)
        self.assertEqual(self.records.call("HeartbeatWorker", id=worker.id).status, pb.WORKER_STATUS_DRAINING)
        for _ in range(2):
            self.records.call("DeregisterWorker", id=worker.id)
        self.assertEqual(self.records.call("GetWorker", id=worker.id).worker.status, pb.WORKER_STATUS_INACTIVE)
        failure = failure_of(lambda: self.records.call("DrainWorker", id=worker.id))
        self.assertEqual((failure.code, failure.reason), ("ABORTED", "STATUS_CONFLICT"))
        self.assertEqual(self.records.call("HeartbeatWorker", id=worker.id).status, pb.WORKER_STATUS_ACTIVE)
        self.records.call("DeregisterWorker", id=worker.id, forget=True)
        self.assertEqual(failure_of(lambda: self.records.call("GetWorker", id=worker.id)).reason, "RECORD_NOT_FOUND")
        entries, _ = self.records.pages("GetHistory", "entries", table="worker", entity_id=worker.id)
        self.assertEqual([e.operation for e in entries], ["INSERT", "UPDATE", "UPDATE", "UPDATE", "DELETE"])
        self.assertEqual([json.loads(e.new_values)["status"] for e in entries[:-1]],
                         ["active", "draining", "inactive", "active"])
        self.assertEqual({e.entity_ref for e in entries}, {worker.name})

    def test_a_name_is_one_workers(self):
        worker = self.records.worker(host="h1")
        again = self.records.worker(name=worker.name, host="h2")
        self.assertEqual((again.id, again.host), (worker.id, "h2"))
        self.assertEqual(self.records.worker(name=worker.name, id=worker.id).id, worker.id)
        failure = failure_of(lambda: self.records.worker(name=worker.name, id=new_id()))
        self.assertEqual((failure.code, failure.reason), ("ALREADY_EXISTS", "WORKER_NAME_TAKEN"))
        renamed = self.records.worker(name=self.ref(), id=worker.id, host="h3")
        self.assertEqual((renamed.id, renamed.host), (worker.id, "h3"))
        self.assertNotEqual(renamed.name, worker.name)
        self.assertEqual(self.records.call("GetWorker", name=renamed.name).worker.id, worker.id)

    # History.

    def test_the_path_of_an_execution(self):
        ref = self.ref()
        execution = self.records.execution(action_ref=ref)
        self.records.run(execution, FAILED)
        self.records.execution(action_ref=ref)
        path, _ = self.records.pages("GetHistory", "entries", table="execution", entity_id=execution.id, page_size=1)
        self.assertEqual([json.loads(e.new_values)["status"] for e in path],
                         ["requested", "scheduled", "running", "failed"])
        self.assertEqual([list(e.changed_fields) for e in path[1:]],
                         [["status"], ["status", "started_at"], ["status", "finished_at"]])
        self.assertEqual([json.loads(e.old_values)["status"] for e in path[1:]], ["requested", "scheduled", "running"])
        backward, _ = self.records.pages("GetHistory", "entries", table="execution", entity_id=execution.id,
                                         direction=event.DIRECTION_BACKWARD, page_size=3)
        self.assertEqual(backward, path[::-1])
        of_ref, pages = self.records.pages("GetHistory", "entries", table="execution", entity_ref=ref, page_size=2)
        self.assertEqual((len(of_ref), pages), (5, 3))
        failed, _ = self.records.pages("GetHistory", "entries", table="execution", entity_ref=ref, status="failed")
        self.assertEqual(failed, path[-1:])
        started, _ = self.records.pages("GetHistory", "entries", table="execution", entity_id=execution.id,
                                        field="started_at")
        self.assertEqual([e.operation for e in started], ["INSERT", "UPDATE"])
        between, _ = self.records.pages("GetHistory", "entries", table="execution", entity_id=execution.id,
                                        from_time=path[1].time, to_time=path[3].time)
        self.assertEqual(between, path[1:3])

    def test_a_table_without_history(self):
        failure = failure_of(lambda: self.records.call("GetHistory", table="nothing"))
        self.assertEqual((failure.code, failure.reason), ("NOT_FOUND", "TABLE_NOT_TRACKED"))

    # Lists.

    def test_pages(self):
        ref, correlation = self.ref(), new_id()
        made = [self.records.execution(action_ref=ref, correlation_id=correlation) for _ in range(7)]
        self.records.run(made[3])
        found, pages = self.records.pages("ListExecutions", "executions", action_ref=ref, page_size=3)
        self.assertEqual([e.id for e in found], [e.id for e in made[::-1]])
        self.assertEqual(pages, 3)
        for fields, expected in (({"status": COMPLETED, "action_ref": ref}, [made[3].id]),
                                 ({"correlation_id": correlation, "page_size": 7}, [e.id for e in made[::-1]]),
                                 ({"action_ref": ref, "from_time": made[2].created, "to_time": made[5].created},
                                  [e.id for e in made[4:1:-1]])):
            with self.subTest(fields=fields):
                found, _ = self.records.pages("ListExecutions", "executions", **fields)
                self.assertEqual([e.id for e in found], expected)

    def test_lists_of_the_others(self):
        trigger, rule, kind = self.ref(), self.ref(), self.ref()
        events = [self.records.event(trigger_ref=trigger) for _ in range(3)]
        found, _ = self.records.pages("ListEvents", "events", trigger_ref=trigger, page_size=1)
        self.assertEqual(found, events[::-1])
        enforcements = [self.records.enforcement(rule_ref=rule) for _ in range(3)]
        self.records.call("ResolveEnforcement", id=enforcements[1].id, status=pb.ENFORCEMENT_STATUS_PROCESSED)
        found, _ = self.records.pages("ListEnforcements", "enforcements", rule_ref=rule,
                                      status=pb.ENFORCEMENT_STATUS_CREATED)
        self.assertEqual([e.id for e in found], [enforcements[2].id, enforcements[0].id])
        workers = sorted((self.records.worker(worker_type=kind) for _ in range(3)), key=lambda w: w.name)
        found, pages = self.records.pages("ListWorkers", "workers", worker_type=kind, page_size=2)
        self.assertEqual(([w.name for w in found], pages), ([w.name for w in workers], 2))

    # One timeline.

    def timeline(self, correlation, **fields):
        request = store.GetCorrelatedEventsRequest(correlation_id=correlation, include_operations=True, **fields)
        pages = list(self.client.pages("GetCorrelatedEvents", request))
        for page in pages:
            self.assertFalse(page.events)
            self.assertLessEqual(len(page.items), 1000)
        return [item for page in pages for item in page.items]

    def test_events_and_records_of_a_correlation_are_one_timeline(self):
        correlation = new_id()

        def append():
            self.client.unary("Append", append_request(new_id(), "any", [new_event(correlation_id=correlation)]))
            return "event"

        steps = [append, lambda: self.records.event(correlation_id=correlation) and "trigger_event",
                 lambda: self.records.enforcement(correlation_id=correlation) and "enforcement", append,
                 lambda: self.records.execution(correlation_id=correlation) and "execution", append]
        expected = [step() for step in steps * 2]
        self.assertEqual([item.WhichOneof("item") for item in self.timeline(correlation)], expected)
        plain = list(self.client.pages("GetCorrelatedEvents", store.GetCorrelatedEventsRequest(correlation_id=correlation)))
        self.assertEqual(sum(len(page.events) for page in plain), 6)
        self.assertFalse(any(page.items for page in plain))

    def test_a_timeline_of_records_alone(self):
        correlation = new_id()
        made = [self.records.execution(correlation_id=correlation) for _ in range(3)]
        items = self.timeline(correlation)
        self.assertEqual([item.execution.id for item in items], [e.id for e in made])
        later = self.timeline(correlation, from_time=made[1].created, to_time=made[2].created)
        self.assertEqual([item.execution.id for item in later], [made[1].id])
        self.assertEqual(self.timeline(new_id()), [])
