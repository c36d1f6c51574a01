"""The checkers themselves: a history with one thing wrong, which has to be named; and schedules come from their seeds alone."""
import dataclasses
import unittest

from faults.checkers import check_group, check_read, check_stored
from faults.history import Ack, Event, History, Restored
from faults.schedule import KINDS, plan


def aggregate(number):
    return f"aggregate {number}"


def stored_events():
    """Three aggregates in turn, three events each."""
    return [Event(f"event {n}", aggregate(n % 3), n // 3 + 1, (n + 1) * 100, 1_000 + n, "{}") for n in range(9)]


def swapped(events, one, other):
    events = list(events)
    events[one], events[other] = events[other], events[one]
    return events


def kinds(problems):
    return {kind for kind, _ in problems}


class StoredTest(unittest.TestCase):
    def setUp(self):
        self.stored = stored_events()
        self.history = History()
        for event in self.stored:
            self.history.send([(event.id, event.aggregate, event.data)])
        self.acks = [Ack(event.id, event.aggregate, event.version, event.position) for event in self.stored]

    def check(self, stored):
        return check_stored(self.history, self.acks, stored)

    def test_all_is_well(self):
        self.assertEqual(self.check(self.stored), [])

    def test_lost(self):
        # The newest of its aggregate: nothing but the acknowledgement tells.
        problems = self.check(self.stored[:-1])
        self.assertEqual(kinds(problems), {"lost"})
        self.assertIn("event 8", problems[0][1])

    def test_lost_without_an_acknowledgement(self):
        del self.acks[0]
        self.assertEqual(kinds(self.check(self.stored[1:])), {"lost"})

    def test_what_a_restore_may_have_taken(self):
        self.acks[-1] = dataclasses.replace(self.acks[-1], may_be_lost=True)
        self.assertEqual(self.check(self.stored[:-1]), [])
        self.assertEqual(self.check(self.stored), [])

    def test_doubled(self):
        again = dataclasses.replace(self.stored[0], version=4, position=1000, timestamp=2_000)
        problems = self.check(self.stored + [again])
        self.assertEqual(kinds(problems), {"doubled"})
        self.assertIn("event 0", problems[0][1])

    def test_a_version_twice(self):
        self.history.send([("other", aggregate(0), "{}")])
        self.assertIn("doubled", kinds(self.check(self.stored + [Event("other", aggregate(0), 3, 1000, 2_000, "{}")])))

    def test_reordered_in_an_aggregate(self):
        # Versions 1 and 2 have changed their positions.
        first, second = self.stored[0], self.stored[3]
        self.stored[0] = dataclasses.replace(second, position=first.position, timestamp=first.timestamp)
        self.stored[3] = dataclasses.replace(first, position=second.position, timestamp=second.timestamp)
        self.assertIn("reordered", kinds(self.check(self.stored)))

    def test_acknowledged_elsewhere(self):
        self.acks[0] = dataclasses.replace(self.acks[0], position=101)
        self.assertEqual(kinds(self.check(self.stored)), {"reordered"})

    def test_read_out_of_order(self):
        self.assertEqual(kinds(self.check(swapped(self.stored, 3, 4))), {"reordered"})

    def test_time_runs_back(self):
        self.stored[3] = dataclasses.replace(self.stored[3], timestamp=999)
        self.assertEqual(kinds(self.check(self.stored)), {"reordered"})

    def test_nobody_sent_it(self):
        del self.history.sent["event 4"]
        self.assertEqual(kinds(self.check(self.stored)), {"invented"})

    def test_refused_and_written(self):
        self.history.refuse(["event 4"])
        self.assertEqual(kinds(self.check(self.stored)), {"invented"})

    def test_other_contents(self):
        self.stored[4] = dataclasses.replace(self.stored[4], data='{"n": 1}')
        self.assertEqual(kinds(self.check(self.stored)), {"changed"})

    def test_half_of_what_is_one(self):
        self.history.send([("event 8", aggregate(2), "{}"), ("event 9", aggregate(1), "{}")])
        self.assertEqual(kinds(self.check(self.stored)), {"torn"})

    def test_a_thousand_times_the_same_is_said_briefly(self):
        self.acks = [Ack(f"gone {n}", aggregate(0), n, n) for n in range(1000)]
        problems = self.check(self.stored)
        self.assertEqual(len(problems), 6)
        self.assertIn("995 more", problems[-1][1])


class ReadTest(unittest.TestCase):
    def setUp(self):
        self.stored = stored_events()

    def check(self, read):
        return check_read("a subscriber", read, self.stored)

    def test_all_is_well(self):
        self.assertEqual(self.check(self.stored), [])

    def test_skipped(self):
        problems = self.check(self.stored[:4] + self.stored[5:])
        self.assertEqual(kinds(problems), {"skipped"})
        self.assertIn("event 4", problems[0][1])

    def test_skipped_at_the_end(self):
        self.assertEqual(kinds(self.check(self.stored[:-1])), {"skipped"})

    def test_doubled(self):
        self.assertEqual(kinds(self.check(self.stored[:5] + self.stored[4:])), {"doubled"})

    def test_reordered(self):
        self.assertEqual(kinds(self.check(swapped(self.stored, 4, 5))), {"reordered"})

    def test_invented(self):
        self.assertEqual(kinds(self.check(self.stored + [Event("other", aggregate(0), 4, 1000)])), {"invented"})

    def test_at_another_place(self):
        self.stored[4] = dataclasses.replace(self.stored[4], version=7)
        self.assertEqual(kinds(self.check(stored_events())), {"changed"})


class GroupTest(unittest.TestCase):
    def setUp(self):
        self.stored = stored_events()

    def check(self, delivered):
        return check_group(delivered, self.stored)

    def test_all_is_well(self):
        self.assertEqual(self.check(self.stored), [])

    def test_at_least_once_in_any_order_of_aggregates(self):
        self.assertEqual(self.check(self.stored[:5] + self.stored[2:]), [])
        self.assertEqual(self.check(sorted(self.stored, key=lambda event: event.aggregate)), [])

    def test_skipped(self):
        problems = self.check(self.stored[:-1])
        self.assertEqual(kinds(problems), {"skipped"})
        self.assertIn("event 8", problems[0][1])

    def test_reordered(self):
        # Version 2 of an aggregate before version 1.
        self.assertEqual(kinds(self.check(swapped(self.stored, 0, 3))), {"reordered"})

    def test_what_is_behind_a_skipped_one(self):
        self.assertEqual(kinds(self.check(self.stored[:3] + self.stored[4:])), {"skipped", "reordered"})

    def test_invented(self):
        self.assertEqual(kinds(self.check(self.stored + [Event("other", aggregate(0), 4, 1000)])), {"invented"})

    def test_a_restore(self):
        left, gone = self.stored[:6], self.stored[6:]
        versions = {aggregate(n): 2 for n in range(3)}
        restored = Restored(frozenset(event.id for event in left), versions)
        # Delivered, gone by the restore, and others came in their places.
        self.stored = left + [dataclasses.replace(event, id="new " + event.id) for event in gone]
        delivered = left + gone + [restored]
        self.assertEqual(self.check(delivered + self.stored[6:]), [])
        self.assertEqual(self.check(delivered + self.stored[4:]), [])
        self.assertEqual(kinds(self.check(delivered + self.stored[7:])), {"skipped"})
        # What is gone comes once more.
        self.assertEqual(kinds(self.check(delivered + gone + self.stored[6:])), {"invented"})


class RestoreTest(unittest.TestCase):
    def test_what_was_acknowledged_before_the_moment_is_not_to_be_lost(self):
        history = History()
        history.acknowledge([Ack("before", aggregate(0), 1, 100)], 0.0)
        end_of_the_first = history._answers[0].answered_at
        history.acknowledge([Ack("between", aggregate(0), 2, 200)], end_of_the_first)
        history.restored(history._answers[1].answered_at, history._answers[1].answered_at + 1)
        history.acknowledge([Ack("after", aggregate(0), 2, 200)], history._answers[1].answered_at + 2)
        self.assertEqual([ack.may_be_lost for ack in history.acks()], [False, True, False])


class PlanTest(unittest.TestCase):
    def test_the_seed_says_all(self):
        for seed in range(50):
            self.assertEqual(plan(seed, 60, list(KINDS)), plan(seed, 60, list(KINDS)))
        self.assertNotEqual(plan(1, 60, list(KINDS)), plan(2, 60, list(KINDS)))

    def test_every_kind_comes_and_only_those_asked_for(self):
        seen = {step.kind for seed in range(20) for step in plan(seed, 60, list(KINDS))}
        self.assertEqual(seen - {"backup"}, set(KINDS))
        for kind in KINDS:
            self.assertEqual({step.kind for step in plan(3, 60, [kind])} - {"backup"}, {kind})

    def test_what_is_alone_on_its_target_and_ends_in_time(self):
        for seed in range(50):
            busy = {}
            for step in plan(seed, 30, list(KINDS)):
                place = step.target or step.kind
                self.assertGreaterEqual(step.at, busy.get(place, 0))
                busy[place] = step.at + step.seconds
                if not step.alone:
                    self.assertLessEqual(step.at + step.seconds, 30)
