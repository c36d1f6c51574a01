"""What clients sent and were told, noted as it happens; written by many threads."""
import dataclasses
import threading
import time


@dataclasses.dataclass(frozen=True)
class Ack:
    """Of one event: what the store said of it."""

    id: str
    aggregate: str
    version: int
    position: int
    # The store was put back to a moment that may have been before it: it may be gone.
    may_be_lost: bool = False


@dataclasses.dataclass(frozen=True)
class Event:
    """As it is stored, or was delivered."""

    id: str
    aggregate: str
    version: int
    position: int
    timestamp: int = 0  # microseconds
    data: str = ""


@dataclasses.dataclass(frozen=True)
class Restored:
    """In the list of what a group delivered: here the store went back. ids: of the events that were left; versions: of each
    aggregate, likewise. The largest position that is left does not tell: positions follow the beginnings of appends, and of two
    that ran side by side the one with the smaller position may have been the later one to commit."""

    ids: frozenset
    versions: dict


@dataclasses.dataclass(frozen=True)
class _Answer:
    acks: tuple
    attempt_at: float
    answered_at: float


class History:
    def __init__(self):
        self._lock = threading.Lock()
        self.sent = {}         # event id -> (aggregate, data)
        self.groups = []       # of ids that are stored together or not at all
        self.refused = set()   # ids of which the store said that they are not written, and never will be
        self.problems = []     # (kind, text)
        self.errors = {}       # code or reason of an attempt that failed -> how often
        self._answers = []
        self._restores = []    # (moment before which all is kept, moment after which nothing old is answered)

    def send(self, ids_aggregates_data):
        with self._lock:
            for id_, aggregate, data in ids_aggregates_data:
                self.sent[id_] = (aggregate, data)
            self.groups.append([id_ for id_, _, _ in ids_aggregates_data])

    def acknowledge(self, acks, attempt_at):
        with self._lock:
            self._answers.append(_Answer(tuple(acks), attempt_at, time.monotonic()))

    def refuse(self, ids):
        with self._lock:
            self.refused.update(ids)

    def error(self, what):
        with self._lock:
            self.errors[what] = self.errors.get(what, 0) + 1

    def problem(self, kind, text):
        with self._lock:
            self.problems.append((kind, text))

    def restored(self, marked_at, serving_at):
        with self._lock:
            self._restores.append((marked_at, serving_at))

    def acknowledged(self):
        """How many events."""
        with self._lock:
            return sum(len(answer.acks) for answer in self._answers)

    def acks(self):
        """All, with what a restore may have taken."""
        with self._lock:
            return [dataclasses.replace(ack, may_be_lost=self._is_between(answer))
                    for answer in self._answers for ack in answer.acks]

    def _is_between(self, answer):
        # Acknowledged after the moment that was gone back to, by an attempt that began before the store served again.
        return any(answer.answered_at >= marked and answer.attempt_at <= serving for marked, serving in self._restores)


def read_by_sql(database):
    """Every event that is stored, by position."""
    rows = database.run("SELECT id, aggregate_id, version, global_position FROM events_v2 ORDER BY global_position").splitlines()
    fields = [row.split("|") for row in rows]
    return [Event(id_, aggregate, int(version), int(position)) for id_, aggregate, version, position in fields]
