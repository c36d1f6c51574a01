"""What breaks when: from a seed alone, so that a schedule can be run again. Pure."""
import dataclasses
import random

# kind -> what happens
KINDS = {
    "kill-server": "SIGKILL of a server; another one comes in its place",
    "stop-server": "a server stands still (SIGSTOP) and goes on",
    "kill-postmaster": "SIGKILL of the postmaster; PostgreSQL recovers",
    "kill-backend": "SIGKILL of a single backend, upon which PostgreSQL recovers",
    "stop-backend": "a single backend stands still and goes on, with the locks it has",
    "cut": "nothing comes through a link, and connections last: a cable that is plugged in again",
    "delay": "everything on a link comes late",
    "reset": "all connections of a link are reset",
    "refuse": "all connections of a link are reset, and new ones too",
    "half-open": "one side's connections are reset, the other side is not told",
    "lose-answers": "requests come through, answers do not; then the connections are reset",
    "disk-full": "no room is left on the disk of PostgreSQL, WAL included",
    "clock": "PostgreSQL's clock jumps",
    "restore": "the cluster is replaced by its base backup, rolled forward to a moment before the last events",
}
SERVERS = (0, 1)
# Between whom: writers or readers and a server, a server and its database.
LINKS = tuple(f"{who}-{server}" for who in ("writers", "readers", "database") for server in SERVERS)

# How many seconds it lasts, from and to.
_SECONDS = {
    "kill-server": (0.1, 3),
    "stop-server": (0.2, 6),
    "kill-postmaster": (0, 1.5),
    "stop-backend": (0.2, 5),
    "cut": (0.5, 6),
    "delay": (1, 8),
    "refuse": (0.3, 4),
    "half-open": (1, 6),
    "lose-answers": (0.3, 3),
    "disk-full": (0.5, 5),
    "restore": (0.3, 3),  # from the moment that is gone back to, until it is gone back
}
_OF_LINKS = ("cut", "delay", "reset", "refuse", "half-open", "lose-answers")
_OF_SERVERS = ("kill-server", "stop-server")
# Mean time between the beginnings of faults.
_GAP_S = 1.5
# A repeat with any_version is recognised for 24 hours; two jumps stay within that.
_JUMPS_S = (-36_000, -3_600, -61, -2, 0, 2, 61, 3_600, 36_000)
# What needs a world of its own (a small disk, another clock, an archive of WAL) is in this share of the schedules.
_SPECIAL = {"disk-full": 0.5, "clock": 0.35, "restore": 0.35}


@dataclasses.dataclass(frozen=True)
class Step:
    at: float  # seconds from the beginning
    kind: str
    target: str = ""  # of a link its name, of a server its number
    seconds: float = 0  # how long it lasts
    value: float = 0  # delay in seconds, jump of the clock, or what else the kind leaves to chance, from 0 to 1
    alone: bool = False  # nothing else is broken meanwhile

    def text(self):
        words = [self.kind, self.target]
        if self.seconds:
            words.append(f"for {self.seconds:.1f} s")
        if self.kind == "delay":
            words.append(f"by {self.value * 1000:.0f} ms")
        if self.kind == "clock":
            words.append(f"to {self.value:+.0f} s")
        return " ".join(word for word in words if word)


def plan(seed, seconds, kinds):
    """The steps, by time."""
    chance = random.Random(seed)
    kinds = [kind for kind in KINDS if kind in kinds]
    ordinary = [kind for kind in kinds if kind not in _SPECIAL]
    chosen = ordinary + [kind for kind in kinds if kind in _SPECIAL and (chance.random() < _SPECIAL[kind] or not ordinary)]
    steps = []
    if "restore" in chosen:
        low, high = _SECONDS["restore"]
        steps.append(Step(seconds * chance.uniform(0.1, 0.25), "backup", alone=True))
        steps.append(Step(seconds * chance.uniform(0.5, 0.75), "restore", seconds=chance.uniform(low, high),
                          value=chance.random(), alone=True))
    steps += _others(chance, seconds, [kind for kind in chosen if kind != "restore"])
    return sorted(steps, key=lambda step: step.at)


def _others(chance, seconds, kinds):
    steps, deck, busy = [], [], {}
    time = 0.5
    while kinds and time < seconds - 0.5:
        if not deck:
            # Dealt like cards: in a long schedule all kinds come equally often.
            deck = list(kinds)
            chance.shuffle(deck)
        step = _step(chance, deck.pop(), time, seconds)
        place = step.target or step.kind
        if busy.get(place, 0) <= time:
            busy[place] = time + step.seconds
            steps.append(step)
        time += chance.expovariate(1 / _GAP_S)
    return steps


def _step(chance, kind, time, end):
    target, value = "", chance.random()
    if kind in _OF_LINKS:
        target = chance.choice(LINKS)
    elif kind in _OF_SERVERS:
        target = str(chance.choice(SERVERS))
    if kind == "delay":
        value = chance.uniform(0.005, 0.2)
    elif kind == "clock":
        value = chance.choice(_JUMPS_S)
    low, high = _SECONDS.get(kind, (0, 0))
    return Step(time, kind, target, min(chance.uniform(low, high), end - time), value)
