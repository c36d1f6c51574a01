"""A day of an automation platform, through gRPC: triggers fire, rules are met, actions run on workers that send heartbeats.

The day's clock is PostgreSQL's (fake_clock.py). It goes on step by step from a day ago to now, and what is due in a step
is called by several threads at once. What was asked for is kept, to be held against what the store says.
"""
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from harness.client import Client, Failure, new_id
from harness.messages import housekeeper, operations as pb
from harness.operations import COMPLETED, FAILED, REQUESTED, RUNNING, SCHEDULED, Records
from harness.server import wait_until

DAY_S = 86_400
TRIGGERS, ENFORCEMENTS, EXECUTIONS, WORKERS = 5_000, 3_000, 8_000, 20
HEARTBEAT_S = 5
# Of the workers, by number: one says that it goes, one does not.
LEAVES, DIES = 18, 19
_LEAVES_AT, _DIES_AT = 50_400, 57_600
# How executions go on behind `requested`, and how many of a hundred do.
_PATHS = (
    (70, (SCHEDULED, RUNNING, COMPLETED)),
    (12, (SCHEDULED, RUNNING, FAILED)),
    (6, (SCHEDULED, RUNNING, pb.EXECUTION_STATUS_TIMEOUT)),
    (5, (SCHEDULED, RUNNING, pb.EXECUTION_STATUS_CANCELLING, pb.EXECUTION_STATUS_CANCELLED)),
    (4, (pb.EXECUTION_STATUS_CANCELLED,)),
    (3, (SCHEDULED, RUNNING, pb.EXECUTION_STATUS_ABANDONED)),
)


def status_name(number):
    return pb.ExecutionStatus.Name(number)[len("EXECUTION_STATUS_"):].lower()


def step_of(scale):
    """Seconds between two heartbeats of a worker."""
    return max(HEARTBEAT_S, round(HEARTBEAT_S / scale))


def worker_timeout_of(scale):
    """For the server: as many heartbeats may be missing as by default."""
    return 60 // HEARTBEAT_S * step_of(scale)


class PlatformDay:
    """`scale`: 1 is the whole day; with less there is less of everything, and heartbeats are as much rarer."""

    def __init__(self, address, clock, scale, seed, threads=8):
        self._clients = [Client(address) for _ in range(threads)]
        self._records = [Records(client) for client in self._clients]
        self._clock, self._threads = clock, threads
        self._random = random.Random(seed)
        self.step_s, self.worker_timeout_s = step_of(scale), worker_timeout_of(scale)
        self.triggers, self.enforcements, self.executions = (round(n * scale) for n in (TRIGGERS, ENFORCEMENTS, EXECUTIONS))
        self.workers, self.heartbeats = [], 0
        self.paths, self.enforced, self.events = {}, {}, []
        self.correlated = Counter()
        self._due = self._plan()

    def close(self):
        for client in self._clients:
            client.close()

    def _plan(self):
        """Step -> what is done in it: functions of a Records."""
        due = {}

        def at(second, what):
            due.setdefault(min(int(second), DAY_S - 1) // self.step_s, []).append(what)

        def whenever():
            # More by day than by night, and so late that everything ends today.
            until = DAY_S - 20 * self.step_s
            return self._random.choice((self._random.uniform(0, until), self._random.triangular(0, until, DAY_S * 0.6)))

        made = []
        for number in range(self.triggers):
            correlation, second, event_id = new_id(), whenever(), new_id()
            made.append((correlation, second, event_id))
            at(second, lambda r, n=number, c=correlation, e=event_id: self.events.append(
                r.event(id=e, trigger_ref=f"core.trigger{n % 25}", source="sensor", payload='{"n": %d}' % n, correlation_id=c)))
            self.correlated[correlation] = 1
        for number in range(self.enforcements):
            correlation, second, event_id = self._random.choice(made)
            ending = pb.ENFORCEMENT_STATUS_DISABLED if number % 10 == 0 else pb.ENFORCEMENT_STATUS_PROCESSED
            at(second + 5, self._enforce(number, correlation, event_id, ending, at, second))
            self.correlated[correlation] += 1
        for number in range(self.executions):
            correlation, second, _ = self._random.choice(made)
            path = self._random.choices([p for _, p in _PATHS], [w for w, _ in _PATHS])[0]
            self._execute(number, correlation, path, at, second + 10)
            self.correlated[correlation] += 1
        return due

    def _enforce(self, number, correlation, event_id, ending, at, second):
        made = []

        def create(records):
            made.append(records.enforcement(rule_ref=f"core.rule{number % 12}", event_id=event_id, correlation_id=correlation))

        def resolve(records):
            done = records.call("ResolveEnforcement", id=made[0].id, created=made[0].created, status=ending).enforcement
            self.enforced[done.id] = ending

        at(second + 5 + 2 * self.step_s, resolve)
        return create

    def _execute(self, number, correlation, path, at, second):
        made = []
        worker = self._random.randrange(WORKERS)

        def create(records):
            made.append(records.execution(action_ref=f"core.action{number % 40}", correlation_id=correlation,
                                          parameters='{"n": %d}' % number))
            self.paths[made[0].id] = [REQUESTED]

        def move(status):
            def moved(records):
                execution, taken = made[0], self.paths[made[0].id]
                fields = {"worker_id": self.workers[worker].id} if status == SCHEDULED else {}
                if status in (COMPLETED, FAILED):
                    fields["result"] = '{"exit": %d}' % (status == FAILED)
                records.move(execution, taken[-1], status, **fields)
                taken.append(status)
            return moved

        at(second, create)
        for status in path:
            # Each in a step of its own, so that they come in order.
            second += self._random.randint(self.step_s, 3 * self.step_s)
            at(second, move(status))

    def run(self, progress=None):
        self._clock.set(-DAY_S)
        self.workers = [self._records[0].worker(f"worker-{n:02}", worker_type="python") for n in range(WORKERS)]
        steps = -(-DAY_S // self.step_s)
        began = time.monotonic()
        with ThreadPoolExecutor(self._threads) as pool:
            for step in range(steps):
                second = step * self.step_s
                self._clock.set(second - DAY_S)
                todo = self._due.pop(step, []) + self._beats(second)
                # Dealt out, each thread with a connection of its own.
                list(pool.map(self._work, self._records, [todo[n::self._threads] for n in range(self._threads)]))
                if progress and step % max(1, steps // 100) == 0:
                    progress(step, steps, time.monotonic() - began)
        self._clock.set(0)
        assert not self._due, self._due

    @staticmethod
    def _work(records, todo):
        for what in todo:
            what(records)

    def _beats(self, second):
        beats = []
        for number, worker in enumerate(self.workers):
            if number == LEAVES and second >= _LEAVES_AT:
                if second - self.step_s < _LEAVES_AT:
                    beats.append(lambda r, w=worker: (r.call("DrainWorker", id=w.id), r.call("DeregisterWorker", id=w.id)))
                continue
            if number == DIES and second >= _DIES_AT:
                look_at = _DIES_AT + self.worker_timeout_s + 2 * self.step_s
                if second - self.step_s < look_at <= second:
                    beats.append(self._look_for_the_dead)
                continue
            self.heartbeats += 1
            beats.append(lambda r, w=worker: r.call("HeartbeatWorker", id=w.id))
        return beats

    @staticmethod
    def _look_for_the_dead(records):
        """Not left to the schedule, by which the housekeeper looks every quarter of a minute, hours of this day."""
        run_task(records.client, "stale-workers")


def run_task(client, name):
    def run():
        try:
            return list(client.pages("RunTask", housekeeper.RunTaskRequest(task=name)))
        except Failure as failure:  # by its schedule
            assert failure.reason == "TASK_RUNNING", failure
            return None

    result = wait_until(run, name)[-1].result
    assert result.status == housekeeper.RUN_STATUS_SUCCEEDED, result


def print_progress(step, steps, seconds):
    if not sys.stderr.isatty():
        return
    left = seconds / step * (steps - step) if step else 0
    print(f"\r{100 * step // steps:3} % of the day, {seconds:.0f} s, {left:.0f} s left", end="", file=sys.stderr, flush=True)
