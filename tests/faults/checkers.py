"""What was promised held against what is stored and what was delivered. Pure: lists in, (kind, text) out.

Kinds: lost, doubled, reordered, skipped, invented (nobody sent it, or it is not stored), changed (not what was sent or
answered), torn (a part of what is all or nothing).
"""
from faults.history import Restored

# Of each kind; one bug shows up a thousand times.
_SHOWN = 5


class _Problems:
    def __init__(self):
        self._found, self._counts = [], {}

    def add(self, kind, text):
        self._counts[kind] = self._counts.get(kind, 0) + 1
        if self._counts[kind] <= _SHOWN:
            self._found.append((kind, text))

    def all(self):
        more = [(kind, f"and {count - _SHOWN} more like this") for kind, count in self._counts.items() if count > _SHOWN]
        return self._found + more


def check_stored(history, acks, stored):
    """stored: every event, as a read of all events gives them."""
    problems = _Problems()
    by_id = {}
    position, ends = 0, {}
    for event in stored:
        if event.id in by_id:
            problems.add("doubled", f"event {event.id} is stored at positions {by_id[event.id].position} and {event.position}")
        if event.position <= position:
            problems.add("reordered", f"position {event.position} comes after {position} when all events are read")
        position = event.position
        by_id.setdefault(event.id, event)
        _check_place(problems, ends, event)
        _check_sent(problems, history, event)
    for ack in acks:
        _check_ack(problems, ack, by_id.get(ack.id))
    for ids in history.groups:
        there = sum(1 for id_ in ids if id_ in by_id)
        if there not in (0, len(ids)):
            problems.add("torn", f"of {len(ids)} events that are all or nothing {there} are stored, among {ids[0]}")
    return problems.all()


def _check_place(problems, ends, event):
    """In its aggregate, whose events come in the order of positions."""
    version, timestamp = ends.get(event.aggregate, (0, 0))
    place = f"version {event.version} of aggregate {event.aggregate} (event {event.id}) comes after version {version}"
    if event.version == version:
        problems.add("doubled", place)
    elif event.version < version:
        problems.add("reordered", place)
    elif event.version > version + 1:
        problems.add("lost", place)
    if event.timestamp < timestamp:
        problems.add("reordered", f"version {event.version} of aggregate {event.aggregate} is older than the one before it")
    ends[event.aggregate] = (max(event.version, version), event.timestamp)


def _check_sent(problems, history, event):
    sent = history.sent.get(event.id)
    if sent is None:
        problems.add("invented", f"event {event.id} is stored, and nobody sent it")
    elif sent != (event.aggregate, event.data):
        problems.add("changed", f"event {event.id} was sent as {sent} and is stored as {(event.aggregate, event.data)}")
    if event.id in history.refused:
        problems.add("invented", f"event {event.id} is stored, although it was refused for its version")


def _check_ack(problems, ack, event):
    if ack.may_be_lost:
        return
    if event is None:
        problems.add("lost", f"event {ack.id}, version {ack.version} of aggregate {ack.aggregate}, was acknowledged at position "
                             f"{ack.position} and is not stored")
    elif (event.version, event.position) != (ack.version, ack.position):
        problems.add("reordered", f"event {ack.id} was acknowledged as version {ack.version} at {ack.position} and is stored as "
                                  f"version {event.version} at {event.position}")


def check_read(who, read, stored):
    """Two lists that have to be the same: another way to read, or a subscriber that began with the first event."""
    problems = _Problems()
    expected = {event.id: event for event in stored}
    had, position = set(), 0
    for event in read:
        if event.id in had:
            problems.add("doubled", f"{who} got event {event.id} twice")
        elif event.position <= position:
            problems.add("reordered", f"{who} got position {event.position} after {position}")
        had.add(event.id)
        position = max(position, event.position)
        _check_same(problems, who, event, expected.get(event.id))
    for event in stored:
        if event.id not in had:
            problems.add("skipped", f"{who} never got event {event.id} at {event.position}, version {event.version} of aggregate "
                                    f"{event.aggregate}")
    return problems.all()


def _check_same(problems, who, event, stored):
    if stored is None:
        problems.add("invented", f"{who} got event {event.id} at {event.position}, which is not stored")
    elif (event.aggregate, event.version, event.position) != (stored.aggregate, stored.version, stored.position):
        problems.add("changed", f"{who} got event {event.id} as version {event.version} at {event.position}; it is stored as "
                                f"version {stored.version} at {stored.position}")


def check_group(delivered, stored):
    """At least once; an event of an aggregate not before those in front of it. delivered: by all consumers, in the order in
    which it came, with a Restored where the store went back."""
    problems = _Problems()
    expected = {event.id: event for event in stored}
    restored_at = [number for number, item in enumerate(delivered) if isinstance(item, Restored)]
    had, versions = set(), {}
    for number, item in enumerate(delivered):
        if isinstance(item, Restored):
            versions = {aggregate: min(version, item.versions.get(aggregate, 0)) for aggregate, version in versions.items()}
            continue
        version = versions.get(item.aggregate, 0)
        if item.version > version + 1:
            problems.add("reordered", f"the group got version {item.version} of aggregate {item.aggregate} when it had had {version}")
        versions[item.aggregate] = max(version, item.version)
        # What the store lost later was rightly delivered, perhaps at a place that another event has now.
        gone = any(number < at and item.id not in delivered[at].ids for at in restored_at)
        if not gone:
            had.add(item.id)
            _check_same(problems, "the group", item, expected.get(item.id))
    for event in stored:
        if event.id not in had:
            problems.add("skipped", f"the group never got event {event.id} at {event.position}, version {event.version} of aggregate "
                                    f"{event.aggregate}")
    return problems.all()
