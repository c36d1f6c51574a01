"""Exactly once: an append repeated with the same event ids is answered again and written once."""
from harness import history
from harness.client import append_request, failure_of, new_event, new_id, version_check
from harness.messages import event as event_pb
from harness.messages import micros, store
from harness.suite import StoreTest


class RepeatTest(StoreTest):
    def assert_repeats(self, method, request):
        """Sends it twice: the same bytes come back and nothing is written."""
        first = self.client.unary(method, request, raw=True)
        before = self.client.count()
        self.assertEqual(self.client.unary(method, request, raw=True), first)
        self.assertEqual(self.client.count(), before)

    def assert_id_conflict(self, request, field, method="Append"):
        before = self.client.count()
        failure = failure_of(lambda: self.client.unary(method, request))
        self.assertEqual((failure.code, failure.reason), ("ALREADY_EXISTS", "EVENT_ID_CONFLICT"))
        self.assertEqual(list(failure.fields), [field])
        self.assertEqual(self.client.count(), before)
        return failure

    def test_with_an_exact_version(self):
        self.assert_repeats("Append", append_request(new_id(), 0, [new_event(), new_event()]))

    def test_with_any_version(self):
        self.assert_repeats("Append", append_request(new_id(), "any", [new_event(), new_event()]))

    def test_with_existing(self):
        aggregate = new_id()
        self.client.append(append_request(aggregate, 0, [new_event()]))
        self.assert_repeats("Append", append_request(aggregate, "existing", [new_event()]))

    def test_after_others_have_appended(self):
        for check in (0, "any"):
            with self.subTest(check=check):
                aggregate = new_id()
                request = append_request(aggregate, check, [new_event(), new_event()])
                first = self.client.unary("Append", request, raw=True)
                for _ in range(3):
                    self.client.append(append_request(aggregate, "any", [new_event()]))
                self.assertEqual(self.client.unary("Append", request, raw=True), first)
                self.assertEqual(self.client.version(aggregate), 5)

    def test_a_whole_batch(self):
        a, b, read = new_id(), new_id(), new_id()
        request = store.AppendBatchRequest(
            appends=[
                append_request(a, 0, [new_event(), new_event()]),
                append_request(b, "any", [new_event()]),
                append_request(a, 2, [new_event()]),
            ],
            checks=[version_check(read, 0)],
        )
        self.assert_repeats("AppendBatch", request)

    def test_a_batch_whose_checks_hold_no_longer(self):
        # The first time they held; the repeat asks for the answer of then.
        a, read = new_id(), new_id()
        request = store.AppendBatchRequest(
            appends=[append_request(a, 0, [new_event()])], checks=[version_check(read, 0)]
        )
        first = self.client.unary("AppendBatch", request, raw=True)
        self.client.append(append_request(read, 0, [new_event()]))
        self.assertEqual(self.client.unary("AppendBatch", request, raw=True), first)

    def test_many_at_once(self):
        aggregate = new_id()
        request = append_request(aggregate, "any", [new_event(), new_event()])
        calls = [self.client.start("Append", request, raw=True) for _ in range(64)]
        self.assertEqual(len({call.result() for call in calls}), 1)
        self.assertEqual(self.client.version(aggregate), 2)

    def test_through_another_connection(self):
        from harness.client import Client

        request = append_request(new_id(), 0, [new_event()])
        first = self.client.unary("Append", request, raw=True)
        other = Client(self.server.address)
        self.addCleanup(other.close)
        self.assertEqual(other.unary("Append", request, raw=True), first)

    def test_content_that_is_equal_as_json(self):
        aggregate, event = new_id(), new_event(data='{"a":1,"b":[2,3]}', metadata="")
        first = self.client.append(append_request(aggregate, 0, [event]))
        event.data, event.metadata = ' {"b":[ 2,3 ], "a":1 }', "{}"
        self.assertEqual(self.client.append(append_request(aggregate, 0, [event])), first)

    def test_defaults_equal_what_they_stand_for(self):
        aggregate, event = new_id(), event_pb.NewEvent(id=new_id(), event_type="order.placed")
        first = self.client.append(append_request(aggregate, 0, [event]))
        event.source, event.data = "api", "{}"
        self.assertEqual(self.client.append(append_request(aggregate, 0, [event])), first)

    def test_ids_in_another_case_are_the_same_ids(self):
        aggregate, event = new_id(), new_event()
        first = self.client.append(append_request(aggregate, 0, [event]))
        event.id = event.id.upper()
        self.assertEqual(self.client.append(append_request(aggregate.upper(), 0, [event])), first)

    def test_any_change_of_content_is_refused(self):
        changes = {
            "event_type": "order.paid",
            "user_id": "bob",
            "data": '{"total": 43}',
            "metadata": '{"trace": 2}',
            "causation_id": new_id(),
            "correlation_id": new_id(),
            "source": "sync",
        }
        aggregate = new_id()
        event = new_event(
            data='{"total": 42}', metadata='{"trace": 1}', user_id="ada", causation_id=new_id(), correlation_id=new_id()
        )
        self.client.append(append_request(aggregate, 0, [event]))
        for field, value in changes.items():
            with self.subTest(field=field):
                changed = event_pb.NewEvent()
                changed.CopyFrom(event)
                setattr(changed, field, value)
                failure = self.assert_id_conflict(append_request(aggregate, 0, [changed]), "events[0].id")
                self.assertEqual(failure.info.metadata["event_id"], event.id)
                self.assertEqual(failure.info.metadata["aggregate_id"], aggregate)
        with self.subTest(field="aggregate_type"):
            self.assert_id_conflict(append_request(aggregate, 0, [event], aggregate_type="system"), "events[0].id")

    def test_the_same_id_in_another_aggregate_is_refused(self):
        event = new_event()
        self.client.append(append_request(new_id(), 0, [event]))
        for check in (0, "any"):
            with self.subTest(check=check):
                self.assert_id_conflict(append_request(new_id(), check, [event]), "events[0].id")

    def test_an_append_that_is_partly_new_is_refused(self):
        aggregate, old = new_id(), new_event()
        self.client.append(append_request(aggregate, 0, [old]))
        self.assert_id_conflict(append_request(aggregate, 0, [old, new_event()]), "events[1].id")
        self.assert_id_conflict(append_request(aggregate, "any", [new_event(), old]), "events[0].id")

    def test_a_part_of_an_append_is_another_append(self):
        aggregate, events = new_id(), [new_event(), new_event(), new_event()]
        self.client.append(append_request(aggregate, 0, events))
        # Of the last two the second event is where an append expecting version 0 cannot have put it.
        self.assert_id_conflict(append_request(aggregate, 0, events[1:]), "events[0].id")
        self.assert_id_conflict(append_request(aggregate, 0, [events[1], events[0]]), "events[0].id")

    def test_another_expected_version_is_refused(self):
        aggregate, event = new_id(), new_event()
        self.client.append(append_request(aggregate, 0, [event]))
        self.assert_id_conflict(append_request(aggregate, 1, [event]), "events[0].id")

    def test_a_batch_names_the_event_in_it(self):
        a, b, event = new_id(), new_id(), new_event()
        self.client.append(append_request(a, 0, [event]))
        changed = event_pb.NewEvent()
        changed.CopyFrom(event)
        changed.event_type = "order.paid"
        request = store.AppendBatchRequest(
            appends=[append_request(b, 0, [new_event()]), append_request(a, "any", [new_event(), changed])]
        )
        failure = failure_of(lambda: self.client.unary("AppendBatch", request))
        self.assertEqual((failure.code, failure.reason), ("ALREADY_EXISTS", "EVENT_ID_CONFLICT"))
        self.assertEqual(self.client.version(b), 0)

    def test_an_append_without_ids_is_written_each_time(self):
        aggregate = new_id()
        request = append_request(aggregate, "any", [event_pb.NewEvent(event_type="order.placed")])
        self.client.append(request)
        self.client.append(request)
        self.assertEqual(self.client.version(aggregate), 2)


class OldRepeatTest(StoreTest):
    """More than 24 hours later: with an exact version still recognised. The past is made by moving the rows there."""

    def aged(self, request):
        """Appends, and makes it three days old."""
        first = self.client.append(request)
        aggregate = request.aggregate_id
        for event in first.events:
            history.ensure_partition(self.server.database(), micros(event.timestamp) - 3 * history.DAY)
        self.server.database().run(
            f"""
            BEGIN;
            CREATE TEMP TABLE moved AS SELECT * FROM events_v2 WHERE aggregate_id = '{aggregate}';
            DELETE FROM events_v2 WHERE aggregate_id = '{aggregate}';
            UPDATE moved SET timestamp = timestamp - interval '3 days';
            INSERT INTO events_v2 SELECT * FROM moved;
            UPDATE aggregate_heads SET first_timestamp = first_timestamp - interval '3 days',
                                       last_timestamp = last_timestamp - interval '3 days'
            WHERE aggregate_id = '{aggregate}';
            COMMIT;
            """
        )
        for event in first.events:
            event.timestamp.seconds -= 3 * 86400
        return first

    def test_with_an_exact_version(self):
        aggregate = new_id()
        request = append_request(aggregate, 0, [new_event(), new_event(data={"a": [1, 2]})])
        first = self.aged(request)
        self.client.append(append_request(aggregate, 2, [new_event()]))
        self.assertEqual(self.client.append(request), first)
        self.assertEqual(self.client.version(aggregate), 3)

    def test_other_content_is_refused(self):
        aggregate, event = new_id(), new_event()
        self.aged(append_request(aggregate, 0, [event]))
        event.event_type = "order.paid"
        failure = failure_of(lambda: self.client.append(append_request(aggregate, 0, [event])))
        self.assertEqual((failure.code, failure.reason), ("ALREADY_EXISTS", "EVENT_ID_CONFLICT"))

    def test_other_ids_conflict_by_version(self):
        aggregate = new_id()
        self.aged(append_request(aggregate, 0, [new_event()]))
        failure = failure_of(lambda: self.client.append(append_request(aggregate, 0, [new_event()])))
        self.assertEqual((failure.code, failure.reason), ("ABORTED", "VERSION_CONFLICT"))
        self.assertEqual(failure.info.metadata["actual_version"], "1")
