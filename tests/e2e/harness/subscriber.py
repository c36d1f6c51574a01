"""A subscriber in a thread of its own that keeps what it is sent, and checks the promises that hold for every one."""
import threading

from harness.client import Client, Failure
from harness.messages import subscriptions
from harness.server import wait_until


def beginning(**fields):
    return subscriptions.SubscribeRequest(from_beginning={}, **fields)


def now(**fields):
    return subscriptions.SubscribeRequest(from_now={}, **fields)


def after(position, **fields):
    return subscriptions.SubscribeRequest(from_position=position, **fields)


class Subscriber:
    def __init__(self, address, request, deadline_s=None, start=True):
        self._client = Client(address)
        self._stream = self._client.pages("Subscribe", request, deadline_s)
        self._lock = threading.Lock()
        self.events, self.kinds = [], []
        self.failure = None  # what ended the stream
        self.broken = None   # a promise that was not kept
        self.position = request.from_position  # where another one could go on
        self.caught_up = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        if start:
            self._thread.start()

    def start(self):
        self._thread.start()

    def _run(self):
        try:
            for message in self._stream:
                with self._lock:
                    self._take(message)
        except Failure as failure:
            self.failure = failure
        except AssertionError as broken:
            self.failure = self.broken = broken

    def _take(self, message):
        kind = message.WhichOneof("message")
        self.kinds.append(kind)
        if kind == "events":
            assert message.events.events, "a page without events"
            for event in message.events.events:
                assert event.global_position > self.position, f"{event.global_position} after {self.position}"
                self.position = event.global_position
                self.events.append(event)
        elif kind in ("caught_up", "fell_behind", "checkpoint"):
            position = getattr(message, kind).position
            assert position >= self.position, f"{kind} at {position}, behind {self.position}"
            self.position = position
            self.caught_up += kind == "caught_up"

    def ids(self):
        with self._lock:
            return [event.id for event in self.events]

    def has(self, kind):
        with self._lock:
            return kind in self.kinds

    def await_caught_up(self, times=1):
        self._await(lambda: self.caught_up >= times, "the subscriber to catch up")
        return self

    def await_events(self, count, patience_s=30):
        self._await(lambda: len(self.events) >= count, f"{count} events", patience_s)
        return self.ids()

    def await_kind(self, kind):
        self._await(lambda: self.has(kind), f"a message of the kind {kind}")

    def await_failure(self):
        wait_until(lambda: self.failure, "the stream to end")
        return self.failure

    def _await(self, condition, what, patience_s=30):
        def met():
            if self.failure:
                raise AssertionError(f"the stream ended while waiting for {what}: {self.failure}") from self.failure
            return condition()

        wait_until(met, what, patience_s)

    def close(self):
        self._stream.cancel()
        if self._thread.ident:
            self._thread.join()
        self._client.close()
        if self.broken:
            raise self.broken
