"""The log: what failed or was slow, with the ids of its client, and nothing of what requests hold."""
import json
import re

from harness.client import Client, append_request, failure_of, new_event, new_id
from harness.messages import store
from harness.metrics import Metrics
from harness.server import Server, wait_until
from harness.suite import StoreTest

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
SECRET = "s3cret-payload-of-a-client"


class JsonLogTest(StoreTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.guest = Server(
            database_url=cls.server.conninfo() + f" options='-c eventstore.hidden={SECRET}'",
            settings={"log_format": "json", "slow_request_ms": 200, "log_level": "debug"},
        )
        cls.addClassCleanup(cls.guest.stop)
        cls.guest_client = Client(cls.guest.address)
        cls.addClassCleanup(cls.guest_client.close)

    def lines(self):
        return [json.loads(line) for line in self.guest.log().splitlines()]

    def requests(self, **fields):
        """Lines of requests that have these fields."""
        return [line for line in self.lines() if "method" in line and all(line.get(k) == v for k, v in fields.items())]

    def call(self, request, *metadata, method="Append"):
        return self.guest_client.with_metadata(method, request, metadata)

    def test_every_line_is_an_object(self):
        self.assertTrue(self.lines())
        for line in self.lines():
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("debug", "info", "warning", "error"))
            self.assertTrue(line["message"])

    def test_a_failure_is_one_line_with_the_ids_that_its_client_gave(self):
        mine = f"order-{new_id()}"
        code, trailing = self.call(append_request("no uuid", 0, [new_event()]), ("traceparent", PARENT), ("x-request-id", mine))
        self.assertEqual(code, "INVALID_ARGUMENT")
        self.assertEqual(trailing["x-request-id"], mine)
        # The trace is the client's, the span is not.
        self.assertRegex(trailing["traceparent"], f"^00-{TRACE}-[0-9a-f]{{16}}-01$")
        self.assertNotEqual(trailing["traceparent"], PARENT)
        line, = wait_until(lambda: self.requests(request_id=mine), "the line")
        self.assertEqual(line["message"], "request failed")
        self.assertEqual(line["method"], "eventstore.v1.EventStore/Append")
        self.assertEqual((line["status"], line["reason"], line["level"]), ("INVALID_ARGUMENT", "INVALID_REQUEST", "info"))
        self.assertEqual(line["trace_id"], TRACE)
        self.assertGreaterEqual(line["duration_ms"], 0)

    def test_ids_are_made_where_there_are_none_or_bad_ones(self):
        bad = [
            (),
            (("traceparent", PARENT.upper()), ("x-request-id", "two words")),
            (("traceparent", f"00-{TRACE}-0000000000000000-01"), ("x-request-id", "x" * 129)),
            (("traceparent", PARENT), ("traceparent", PARENT), ("x-request-id", "a"), ("x-request-id", "b")),
        ]
        for metadata in bad:
            with self.subTest(metadata=metadata):
                _, trailing = self.call(append_request("no uuid", 0, [new_event()]), *metadata)
                self.assertRegex(trailing["traceparent"], r"^00-[0-9a-f]{32}-[0-9a-f]{16}-00$")
                self.assertNotIn(TRACE, trailing["traceparent"])
                self.assertRegex(trailing["x-request-id"], r"^[0-9a-f-]{36}$")
                wait_until(lambda t=trailing: self.requests(request_id=t["x-request-id"]), "the line")

    def test_a_good_call_gives_back_the_ids_it_came_with_and_is_not_logged(self):
        mine = new_id()
        code, trailing = self.call(store.CountEventsRequest(), ("x-request-id", mine), method="CountEvents")
        self.assertEqual((code, trailing["x-request-id"]), ("OK", mine))
        code, trailing = self.call(store.CountEventsRequest(), ("traceparent", PARENT), method="CountEvents")
        self.assertRegex(trailing["traceparent"], f"^00-{TRACE}-")
        self.assertIn("x-request-id", trailing)
        self.assertEqual(self.call(store.CountEventsRequest(), method="CountEvents"), ("OK", {}))
        # A line that comes after them is there, so theirs would be.
        _, trailing = self.call(append_request("no uuid", 0, [new_event()]))
        wait_until(lambda: self.requests(request_id=trailing["x-request-id"]), "a later line")
        self.assertEqual(self.requests(request_id=mine), [])

    def test_a_slow_call_is_a_line(self):
        aggregate, database = new_id(), self.server.database()
        with database.lock("aggregate_heads"):
            rpc = self.guest_client.start("Append", append_request(aggregate, 0, [new_event()]))
            wait_until(lambda: database.waiting("lane %"), "the lane to wait")
            database.run("SELECT pg_sleep(0.3)")  # longer than slow_request_ms, by the clock
        self.assertEqual(rpc.result().version, 1)
        slow = wait_until(lambda: self.requests(message="request was slow"), "the line")
        self.assertEqual((slow[-1]["status"], slow[-1]["level"]), ("OK", "warning"))
        self.assertGreaterEqual(slow[-1]["duration_ms"], 200)
        self.assertNotIn("reason", slow[-1])

    def test_nothing_of_what_requests_hold(self):
        data = json.dumps({"card": SECRET})
        bad = [
            append_request(new_id(), 0, [new_event(event_type=SECRET, data=data + "x")]),
            append_request(SECRET, 0, [new_event(data=data)]),
            append_request(new_id(), 7, [new_event(data=data, metadata=data, user_id=SECRET)], aggregate_type=SECRET),
        ]
        for request in bad:
            code, trailing = self.call(request, ("authorization", f"Bearer {SECRET}"), ("x-request-id", f"id {SECRET}"))
            self.assertNotEqual(code, "OK")
            self.assertNotIn(SECRET, str(trailing.get("x-request-id")))
            wait_until(lambda t=trailing: self.requests(request_id=t["x-request-id"]), "the line")
        self.assertNotIn(SECRET, self.guest.log())
        with open(self.server.data_dir + "/passfile", encoding="utf-8") as file:
            password = file.read().strip().rsplit(":", 1)[1]
        self.assertGreater(len(password), 8)
        self.assertNotIn(password, self.guest.log())
        self.assertNotIn(SECRET, Metrics(self.guest).text)
        self.assertNotIn(password, Metrics(self.guest).text)


class FloodTest(StoreTest):
    def test_a_flood_of_failures_is_cut_and_said_to_be(self):
        guest = Server(database_url=self.server.conninfo(), settings={"log_format": "json"})
        self.addCleanup(guest.stop)
        client = Client(guest.address)
        self.addCleanup(client.close)
        request = append_request("no uuid", 0, [new_event()])
        calls = 2_000
        for pending in [client.start("Append", request) for _ in range(calls)]:
            pending.failure()
        left_out = Metrics(guest).sum("eventstore_log_requests_left_out_total")
        self.assertGreater(left_out, 0)

        def said():
            client.count()  # a later call makes it say so
            return sum(json.loads(line).get("left_out", 0) for line in guest.log().splitlines())

        wait_until(lambda: said() == left_out, "the log to say how many", 60)
        written = sum(1 for line in guest.log().splitlines() if json.loads(line)["message"] == "request failed")
        self.assertEqual(written + left_out, calls)


class TextLogTest(StoreTest):
    def test_a_failure_is_one_line_of_text(self):
        mine = new_id()
        request = append_request("no uuid", 0, [new_event()])
        self.client.with_metadata("Append", request, [("x-request-id", mine), ("traceparent", PARENT)])
        line, = wait_until(lambda: [line for line in self.server.log().splitlines() if mine in line], "the line")
        self.assertRegex(line, r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\] \[info\] request failed "
                               r"method=eventstore\.v1\.EventStore/Append status=INVALID_ARGUMENT reason=INVALID_REQUEST ")
        self.assertTrue(re.search(f" duration_ms=\\S+ request_id={mine} trace_id={TRACE}$", line), line)
        self.assertEqual(failure_of(lambda: self.client.append(request)).code, "INVALID_ARGUMENT")
