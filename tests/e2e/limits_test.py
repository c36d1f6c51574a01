"""Limits of one identity and of the size of requests: each is a setting, each refusal says which, how much, and when to come
back; and others are served meanwhile."""
import threading

from harness import messages
from harness.client import SLOWER, Client, Failure, append_request, failure_of, new_event, new_id
from harness.keys import KeyFile
from harness.messages import store
from harness.metrics import Metrics
from harness.server import Server, wait_until
from harness.subscriber import now
from harness.suite import StoreTest

BATCH = store.AppendBatchRequest
FROM_NOW = now()


def version_of_nothing():
    return store.GetAggregateVersionRequest(aggregate_id=new_id())


def one_event(**fields):
    return append_request(new_id(), 0, [new_event(**fields)])


class LimitsTest(StoreTest):
    """Each test a server of its own settings, on the database of the suite's one."""

    def serve(self, keys=None, **settings):
        if keys:
            settings["auth_keys"] = keys.path
        self.guest = Server(database_url=self.server.conninfo(), settings=settings)
        self.addCleanup(self.guest.stop)
        return self.connect()

    def connect(self, **more):
        client = Client(self.guest.address, **more)
        self.addCleanup(client.close)
        return client

    def refused(self, limit):
        return Metrics(self.guest).sum("eventstore_refused_by_limit_total", limit=limit) or 0

    def assert_size(self, limit, setting, most, call):
        failure = failure_of(call)
        self.assertEqual((failure.code, failure.reason), ("INVALID_ARGUMENT", "LIMIT_EXCEEDED"), failure.message)
        told = failure.info.metadata
        self.assertEqual((told["limit"], told["max"], told["setting"]), (limit, str(most), setting))
        self.assertGreater(int(told["size"]), most)
        for word in (str(most), f"(setting {setting})"):
            self.assertIn(word, failure.message)
        self.assertEqual(self.refused(limit), 1)

    def assert_busy(self, reason, limit, most, identity, failure):
        self.assertEqual((failure.code, failure.reason), ("RESOURCE_EXHAUSTED", reason), failure.message)
        told = failure.info.metadata
        self.assertEqual(
            (told["limit"], told["max"], told["setting"], told["identity"]), (limit, str(most), limit, identity)
        )
        self.assertIn(f"the limit is {most} (setting {limit})", failure.message)
        self.assertEqual(len(failure.retries), 1)
        self.assertGreater(failure.retries[0].retry_delay.ToMilliseconds(), 0)


class SizesTest(LimitsTest):
    def test_events_of_a_request(self):
        client = self.serve(max_events_per_append=3)
        client.append(append_request(new_id(), 0, [new_event() for _ in range(3)]))
        two = append_request(new_id(), 0, [new_event(), new_event()])
        self.assert_size("max_events", "max_events_per_append", 3, lambda: client.unary("AppendBatch", BATCH(appends=[
            two, append_request(new_id(), 0, [new_event(), new_event()])])))

    def test_data(self):
        client = self.serve(max_data_bytes=100)
        client.append(one_event(data={"a": "x" * 80}))
        self.assert_size("max_data_bytes", "max_data_bytes", 100, lambda: client.append(one_event(data={"a": "x" * 99})))

    def test_metadata(self):
        client = self.serve(max_metadata_bytes=100)
        self.assert_size("max_metadata_bytes", "max_metadata_bytes", 100,
                         lambda: client.append(one_event(metadata='{"a": "%s"}' % ("x" * 99))))

    def test_a_request_as_a_whole(self):
        client = self.serve(max_request_bytes=1024)
        client.append(one_event(data={"a": "x" * 900}))
        events = [new_event(data={"a": "x" * 600}) for _ in range(2)]
        self.assert_size("max_request_bytes", "max_request_bytes", 1024,
                         lambda: client.append(append_request(new_id(), 0, events)))

    def test_a_message(self):
        client = self.serve(max_message_bytes=65536)
        self.assert_size("max_message_bytes", "max_message_bytes", 65536,
                         lambda: client.append(one_event(data={"a": "x" * 70_000})))
        # Twice as much is refused by gRPC itself, before it is ours.
        failure = failure_of(lambda: client.append(one_event(data={"a": "x" * 140_000})))
        self.assertEqual((failure.code, failure.infos), ("RESOURCE_EXHAUSTED", []))

    def test_depth(self):
        client = self.serve(max_json_depth=3)
        client.append(one_event(data='{"a": {"b": [1]}}'))
        failure = failure_of(lambda: client.append(one_event(data='{"a": {"b": [[1]]}}')))
        self.assertEqual((failure.code, failure.reason), ("INVALID_ARGUMENT", "INVALID_REQUEST"))
        self.assertEqual(failure.fields, {"events[0].data": "is nested deeper than 3 levels (setting max_json_depth)"})

    def test_days_of_a_query(self):
        client = self.serve(max_query_days=10)
        user = new_id()
        client.append(one_event(user_id=user))
        self.assertEqual(len(client.events("GetUserStream", store.GetUserStreamRequest(user_id=user))), 1)
        self.assertEqual(len(client.events("GetUserStream", store.GetUserStreamRequest(user_id=user, days=10))), 1)
        self.assert_size("max_days", "max_query_days", 10,
                         lambda: client.any("GetUserStream", store.GetUserStreamRequest(user_id=user, days=11)))
        day = 86_400
        end = 1_700_000_000
        span = {"from_time": messages.timestamp(end - 10 * day), "to_time": messages.timestamp(end)}
        self.assertEqual(client.count(**span), 0)
        wider = {**span, "to_time": messages.timestamp(end, 1000)}
        for method, request in (
            ("CountEvents", store.CountEventsRequest(**wider)),
            ("CountEvents", store.CountEventsRequest()),
            ("GetCorrelatedEvents", store.GetCorrelatedEventsRequest(correlation_id=new_id())),
            ("GetUserStream", store.GetUserStreamRequest(user_id=user, **wider)),
        ):
            with self.subTest(method=method):
                failure = failure_of(lambda: client.any(method, request))
                self.assertEqual(failure.info.metadata["setting"], "max_query_days")

    def test_bytes_of_a_page(self):
        aggregate = new_id()
        events = [new_event(data={"a": "x" * 10_000}) for _ in range(40)]
        self.client.append(append_request(aggregate, 0, events))
        client = self.serve(max_page_bytes=32_768)
        request = store.GetAggregateStreamRequest(aggregate_id=aggregate)
        pages = [len(page.events) for page in client.pages("GetAggregateStream", request)]
        self.assertEqual(sum(pages), 40)
        self.assertLessEqual(max(pages), 4)  # up to the limit and one more

    def test_by_default_nothing_is_new(self):
        client = self.serve()
        client.append(append_request(new_id(), 0, [new_event(data={"a": "x" * 1_000_000})]))
        self.assertEqual(client.count(to_time=messages.timestamp(1)), 0)
        for _ in range(200):
            client.version(new_id())
        self.assertEqual(Metrics(self.guest).sum("eventstore_refused_by_limit_total"), 0)


class IdentityTest(LimitsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = KeyFile()
        for name in ("greedy", "modest"):
            cls.keys.add(name, "reader", "writer")
        cls.keys.write()

    def two(self, **settings):
        self.serve(self.keys, **settings)
        return tuple(self.connect(token=self.keys.key[name]) for name in ("greedy", "modest"))

    def until_refused(self, call, tries=100):
        """The first failure; how many went well before it."""
        for done in range(tries):
            try:
                call()
            except Failure as failure:
                return done, failure
        raise AssertionError(f"{tries} calls went well")

    def test_requests_a_second(self):
        greedy, modest = self.two(max_requests_per_second=1)
        done, failure = self.until_refused(lambda: greedy.unary("GetAggregateVersion", version_of_nothing()))
        self.assertGreaterEqual(done, 1)
        self.assert_busy("RATE_LIMITED", "max_requests_per_second", 1, "greedy", failure)
        modest.unary("GetAggregateVersion", version_of_nothing())
        self.assertEqual(greedy.health(), "SERVING")
        self.assertGreaterEqual(self.refused("max_requests_per_second"), 1)
        # And after what it was told to wait, or a little more on a busy machine, it is served again.
        wait_until(lambda: self.until_refused(lambda: greedy.unary("GetAggregateVersion", version_of_nothing()))[0] > 0,
                   "the bucket to fill", 30 * SLOWER)

    def test_whoever_lacks_the_role_is_slowed_down_too(self):
        greedy, _ = self.two(max_requests_per_second=1)
        request = messages.housekeeper.ListTasksRequest()
        reasons = [failure_of(lambda: greedy.unary("ListTasks", request)).reason for _ in range(20)]
        self.assertEqual(reasons[0], "ROLE_MISSING")
        self.assertIn("RATE_LIMITED", reasons)

    def test_appends_a_second(self):
        greedy, modest = self.two(max_appends_per_second=1)
        whole = BATCH(appends=[one_event() for _ in range(1000)])
        greedy.unary("AppendBatch", whole)  # larger than the bucket, and paid for later
        failure = failure_of(lambda: greedy.append(one_event()))
        self.assert_busy("RATE_LIMITED", "max_appends_per_second", 1, "greedy", failure)
        self.assertGreater(failure.retries[0].retry_delay.ToMilliseconds(), 100_000)
        greedy.unary("GetAggregateVersion", version_of_nothing())  # reads go on
        modest.append(one_event())
        # Items of a stream are refused one by one, and counted.
        aggregate = new_id()
        answers = list(greedy.append_stream([store.AppendStreamRequest(items=[append_request(aggregate, 0, [new_event()])])]))
        status = answers[0].outcomes[0].error
        info = messages.rpc_details.ErrorInfo()
        status.details[0].Unpack(info)
        self.assertEqual((status.code, info.reason), (8, "RATE_LIMITED"))
        self.assertEqual(self.client.version(aggregate), 0)
        self.assertEqual(self.refused("max_appends_per_second"), 2)

    def test_streams(self):
        greedy, modest = self.two(max_streams_per_identity=2)
        open_ = [greedy.pages("Subscribe", FROM_NOW) for _ in range(2)]
        for stream in open_:
            next(stream)
        for method in ("Subscribe", "Watch"):
            request = FROM_NOW if method == "Subscribe" else messages.operations.WatchRequest()
            failure = failure_of(lambda: list(greedy.pages(method, request)))
            self.assert_busy("TOO_MANY_CALLS", "max_streams_per_identity", 2, "greedy", failure)
        for method in ("AppendStream", "Consume"):
            never = threading.Event()  # the sending end stays open: who is refused must not be kept waiting
            rpc = messages.METHODS[method]
            call = greedy._channel.stream_stream(rpc.path, None, rpc.response.FromString)
            try:
                list(call(iter(lambda: never.wait(60 * SLOWER) and None, None), timeout=60 * SLOWER))
                self.fail("went on")
            except Exception as error:  # of grpc
                self.assertEqual(Failure(error).reason, "TOO_MANY_CALLS", error)
            finally:
                never.set()
        next(modest.pages("Subscribe", FROM_NOW))
        greedy.append(one_event())
        open_.pop().cancel()
        opened = []

        def again():
            opened.append(greedy.pages("Subscribe", FROM_NOW))
            try:
                return next(opened[-1])
            except Failure:
                return None

        wait_until(again, "the stream that ended to make room", 30 * SLOWER)

    def test_calls_in_flight(self):
        greedy, modest = self.two(max_calls_in_flight=1, read_connections=1)
        aggregate = new_id()
        # A client that does not read its pages keeps its call under way.
        events = [new_event(data={"a": "x" * 100_000}) for _ in range(100)]
        modest.append(append_request(aggregate, 0, events))
        slow = greedy.pages("GetAggregateStream", store.GetAggregateStreamRequest(aggregate_id=aggregate))
        next(slow)
        failure = failure_of(lambda: greedy.unary("GetAggregateVersion", version_of_nothing()))
        self.assert_busy("TOO_MANY_CALLS", "max_calls_in_flight", 1, "greedy", failure)
        modest.unary("GetAggregateVersion", version_of_nothing())
        next(greedy.pages("Subscribe", FROM_NOW))
        slow.cancel()
        wait_until(lambda: self.works(greedy), "the call that ended to make room", 30 * SLOWER)

    @staticmethod
    def works(client):
        try:
            client.version(new_id())
        except Failure:
            return False
        return True

    def test_without_auth_an_address_is_an_identity(self):
        first = self.serve(max_requests_per_second=1)
        second = self.connect()
        self.until_refused(lambda: first.version(new_id()))
        _, failure = self.until_refused(lambda: second.version(new_id()))
        self.assert_busy("RATE_LIMITED", "max_requests_per_second", 1, "127.0.0.1", failure)
