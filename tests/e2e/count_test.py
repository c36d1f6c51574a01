"""CountEvents: every restriction, every grouping, alone and together, against a varied history."""
import collections
import datetime
import random

from harness import history
from harness.client import append_request, failure_of, new_event, new_id
from harness.crowd import AGGREGATE_TYPES, EVENT_TYPES, SOURCES, USERS, Crowd, matches, some
from harness.messages import from_micros, micros, store
from harness.suite import StoreTest


def _utc(event, form):
    return datetime.datetime.fromtimestamp(event.timestamp.seconds, datetime.timezone.utc).strftime(form)


KEYS = {
    store.GROUP_BY_DAY: lambda e: _utc(e, "%Y-%m-%d"),
    store.GROUP_BY_HOUR: lambda e: _utc(e, "%Y-%m-%dT%H:00Z"),
    store.GROUP_BY_EVENT_TYPE: lambda e: e.event_type,
    store.GROUP_BY_AGGREGATE_TYPE: lambda e: e.aggregate_type,
    store.GROUP_BY_USER: lambda e: e.user_id,
    store.GROUP_BY_SOURCE: lambda e: e.source,
}


class CountTest(StoreTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.database = cls.server.database()
        cls.crowd = Crowd(cls.database)
        # Today's events are counted with those of the past.
        for n in range(20):
            cls.client.append(append_request(cls.crowd.aggregates[n % 12], "any", [new_event(user_id="ada")]))
        cls.events = cls.client.events("ReadAll", store.ReadAllRequest())
        # Of these the oracle knows; the tests below add others, apart in time or by their users.
        cls.times = (cls.crowd.start, micros(cls.events[-1].timestamp) + 1)

    def counted(self, group_by=0, **restrictions):
        """The answer, after a look at what always holds."""
        answer = self.client.unary("CountEvents", store.CountEventsRequest(group_by=group_by, **restrictions))
        keys = [group.key for group in answer.groups]
        self.assertEqual(keys, sorted(keys, key=str.encode))
        if group_by:
            self.assertEqual(sum(group.count for group in answer.groups), answer.count)
            self.assertTrue(all(group.count > 0 for group in answer.groups))
        else:
            self.assertEqual(keys, [])
        return answer

    def check(self, group_by=0, user="", event_types=(), aggregate_types=(), sources=(), aggregate="", correlation="",
              times=None):
        expected = [
            e
            for e in self.events
            if matches(e, [user] if user else (), event_types, aggregate_types, sources, aggregate, correlation, times)
        ]
        answer = self.counted(
            group_by,
            user_id=user,
            event_types=event_types,
            aggregate_types=aggregate_types,
            sources=sources,
            aggregate_id=aggregate,
            correlation_id=correlation,
            from_time=from_micros(times[0]) if times else None,
            to_time=from_micros(times[1]) if times else None,
        )
        self.assertEqual(answer.count, len(expected))
        if group_by:
            groups = collections.Counter(KEYS[group_by](e) for e in expected)
            self.assertEqual({group.key: group.count for group in answer.groups}, dict(groups))

    def test_everything(self):
        self.check(times=self.times)

    def test_each_restriction_alone(self):
        for user in USERS[:-1]:
            self.check(user=user)
        for event_type in EVENT_TYPES:
            self.check(event_types=[event_type], times=self.times)
        for aggregate_type in AGGREGATE_TYPES:
            self.check(aggregate_types=[aggregate_type], times=self.times)
        for source in SOURCES:
            self.check(sources=[source], times=self.times)
        for aggregate in self.crowd.aggregates:
            self.check(aggregate=aggregate)
        for correlation in self.crowd.correlations[:-1]:
            self.check(correlation=correlation)

    def test_each_grouping_alone(self):
        for group_by in KEYS:
            with self.subTest(group_by=group_by):
                self.check(group_by, times=self.times)

    def test_any_combination(self):
        chance = random.Random(8)
        for _ in range(80):
            query = {
                "group_by": chance.choice([0, *KEYS]),
                "user": chance.choice(["", "", *USERS[:-1]]),
                "event_types": some(chance, EVENT_TYPES),
                "aggregate_types": some(chance, AGGREGATE_TYPES),
                "sources": some(chance, SOURCES),
                "aggregate": chance.choice(["", "", *self.crowd.aggregates]),
                "correlation": chance.choice(["", "", *self.crowd.correlations]),
                "times": self.crowd.random_times(chance) if chance.random() < 0.5 else self.times,
            }
            with self.subTest(**query):
                self.check(**query)

    def test_a_range_of_time_is_half_open(self):
        event = self.events[500]
        time = micros(event.timestamp)
        same = [e for e in self.events if micros(e.timestamp) == time]
        for times, count in (((time, time + 1), len(same)), ((time - 1, time), 0), ((time + 1, time + 2), 0)):
            self.assertEqual(self.counted(from_time=from_micros(times[0]), to_time=from_micros(times[1])).count, count)

    def test_only_one_end_of_the_range(self):
        middle = self.events[600].timestamp
        before = self.counted(to_time=middle).count
        after = self.counted(from_time=middle).count
        self.assertEqual(before + after, self.client.count())

    def test_nothing_matches(self):
        for restriction in ({"aggregate_id": new_id()}, {"correlation_id": new_id()}, {"user_id": "nobody"}):
            for group_by in (0, *KEYS):
                self.assertEqual(self.counted(group_by, **restriction), store.CountEventsResponse())

    def test_an_event_is_counted_as_soon_as_it_is_acknowledged(self):
        aggregate = new_id()
        for version in range(20):
            self.client.append(append_request(aggregate, version, [new_event()]))
            self.assertEqual(self.counted(aggregate_id=aggregate).count, version + 1)

    def test_ten_thousand_groups_and_one_more(self):
        workflow = new_id()
        users = [new_event(user_id=f"user {n}", correlation_id=workflow) for n in range(10_000)]
        self.client.append(append_request(new_id(), 0, users))
        answer = self.counted(store.GROUP_BY_USER, correlation_id=workflow)
        self.assertEqual(len(answer.groups), 10_000)
        self.client.append(append_request(new_id(), 0, [new_event(user_id="one more", correlation_id=workflow)]))
        failure = failure_of(lambda: self.counted(store.GROUP_BY_USER, correlation_id=workflow))
        self.assertEqual((failure.code, failure.reason), ("INVALID_ARGUMENT", "LIMIT_EXCEEDED"))
        self.assertEqual(list(failure.fields), ["group_by"])
        # The same events in fewer groups.
        self.assertEqual(self.counted(store.GROUP_BY_EVENT_TYPE, correlation_id=workflow).count, 10_001)

    def test_dropped_chunks_are_not_counted(self):
        start = history.now(self.database) - 700 * history.DAY
        aggregate = new_id()
        events = [history.past_event(aggregate, n + 1, start + n * history.DAY) for n in range(4)]
        history.write(self.database, events)
        self.assertEqual(self.counted(aggregate_id=aggregate).count, 4)
        history.drop_before(self.database, events[2])
        self.assertEqual(
            self.counted(aggregate_id=aggregate).count,
            len(self.client.replay(aggregate)),
        )
