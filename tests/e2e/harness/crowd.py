"""A varied history of some 1 200 events over 45 days, and plain Python to say what a read of it should give."""
import random

from harness import history
from harness.client import new_id
from harness.messages import micros

# Texts that quoting, array literals or sorting could get wrong.
USERS = ["ada", "o'hara", 'quo"te', "{brace,comma}", "back\\slash", "NULL", " padded ", "zoë 🦉", "%_", ""]
EVENT_TYPES = ["order.placed", "order.paid", "Order.Placed", "it's", "null", "a,b"]
AGGREGATE_TYPES = ["entity", "relation", "user", "system", 'odd "one"']
SOURCES = ["api", "automation", "sync", "migration", "$1"]


class Crowd:
    """Twelve aggregates; batches of a few events share a timestamp, as those of one append do."""

    def __init__(self, database, seed=3):
        chance = random.Random(seed)
        self.aggregates = [new_id() for _ in range(12)]
        self.correlations = [new_id() for _ in range(8)] + [""]
        self.types = {a: chance.choice(AGGREGATE_TYPES) for a in self.aggregates}
        self.start = history.now(database) - 45 * history.DAY
        versions = dict.fromkeys(self.aggregates, 0)
        times = sorted(self.start + int(chance.random() ** 2 * 44 * history.DAY) for _ in range(400))
        self.events = []
        for time in times:
            aggregate = chance.choice(self.aggregates)
            for _ in range(chance.choice((1, 2, 3, 6))):
                versions[aggregate] += 1
                cause = chance.choice(self.events[-20:] or [None])
                self.events.append(
                    history.past_event(
                        aggregate,
                        versions[aggregate],
                        time,
                        aggregate_type=self.types[aggregate],
                        event_type=chance.choice(EVENT_TYPES),
                        user_id=chance.choice(USERS),
                        source=chance.choice(SOURCES),
                        correlation_id=chance.choice(self.correlations),
                        causation_id=cause.id if cause else "",
                    )
                )
        history.write(database, self.events)

    def random_times(self, chance):
        """A half open range, whose ends often are times of events."""
        ends = sorted(micros(chance.choice(self.events).timestamp) + chance.choice((0, 0, 1)) for _ in range(2))
        if ends[0] == ends[1]:
            ends[1] += 1
        return ends


def matches(event, users=(), event_types=(), aggregate_types=(), sources=(), aggregate="", correlation="", times=None):
    """Whether a read restricted like this has the event."""
    return (
        (not users or event.user_id in users)
        and (not event_types or event.event_type in event_types)
        and (not aggregate_types or event.aggregate_type in aggregate_types)
        and (not sources or event.source in sources)
        and (not aggregate or event.aggregate_id == aggregate)
        and (not correlation or event.correlation_id == correlation)
        and (times is None or times[0] <= micros(event.timestamp) < times[1])
    )


def some(chance, values):
    """None of the values, one or several."""
    return chance.sample(values, chance.choice((0, 0, 1, 2, len(values))))
