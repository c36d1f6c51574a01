"""Deadlines, cancelled calls and slow readers: a call that ends early frees what it held, and nobody else notices."""
import contextlib
import threading

from harness import history
from harness.client import Client, append_request, failure_of, new_event, new_id
from harness.messages import event as event_pb
from harness.messages import store
from harness.server import Server, wait_until
from harness.suite import StoreTest

MEBIBYTE = 1024 * 1024


def a_request_of_each_method(aggregate):
    """Valid, and in need of the database."""
    events = [new_event(user_id="ada", correlation_id=aggregate)]
    return {
        "Append": append_request(aggregate, "any", events),
        "AppendBatch": store.AppendBatchRequest(appends=[append_request(aggregate, "any", [new_event()])]),
        "GetAggregateStream": store.GetAggregateStreamRequest(aggregate_id=aggregate),
        "GetAggregateVersion": store.GetAggregateVersionRequest(aggregate_id=aggregate),
        "GetUserStream": store.GetUserStreamRequest(user_id="ada"),
        "GetCorrelatedEvents": store.GetCorrelatedEventsRequest(correlation_id=aggregate),
        "CountEvents": store.CountEventsRequest(),
        "ReadAll": store.ReadAllRequest(),
    }


class DeadlineTest(StoreTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.database = cls.server.database()
        # A second server on the same database, whose calls have little time.
        cls.hasty = Server(database_url=cls.server.conninfo(), settings={"default_deadline_ms": 300})
        cls.addClassCleanup(cls.hasty.stop)
        cls.hasty_client = Client(cls.hasty.address)
        cls.addClassCleanup(cls.hasty_client.close)

    def setUp(self):
        self.aggregate = new_id()
        self.client.append(append_request(self.aggregate, 0, [new_event(user_id="ada", correlation_id=self.aggregate)]))

    @contextlib.contextmanager
    def busy_lanes(self):
        """Appends sent meanwhile wait in the server, behind one in each lane that waits for a lock."""
        with self.database.lock("aggregate_heads"):
            # So many that no lane is left without one.
            holders = [self.client.start("Append", append_request(new_id(), 0, [new_event()])) for _ in range(32)]
            wait_until(lambda: self.database.waiting("lane %") == 2, "both lanes to wait in the database")
            yield
        for holder in holders:
            self.assertEqual(holder.result().version, 1)

    def assert_not_written(self, aggregates):
        # A lane works in order, so the turn of an append is over when one behind it has its answer.
        for aggregate in aggregates:
            self.assertEqual(self.client.append(append_request(aggregate, "any", [new_event()])).version, 1)

    def nobody_waits(self):
        wait_until(lambda: self.database.waiting("%") == 0, "the server to give up its statements")

    def assert_expired(self, requests):
        for method, request in requests.items():
            with self.subTest(method=method):
                failure = failure_of(lambda m=method, r=request: self.client.any(m, r, deadline_s=0))
                self.assertEqual(failure.code, "DEADLINE_EXCEEDED")

    def test_an_expired_deadline(self):
        # What is done within the millisecond to which gRPC rounds may succeed; here no append has its turn, no read ends.
        victim = new_id()
        requests = a_request_of_each_method(victim)
        with self.busy_lanes():
            self.assert_expired({method: requests[method] for method in ("Append", "AppendBatch")})
            self.client.await_end_of_earlier_calls()
        with self.database.lock("aggregate_heads, events_v2"):
            self.assert_expired({method: r for method, r in requests.items() if not method.startswith("Append")})
            self.nobody_waits()
        self.assert_not_written([victim])

    def test_the_server_tells_that_the_time_is_up(self):
        # No deadline of the client, so that the server's own answer arrives.
        with self.database.lock("aggregate_heads, events_v2"):
            for method, request in a_request_of_each_method(self.aggregate).items():
                with self.subTest(method=method):
                    failure = failure_of(lambda m=method, r=request: self.hasty_client.any(m, r))
                    self.assertEqual((failure.code, failure.reason), ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"))
                    self.assertEqual(failure.info.domain, "eventstore.v1")
            self.nobody_waits()
        self.assertEqual(self.client.version(self.aggregate), 1)

    def test_a_deadline_ends_the_statement_too(self):
        with self.database.lock("events_v2"):
            call = self.client.start("CountEvents", store.CountEventsRequest(), deadline_s=1)
            wait_until(lambda: self.database.waiting("reader %") == 1, "the count to wait in the database")
            self.assertEqual(call.failure().code, "DEADLINE_EXCEEDED")
            # The lock is held all the while: what ends the statement is its own time limit.
            self.nobody_waits()
        self.assertGreater(self.client.count(), 0)

    def test_an_append_whose_time_passes_in_the_queue_is_not_written(self):
        victims = [new_id() for _ in range(4)]
        with self.busy_lanes():
            calls = [
                self.client.start("Append", append_request(victim, 0, [new_event()]), deadline_s=0.3)
                for victim in victims
            ]
            for call in calls:
                self.assertEqual(call.failure().code, "DEADLINE_EXCEEDED")
            self.client.await_end_of_earlier_calls()
        self.assert_not_written(victims)

    def test_an_append_cancelled_in_the_queue_is_not_written(self):
        victims = [new_id() for _ in range(4)]
        with self.busy_lanes():
            calls = [self.client.start("Append", append_request(victim, 0, [new_event()])) for victim in victims]
            self.client.await_end_of_earlier_calls()
            for call in calls:
                call.cancel()
            self.client.await_end_of_earlier_calls()
        self.assert_not_written(victims)

    def test_a_short_deadline_does_not_shorten_its_neighbours(self):
        # In one batch of a lane: the one that expires fails alone.
        patient = [new_id() for _ in range(8)]
        with self.busy_lanes():
            hasty = [
                self.client.start("Append", append_request(new_id(), 0, [new_event()]), deadline_s=0.3)
                for _ in range(8)
            ]
            waiting = [self.client.start("Append", append_request(a, 0, [new_event()])) for a in patient]
            for call in hasty:
                self.assertEqual(call.failure().code, "DEADLINE_EXCEEDED")
            self.client.await_end_of_earlier_calls()
        for call in waiting:
            self.assertEqual(call.result().version, 1)

    def test_a_read_that_waits_does_not_hold_up_an_append(self):
        # All four reading connections are taken by a chunk that no append looks at, and more reads wait for them.
        past = history.now(self.database) - 100 * history.DAY
        history.write(self.database, [history.past_event(new_id(), 1, past)])
        chunk = history.tables(self.database)[0]
        with self.database.lock(chunk):
            reads = [self.client.pages("ReadAll", store.ReadAllRequest(max_events=1)) for _ in range(8)]
            threads = [threading.Thread(target=failure_of, args=(lambda r=read: list(r),)) for read in reads]
            for thread in threads:
                thread.start()
            wait_until(lambda: self.database.waiting("reader %") == 4, "the readers to wait in the database")
            self.assertEqual(self.client.append(append_request(self.aggregate, 1, [new_event()])).version, 2)
            self.assertEqual(self.client.health("eventstore.v1.EventStore"), "SERVING")
            for read in reads:
                read.cancel()
            for thread in threads:
                thread.join()


class StreamTest(StoreTest):
    """64 MiB of events, for readers that stop reading."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.aggregate = new_id()
        data = '{"a": "' + "x" * (256 * 1024) + '"}'
        for _ in range(16):
            cls.client.append(append_request(cls.aggregate, "any", [new_event("large", data) for _ in range(16)]))
        cls.requests = {
            "GetAggregateStream": store.GetAggregateStreamRequest(aggregate_id=cls.aggregate),
            "ReadAll": store.ReadAllRequest(filter=event_pb.EventFilter(event_types=["large"])),
        }

    def assert_all_is_well(self):
        self.assertEqual(self.client.health(), "SERVING")
        self.assertEqual(self.client.version(self.aggregate), 256)
        self.assertEqual(self.client.append(append_request(new_id(), 0, [new_event("well")])).version, 1)

    def test_cancelled_streams_leave_nothing_behind(self):
        for method, request in self.requests.items():
            for pages in (0, 1, 3):
                streams = [self.client.pages(method, request) for _ in range(10)]
                for stream in streams:
                    for _ in range(pages):
                        next(stream)
                    stream.cancel()
        self.assert_all_is_well()
        busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'eventstored %' AND state <> 'idle'"
        database = self.server.database()
        wait_until(lambda: database.run(busy) == "0", "the connections to be idle")

    def test_a_connection_that_breaks_in_a_stream(self):
        for method, request in self.requests.items():
            for _ in range(5):
                client = Client(self.server.address)
                next(client.pages(method, request))
                client.close()
        self.assert_all_is_well()

    def test_a_slow_reader_costs_the_server_no_memory(self):
        for method, request in self.requests.items():
            self.assertEqual(len(self.client.events(method, request)), 256)  # a first time, for caches and pools
        before = self.server.resident_bytes()
        clients = [Client(self.server.address) for _ in range(6)]
        streams = [client.pages("ReadAll", self.requests["ReadAll"]) for client in clients]
        first = [next(stream) for stream in streams]
        # Reads are served in turn. While this one gets its 64 pages, a stream that did not wait for its reader would get
        # all of its own: 6 times 64 MiB.
        self.assertEqual(len(self.client.events("ReadAll", self.requests["ReadAll"])), 256)
        if not self.sanitized:
            self.assertLess(self.server.resident_bytes() - before, 64 * MEBIBYTE)
        # Slow, not lost: everything comes in the end.
        for page, stream in zip(first, streams):
            versions = [e.version for e in page.events] + [e.version for p in stream for e in p.events]
            self.assertEqual(versions, list(range(1, 257)))
        for client in clients:
            client.close()
        self.assert_all_is_well()

    def test_a_stream_outlives_the_time_for_a_single_page(self):
        # The time limit of a call without a deadline is for each page, not for the stream.
        hasty = Server(database_url=self.server.conninfo(), settings={"default_deadline_ms": 1000})
        self.addCleanup(hasty.stop)
        client = Client(hasty.address)
        self.addCleanup(client.close)
        stream = client.pages("ReadAll", self.requests["ReadAll"], deadline_s=None)
        got = list(next(stream).events)
        # Between two pages the reader takes longer than that; a lock that is waited for twice as long stands for it.
        with self.server.database().lock("store_identity"):
            failure = failure_of(lambda: list(client.pages("ReadAll", self.requests["ReadAll"], deadline_s=None)))
            self.assertEqual((failure.code, failure.reason), ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"))
        for page in stream:
            got += page.events
        self.assertEqual([e.version for e in got], list(range(1, 257)))
