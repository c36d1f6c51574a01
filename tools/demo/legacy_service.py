"""An old service that inserts into its table, whatever that is by now."""

import json
import random
import subprocess
import threading
import time
import uuid


class Wrong(Exception):
    """Something is not as it has to be."""


def await_that(condition, what, patience_s=300):
    end = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end:
            raise Wrong(f"waited {patience_s} s for {what}")
        time.sleep(0.02)


def require(condition, what):
    if not condition:
        raise Wrong(what)


class Database:
    def __init__(self, psql, conninfo):
        self.conninfo = conninfo
        self.command = [psql, "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo]

    def run(self, sql):
        done = subprocess.run(self.command, input=sql, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Wrong(f"psql: {done.stderr}")
        return done.stdout.strip()

    def number(self, sql):
        return int(self.run(f"SELECT {sql}"))


class OldService:
    """Inserts into `events`, whatever that is, until stop(). `ids`: of the rows it was told are committed."""

    def __init__(self, database, rate):
        self.ids, self.problem, self.longest_s = [], None, 0.0
        self.with_old_times = True
        self._entities = database.run("SELECT DISTINCT data ->> 'entityId' FROM events WHERE data ? 'entityId' LIMIT 500").split()
        self._pause = 1 / rate
        self._stopping = threading.Event()
        self._psql = subprocess.Popen(database.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, bufsize=1)
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self):
        chance = random.Random(21)
        while not self._stopping.wait(self._pause):
            event_id, entity = str(uuid.uuid4()), chance.choice(self._entities)
            # Every tenth with a time of long ago, as of a client that was offline.
            at = f"now() - interval '{chance.randint(1, 2000)} hours'" if self.with_old_times and len(self.ids) % 10 == 9 else "now()"
            data = json.dumps({"entityId": entity, "late": len(self.ids)})
            began = time.monotonic()
            self._psql.stdin.write(f"INSERT INTO events (id, timestamp, type, data, user_id) VALUES ('{event_id}', {at}, "
                                   f"'file.modified', '{data}', 'old-service');\n\\echo written\n")
            answer = self._psql.stdout.readline().strip()
            if answer != "written":
                self.problem = answer
                return
            self.longest_s = max(self.longest_s, time.monotonic() - began)
            self.ids.append(event_id)

    def await_more(self, count):
        goal = len(self.ids) + count
        await_that(lambda: self.problem or len(self.ids) >= goal, f"{count} more rows of the old service")
        if self.problem:
            raise Wrong(f"the old service was told: {self.problem}")

    def stop(self):
        if not self._stopping.is_set():
            self._stopping.set()
            self._thread.join()
            self._psql.stdin.close()
            self._psql.wait()
