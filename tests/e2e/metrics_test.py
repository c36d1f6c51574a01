"""/metrics after traffic that is known: exact figures. And /readyz and /healthz as JSON."""
import json
import os
import re
import time

from harness.client import Client, append_request, failure_of, new_event, new_id
from harness.messages import store
from harness.metrics import TOP, Metrics, http
from harness.server import Server, wait_until
from harness.subscriber import Subscriber, beginning
from harness.suite import StoreTest

STORE = "eventstore.v1.EventStore"
OF_THE_HOUSEKEEPER = ("eventstore_partition", "eventstore_housekeeper")
# Absent where partitions are not made ahead of their time, and as long as the housekeeper has seen none.
NOT_ALWAYS = {
    "eventstore_partition_days_ahead",
    "eventstore_partition_oldest_timestamp_seconds",
    "eventstore_partition_newest_timestamp_seconds",
}


class KnownTrafficTest(StoreTest):
    """Of a server of its own, so that nobody else's calls are in the figures."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.guest = Server()
        cls.addClassCleanup(cls.guest.stop)
        cls.guest_client = Client(cls.guest.address)
        cls.addClassCleanup(cls.guest_client.close)
        cls.aggregate = new_id()
        cls.make_traffic(cls.guest_client)
        cls.metrics = Metrics(cls.guest)

    @classmethod
    def make_traffic(cls, client):
        requests = [append_request(cls.aggregate, version, [new_event()]) for version in range(3)]
        for request in requests:
            client.append(request)
        client.append(requests[1])  # a repeat
        failure_of(lambda: client.append(append_request(cls.aggregate, 1, [new_event()])))  # a conflict
        failure_of(lambda: client.append(append_request("no uuid", 1, [new_event()])))
        items = [append_request(new_id(), 0, [new_event(), new_event()]) for _ in range(4)]
        items.append(append_request(cls.aggregate, 0, [new_event()]))  # a conflict too
        list(client.append_stream([store.AppendStreamRequest(items=items)]))
        client.append_batch([append_request(new_id(), 0, [new_event()]) for _ in range(2)])
        client.version(cls.aggregate)
        client.version(cls.aggregate)
        client.replay(cls.aggregate)
        subscriber = Subscriber(cls.guest.address, beginning())
        wait_until(lambda: len(subscriber.events) == 13, "13 events")
        cls.subscribed = Metrics(cls.guest)
        subscriber.close()
        wait_until(lambda: Metrics(cls.guest).sum("eventstore_rpc_in_flight") == 0, "every call to have ended")

    def assert_is(self, expected, name, **labels):
        self.assertEqual(self.metrics.sum(name, **labels), expected, f"{name} {labels}\n{self.metrics.text}")

    def test_calls_by_code(self):
        requests = "eventstore_rpc_requests_total"
        self.assert_is(4, requests, service=STORE, method="Append", code="OK")
        self.assert_is(1, requests, service=STORE, method="Append", code="ABORTED")
        self.assert_is(1, requests, service=STORE, method="Append", code="INVALID_ARGUMENT")
        self.assert_is(6, requests, method="Append")
        self.assert_is(1, requests, method="AppendBatch", code="OK")
        self.assert_is(1, requests, method="AppendStream", code="OK")
        self.assert_is(2, requests, method="GetAggregateVersion", code="OK")
        self.assert_is(1, requests, method="GetAggregateStream", code="OK")
        self.assert_is(1, requests, service="eventstore.v1.Subscriptions", method="Subscribe", code="CANCELLED")
        self.assert_is(0, requests, method="ReadAll", code="OK")

    def test_errors_by_reason(self):
        self.assert_is(1, "eventstore_rpc_errors_total", method="Append", reason="VERSION_CONFLICT")
        self.assert_is(1, "eventstore_rpc_errors_total", method="Append", reason="INVALID_REQUEST")
        self.assert_is(1, "eventstore_rpc_errors_total", method="Subscribe", reason="CANCELLED")
        self.assert_is(3, "eventstore_rpc_errors_total")

    def test_durations(self):
        duration = "eventstore_rpc_duration_seconds"
        self.assert_is(6, duration + "_count", method="Append")
        self.assert_is(6, duration + "_bucket", method="Append", le="+Inf")
        self.assert_is(1, duration + "_count", method="GetAggregateStream")
        self.assertGreater(self.metrics.sum(duration + "_sum", method="Append"), 0)
        # What lasts as long as its client likes has none.
        self.assert_is(None, duration + "_count", method="Subscribe")
        self.assert_is(None, duration + "_count", method="AppendStream")

    def test_calls_under_way(self):
        self.assertEqual(self.subscribed.sum("eventstore_rpc_in_flight", method="Subscribe"), 1)
        self.assertEqual(self.subscribed.sum("eventstore_subscriptions"), 1)
        self.assert_is(0, "eventstore_rpc_in_flight")

    def test_messages_and_bytes_of_streams(self):
        self.assert_is(1, "eventstore_rpc_messages_received_total", method="AppendStream")
        self.assertGreater(self.metrics.sum("eventstore_rpc_received_bytes_total", method="AppendStream"), 500)
        self.assertIn(self.metrics.sum("eventstore_rpc_messages_sent_total", method="AppendStream"), range(1, 6))
        self.assert_is(1, "eventstore_rpc_messages_sent_total", method="GetAggregateStream")
        self.assertGreater(self.metrics.sum("eventstore_rpc_sent_bytes_total", method="GetAggregateStream"), 300)
        self.assert_is(None, "eventstore_rpc_messages_sent_total", method="Append")

    def test_appends_by_what_came_of_them(self):
        # A batch of appends is one: it is written whole or not at all.
        self.assert_is(3 + 4 + 1, "eventstore_append_requests_total", result="written")
        self.assert_is(1, "eventstore_append_requests_total", result="repeated")
        self.assert_is(2, "eventstore_append_requests_total", result="VERSION_CONFLICT")
        self.assert_is(0, "eventstore_append_requests_total", result="QUEUE_FULL")
        self.assert_is(13, "eventstore_appended_events_total")

    def test_batches(self):
        transactions = self.metrics.sum("eventstore_append_transactions_total")
        self.assert_is(transactions, "eventstore_append_batch_events_count")
        self.assert_is(13, "eventstore_append_batch_events_sum")
        self.assert_is(11, "eventstore_append_batch_requests_sum")
        self.assertEqual(self.metrics.sum("eventstore_append_batch_requests_count"),
                         self.metrics.sum("eventstore_append_batch_duration_seconds_count"))
        self.assertGreaterEqual(self.metrics.sum("eventstore_append_batch_requests_count"), transactions + 1)
        self.assert_is(0, "eventstore_append_batch_reruns_total")
        self.assert_is(0, "eventstore_append_lost_commits_total")

    def test_what_is_there(self):
        self.assert_is(1, "eventstore_serving")
        self.assert_is(1, "eventstore_build_info", engine="timescaledb")
        self.assert_is(4, "eventstore_read_connections")
        self.assert_is(0, "eventstore_append_lane_queue_requests", lane="1")
        self.assert_is(4096, "eventstore_append_lane_queue_max_requests")

    def test_of_the_process(self):
        self.assertLess(abs(self.metrics.sum("process_start_time_seconds") - time.time()), 600)
        self.assertGreater(self.metrics.sum("process_resident_memory_bytes"), 10 << 20)
        self.assertLess(abs(self.metrics.sum("process_resident_memory_bytes") - self.guest.resident_bytes()), 64 << 20)

    def test_what_nobody_knows_is_absent(self):
        guest = Server(settings={"housekeeper": "false"})
        self.addCleanup(guest.stop)
        self.assertEqual([name for name in Metrics(guest).names if name.startswith(OF_THE_HOUSEKEEPER)], [])
        self.assertIsNone(json.loads(http(guest.http_address, "/readyz")[1])["partitions"])

    def test_every_metric_is_in_the_operator_s_table(self):
        with open(os.path.join(TOP, "docs/operations.md"), encoding="utf-8") as file:
            section = file.read().split("\n## Metrics\n")[1].split("\n## ")[0]
        documented = set(re.findall(r"`((?:eventstore|process)_\w+)", section))
        self.assertEqual(sorted(set(self.metrics.types) - documented), [])
        wait_until(lambda: "eventstore_housekeeper_task_overdue" in Metrics(self.guest).types, "the housekeeper to tell")
        existing = set(Metrics(self.guest).types) | NOT_ALWAYS
        # Of groups, of which this store has none.
        existing |= {name for name in documented if name.startswith("eventstore_consumer_group_")}
        self.assertEqual(sorted(documented - existing), [])


class QueueFullTest(StoreTest):
    def test_what_no_longer_fits_is_counted(self):
        guest = Server(settings={"max_queue": 1})
        self.addCleanup(guest.stop)
        client = Client(guest.address)
        self.addCleanup(client.close)
        aggregate, database = new_id(), guest.database()
        with database.lock("aggregate_heads"):
            first = client.start("Append", append_request(aggregate, "any", [new_event()]))
            wait_until(lambda: database.waiting("lane %"), "the lane to wait")
            second = client.start("Append", append_request(aggregate, "any", [new_event()]))
            wait_until(lambda: Metrics(guest).sum("eventstore_append_queue_requests") == 1, "the second to wait")
            refused = failure_of(lambda: client.append(append_request(aggregate, "any", [new_event()])))
            metrics = Metrics(guest)
        self.assertEqual(refused.reason, "QUEUE_FULL")
        self.assertEqual(metrics.sum("eventstore_append_requests_total", result="QUEUE_FULL"), 1)
        self.assertEqual(metrics.sum("eventstore_rpc_errors_total", method="Append", reason="QUEUE_FULL"), 1)
        self.assertEqual(metrics.sum("eventstore_append_lane_queue_requests"), 1)
        self.assertEqual(metrics.sum("eventstore_append_lane_queue_bytes"), 4)  # {} and {}
        self.assertEqual(metrics.sum("eventstore_rpc_in_flight", method="Append"), 2)
        self.assertEqual({first.result().version, second.result().version}, {1, 2})


class ReadinessTest(StoreTest):
    def ask(self, path):
        status, body = http(self.server.http_address, path)
        return status, json.loads(body)

    def test_details(self):
        for path, word in (("/readyz", "serving"), ("/healthz", "alive")):
            status, body = self.ask(path)
            self.assertEqual((status, body["status"]), (200, word))
            self.assertEqual(body["database"], {"answers": True})
            self.assertFalse(body["draining"])
            partitions = wait_until(lambda: self.ask(path)[1]["partitions"], "the housekeeper to tell")
            self.assertFalse(partitions["made_ahead"])
            self.assertIsNone(partitions["days_ahead"])

    def test_a_database_that_takes_no_connections(self):
        guest = Server(database_url=self.server.conninfo())
        self.addCleanup(guest.stop)
        database = self.server.database().elsewhere("postgres")
        database.run("ALTER DATABASE eventstore ALLOW_CONNECTIONS false")
        try:
            database.run("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = 'eventstore'")
            wait_until(lambda: http(guest.http_address, "/readyz")[0] == 503, "not to be ready", 60)
            body = json.loads(http(guest.http_address, "/readyz")[1])
            self.assertEqual((body["status"], body["database"]), ("not serving", {"answers": False}))
            self.assertEqual(http(guest.http_address, "/healthz")[0], 200)
            self.assertEqual(Metrics(guest).sum("eventstore_serving"), 0)
        finally:
            database.run("ALTER DATABASE eventstore ALLOW_CONNECTIONS true")
        wait_until(lambda: http(guest.http_address, "/readyz")[0] == 200, "to be ready", 60)
        wait_until(lambda: http(self.server.http_address, "/readyz")[0] == 200, "the other to be ready", 60)
