"""GetUserStream, GetCorrelatedEvents and ReadAll against a varied history: filters, ranges, orders, limits, pages."""
import random
import threading

from harness import history
from harness.client import Client, append_request, new_event, new_id
from harness.crowd import AGGREGATE_TYPES, EVENT_TYPES, SOURCES, USERS, Crowd, matches, some
from harness.messages import event as event_pb
from harness.messages import from_micros, micros, store
from harness.suite import StoreTest

BACKWARD = event_pb.DIRECTION_BACKWARD


class CrowdTest(StoreTest):
    _crowds = []

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.database = cls.server.database()
        if not CrowdTest._crowds:
            CrowdTest._crowds.append(Crowd(cls.database))
        cls.crowd = CrowdTest._crowds[0]

    def assert_same_events(self, got, expected):
        """The versions first: a difference of thousands of whole events is unreadable."""
        self.assertEqual([(e.aggregate_id, e.version) for e in got], [(e.aggregate_id, e.version) for e in expected])
        self.assertEqual(got, expected)


class UserStreamTest(CrowdTest):
    def read(self, user, **query):
        return self.client.events("GetUserStream", store.GetUserStreamRequest(user_id=user, **query))

    def expected(self, user, times=None, direction=0, limit=0, **restrictions):
        found = [e for e in self.crowd.events if matches(e, users=[user], times=times, **restrictions)]
        found.sort(key=lambda e: (micros(e.timestamp), e.global_position), reverse=direction == BACKWARD)
        return found[:limit] if limit else found

    def test_everything_a_user_did(self):
        for user in USERS[:-1]:
            for direction in (0, BACKWARD):
                with self.subTest(user=user, direction=direction):
                    got = self.read(user, from_time=from_micros(self.crowd.start), direction=direction)
                    self.assertGreater(len(got), 20)
                    self.assert_same_events(got, self.expected(user, direction=direction))

    def test_any_combination(self):
        chance = random.Random(4)
        for _ in range(60):
            user, times = chance.choice(USERS[:-1]), self.crowd.random_times(chance)
            types, aggregate_types = some(chance, EVENT_TYPES), some(chance, AGGREGATE_TYPES)
            direction, limit = chance.choice((0, 1, 2)), chance.choice((0, 0, 1, 7))
            query = {"event_types": types, "aggregate_types": aggregate_types, "direction": direction, "limit": limit}
            with self.subTest(user=user, times=times, **query):
                got = self.read(user, from_time=from_micros(times[0]), to_time=from_micros(times[1]), **query)
                self.assert_same_events(got, self.expected(user, times, **query))

    def test_days_count_back_from_now(self):
        user, aggregate = new_id(), new_id()
        now = history.now(self.database)
        ages = [10 * 24 + 1, 3 * 24 + 1, 3 * 24 - 1, 25, 23, 1]  # hours
        events = [
            history.past_event(aggregate, n + 1, now - age * history.HOUR, user_id=user) for n, age in enumerate(ages)
        ]
        history.write(self.database, events)
        for days, left in ((1, 2), (3, 4), (10, 5), (11, 6), (36_500, 6)):
            self.assertEqual(self.read(user, days=days), events[len(events) - left :], days)

    def test_without_days_or_from_time_it_is_thirty_days(self):
        user, aggregate = new_id(), new_id()
        now = history.now(self.database)
        ages = [41 * 24, 39 * 24, 30 * 24 + 1, 30 * 24 - 1, 9 * 24]
        events = [
            history.past_event(aggregate, n + 1, now - age * history.HOUR, user_id=user) for n, age in enumerate(ages)
        ]
        history.write(self.database, events)
        self.assertEqual(self.read(user), events[3:])
        # Before to_time, where that is given.
        to_time = from_micros(now - 10 * history.DAY)
        self.assertEqual(self.read(user, to_time=to_time), events[1:4])

    def test_an_event_just_written_is_in_the_last_day(self):
        user = new_id()
        self.client.append(append_request(new_id(), 0, [new_event(user_id=user)]))
        self.assertEqual(len(self.read(user, days=1)), 1)
        self.assertEqual(len(self.read(user)), 1)

    def test_nothing_found_is_no_page(self):
        self.assertEqual(list(self.client.pages("GetUserStream", store.GetUserStreamRequest(user_id="nobody"))), [])

    def test_ten_thousand_events_in_bounded_pages(self):
        user = new_id()
        for _ in range(2):
            self.client.append(append_request(new_id(), 0, [new_event(user_id=user) for _ in range(5000)]))
        pages = list(self.client.pages("GetUserStream", store.GetUserStreamRequest(user_id=user)))
        self.assertLessEqual(max(len(page.events) for page in pages), 1000)
        positions = [e.global_position for page in pages for e in page.events]
        self.assertEqual(len(positions), 10_000)
        self.assertEqual(positions, sorted(set(positions)))


class CorrelationTest(CrowdTest):
    def read(self, correlation, **query):
        request = store.GetCorrelatedEventsRequest(correlation_id=correlation, **query)
        return self.client.events("GetCorrelatedEvents", request)

    def test_a_workflow_in_global_order(self):
        for correlation in self.crowd.correlations[:-1]:
            got = self.read(correlation)
            self.assertGreater(len(got), 50)
            self.assert_same_events(got, [e for e in self.crowd.events if matches(e, correlation=correlation)])

    def test_in_a_range_of_time(self):
        chance = random.Random(5)
        for _ in range(30):
            times, correlation = self.crowd.random_times(chance), chance.choice(self.crowd.correlations[:-1])
            expected = [e for e in self.crowd.events if matches(e, correlation=correlation, times=times)]
            got = self.read(correlation, from_time=from_micros(times[0]), to_time=from_micros(times[1]))
            self.assert_same_events(got, expected)

    def test_the_causes_make_a_tree(self):
        correlation, a, b = new_id(), new_id(), new_id()
        root = new_event("order.placed", correlation_id=correlation)
        children = [new_event(f"step.{n}", correlation_id=correlation, causation_id=root.id) for n in range(3)]
        leaf = new_event("order.shipped", correlation_id=correlation, causation_id=children[1].id)
        self.client.append(append_request(a, 0, [root]))
        self.client.append_batch([append_request(b, 0, children[:2]), append_request(a, 1, children[2:])])
        self.client.append(append_request(b, 2, [leaf]))
        got = self.read(correlation)
        self.assertEqual(
            [(e.id, e.causation_id) for e in got],
            [(root.id, "")] + [(child.id, root.id) for child in children] + [(leaf.id, children[1].id)],
        )

    def test_nothing_found_is_no_page(self):
        request = store.GetCorrelatedEventsRequest(correlation_id=new_id())
        self.assertEqual(list(self.client.pages("GetCorrelatedEvents", request)), [])

    def test_five_thousand_events_in_bounded_pages(self):
        correlation = new_id()
        self.client.append(append_request(new_id(), 0, [new_event(correlation_id=correlation) for _ in range(5000)]))
        pages = list(
            self.client.pages("GetCorrelatedEvents", store.GetCorrelatedEventsRequest(correlation_id=correlation))
        )
        self.assertLessEqual(max(len(page.events) for page in pages), 1000)
        self.assertEqual([e.version for page in pages for e in page.events], list(range(1, 5001)))


class ReadAllTest(CrowdTest):
    def read(self, **query):
        return self.client.events("ReadAll", store.ReadAllRequest(**query))

    def test_everything_forward_and_backward(self):
        forward = self.read()
        positions = [e.global_position for e in forward]
        self.assertEqual(positions, sorted(set(positions)))
        self.assertEqual(len(forward), self.client.count())
        ids = {e.id for e in forward}
        self.assertTrue(all(e.id in ids for e in self.crowd.events))
        self.assert_same_events(self.read(direction=BACKWARD), forward[::-1])

    def test_from_a_position_it_goes_on_behind_it(self):
        everything = self.read()
        chance = random.Random(6)
        for place in [0, 1, len(everything) - 2, len(everything) - 1] + chance.sample(range(len(everything)), 10):
            position = everything[place].global_position
            self.assert_same_events(self.read(from_position=position, max_events=50), everything[place + 1 :][:50])
            before = everything[:place][::-1]
            self.assert_same_events(self.read(from_position=position, direction=BACKWARD, max_events=50), before[:50])

    def test_between_two_positions_nothing_is_missed(self):
        event = self.read()[-1]
        self.assertEqual(self.read(from_position=event.global_position - 1, max_events=1), [event])
        self.assertEqual(self.read(from_position=event.global_position + 1, direction=BACKWARD, max_events=1), [event])

    def test_beyond_both_ends_is_nothing(self):
        self.assertEqual(self.read(from_position=2**63 - 1), [])
        self.assertEqual(self.read(from_position=1, direction=BACKWARD), [])
        newest = self.read(direction=BACKWARD, max_events=1)
        self.assertEqual(self.read(from_position=2**63 - 1, direction=BACKWARD, max_events=1), newest)

    def test_any_combination_of_filters(self):
        everything = self.read()
        chance = random.Random(7)
        for _ in range(60):
            restrictions = {
                "users": some(chance, USERS[:-1]),
                "event_types": some(chance, EVENT_TYPES),
                "aggregate_types": some(chance, AGGREGATE_TYPES),
                "sources": some(chance, SOURCES),
            }
            direction, limit = chance.choice((0, 1, 2)), chance.choice((0, 0, 1, 40))
            expected = [e for e in everything if matches(e, **restrictions)]
            if direction == BACKWARD:
                expected.reverse()
            event_filter = event_pb.EventFilter(
                user_ids=restrictions["users"],
                event_types=restrictions["event_types"],
                aggregate_types=restrictions["aggregate_types"],
                sources=restrictions["sources"],
            )
            with self.subTest(direction=direction, limit=limit, **restrictions):
                got = self.read(filter=event_filter, direction=direction, max_events=limit)
                self.assert_same_events(got, expected[:limit] if limit else expected)

    def test_a_filter_that_matches_nothing_is_no_page(self):
        request = store.ReadAllRequest(filter=event_pb.EventFilter(event_types=["never"]))
        self.assertEqual(list(self.client.pages("ReadAll", request)), [])

    def test_a_hundred_values_a_field(self):
        values = EVENT_TYPES + [f"type.{n}" for n in range(94)]
        self.assertEqual(
            self.read(filter=event_pb.EventFilter(event_types=values, sources=["sync"])),
            [e for e in self.read() if matches(e, event_types=values, sources=["sync"])],
        )

    def test_reading_on_never_skips_while_many_write(self):
        # Batches over two aggregates cross the lanes; the reader follows by position, from now on.
        aggregates = [new_id() for _ in range(6)]
        position = self.read(direction=BACKWARD, max_events=1)[0].global_position
        written, problems = [], []

        def write(seed):
            chance = random.Random(seed)
            client = Client(self.server.address)
            try:
                for _ in range(60):
                    batch = [append_request(a, "any", [new_event()]) for a in chance.sample(aggregates, 2)]
                    answer = client.append_batch(batch)
                    written.extend(e.global_position for r in answer.results for e in r.events)
            except AssertionError as problem:
                problems.append(problem)
            finally:
                client.close()

        writers = [threading.Thread(target=write, args=(seed,)) for seed in range(6)]
        for writer in writers:
            writer.start()
        seen = []

        def follow():
            nonlocal position
            for event in self.read(from_position=position):
                seen.append(event)
                position = event.global_position

        while any(writer.is_alive() for writer in writers):
            follow()
        for writer in writers:
            writer.join()
        self.assertEqual(problems, [])
        follow()
        self.assertEqual(sorted(written), [e.global_position for e in seen])
        for aggregate in aggregates:
            versions = [e.version for e in seen if e.aggregate_id == aggregate]
            self.assertEqual(versions, list(range(1, len(versions) + 1)))

    def test_an_idle_transaction_of_somebody_else_holds_nobody_up(self):
        # It has a transaction id, so it pins the snapshots of the whole cluster.
        with self.database.transaction("SELECT pg_current_xact_id();"):
            answer = self.client.append(append_request(new_id(), 0, [new_event(), new_event()]))
            newest = self.read(direction=BACKWARD, max_events=2)
            self.assertEqual([e.id for e in newest], [e.id for e in reversed(answer.events)])


class DroppedChunkTest(CrowdTest):
    """A chunk that is dropped while a stream runs takes its own events away, and nothing else."""

    def test_of_a_user_stream_a_workflow_and_all(self):
        user, correlation, aggregate = new_id(), new_id(), new_id()
        start = history.now(self.database) - 500 * history.DAY
        events = [
            history.past_event(
                aggregate,
                n + 1,
                start + n // 100 * history.DAY,
                user_id=user,
                correlation_id=correlation,
                data='{"a": "%s"}' % ("x" * 8000),
            )
            for n in range(800)
        ]
        history.write(self.database, events)
        streams = [
            self.client.pages("GetUserStream", store.GetUserStreamRequest(user_id=user, days=600)),
            self.client.pages("GetCorrelatedEvents", store.GetCorrelatedEventsRequest(correlation_id=correlation)),
            self.client.pages("ReadAll", store.ReadAllRequest(filter=event_pb.EventFilter(user_ids=[user]))),
        ]
        first_pages = [list(next(stream).events) for stream in streams]
        history.drop_before(self.database, events[-1])
        for stream, got in zip(streams, first_pages):
            for page in stream:
                got += page.events
            versions = [e.version for e in got]
            self.assertEqual(versions, sorted(set(versions)))
            self.assertEqual(versions[-100:], list(range(701, 801)))
