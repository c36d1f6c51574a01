"""A consumer of a group in a thread of its own: keeps what it is sent, answers as told, and checks the promises that
hold for every one."""
import queue
import threading

from harness import messages
from harness.client import Client, Failure, PageStream
from harness.messages import groups
from harness.server import wait_until


class Consumer:
    """`answer(delivery)` says what to do with each one: "ack", "nack", "park", "skip" or None: nothing yet."""

    def __init__(self, address, group, answer=lambda delivery: "ack", name="", in_flight=0, heartbeat_s=0, join=True,
                 reads=True, deadline_s=None):
        self._client = Client(address)
        self._requests = queue.Queue()
        self._lock = threading.Lock()
        self._answer = answer
        self.member_id = None
        self.deliveries, self.taken_back, self.kinds = [], set(), []
        self.open = {}        # delivery id -> delivery, not answered and not taken back
        self.most_open = 0
        self.max_in_flight = in_flight or 100
        self.failure = None   # what ended the call
        self.ended = False
        self.broken = None    # a promise that was not kept
        if join:
            self.send(join=groups.ConsumeRequest.Join(group=group, consumer_name=name, max_in_flight=in_flight,
                                                      heartbeat_seconds=heartbeat_s))
        rpc = messages.METHODS["Consume"]
        call = self._client._channel.stream_stream(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        self._call = call(iter(self._requests.get, None), timeout=deadline_s)
        self._thread = threading.Thread(target=self._run, daemon=True)
        if reads:
            self._thread.start()

    def send(self, **message):
        self._requests.put(groups.ConsumeRequest(**message))

    def ack(self, *ids):
        with self._lock:
            for id_ in ids:
                self.open.pop(id_, None)
        self.send(ack=groups.ConsumeRequest.Ack(delivery_ids=ids))

    def nack(self, *ids, action=groups.ConsumeRequest.Nack.ACTION_RETRY, reason=""):
        with self._lock:
            for id_ in ids:
                self.open.pop(id_, None)
        self.send(nack=groups.ConsumeRequest.Nack(delivery_ids=ids, action=action, reason=reason))

    def leave(self):
        self.send(leave=groups.ConsumeRequest.Leave())

    def half_close(self):
        self._requests.put(None)

    def cancel(self):
        self._call.cancel()

    def _run(self):
        try:
            for message in PageStream(self._call):
                self._take(message)
            self.ended = True
        except Failure as failure:
            self.failure = failure
        except AssertionError as broken:
            self.broken = broken
            self.failure = Failure.__new__(Failure)

    def _take(self, message):
        kind = message.WhichOneof("message")
        self.kinds.append(kind)
        if kind == "joined":
            assert self.kinds == ["joined"], self.kinds
            self.member_id = message.joined.member_id
        elif kind == "taken_back":
            with self._lock:
                for id_ in message.taken_back.delivery_ids:
                    self.taken_back.add(id_)
                    self.open.pop(id_, None)
        elif kind == "deliveries":
            assert self.kinds[0] == "joined"
            acks = []
            for delivery in message.deliveries.deliveries:
                with self._lock:
                    self.open[delivery.delivery_id] = delivery
                    self.most_open = max(self.most_open, len(self.open))
                    self.deliveries.append(delivery)
                assert delivery.event.global_position > delivery.settled_position or delivery.replayed
                todo = self._answer(delivery)
                if todo == "ack":
                    acks.append(delivery.delivery_id)
                elif todo:
                    action = {"nack": 1, "park": 2, "skip": 3}[todo]
                    self.nack(delivery.delivery_id, action=action, reason="told to")
            # It counts as unanswered until the server has the answers.
            if len(self.open) > self.max_in_flight:
                raise AssertionError(f"{len(self.open)} deliveries in flight, {self.max_in_flight} asked for")
            if acks:
                self.ack(*acks)

    def ids(self):
        """Of the events, one for each delivery."""
        with self._lock:
            return [delivery.event.id for delivery in self.deliveries]

    def open_ids(self):
        with self._lock:
            return list(self.open)

    def await_joined(self):
        self._await(lambda: self.member_id, "the consumer to have joined")
        return self

    def await_deliveries(self, count, patience_s=60):
        self._await(lambda: len(self.deliveries) >= count, f"{count} deliveries", patience_s)
        return self.ids()

    def await_true(self, condition, what, patience_s=60):
        self._await(condition, what, patience_s)

    def await_failure(self, patience_s=60):
        wait_until(lambda: self.failure, "the call to fail", patience_s)
        if self.broken:
            raise self.broken
        return self.failure

    def await_end(self, patience_s=60):
        wait_until(lambda: self.ended or self.failure, "the call to end", patience_s)
        if self.failure:
            raise self.failure

    def _await(self, condition, what, patience_s=60):
        def met():
            if self.broken:
                raise self.broken
            if self.failure:
                raise AssertionError(f"the call ended while waiting for {what}: {self.failure}") from self.failure
            return condition()

        wait_until(met, what, patience_s)

    def close(self):
        self._call.cancel()
        self._requests.put(None)
        if self._thread.ident:
            self._thread.join()
        self._client.close()
        if self.broken:
            raise self.broken
