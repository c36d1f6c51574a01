"""Append and AppendBatch: version checks, chained batches, checks[], conflicts, what is written."""
from harness.client import append_request, failure_of, new_event, new_id, version_check
from harness.messages import micros, store
from harness.suite import StoreTest


class AppendTest(StoreTest):
    def append(self, aggregate_id, check, count=1):
        return self.client.append(append_request(aggregate_id, check, [new_event() for _ in range(count)]))

    def assert_conflict(self, failure, aggregate_id, expected, actual):
        self.assertEqual(failure.code, "ABORTED")
        self.assertEqual(failure.reason, "VERSION_CONFLICT")
        self.assertEqual(failure.info.domain, "eventstore.v1")
        metadata = dict(failure.info.metadata)
        self.assertEqual(metadata["aggregate_id"], aggregate_id)
        self.assertEqual(metadata["expected_version"], expected)
        self.assertEqual(metadata["actual_version"], actual)

    def test_expected_version_zero_makes_the_aggregate(self):
        aggregate = new_id()
        events = [new_event("cart.opened"), new_event("cart.filled")]
        answer = self.client.append(append_request(aggregate, 0, events))
        self.assertEqual(answer.aggregate_id, aggregate)
        self.assertEqual(answer.version, 2)
        self.assertEqual([e.id for e in answer.events], [e.id for e in events])
        self.assertEqual([e.version for e in answer.events], [1, 2])
        self.assertLess(answer.events[0].global_position, answer.events[1].global_position)

    def test_expected_version_appends_after_it(self):
        aggregate = new_id()
        first = self.append(aggregate, 0, 3)
        second = self.append(aggregate, 3, 2)
        self.assertEqual(second.version, 5)
        self.assertEqual([e.version for e in second.events], [4, 5])
        self.assertLess(first.events[-1].global_position, second.events[0].global_position)
        self.assertLessEqual(micros(first.events[-1].timestamp), micros(second.events[0].timestamp))

    def test_any_version_makes_and_continues(self):
        aggregate = new_id()
        self.assertEqual(self.append(aggregate, "any", 2).version, 2)
        self.assertEqual(self.append(aggregate, "any").version, 3)

    def test_existing_continues(self):
        aggregate = new_id()
        self.append(aggregate, 0)
        self.assertEqual(self.append(aggregate, "existing").version, 2)

    def test_wrong_versions_conflict_and_write_nothing(self):
        aggregate = new_id()
        self.append(aggregate, 0, 2)
        for wrong in (0, 1, 3, 2_147_483_646):
            with self.subTest(expected=wrong):
                failure = failure_of(lambda expected=wrong: self.append(aggregate, expected))
                self.assert_conflict(failure, aggregate, str(wrong), "2")
                self.assertEqual(failure.conflicts, [("", aggregate, str(wrong), 2)])
        self.assertEqual(self.client.version(aggregate), 2)
        self.assertEqual(self.client.count(aggregate_id=aggregate), 2)

    def test_expecting_a_version_of_nothing_conflicts_with_zero(self):
        aggregate = new_id()
        failure = failure_of(lambda: self.append(aggregate, 7))
        self.assert_conflict(failure, aggregate, "7", "0")

    def test_existing_of_nothing_conflicts(self):
        aggregate = new_id()
        failure = failure_of(lambda: self.append(aggregate, "existing"))
        self.assert_conflict(failure, aggregate, "existing", "0")
        self.assertEqual(failure.conflicts, [("", aggregate, "existing", 0)])
        self.assertEqual(self.client.version(aggregate), 0)

    def test_the_last_version_of_all_is_out_of_reach(self):
        failure = failure_of(lambda: self.append(new_id(), 2_147_483_646, 2))
        self.assertEqual((failure.code, failure.reason), ("OUT_OF_RANGE", "VERSION_EXHAUSTED"))

    def test_everything_sent_is_recorded(self):
        aggregate, cause, workflow = new_id(), new_id(), new_id()
        event = new_event(
            "order.placed",
            {"total": 42},
            user_id="ada 🦉",
            metadata='{"trace": "abc"}',
            causation_id=cause,
            correlation_id=workflow,
            source="sync",
        )
        answer = self.client.append(append_request(aggregate, 0, [event], aggregate_type="relation"))
        [recorded] = self.client.replay(aggregate)
        self.assertEqual(recorded.id, event.id)
        self.assertEqual(recorded.event_type, "order.placed")
        self.assertEqual(recorded.user_id, "ada 🦉")
        self.assertEqual(recorded.data, '{"total": 42}')
        self.assertEqual(recorded.metadata, '{"trace": "abc"}')
        self.assertEqual(recorded.causation_id, cause)
        self.assertEqual(recorded.correlation_id, workflow)
        self.assertEqual(recorded.source, "sync")
        self.assertEqual(recorded.aggregate_id, aggregate)
        self.assertEqual(recorded.aggregate_type, "relation")
        self.assertEqual(recorded.version, 1)
        self.assertEqual(recorded.global_position, answer.events[0].global_position)
        self.assertEqual(recorded.timestamp, answer.events[0].timestamp)
        self.assertEqual(recorded.timestamp.nanos % 1000, 0, "the store keeps microseconds")

    def test_empty_fields_get_their_defaults(self):
        aggregate = new_id()
        event = store.AppendRequest().events.add(event_type="order.placed")
        self.client.append(append_request(aggregate, 0, [event]))
        [recorded] = self.client.replay(aggregate)
        self.assertEqual((recorded.data, recorded.metadata, recorded.source), ("{}", "{}", "api"))
        self.assertEqual((recorded.user_id, recorded.causation_id, recorded.correlation_id), ("", "", ""))
        self.assertEqual(recorded.id[14], "7", "the server makes a UUIDv7")

    def test_open_strings_take_any_text(self):
        aggregate = new_id()
        event = new_event("x" * 200, user_id="u" * 200, source="s" * 100)
        self.client.append(append_request(aggregate, 0, [event], aggregate_type="t" * 100))
        [recorded] = self.client.replay(aggregate)
        self.assertEqual(
            (recorded.event_type, recorded.user_id, recorded.source, recorded.aggregate_type),
            ("x" * 200, "u" * 200, "s" * 100, "t" * 100),
        )

    def test_uuids_in_upper_case_answer_in_lower_case(self):
        aggregate, event = new_id(), new_event(correlation_id=new_id().upper(), causation_id=new_id().upper())
        event.id = event.id.upper()
        answer = self.client.append(append_request(aggregate.upper(), 0, [event]))
        self.assertEqual(answer.aggregate_id, aggregate)
        self.assertEqual(answer.events[0].id, event.id.lower())
        [recorded] = self.client.replay(aggregate.upper())
        self.assertEqual(recorded.correlation_id, event.correlation_id.lower())
        self.assertEqual(recorded.causation_id, event.causation_id.lower())

    def test_ten_thousand_events_at_once(self):
        aggregate = new_id()
        answer = self.append(aggregate, 0, 10_000)
        self.assertEqual(answer.version, 10_000)
        self.assertEqual([e.version for e in answer.events], list(range(1, 10_001)))
        positions = [e.global_position for e in answer.events]
        self.assertEqual(positions, sorted(set(positions)))
        self.assertEqual(self.client.count(aggregate_id=aggregate), 10_000)

    def test_json_comes_back_in_postgresqls_normal_form(self):
        cases = {
            '{"b":1,"a":2}': '{"a": 2, "b": 1}',
            '{"long":1,"s":2}': '{"s": 2, "long": 1}',
            '{"a":1,"a":2}': '{"a": 2}',
            ' {\n"a" :\t[ 1 ,2 ] } ': '{"a": [1, 2]}',
            '{"n":1.50e1,"m":-0.0,"k":1E2}': '{"k": 100, "m": 0.0, "n": 15.0}',
            '{"e":"\\u00e9\\ud83d\\ude00\\/"}': '{"e": "é😀/"}',
            '{"big":' + "9" * 300 + "}": '{"big": ' + "9" * 300 + "}",
            '{"t":true,"f":false,"z":null,"o":{},"l":[]}': '{"f": false, "l": [], "o": {}, "t": true, "z": null}',
            "": "{}",
        }
        aggregate = new_id()
        self.client.append(append_request(aggregate, 0, [new_event(data=sent, metadata=sent) for sent in cases]))
        recorded = self.client.replay(aggregate)
        self.assertEqual([e.data for e in recorded], list(cases.values()))
        self.assertEqual([e.metadata for e in recorded], list(cases.values()))

    def test_the_largest_data_and_metadata(self):
        aggregate = new_id()
        data = '{"a": "' + "x" * (1024 * 1024 - 9) + '"}'
        metadata = '{"a": "' + "y" * (64 * 1024 - 9) + '"}'
        self.client.append(append_request(aggregate, 0, [new_event(data=data, metadata=metadata)]))
        [recorded] = self.client.replay(aggregate)
        self.assertEqual(recorded.data, data)
        self.assertEqual(recorded.metadata, metadata)

    def test_a_request_of_sixteen_mebibytes(self):
        aggregate = new_id()
        data = '{"a": "' + "x" * (1024 * 1024 - 9 - 2) + '"}'  # 2 of metadata's {}
        answer = self.client.append(append_request(aggregate, 0, [new_event(data=data) for _ in range(16)]))
        self.assertEqual(answer.version, 16)

    def test_the_database_clock_never_runs_back_in_an_aggregate(self):
        aggregate = new_id()
        for version in range(50):
            self.append(aggregate, version)
        times = [micros(e.timestamp) for e in self.client.replay(aggregate)]
        self.assertEqual(times, sorted(times))


class AppendBatchTest(StoreTest):
    def one(self, aggregate_id, check, count=1):
        return append_request(aggregate_id, check, [new_event() for _ in range(count)])

    def test_several_aggregates_in_the_order_of_the_request(self):
        ids = [new_id() for _ in range(5)]
        answer = self.client.append_batch([self.one(a, 0, n + 1) for n, a in enumerate(ids)])
        self.assertEqual([r.aggregate_id for r in answer.results], ids)
        self.assertEqual([r.version for r in answer.results], [1, 2, 3, 4, 5])
        positions = [e.global_position for r in answer.results for e in r.events]
        self.assertEqual(positions, sorted(set(positions)))

    def test_versions_of_one_aggregate_chain(self):
        a, b = new_id(), new_id()
        answer = self.client.append_batch([self.one(a, 0, 2), self.one(b, "any"), self.one(a, 2), self.one(a, "existing")])
        self.assertEqual([r.version for r in answer.results], [2, 1, 3, 4])
        self.assertEqual([e.version for e in self.client.replay(a)], [1, 2, 3, 4])

    def test_existing_holds_after_an_earlier_append_of_the_batch(self):
        a = new_id()
        answer = self.client.append_batch([self.one(a, "any"), self.one(a, "existing")])
        self.assertEqual([r.version for r in answer.results], [1, 2])

    def test_a_thousand_appends_and_a_thousand_checks(self):
        read = new_id()
        self.client.append(self.one(read, 0))
        appends = [self.one(new_id(), 0) for _ in range(1000)]
        checks = [version_check(read, 1)] * 500 + [version_check(new_id(), 0) for _ in range(500)]
        answer = self.client.append_batch(appends, checks)
        self.assertEqual([r.version for r in answer.results], [1] * 1000)

    def test_checks_that_hold(self):
        a, seen, absent = new_id(), new_id(), new_id()
        self.client.append(self.one(seen, 0, 3))
        checks = [version_check(seen, 3), version_check(seen, "existing"), version_check(absent, 0)]
        self.assertEqual(self.client.append_batch([self.one(a, 0)], checks).results[0].version, 1)
        self.assertEqual(self.client.version(absent), 0)

    def test_a_check_is_judged_against_the_state_before_the_batch(self):
        a = new_id()
        self.client.append(self.one(a, 0))
        answer = self.client.append_batch([self.one(a, 1, 2)], [version_check(a, 1)])
        self.assertEqual(answer.results[0].version, 3)
        failure = failure_of(lambda: self.client.append_batch([self.one(a, 3)], [version_check(a, 4)]))
        self.assertEqual(failure.conflicts, [("checks[0]", a, "4", 3)])

    def test_a_failed_check_writes_nothing(self):
        a, seen = new_id(), new_id()
        self.client.append(self.one(seen, 0))
        failure = failure_of(lambda: self.client.append_batch([self.one(a, 0)], [version_check(seen, 0)]))
        self.assertEqual((failure.code, failure.reason), ("ABORTED", "VERSION_CONFLICT"))
        self.assertEqual(failure.conflicts, [("checks[0]", seen, "0", 1)])
        self.assertEqual(self.client.version(a), 0)

    def test_every_conflict_is_named(self):
        fine, behind, gone, seen, absent = (new_id() for _ in range(5))
        for aggregate in (behind, seen):
            self.client.append(self.one(aggregate, 0, 2))
        before = self.client.count()
        appends = [self.one(fine, 0), self.one(behind, 1), self.one(gone, "existing"), self.one(fine, 1)]
        checks = [version_check(seen, 2), version_check(seen, "existing"), version_check(absent, "existing")]
        failure = failure_of(lambda: self.client.append_batch(appends, checks))
        self.assertEqual((failure.code, failure.reason), ("ABORTED", "VERSION_CONFLICT"))
        self.assertCountEqual(
            failure.conflicts,
            [
                ("appends[1]", behind, "1", 2),
                ("appends[2]", gone, "existing", 0),
                ("checks[2]", absent, "existing", 0),
            ],
        )
        metadata = dict(failure.info.metadata)
        self.assertEqual(metadata["failed_appends"], "1-2")
        self.assertEqual(metadata["failed_checks"], "2")
        first = failure.conflicts[0]
        self.assertEqual(
            (metadata["aggregate_id"], metadata["expected_version"], metadata["actual_version"]),
            (first[1], first[2], str(first[3])),
        )
        self.assertEqual(self.client.count(), before)
        self.assertEqual(self.client.version(fine), 0)

    def test_a_chain_the_store_breaks_conflicts(self):
        a = new_id()
        self.client.append(self.one(a, 0))
        failure = failure_of(lambda: self.client.append_batch([self.one(a, "any", 2), self.one(a, 2)]))
        self.assertEqual(failure.conflicts, [("appends[1]", a, "2", 3)])
        self.assertEqual(self.client.version(a), 1)

    def test_a_thousand_conflicts_fit_into_the_trailers(self):
        # What does not fit is left out of the list, but its place is in the metadata.
        appends = [self.one(new_id(), 5) for _ in range(1000)]
        failure = failure_of(lambda: self.client.append_batch(appends))
        self.assertEqual((failure.code, failure.reason), ("ABORTED", "VERSION_CONFLICT"))
        self.assertEqual(failure.info.metadata["failed_appends"], "0-999")
        self.assertGreater(len(failure.conflicts), 1)
        self.assertEqual(failure.conflicts[0], ("appends[0]", appends[0].aggregate_id, "5", 0))


class RaceTest(StoreTest):
    def test_one_of_many_wins(self):
        aggregate = new_id()
        calls = [self.client.start("Append", append_request(aggregate, 0, [new_event()])) for _ in range(64)]
        won, lost = [], []
        for call in calls:
            try:
                won.append(call.result())
            except AssertionError as failure:
                lost.append(failure)
        self.assertEqual(len(won), 1)
        for failure in lost:
            self.assertEqual((failure.code, failure.reason), ("ABORTED", "VERSION_CONFLICT"))
            self.assertEqual(failure.info.metadata["actual_version"], "1")
        self.assertEqual(self.client.version(aggregate), 1)

    def test_any_version_lets_all_win_without_gap_or_double(self):
        aggregates = [new_id() for _ in range(4)]
        calls = [
            self.client.start("Append", append_request(aggregates[n % 4], "any", [new_event(), new_event()]))
            for n in range(400)
        ]
        for call in calls:
            call.result()
        for aggregate in aggregates:
            events = self.client.replay(aggregate)
            self.assertEqual([e.version for e in events], list(range(1, 201)))
            for order in ([micros(e.timestamp) for e in events], [e.global_position for e in events]):
                self.assertEqual(order, sorted(order))
