"""One schedule: load, faults, recovery, judgement. Run by runner.py in a process of its own:

    python3 -m faults.trial JSON    {"seed", "seconds", "kinds", "folder", "pgdata", "programs"}

Prints lines of JSON: {"acknowledged": N, "phase": ...} while it runs, {"result": ...} at its end.
"""
import json
import os
import random
import subprocess
import sys
import threading
import time
import traceback

from faults import checkers
from faults.faults import Faults, mount_small_disk
from faults.history import History, read_by_sql
from faults.postgres import PATIENCE_S, Template
from faults.readers import GROUP, Readers, create_group, recorded
from faults.schedule import plan
from faults.site import Site
from faults.writers import RARE, is_rare, make_writers
from harness.client import Client, Failure
from harness.eventctl import BINARY as EVENTCTL
from harness.messages import groups, store
from harness.server import wait_until

# How many aggregates are read one by one at the end.
_STREAMS = 60


class Trial:
    def __init__(self, job):
        self._seed, self._seconds, self._folder = job["seed"], job["seconds"], job["folder"]
        self.steps = plan(self._seed, self._seconds, job["kinds"])
        self._template = Template.of(job["pgdata"], job["programs"])
        self.history, self.phase = History(), "set-up"
        self.timeline, self.stored, self.starts, self._problems = [], [], {}, []
        self._site = self._readers = None

    def run(self):
        kinds = {step.kind for step in self.steps}
        if "disk-full" in kinds:
            mount_small_disk(self._folder)
        site = self._site = Site(self._folder, self._template, "restore" in kinds, "clock" in kinds)
        site.await_serving()
        client = Client(site.address("readers", 0))
        create_group(client)
        readers = self._readers = Readers(site, self.history, self._seed, RARE)
        readers.start()
        writers = make_writers(site, self.history, self._seed)
        for writer in writers:
            writer.start()
        faults = Faults(site, readers, self.history, self._folder, self._seed)
        self.timeline, self.phase = faults.timeline, "faults"
        faults.run(self.steps, self._seconds)
        self.phase = "recovery"
        site.await_serving()
        for writer in writers:
            writer.stop(PATIENCE_S)
        for writer in writers:
            writer.join()
        client.close()
        self._judge(site, readers)
        self.phase = "stop"
        self.starts = {"postgresql": site.cluster.starts, "servers": sum(server.starts for server in site.servers),
                       "calls of readers": sum(reader.calls for reader in readers._all)}
        readers.close()
        self._site = None
        self._problems += [("unexpected", finding) for finding in site.findings() + site.stop()]

    def _judge(self, site, readers):
        clients = [Client(site.address("readers", server.number)) for server in site.servers]
        self.phase = "reading"
        stored = self.stored = _read_all(clients[0])
        rare = [event for event in stored if is_rare(event.data)]
        self.phase = "readers catch up"
        self._await_readers(readers, stored, rare)
        self.phase = "checks"
        found = self._problems
        found += checkers.check_stored(self.history, self.history.acks(), stored)
        found += checkers.check_read("ReadAll of the other server", _read_all(clients[1]), stored)
        found += checkers.check_read("SQL", read_by_sql(site.cluster.database()), stored)
        for subscriber in readers.subscribers:
            found += checkers.check_read(subscriber.name, subscriber.events, rare if subscriber.event_type else stored)
        found += checkers.check_group(readers.delivered, stored)
        found += self._check_streams(clients, stored)
        found += self._check_group_is_done(clients[0])
        self.phase = "eventctl verify"
        done = subprocess.run([EVENTCTL, "verify"], capture_output=True, text=True, check=False, timeout=600,
                              env={**os.environ, "DATABASE_URL": site.cluster.conninfo})
        if done.returncode != 0:
            found.append(("verify", f"eventctl verify ended with {done.returncode}: {done.stdout[-1500:]}{done.stderr[-500:]}"))
        for client in clients:
            client.close()

    def _await_readers(self, readers, stored, rare):
        ids, rare_ids = {event.id for event in stored}, {event.id for event in rare}
        end = time.monotonic() + PATIENCE_S

        def await_one(has, what):
            try:
                wait_until(lambda: time.sleep(0.1) or has(), what, max(1, end - time.monotonic()))
            except AssertionError as error:
                self._problems.append(("stuck", str(error)))

        for subscriber in readers.subscribers:
            wanted = rare_ids if subscriber.event_type else ids
            await_one(lambda subscriber=subscriber, wanted=wanted: subscriber.has(wanted), f"{subscriber.name} to have everything")
        await_one(lambda: readers.group_has(ids), "the group to have everything")

    def _check_streams(self, clients, stored):
        of_aggregate = {}
        for event in stored:
            of_aggregate.setdefault(event.aggregate, []).append(event)
        chance, found = random.Random(self._seed), []
        some = chance.sample(sorted(of_aggregate), min(_STREAMS, len(of_aggregate)))
        longest = sorted(of_aggregate, key=lambda aggregate: -len(of_aggregate[aggregate]))[:4]
        for aggregate in {*some, *longest}:
            client = chance.choice(clients)
            events = _patiently(lambda client=client, aggregate=aggregate: [recorded(event) for event in client.replay(aggregate)])
            found += checkers.check_read(f"GetAggregateStream of {aggregate}", events, of_aggregate[aggregate])
        return found

    def _check_group_is_done(self, client):
        def group():
            return _patiently(lambda: client.unary("GetConsumerGroup", groups.GetConsumerGroupRequest(name=GROUP))).group

        try:
            wait_until(lambda: time.sleep(0.2) or group().lag_events == 0, "the group to have settled everything", PATIENCE_S)
        except AssertionError as error:
            return [("stuck", str(error))]
        parked = group().parked_events
        return [("unexpected", f"{parked} events of the group are parked")] if parked else []

    def abandon(self):
        if self._site is not None:
            self._site.abandon()

    def result(self, error=None):
        problems = self.history.problems + self._problems
        if error:
            problems = problems + [("broken", error)]
        if not problems and not self.history.acknowledged():
            problems = [("stuck", "nothing was acknowledged at all")]
        return {
            "seed": self._seed,
            "seconds": self._seconds,
            "ok": not problems,
            "acknowledged": self.history.acknowledged(),
            "stored": len(self.stored),
            "faults": sum(1 for step in self.steps if step.kind != "backup"),
            "kinds": sorted({step.kind for step in self.steps} - {"backup"}),
            "errors": self.history.errors,
            "starts": self.starts,
            "problems": [{"kind": kind, "text": text} for kind, text in problems],
            "timeline": [{"at": at, "text": text} for at, text in self.timeline],
        }


def _patiently(call):
    """Again while the database is said to be away: the last fault may have left connections that nobody has used since."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return call()
        except Failure as failure:
            if failure.code != "UNAVAILABLE" or time.monotonic() > end:
                raise
            time.sleep(0.2)


def _read_all(client):
    return _patiently(lambda: [recorded(event) for event in client.events("ReadAll", store.ReadAllRequest(), 300)])


_saying = threading.Lock()


def _say(**line):
    # Two threads say something; print() may write the end of a line after the next one.
    with _saying:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def main():
    trial = Trial(json.loads(sys.argv[1]))
    done = threading.Event()

    def progress():
        while not done.wait(0.5):
            _say(acknowledged=trial.history.acknowledged(), phase=trial.phase)

    threading.Thread(target=progress, daemon=True).start()
    error = None
    try:
        trial.run()
    except Exception:  # pylint: disable=broad-except
        error = traceback.format_exc()
    done.set()
    result = trial.result(error)
    _say(result=result)
    trial.abandon()
    # Threads that hang in calls are not waited for.
    sys.stdout.flush()
    os._exit(0 if result["ok"] else 1)


if __name__ == "__main__":
    main()
