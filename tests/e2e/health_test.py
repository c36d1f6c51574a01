"""grpc.health.v1, /readyz and /healthz: with the database there, away, hung and back, and while the server stops."""
import os
import signal
import urllib.error
import urllib.request

from harness.client import Client, Failure, append_request, failure_of, new_event, new_id
from harness.messages import health, store
from harness.server import Server, wait_until
from harness.suite import StoreTest

SERVICES = ("", "eventstore.v1.EventStore", "eventstore.v1.Subscriptions")
SERVING = health.HealthCheckResponse.SERVING
NOT_SERVING = health.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health.HealthCheckResponse.SERVICE_UNKNOWN


def http_status(server, path):
    try:
        with urllib.request.urlopen(f"http://{server.http_address}{path}", timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def await_status(watch, status):
    """Reads a watch until it says so; what it said before may be said again, for gRPC repeats itself."""
    for update in watch:
        if update.status == status:
            return
    raise AssertionError(f"the watch ended without {status}")


class HealthTest(StoreTest):
    def test_overall_and_of_the_service(self):
        for service in SERVICES:
            self.assertEqual(self.client.health(service), "SERVING")

    def test_an_unknown_service_is_not_found(self):
        for service in ("eventstore.v1.Nothing", "EventStore", "grpc.health.v1.Health.Check"):
            self.assertEqual(failure_of(lambda s=service: self.client.health(s)).code, "NOT_FOUND")

    def test_watch_begins_with_what_is(self):
        for service in SERVICES:
            stream = self.client.watch_health(service)
            self.assertEqual(next(stream).status, SERVING)
            stream.cancel()

    def test_watching_an_unknown_service_tells_so_and_stays(self):
        stream = self.client.watch_health("eventstore.v1.Nothing")
        self.assertEqual(next(stream).status, SERVICE_UNKNOWN)
        stream.cancel()

    def test_over_http(self):
        self.assertEqual(http_status(self.server, "/readyz"), 200)
        self.assertEqual(http_status(self.server, "/healthz"), 200)
        self.assertEqual(http_status(self.server, "/metrics"), 200)


class DatabaseAwayTest(StoreTest):
    """Of a server whose private PostgreSQL is killed, stopped or hung. Each test leaves it serving again."""

    def setUp(self):
        self.await_health("SERVING")

    def await_health(self, status):
        for service in SERVICES:
            wait_until(lambda s=service: self.client.health(s) == status, f"{service!r} to be {status}", 60)
        wait_until(lambda: http_status(self.server, "/readyz") == (200 if status == "SERVING" else 503), "/readyz", 60)
        self.assertEqual(http_status(self.server, "/healthz"), 200)

    def postgres_processes(self):
        """The postmaster and all its children."""
        postmaster = self.server.postmaster_pid()
        found = [postmaster]
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue  # not a process, or one that has just ended
            if parent == postmaster:
                found.append(int(entry))
        return found

    def send(self, number):
        for process in self.postgres_processes():
            try:
                os.kill(process, number)
            except ProcessLookupError:
                pass

    def test_a_database_that_hangs(self):
        # Stopped processes answer nothing and break no connection: the hardest to notice.
        watches = [self.client.watch_health(service) for service in SERVICES]
        self.assertEqual([next(watch).status for watch in watches], [SERVING] * len(SERVICES))
        self.send(signal.SIGSTOP)
        try:
            for watch in watches:
                await_status(watch, NOT_SERVING)
            self.await_health("NOT_SERVING")
            # A caller with a deadline gets it back in time.
            request = append_request(new_id(), 0, [new_event()])
            self.assertEqual(failure_of(lambda: self.client.append(request, deadline_s=0.5)).code, "DEADLINE_EXCEEDED")
        finally:
            self.send(signal.SIGCONT)
        for watch in watches:
            await_status(watch, SERVING)
        self.await_health("SERVING")
        # The same append again, with the same id: written once, whether the first one was or not.
        self.assertEqual(self.client.append(request).version, 1)
        for watch in watches:
            watch.cancel()

    def test_a_database_that_is_killed_comes_back(self):
        aggregate = new_id()
        self.client.append(append_request(aggregate, 0, [new_event()]))
        first = self.server.postmaster_pid()
        os.kill(first, signal.SIGKILL)

        def postmaster_is_new():
            try:
                return self.server.postmaster_pid() != first
            except (OSError, ValueError):
                return False

        wait_until(postmaster_is_new, "a new postmaster", 60)
        wait_until(lambda: self.works(aggregate), "reads to work", 60)
        self.assertEqual(self.client.append(append_request(aggregate, 1, [new_event()])).version, 2)
        self.await_health("SERVING")

    def works(self, aggregate):
        """Whether a read is answered; the only other answer is that the database is unavailable, with a time to wait."""
        try:
            return self.client.version(aggregate) == 1
        except Failure as failure:
            self.assertEqual((failure.code, failure.reason), ("UNAVAILABLE", "DATABASE_UNAVAILABLE"))
            self.assertEqual(len(failure.retries), 1)
            return False


class OtherDatabaseTest(StoreTest):
    """Of a server on a database that somebody else runs: here, the private one of a second server."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.guest = Server(database_url=cls.server.conninfo())
        cls.addClassCleanup(cls.guest.stop)
        cls.guest_client = Client(cls.guest.address)
        cls.addClassCleanup(cls.guest_client.close)

    def test_calls_while_the_database_refuses_connections(self):
        database = self.server.database()
        aggregate = new_id()
        self.guest_client.append(append_request(aggregate, 0, [new_event()]))
        admin = database.elsewhere("postgres")
        admin.run("ALTER DATABASE eventstore ALLOW_CONNECTIONS false")
        try:
            admin.run("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = 'eventstore'")
            for service in SERVICES:
                wait_until(lambda s=service: self.guest_client.health(s) == "NOT_SERVING", "NOT_SERVING", 60)
            requests = {
                "Append": append_request(aggregate, 1, [new_event()]),
                "AppendBatch": store.AppendBatchRequest(appends=[append_request(aggregate, 1, [new_event()])]),
                "GetAggregateStream": store.GetAggregateStreamRequest(aggregate_id=aggregate),
                "GetAggregateVersion": store.GetAggregateVersionRequest(aggregate_id=aggregate),
                "GetUserStream": store.GetUserStreamRequest(user_id="ada"),
                "GetCorrelatedEvents": store.GetCorrelatedEventsRequest(correlation_id=aggregate),
                "CountEvents": store.CountEventsRequest(),
                "ReadAll": store.ReadAllRequest(),
            }
            for method, request in requests.items():
                with self.subTest(method=method):
                    failure = failure_of(lambda m=method, r=request: self.guest_client.any(m, r))
                    self.assertEqual((failure.code, failure.reason), ("UNAVAILABLE", "DATABASE_UNAVAILABLE"))
                    self.assertEqual(len(failure.retries), 1)
                    self.assertGreater(failure.retries[0].retry_delay.ToMilliseconds(), 0)
        finally:
            admin.run("ALTER DATABASE eventstore ALLOW_CONNECTIONS true")
        for service in SERVICES:
            wait_until(lambda s=service: self.guest_client.health(s) == "SERVING", "SERVING", 60)
        self.assertEqual(self.guest_client.version(aggregate), 1)
        self.assertEqual(self.guest_client.append(append_request(aggregate, 1, [new_event()])).version, 2)


class DrainTest(StoreTest):
    """SIGTERM: says so, finishes what runs, takes nothing new, ends with 0."""

    def guest(self, **settings):
        guest = Server(database_url=self.server.conninfo(), settings=settings)
        self.addCleanup(guest.stop)
        client = Client(guest.address)
        self.addCleanup(client.close)
        return guest, client

    def test_an_idle_server_ends_at_once(self):
        guest, client = self.guest(drain_seconds=3600)
        client.count()
        guest.signal(signal.SIGTERM)
        self.assertEqual(guest.wait(), 0)

    def test_watchers_hear_it(self):
        guest, client = self.guest(drain_seconds=1)
        watches = [client.watch_health(service) for service in SERVICES]
        self.assertEqual([next(watch).status for watch in watches], [SERVING] * len(SERVICES))
        guest.signal(signal.SIGTERM)
        for watch in watches:
            await_status(watch, NOT_SERVING)
        self.assertEqual(guest.wait(), 0)

    def test_calls_in_progress_are_finished_and_new_ones_refused(self):
        guest, client = self.guest(drain_seconds=3600)
        database, aggregate = self.server.database(), new_id()
        with database.lock("aggregate_heads"):
            append = client.start("Append", append_request(aggregate, 0, [new_event()]))
            read = client.start("GetAggregateVersion", store.GetAggregateVersionRequest(aggregate_id=aggregate))
            wait_until(lambda: database.waiting("lane %") and database.waiting("reader %"), "both calls to wait")
            guest.signal(signal.SIGTERM)
            late = Client(guest.address)
            self.addCleanup(late.close)
            wait_until(lambda: self.is_refused(late), "new calls to be refused")
            self.assertFalse(append.done() or read.done())
        self.assertEqual(append.result().version, 1)
        self.assertIn(read.result().version, (0, 1))
        self.assertEqual(guest.wait(), 0)
        self.assertEqual(self.client.version(aggregate), 1)

    @staticmethod
    def is_refused(client):
        # Health itself is answered to the end: NOT_SERVING. A call that arrives before the signal does is taken in and
        # waits like the others: it is given up after a second, for the next one to be refused.
        request = store.GetAggregateVersionRequest(aggregate_id=new_id())
        try:
            client.unary("GetAggregateVersion", request, deadline_s=1)
            return False
        except Failure as failure:
            return failure.code == "UNAVAILABLE"

    def test_a_reader_that_stopped_reading_is_ended_when_the_time_is_up(self):
        aggregate = new_id()
        data = '{"a": "' + "x" * (512 * 1024) + '"}'
        for _ in range(4):
            self.client.append(append_request(aggregate, "any", [new_event(data=data) for _ in range(16)]))
        guest, client = self.guest(drain_seconds=1)
        stream = client.pages("GetAggregateStream", store.GetAggregateStreamRequest(aggregate_id=aggregate))
        next(stream)
        guest.signal(signal.SIGTERM)
        self.assertEqual(guest.wait(), 0)
        self.assertIn(failure_of(lambda: list(stream)).code, ("UNAVAILABLE", "CANCELLED"))
