"""GetAggregateStream and GetAggregateVersion: ranges, directions, as_of, pages, aggregates spread over many days."""
import random

from harness import history
from harness.client import append_request, new_event, new_id
from harness.messages import event as event_pb
from harness.messages import from_micros, micros, store
from harness.suite import StoreTest

BACKWARD = event_pb.DIRECTION_BACKWARD
MEBIBYTE = 1024 * 1024


class ReplayTest(StoreTest):
    """One aggregate of 700 events over 40 days, some days without an event and some with many."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        database = cls.server.database()
        cls.aggregate, other = new_id(), new_id()
        chance = random.Random(1)
        start = history.now(database) - 40 * history.DAY
        days = [chance.randrange(39) for _ in range(30)]
        times = sorted(start + chance.choice(days) * history.DAY + chance.randrange(history.HOUR) for _ in range(700))
        cls.events, others = [], []
        for version, time in enumerate(times, 1):
            cls.events.append(history.past_event(cls.aggregate, version, time))
            others.append(history.past_event(other, version, time))
        history.write(database, cls.events + others)

    def expected(self, from_version=0, to_version=0, as_of=None, direction=0, max_events=0):
        found = [
            e
            for e in self.events
            if e.version >= from_version
            and (to_version == 0 or e.version <= to_version)
            and (as_of is None or micros(e.timestamp) <= micros(as_of))
        ]
        if direction == BACKWARD:
            found.reverse()
        return found[:max_events] if max_events else found

    def check(self, **query):
        with self.subTest(**{key: str(value) for key, value in query.items()}):
            got, expected = self.client.replay(self.aggregate, **query), self.expected(**query)
            self.assertEqual([e.version for e in got], [e.version for e in expected])
            self.assertEqual(got, expected)

    def test_forward_is_the_default(self):
        self.check()
        self.check(direction=event_pb.DIRECTION_FORWARD)

    def test_backward(self):
        self.check(direction=BACKWARD)

    def test_ranges_of_versions_include_both_ends(self):
        for first, last in [(1, 1), (5, 5), (100, 300), (699, 0), (700, 0), (700, 9_999), (1, 2_147_483_647), (0, 3)]:
            for direction in (0, BACKWARD):
                self.check(from_version=first, to_version=last, direction=direction)

    def test_beyond_the_last_version_is_nothing(self):
        self.check(from_version=701)
        self.check(from_version=2_147_483_647)

    def test_max_events(self):
        for limit in (1, 127, 128, 129, 384, 699, 700, 701, 2_147_483_647):
            for direction in (0, BACKWARD):
                self.check(max_events=limit, direction=direction)

    def test_as_of_includes_its_moment(self):
        for version in (1, 2, 350, 700):
            moment = micros(self.events[version - 1].timestamp)
            for time in (moment - 1, moment, moment + 1):
                self.check(as_of=from_micros(time))
                self.check(as_of=from_micros(time), direction=BACKWARD, max_events=3)

    def test_as_of_is_cut_to_microseconds(self):
        moment = from_micros(micros(self.events[99].timestamp))
        moment.nanos += 999
        self.check(as_of=moment)

    def test_as_of_before_and_after_everything(self):
        self.check(as_of=from_micros(micros(self.events[0].timestamp) - 10 * history.DAY))
        self.check(as_of=from_micros(micros(self.events[-1].timestamp) + 10 * history.DAY))
        self.check(as_of=event_pb.RecordedEvent(timestamp={"seconds": -62_135_596_800}).timestamp)
        self.check(as_of=event_pb.RecordedEvent(timestamp={"seconds": 253_402_300_799}).timestamp)

    def test_any_combination(self):
        chance = random.Random(2)
        for _ in range(60):
            query = {"direction": chance.choice((0, 1, 2)), "max_events": chance.choice((0, 1, 50, 300))}
            query["from_version"] = chance.choice((0, chance.randrange(1, 720)))
            query["to_version"] = chance.choice((0, query["from_version"] + chance.randrange(400)))
            if chance.random() < 0.5:
                query["as_of"] = from_micros(micros(chance.choice(self.events).timestamp) + chance.randrange(-9, 9))
            self.check(**query)

    def test_every_page_knows_the_aggregate(self):
        pages = list(self.client.pages("GetAggregateStream", self.request(self.aggregate)))
        self.assertGreater(len(pages), 1)
        for page in pages:
            self.assertEqual((page.current_version, page.first_available_version), (700, 1))
            self.assertGreater(len(page.events), 0)

    def test_an_empty_result_is_one_page_that_knows_the_aggregate(self):
        [page] = self.client.pages("GetAggregateStream", self.request(self.aggregate, from_version=701))
        self.assertEqual((page.current_version, page.first_available_version, len(page.events)), (700, 1, 0))

    def test_an_unknown_aggregate_is_one_empty_page(self):
        [page] = self.client.pages("GetAggregateStream", self.request(new_id()))
        self.assertEqual(page, store.GetAggregateStreamResponse())

    def test_the_version_and_its_times(self):
        request = store.GetAggregateVersionRequest(aggregate_id=self.aggregate)
        answer = self.client.unary("GetAggregateVersion", request)
        self.assertEqual(answer.version, 700)
        self.assertEqual(answer.first_timestamp, self.events[0].timestamp)
        self.assertEqual(answer.last_timestamp, self.events[-1].timestamp)

    def test_the_version_of_an_unknown_aggregate(self):
        answer = self.client.unary("GetAggregateVersion", store.GetAggregateVersionRequest(aggregate_id=new_id()))
        self.assertEqual(answer, store.GetAggregateVersionResponse())

    @staticmethod
    def request(aggregate, **query):
        return store.GetAggregateStreamRequest(aggregate_id=aggregate, **query)


class PageTest(StoreTest):
    """Pages of at most 1 000 events and about 1 MiB, however much there is."""

    def pages(self, aggregate, **query):
        request = store.GetAggregateStreamRequest(aggregate_id=aggregate, **query)
        return list(self.client.pages("GetAggregateStream", request))

    def test_ten_thousand_small_events(self):
        aggregate = new_id()
        self.client.append(append_request(aggregate, 0, [new_event() for _ in range(10_000)]))
        for direction, versions in ((0, range(1, 10_001)), (BACKWARD, range(10_000, 0, -1))):
            pages = self.pages(aggregate, direction=direction)
            self.assertEqual([e.version for page in pages for e in page.events], list(versions))
            self.assertLessEqual(max(len(page.events) for page in pages), 1000)
            # They grow to that size: a page a few events long would be bounded too.
            self.assertLessEqual(len(pages), 15)

    def test_large_events(self):
        # Of 1 to 900 KiB, so that pages of one and of many events follow each other.
        aggregate = new_id()
        sizes = [1, 300, 300, 300, 300, 900, 900, 1, 1, 500] * 4
        for size in sizes:
            event = new_event(data='{"a": "' + "x" * (size * 1024) + '"}')
            self.client.append(append_request(aggregate, "any", [event]))
        for direction in (0, BACKWARD):
            pages = self.pages(aggregate, direction=direction)
            expected = list(range(1, len(sizes) + 1))
            self.assertEqual(
                [e.version for page in pages for e in page.events], expected[::-1] if direction else expected
            )
            for page in pages:
                before_last = sum(len(e.data) + len(e.metadata) for e in page.events[:-1])
                self.assertLess(before_last, MEBIBYTE)
            self.assertLess(max(page.ByteSize() for page in pages), 2.1 * MEBIBYTE)

    def test_the_read_ends_at_the_version_it_began_with(self):
        aggregate = new_id()
        self.client.append(append_request(aggregate, 0, [new_event() for _ in range(5000)]))
        stream = self.client.pages("GetAggregateStream", store.GetAggregateStreamRequest(aggregate_id=aggregate))
        events = list(next(stream).events)
        self.client.append(append_request(aggregate, 5000, [new_event() for _ in range(100)]))
        for page in stream:
            self.assertEqual(page.current_version, 5000)
            events += page.events
        self.assertEqual([e.version for e in events], list(range(1, 5001)))


class RetentionTest(StoreTest):
    """What was dropped is not made up: the stream says where it begins."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.database = cls.server.database()

    def past(self, days_ago, count):
        aggregate = new_id()
        start = history.now(self.database) - days_ago * history.DAY
        events = [history.past_event(aggregate, n + 1, start + n * history.DAY) for n in range(count)]
        history.write(self.database, events)
        return aggregate, events

    def first_page(self, aggregate):
        return next(self.client.pages("GetAggregateStream", store.GetAggregateStreamRequest(aggregate_id=aggregate)))

    def test_first_available_version_after_a_drop(self):
        aggregate, events = self.past(days_ago=900, count=6)
        self.assertEqual(self.first_page(aggregate).first_available_version, 1)
        history.drop_before(self.database, events[3])
        page = self.first_page(aggregate)
        self.assertGreater(page.first_available_version, 1)
        self.assertEqual(page.current_version, 6)
        self.assertEqual(list(page.events), events[page.first_available_version - 1 :])

    def test_all_was_dropped(self):
        aggregate, events = self.past(days_ago=890, count=3)
        late = history.past_event(new_id(), 1, history.now(self.database) - 880 * history.DAY)
        history.drop_before(self.database, late)
        page = self.first_page(aggregate)
        self.assertEqual((page.current_version, page.first_available_version, len(page.events)), (3, 0, 0))
        # Versions go on where they were.
        answer = self.client.append(append_request(aggregate, 3, [new_event()]))
        self.assertEqual(answer.version, 4)
        page = self.first_page(aggregate)
        self.assertEqual((page.current_version, page.first_available_version), (4, 4))

    def test_a_drop_while_a_stream_runs(self):
        # Four pages and more; whatever was dropped under way, the stream ends well and what is left comes.
        aggregate = new_id()
        start = history.now(self.database) - 800 * history.DAY
        events = [
            history.past_event(aggregate, n + 1, start + n // 100 * history.DAY, data='{"a": "%s"}' % ("x" * 8000))
            for n in range(800)
        ]
        history.write(self.database, events)
        stream = self.client.pages("GetAggregateStream", store.GetAggregateStreamRequest(aggregate_id=aggregate))
        got = list(next(stream).events)
        history.drop_before(self.database, events[-1])
        for page in stream:
            got += page.events
        versions = [e.version for e in got]
        self.assertEqual(versions, sorted(set(versions)))
        self.assertEqual(versions[-100:], list(range(701, 801)))
