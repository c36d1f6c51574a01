"""eventctl tail against the real server: what it begins with, what it follows, and how it ends."""
import signal

from harness.client import Client, append_request, new_event, new_id
from harness.eventctl import FAILED, OK, UNREACHABLE, USAGE, Running, eventctl, objects
from harness.server import Server, wait_until
from harness.suite import StoreTest


class EventctlTailTest(StoreTest):
    def append(self, count=1, aggregate=None, client=None, aggregate_type="entity", **fields):
        """The ids of what was appended."""
        events = [new_event(**fields) for _ in range(count)]
        request = append_request(aggregate or new_id(), "any", events, aggregate_type)
        (client or self.client).append(request)
        return [event.id for event in events]

    def tail_events(self, *arguments):
        """What a tail without -f prints."""
        done = eventctl(self.server, "tail", "--json", *arguments)
        self.assertEqual(done.returncode, OK, done.stderr)
        return objects(done.stdout)

    def tail(self, *arguments):
        """The ids of it."""
        return [event["id"] for event in self.tail_events(*arguments)]

    def follow(self, *arguments, **options):
        running = Running(self.server, "tail", "-f", *arguments, **options)
        self.addCleanup(running.stop)
        return running

    def await_ids(self, running, expected):
        running.await_lines(len(expected))
        self.assertEqual([event["id"] for event in running.objects()], expected)

    # What it begins with.

    def test_the_newest_ones_in_order(self):
        mark = new_id()
        ids = self.append(15, correlation_id=mark)
        self.assertEqual(self.tail("--correlation", mark), ids[-10:])
        self.assertEqual(self.tail("--correlation", mark, "-n", "3"), ids[-3:])
        self.assertEqual(self.tail("--correlation", mark, "-n", "0"), [])

    def test_one_aggregate(self):
        aggregate = new_id()
        ids = self.append(12, aggregate, event_type="a.b")
        self.append(1)
        self.assertEqual(self.tail(aggregate), ids[-10:])
        self.assertEqual(self.tail("--aggregate", aggregate, "--from", "beginning"), ids)
        last = self.append(2, aggregate, event_type="a.c")
        self.append(1, aggregate, event_type="z")
        self.assertEqual(self.tail(aggregate, "--event-type", "a.*", "-n", "3"), [ids[-1], *last])

    def test_from_a_position_and_from_a_time(self):
        mark = new_id()
        first = self.append(2, correlation_id=mark)
        last = self.tail_events("--correlation", mark)[-1]
        then = self.append(2, correlation_id=mark)
        self.assertEqual(self.tail("--from", last["global_position"], "--correlation", mark), then)
        self.assertEqual(self.tail("--from", "beginning", "--correlation", mark), first + then)
        # Both of the first append carry this time.
        self.assertEqual(self.tail("--from", last["timestamp"], "--correlation", mark), first + then)
        self.assertEqual(self.tail("--from", "now", "--correlation", mark), [])

    def test_every_filter(self):
        mark, metadata = new_id(), '{"tenant": "acme", "n": 7}'
        fields = {"correlation_id": mark, "user_id": "ada-" + mark, "source": "sync", "metadata": metadata}
        wanted = self.append(1, event_type="order.paid", aggregate_type="invoice", **fields)
        self.append(1, event_type="other", correlation_id=mark)
        for flags in (
            ["--event-type", "order.*"],
            ["--event-type", "order.paid"],
            ["--aggregate-type", "invoice"],
            ["--user", "ada-" + mark],
            ["--source", "sync"],
            ["--meta", "tenant=acme"],
            ["--meta", "tenant=acme", "--meta", "n=7"],
        ):
            with self.subTest(flags=flags):
                self.assertEqual(self.tail("--correlation", mark, *flags), wanted)
                self.assertEqual(self.tail("--from", "beginning", "--correlation", mark, *flags), wanted)

    # What it follows.

    def test_new_events_as_they_come(self):
        mark = new_id()
        before = self.append(2, correlation_id=mark)
        running = self.follow("--json", "--correlation", mark)
        self.await_ids(running, before)
        self.append(1)
        live = self.append(3, correlation_id=mark)
        self.await_ids(running, before + live)
        self.assertEqual(running.stop(), OK)
        self.assertEqual(running.errors, "")

    def test_from_now_leaves_out_what_is_there(self):
        mark = new_id()
        self.append(2, correlation_id=mark)
        running = self.follow("--json", "--correlation", mark, "--from", "now", terminal=True)
        # Not with --json, so what tells that it follows is the first event.
        end = []

        def one_is_seen():
            end.extend(self.append(1, correlation_id=mark))
            return running.lines

        wait_until(one_is_seen, lambda: f"an event of after the tail began; it said: {running.errors}")
        first = running.objects()[0]["id"]
        self.await_ids(running, end[end.index(first):])

    def test_a_terminal_is_told_that_it_has_caught_up(self):
        mark = new_id()
        running = self.follow("--correlation", mark, terminal=True)
        running.await_error("caught up; following, Ctrl-C ends it")
        self.assertEqual(running.lines, [])
        self.append(1, correlation_id=mark, event_type="first.one")
        lines = running.await_lines(2)
        self.assertIn("POSITION", lines[0])
        self.assertIn("first.one", lines[1])
        self.assertEqual(running.stop(), OK)

    def test_sigterm_ends_it_as_well(self):
        running = self.follow(terminal=True)
        running.await_error("caught up")
        self.assertEqual(running.stop(signal.SIGTERM), OK)

    def test_it_waits_for_a_server_that_goes_away(self):
        server = Server()
        try:
            client = Client(server.address)
            before = self.append(2, client=client)
            running = Running(server, "tail", "-f", "--json", "-n", "5")
            plain = Running(server, "tail", "-f", terminal=True)
            self.addCleanup(running.stop)
            self.addCleanup(plain.stop)
            self.await_ids(running, before)
            plain.await_error("caught up")
            server.restart()
            plain.await_error("the server is away; waiting for it")
            later = self.append(2, client=Client(server.address))
            self.await_ids(running, before + later)
            plain.await_error("the server is back")
            plain.await_error("caught up again")
            self.assertEqual(running.stop(), OK)
            self.assertEqual(plain.stop(), OK)
        finally:
            server.stop()

    # How it fails.

    def test_failures_say_what_to_do(self):
        class Nowhere:
            address = "127.0.0.1:1"

        done = eventctl(Nowhere, "tail", "-f")
        self.assertEqual(done.returncode, UNREACHABLE)
        self.assertIn("--server", done.stderr)
        done = eventctl(self.server, "tail", "--from", "now", "-n", "3")
        self.assertEqual(done.returncode, USAGE)
        done = eventctl(self.server, "tail", "-f", "--from", 2**62)
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("POSITION_AHEAD", done.stderr)
        self.assertIn("next: ", done.stderr)
