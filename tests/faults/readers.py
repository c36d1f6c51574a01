"""Who reads, each in a thread: subscribers that keep their own place, and consumers of one group."""
import queue
import random
import threading
import time

from faults.history import Event, Restored
from faults.site import QUICK
from harness import messages
from harness.client import Client, Failure, PageStream
from harness.messages import event as event_pb
from harness.messages import groups, micros, subscriptions

GROUP = "group"
# A heartbeat comes each second. A connection that is silent for so long is given up, as a client does that knows half-open ones.
_SILENT_S = 6
# A call that was cancelled is given up after so long.
_GRACE_S = 4
_TRY_AGAIN = ("CANCELLED", "UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "UNAVAILABLE")


def recorded(event):
    return Event(event.id, event.aggregate_id, event.version, event.global_position, micros(event.timestamp), event.data)


class _Reader:
    """One call after the other, on this or that server, until it is closed."""

    def __init__(self, name, site, history, seed):
        self.name, self._site, self._history = name, site, history
        self._chance = random.Random(f"{seed} {name}")
        self.lock = threading.Lock()
        self._call, self._life, self._heard_at = None, 0, 0.0  # life: what an earlier call brings is not taken any more
        self._closing, self._going = threading.Event(), threading.Event()
        self._going.set()
        self.calls = 0
        self._thread = None

    def start(self):
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            # Until another thread takes its place, see look().
            while not self._closing.is_set() and self._thread is threading.current_thread():
                if self._going.wait(0.1):
                    self._once()
                    self._closing.wait(self._chance.uniform(0.02, 0.2))
        except Exception as error:  # pylint: disable=broad-except
            self._history.problem("broken", f"{self.name}: {type(error).__name__}: {error}")

    def _once(self):
        client = Client(self._site.address("readers", self._chance.randrange(len(self._site.servers))), QUICK)
        try:
            with self.lock:
                if not self._going.is_set() or self._closing.is_set():
                    return
                self._life += 1
                life, self._heard_at = self._life, time.monotonic()
                self._call = self._begin(client)
                self.calls += 1
            for message in PageStream(self._call):
                with self.lock:
                    if life != self._life:
                        return
                    self._heard_at = time.monotonic()
                    self._take(message)
        except Failure as failure:
            if failure.code not in _TRY_AGAIN and not (failure.code == "INTERNAL" and not failure.has_details):
                reason = failure.infos[0].reason if failure.infos else "none"
                # Where a subscriber could go on from is never beyond what is stored, whatever crashed.
                self._history.problem("skipped" if failure.code == "OUT_OF_RANGE" else "unexpected",
                                      f"{self.name}: {failure} ({reason})")
                self._closing.wait(0.5)
        finally:
            self._end()
            client.close()

    def _end(self):
        pass

    def look(self):
        """Called twice a second or so."""
        call, silent_s = self._call, time.monotonic() - self._heard_at
        if call is None or not self._going.is_set() or silent_s < _SILENT_S:
            return
        call.cancel()
        if silent_s > _SILENT_S + _GRACE_S:
            # With Debian's grpcio not even that ends each stream.
            self._history.error("hung although cancelled")
            with self.lock:
                self._life += 1
                self._heard_at = time.monotonic()
            self.start()

    def pause(self):
        with self.lock:
            self._going.clear()
            self._life += 1
            if self._call is not None:
                self._call.cancel()

    def resume(self):
        self._going.set()

    def close(self):
        self._closing.set()
        self.pause()
        self._thread.join(_GRACE_S)


class Subscriber(_Reader):
    def __init__(self, name, site, history, seed, event_type=""):
        super().__init__(name, site, history, seed)
        self.event_type = event_type
        self.events, self.place = [], 0

    def _begin(self, client):
        start = {"from_position": self.place} if self.place else {"from_beginning": {}}
        filter_ = event_pb.EventFilter(event_types=[self.event_type] if self.event_type else [])
        request = subscriptions.SubscribeRequest(filter=filter_, heartbeat_seconds=1, **start)
        return client.pages("Subscribe", request, None)

    def _take(self, message):
        kind = message.WhichOneof("message")
        if kind == "events":
            for event in message.events.events:
                self.events.append(recorded(event))
                self.place = max(self.place, event.global_position)
        elif kind in ("caught_up", "fell_behind", "checkpoint"):
            position = getattr(message, kind).position
            if position < self.place:
                self._history.problem("reordered", f"{self.name}: {kind} at {position}, behind {self.place}")
            self.place = max(self.place, position)

    def rewind(self, ids, position):
        """As an operator has to after a restore: not to go on from beyond what is left. And what is gone is forgotten."""
        self.events = [event for event in self.events if event.id in ids]
        self.place = min(self.place, position)

    def has(self, ids):
        with self.lock:
            return len(self.events) >= len(ids) and ids <= {event.id for event in self.events}


class Consumer(_Reader):
    """delivered, with its lock: what all consumers of the group got."""

    def __init__(self, name, site, history, seed, delivered, delivered_lock):
        super().__init__(name, site, history, seed)
        self._delivered, self._delivered_lock = delivered, delivered_lock
        self._requests = None
        self._settled = {}

    def _begin(self, client):
        self._requests, self._settled = queue.Queue(), {}
        self._send(join=groups.ConsumeRequest.Join(group=GROUP, consumer_name=self.name, max_in_flight=200, heartbeat_seconds=1))
        rpc = messages.METHODS["Consume"]
        call = client._channel.stream_stream(rpc.path, rpc.request.SerializeToString, rpc.response.FromString)
        return call(iter(self._requests.get, None))

    def _send(self, **message):
        self._requests.put(groups.ConsumeRequest(**message))

    def _take(self, message):
        if message.WhichOneof("message") != "deliveries":
            return
        deliveries = message.deliveries.deliveries
        with self._delivered_lock:
            for delivery in deliveries:
                self._delivered.append(recorded(delivery.event))
        for delivery in deliveries:
            settled = max(self._settled.get(delivery.bucket, 0), delivery.settled_position)
            self._settled[delivery.bucket] = settled
            if delivery.event.global_position <= settled:
                self._history.problem("doubled", f"{self.name}: {delivery.event.id} at {delivery.event.global_position} comes again, "
                                                 f"although all up to {settled} was settled")
        self._send(ack=groups.ConsumeRequest.Ack(delivery_ids=[delivery.delivery_id for delivery in deliveries]))

    def _end(self):
        if self._requests is not None:
            self._requests.put(None)


class Readers:
    """Three subscribers, one of them for rare events alone, and a group with two consumers."""

    def __init__(self, site, history, seed, rare):
        self.subscribers = [Subscriber("subscriber-0", site, history, seed), Subscriber("subscriber-1", site, history, seed),
                            Subscriber("subscriber-rare", site, history, seed, rare)]
        self.delivered, self._lock = [], threading.Lock()
        self._all = self.subscribers + [
            Consumer(f"consumer-{number}", site, history, seed, self.delivered, self._lock) for number in range(2)]
        self._closing = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def start(self):
        for reader in self._all:
            reader.start()
        self._watch.start()

    def _look(self):
        while not self._closing.wait(0.5):
            for reader in self._all:
                reader.look()

    def pause(self):
        for reader in self._all:
            reader.pause()

    def rewind(self, left):
        """While paused. left: the events that are stored."""
        ids, versions = frozenset(event.id for event in left), {}
        for event in left:
            versions[event.aggregate] = max(event.version, versions.get(event.aggregate, 0))
        position = max((event.position for event in left), default=0)
        for subscriber in self.subscribers:
            subscriber.rewind(ids, position)
        with self._lock:
            self.delivered.append(Restored(ids, versions))

    def resume(self):
        for reader in self._all:
            reader.resume()

    def group_has(self, ids):
        with self._lock:
            last = max((number for number, item in enumerate(self.delivered) if isinstance(item, Restored)), default=-1)
            left = self.delivered[last].ids if last >= 0 else ()
            return ids <= {item.id for number, item in enumerate(self.delivered)
                           if isinstance(item, Event) and (number > last or item.id in left)}

    def close(self):
        self._closing.set()
        for reader in self._all:
            reader.close()
        if self._watch.ident:
            self._watch.join()


def create_group(client):
    # A broken call counts as a failed attempt; here calls break all the time, and nothing shall be parked for that.
    settings = groups.ConsumerGroupSettings(max_deliveries=1000, retry_pause_ms=100, ack_timeout_ms=5000)
    client.unary("CreateConsumerGroup", groups.CreateConsumerGroupRequest(name=GROUP, settings=settings, from_beginning={}, buckets=8))
