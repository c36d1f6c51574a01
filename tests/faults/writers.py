"""Who appends, each in a thread: with event ids, and again and again until the store has said what came of it."""
import json
import queue
import random
import threading
import time

from faults.history import Ack
from faults.site import QUICK
from harness import messages
from harness.client import Client, Failure, append_request, new_id, version_check
from harness.messages import event as event_pb
from harness.messages import store

HOT, WARM = 4, 16
RARE = "thing.rare"
_PAUSE_S = 0.015
_DEADLINES_S = (1, 3, 8)
# So long after its deadline a call is given up.
_GRACE_S = 3
# gRPC's own numbers, as outcomes of a stream have them.
_CODES = {1: "CANCELLED", 2: "UNKNOWN", 4: "DEADLINE_EXCEEDED", 8: "RESOURCE_EXHAUSTED", 10: "ABORTED", 13: "INTERNAL", 14: "UNAVAILABLE"}
_TRY_AGAIN = ("CANCELLED", "UNKNOWN", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "UNAVAILABLE")


def is_rare(data):
    return '"rare"' in data


class Writer:
    """kind: "exact", "any", "batch" or "stream"."""

    def __init__(self, kind, number, site, history, aggregates, seed):
        self.name = f"{kind}-{number}"
        self._run = {"exact": self._exact, "any": self._any, "batch": self._batch, "stream": self._stream}[kind]
        self._site, self._history, self._chance = site, history, random.Random(f"{seed} {self.name}")
        self._hot, self._warm = aggregates[:HOT], list(aggregates[HOT:])
        self._clients = [Client(site.address("writers", server), QUICK) for server in range(len(site.servers))]
        self._at, self._number = number % len(self._clients), 0
        self._stopping, self._give_up_at = threading.Event(), float("inf")
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self, patience_s):
        """What it is at is brought to an end first."""
        self._give_up_at = time.monotonic() + patience_s
        self._stopping.set()

    def join(self):
        self._thread.join()
        for client in self._clients:
            client.close()

    def _loop(self):
        try:
            while not self._stopping.wait(self._chance.expovariate(1 / _PAUSE_S)):
                self._run()
        except Exception as error:  # pylint: disable=broad-except
            self._history.problem("broken", f"{self.name}: {type(error).__name__}: {error}")

    # What to append.

    def _events(self, aggregate, count):
        made, notes = [], []
        for _ in range(count):
            self._number += 1
            data = {"n": self._number, "w": self.name}
            if self._chance.random() < 0.3:
                data["pad"] = "x" * self._chance.choice((50, 300, 9000))
            if self._chance.random() < 0.02:
                data["rare"] = 1
            # Keys come by their lengths, as JSONB prints them.
            text = json.dumps(data)
            kind = RARE if is_rare(text) else "thing.happened"
            made.append(event_pb.NewEvent(id=new_id(), event_type=kind, data=text, user_id=self.name))
            notes.append((made[-1].id, aggregate, text))
        return made, notes

    def _append(self, aggregate, check, count):
        made, notes = self._events(aggregate, count)
        return append_request(aggregate, check, made), notes

    def _count(self):
        return self._chance.choice((1, 1, 1, 2, 5))

    def _version(self, aggregate):
        answer = self._until_known(
            "GetAggregateVersion", store.GetAggregateVersionRequest(aggregate_id=aggregate), lambda failure: None)
        return None if answer is None else answer[0].version

    def _exact(self):
        aggregate = self._chance.choice(self._hot)
        version = self._version(aggregate)
        if version is not None:
            self._unary(*self._append(aggregate, version, self._count()))

    def _any(self):
        if self._chance.random() < 0.15:
            aggregate = new_id()
            if self._unary(*self._append(aggregate, 0, self._count())):
                self._warm[self._chance.randrange(len(self._warm))] = aggregate
            return
        check = "existing" if self._chance.random() < 0.1 else "any"
        self._unary(*self._append(self._chance.choice(self._warm), check, self._count()))

    def _batch(self):
        chosen = self._chance.sample(self._hot + self._warm, self._chance.randint(2, 4))
        checks, check_of = [], dict.fromkeys(chosen, "any")
        if self._chance.random() < 0.4:
            only_read = chosen.pop()
            version = self._version(only_read)
            if version is None:
                return
            checks.append(version_check(only_read, version))
        if self._chance.random() < 0.4:
            check_of[chosen[0]] = self._version(chosen[0])
            if check_of[chosen[0]] is None:
                return
        appends, notes = [], []
        for aggregate in chosen:
            request, noted = self._append(aggregate, check_of[aggregate], self._count())
            appends.append(request)
            notes += noted
        self._settle("AppendBatch", store.AppendBatchRequest(appends=appends, checks=checks), notes,
                     lambda answer: answer.results)

    # Until it is known what came of it.

    def _unary(self, request, notes):
        return self._settle("Append", request, notes, lambda answer: [answer])

    def _settle(self, method, request, notes, results):
        self._history.send(notes)
        ids = [id_ for id_, _, _ in notes]
        known = self._until_known(method, request, lambda failure: self._refused(ids, failure.conflicts))
        if known:
            answer, attempt_at = known
            self._acknowledge(results(answer), ids, attempt_at)
        return known

    def _until_known(self, method, request, on_conflict):
        """(answer, when the attempt began) or None: refused, or given up."""
        pause = 0.02
        while time.monotonic() < self._give_up_at:
            attempt_at = time.monotonic()
            try:
                return self._clients[self._at].unary(method, request, self._chance.choice(_DEADLINES_S)), attempt_at
            except Failure as failure:
                if not self._may_try_again(method, failure, on_conflict):
                    return None
            self._at = self._chance.randrange(len(self._clients))
            time.sleep(pause)
            pause = min(pause * 2, 0.3)
        self._history.problem("stuck", f"{self.name}: nobody could say what came of a {method} long after the last fault")
        return None

    def _may_try_again(self, what, failure, on_conflict):
        reason = failure.infos[0].reason if failure.infos else "none"
        self._history.error(f"{failure.code} {reason}")
        if failure.code == "ABORTED" and reason == "VERSION_CONFLICT":
            on_conflict(failure)
            return False
        if failure.code in _TRY_AGAIN or (failure.code == "INTERNAL" and not failure.has_details):
            return True
        self._history.problem("unexpected", f"{self.name}: {what}: {failure} ({reason})")
        return False

    def _refused(self, ids, conflicts):
        # For ever, since versions only grow. Not so where a restore has taken what the version was read from.
        if any(expected.isdigit() and actual > int(expected) for _, _, expected, actual in conflicts):
            self._history.refuse(ids)

    def _acknowledge(self, results, ids, attempt_at):
        acks = [Ack(event.id, result.aggregate_id, event.version, event.global_position)
                for result in results for event in result.events]
        if [ack.id for ack in acks] != ids:
            self._history.problem("changed", f"{self.name}: an answer names {[ack.id for ack in acks]} instead of {ids}")
        self._history.acknowledge(acks, attempt_at)

    # Streams: what was not settled when one breaks goes out again in the next one, before anything new.

    def _stream(self):
        items = []
        for _ in range(self._chance.randint(5, 30)):
            aggregate = self._chance.choice(self._hot if self._chance.random() < 0.2 else self._warm)
            request, notes = self._append(aggregate, "any", self._count())
            self._history.send(notes)
            items.append((request, [id_ for id_, _, _ in notes]))
        while items:
            if time.monotonic() > self._give_up_at:
                self._history.problem("stuck", f"{self.name}: {len(items)} items are not settled long after the last fault")
                return
            items = self._one_stream(items)
            if items:
                self._at = self._chance.randrange(len(self._clients))
                time.sleep(0.1)

    def _one_stream(self, items):
        """Those that are not settled."""
        sent, left = [], list(items)
        while left:
            size = self._chance.randint(1, 8)
            sent.append(store.AppendStreamRequest(items=[request for request, _ in left[:size]]))
            left = left[size:]
        open_, attempt_at = dict(enumerate(items, 1)), time.monotonic()
        deadline_s = self._chance.choice(_DEADLINES_S)
        for response in self._responses(sent, deadline_s):
            for outcome in response.outcomes:
                if self._outcome(outcome, open_[outcome.number][1], attempt_at):
                    del open_[outcome.number]
        return list(open_.values())

    def _responses(self, sent, deadline_s):
        """Until the stream ends. Read by a thread of its own: with Debian's grpcio a stream may stay silent for ever, its deadline
        long over, when its connection was reset."""
        responses, stream = queue.Queue(), self._clients[self._at].append_stream(sent, deadline_s)

        def read():
            try:
                for response in stream:
                    responses.put(response)
                responses.put(None)
            except Failure as failure:
                responses.put(failure)

        threading.Thread(target=read, daemon=True).start()
        end = time.monotonic() + deadline_s + _GRACE_S
        while True:
            try:
                response = responses.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                self._history.error("hung past its deadline")
                stream.cancel()
                return
            if response is None:
                return
            if isinstance(response, Failure):
                self._may_try_again("AppendStream", response, lambda failure: None)
                return
            yield response

    def _outcome(self, outcome, ids, attempt_at):
        """Whether it is settled."""
        if outcome.HasField("appended"):
            self._acknowledge([outcome.appended], ids, attempt_at)
            return True
        code = _CODES.get(outcome.error.code, str(outcome.error.code))
        info = messages.rpc_details.ErrorInfo()
        for detail in outcome.error.details:
            detail.Unpack(info)
        self._history.error(f"{code} {info.reason or 'none'}")
        if code in _TRY_AGAIN:
            return False
        self._history.problem("unexpected", f"{self.name}: an item: {code} ({info.reason}): {outcome.error.message}")
        return True


def make_writers(site, history, seed):
    chance = random.Random(f"{seed} aggregates")
    aggregates = [new_id() for _ in range(HOT + WARM)]
    chance.shuffle(aggregates)
    kinds = ("exact", "exact", "exact", "any", "any", "batch", "batch", "stream")
    return [Writer(kind, number, site, history, aggregates, seed) for number, kind in enumerate(kinds)]
