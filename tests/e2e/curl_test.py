"""The server as people use it from a shell: with buf curl and with grpcurl, by reflection alone.

Neither is a Debian package. buf comes from npm, grpcurl from the Go modules; where that registry is not reachable, the
tests of the one are skipped and say why.
"""
import json
import re
import subprocess
import threading

from harness.client import new_id
from harness.fetch import fetch_buf, fetch_go_program
from harness.suite import StoreTest

GRPCURL = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3"
# Of the numbers in grpc::StatusCode.
INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, ABORTED = 3, 5, 6, 10


# What is lost when neither can be had.
NOT_TRIED = "calls by a client that knows the services by reflection alone"


def values(text):
    """The JSON values of a text that has several, one after another. buf's names of fields become those of the proto."""
    snake = re.compile("([A-Z])")
    decoder = json.JSONDecoder(
        object_pairs_hook=lambda pairs: {snake.sub(lambda c: "_" + c[0].lower(), key): value for key, value in pairs}
    )
    found, text = [], text.strip()
    while text:
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:].strip()
    return found


class CurlTest:
    """What both clients do. A subclass has list_services(), describe() and call()."""

    def run_tool(self, *arguments, data=""):
        command = [self.tool, *arguments]
        return subprocess.run(command, input=data, capture_output=True, text=True, timeout=120, check=False)

    def assert_fails(self, done, code, *words):
        self.assertEqual(done.returncode, self.exit_code(code), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def answer(self, method, request):
        done = self.call(method, request)
        self.assertEqual(done.returncode, 0, done.stderr)
        return values(done.stdout)

    def append(self, aggregate, events=1, **check):
        event = {"eventType": "order.placed", "userId": "ada", "data": '{"total": 42}', "correlationId": aggregate}
        return {"aggregateId": aggregate, "aggregateType": "entity", "events": [event] * events, **check}

    def test_every_service_is_listed(self):
        listed = self.list_services()
        for service in ("eventstore.v1.EventStore", "eventstore.v1.Housekeeper", "eventstore.v1.Operations", "eventstore.v1.Subscriptions", "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"):
            self.assertIn(service, listed)

    def test_every_method_is_described(self):
        described = self.describe()
        for method in ("Append", "AppendBatch", "GetAggregateStream", "GetAggregateVersion", "GetUserStream",
                       "GetCorrelatedEvents", "CountEvents", "ReadAll", "Subscribe", "CreateConsumerGroup", "ListConsumerGroups",
                       "GetConsumerGroup", "UpdateConsumerGroup", "DeleteConsumerGroup", "ResetConsumerGroup", "Consume",
                       "ListParkedEvents", "ReplayParkedEvents", "DiscardParkedEvents", "Check", "Watch"):
            self.assertRegex(described, rf"\b{method}\b")

    def test_append_and_read_back(self):
        aggregate = new_id()
        [appended] = self.answer("eventstore.v1.EventStore/Append", self.append(aggregate, 3, expectedVersion=0))
        self.assertEqual((appended["aggregate_id"], appended["version"]), (aggregate, 3))
        [page] = self.answer("eventstore.v1.EventStore/GetAggregateStream", {"aggregateId": aggregate})
        self.assertEqual([e["version"] for e in page["events"]], [1, 2, 3])
        self.assertEqual(page["events"][0]["data"], '{"total": 42}')
        [version] = self.answer("eventstore.v1.EventStore/GetAggregateVersion", {"aggregateId": aggregate})
        self.assertEqual(version["version"], 3)
        [page] = self.answer("eventstore.v1.EventStore/GetCorrelatedEvents", {"correlationId": aggregate})
        self.assertEqual(len(page["events"]), 3)
        [page] = self.answer("eventstore.v1.EventStore/GetUserStream", {"userId": "ada", "days": 1, "limit": 2})
        self.assertEqual(len(page["events"]), 2)
        query = {"aggregateId": aggregate, "groupBy": "GROUP_BY_USER"}
        [count] = self.answer("eventstore.v1.EventStore/CountEvents", query)
        self.assertEqual(count, {"count": "3", "groups": [{"key": "ada", "count": "3"}]})
        [page] = self.answer("eventstore.v1.EventStore/ReadAll", {"direction": "DIRECTION_BACKWARD", "maxEvents": 1})
        self.assertEqual(len(page["events"]), 1)

    def test_a_stream_of_many_pages(self):
        aggregate = new_id()
        self.answer("eventstore.v1.EventStore/Append", self.append(aggregate, 3000, expectedVersion=0))
        pages = self.answer("eventstore.v1.EventStore/GetAggregateStream", {"aggregateId": aggregate})
        self.assertGreater(len(pages), 2)
        self.assertEqual([e["version"] for page in pages for e in page["events"]], list(range(1, 3001)))

    def test_a_subscription(self):
        aggregate = new_id()
        self.answer("eventstore.v1.EventStore/Append", self.append(aggregate, 2, expectedVersion=0))
        command = [self.tool, *self.arguments("eventstore.v1.Subscriptions/Subscribe")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            killer = threading.Timer(60, process.kill)
            killer.start()
            process.stdin.write(json.dumps({"fromBeginning": {}, "correlationId": aggregate}))
            process.stdin.close()
            text = ""
            while not re.search("caught_?up", text, re.IGNORECASE):
                line = process.stdout.readline()
                self.assertNotEqual(line, "", f"it ended after {text}")
                text += line
            self.answer("eventstore.v1.EventStore/Append", self.append(aggregate, expectedVersion=2))
            while text.count('"version"') < 3:
                line = process.stdout.readline()
                self.assertNotEqual(line, "", f"it ended after {text}")
                text += line
            process.kill()
            killer.cancel()
        self.assertEqual(re.findall(r'"version": *(\d+)', text), ["1", "2", "3"])

    def test_a_batch(self):
        a, b = new_id(), new_id()
        batch = {
            "appends": [self.append(a, expectedVersion=0), self.append(b, anyVersion=True)],
            "checks": [{"aggregateId": new_id(), "expectedVersion": 0}],
        }
        [answer] = self.answer("eventstore.v1.EventStore/AppendBatch", batch)
        self.assertEqual([result["aggregate_id"] for result in answer["results"]], [a, b])

    def test_a_conflict_and_its_details(self):
        aggregate = new_id()
        self.answer("eventstore.v1.EventStore/Append", self.append(aggregate, expectedVersion=0))
        done = self.call("eventstore.v1.EventStore/Append", self.append(aggregate, expectedVersion=0))
        self.assert_fails(done, ABORTED, "is at version 1, expected 0", "google.rpc.ErrorInfo", "VersionConflicts")

    def test_a_bad_request_and_its_details(self):
        done = self.call("eventstore.v1.EventStore/Append", self.append("no uuid", expectedVersion=0))
        self.assert_fails(done, INVALID_ARGUMENT, "aggregate_id", "google.rpc.ErrorInfo", "google.rpc.BadRequest")

    def test_health(self):
        for service in ("", "eventstore.v1.EventStore"):
            self.assertEqual(self.answer("grpc.health.v1.Health/Check", {"service": service}), [{"status": "SERVING"}])
        self.assert_fails(self.call("grpc.health.v1.Health/Check", {"service": "nothing"}), NOT_FOUND)


class BufCurlTest(CurlTest, StoreTest):
    @classmethod
    def setUpClass(cls):
        cls.tool = fetch_buf(NOT_TRIED)
        super().setUpClass()

    OPTIONS = ("curl", "--protocol", "grpc", "--http2-prior-knowledge")

    @staticmethod
    def exit_code(code):
        return code << 3

    def list_services(self):
        return self.run_tool(*self.OPTIONS, "--list-services", f"http://{self.server.address}").stdout

    def describe(self):
        return self.run_tool(*self.OPTIONS, "--list-methods", f"http://{self.server.address}").stdout

    def call(self, method, request):
        return self.run_tool(*self.arguments(method), data=json.dumps(request))

    def arguments(self, method):
        return (*self.OPTIONS, "--data", "@-", f"http://{self.server.address}/{method}")


class GrpcurlTest(CurlTest, StoreTest):
    @classmethod
    def setUpClass(cls):
        cls.tool = fetch_go_program("grpcurl", GRPCURL, NOT_TRIED)
        super().setUpClass()

    @staticmethod
    def exit_code(code):
        return 64 + code

    def list_services(self):
        return self.run_tool("-plaintext", self.server.address, "list").stdout

    def describe(self):
        return self.run_tool("-plaintext", self.server.address, "describe").stdout

    def call(self, method, request):
        return self.run_tool(*self.arguments(method), data=json.dumps(request))

    def arguments(self, method):
        return ("-plaintext", "-d", "@", self.server.address, method)
