#!/usr/bin/env python3
"""move_in.py FILE: a service with a legacy table moves to the store without stopping (docs/migration.md).

FILE holds the past, one JSON object a line: id, timestamp, type, user_id, correlation_id, data with the entity's id in
data.entityId; may be compressed with xz. `-` makes ROWS rows of ten sparse years up. It becomes a table `events`, into
which an old service goes on inserting; then dual write is installed, the past copied (killed in the middle with SIGKILL,
and begun again), compared, cut over, rolled back, cut over again, and the table dropped, with its archive.

Starts build/bin/eventstored with data of its own, which is removed at the end; or --data-dir names that of one that
runs and has no table `events`. Exit code 0: nothing was lost, nothing came twice, and what should be refused was.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid

from legacy_past import past_rows
from legacy_service import Database, OldService, Wrong, await_that, require

BIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "bin")
TABLE = """
CREATE TABLE events (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), timestamp timestamptz NOT NULL DEFAULT now(),
                     type text NOT NULL, data jsonb NOT NULL, user_id text, correlation_id uuid);
CREATE INDEX ON events (timestamp);
CREATE TABLE past_lines (line text);
"""
# A line is one column: neither of these is in JSON text.
COPY_LINES = r"\copy past_lines FROM '{}' WITH (FORMAT csv, DELIMITER E'\x02', QUOTE E'\x01')"
FILL = """
INSERT INTO events SELECT (l ->> 'id')::uuid, (l ->> 'timestamp')::timestamptz, l ->> 'type', l -> 'data',
                          l ->> 'user_id', (l ->> 'correlation_id')::uuid
FROM (SELECT line::jsonb AS l FROM past_lines) lines;
CREATE TABLE past AS SELECT id FROM events;
ANALYZE events; ANALYZE past;
"""
# What an old reader sees of the past, whatever `events` is.
PAST_SEEN = """
SELECT count(*) || ' ' || md5(string_agg(md5(concat_ws('|', e.id, e.type, e.data, e.user_id, e.correlation_id)), ''
                                         ORDER BY e.id))
FROM events e JOIN past USING (id)
"""


class Move:
    def __init__(self, arguments, database, server):
        self.arguments, self.database, self.server = arguments, database, server
        self.folder = tempfile.mkdtemp(prefix="move-in-")
        self.running, self.appended = [], []
        self.service = None

    def command(self, *words):
        return [os.path.join(BIN, "eventctl"), *words, "--database", self.database.conninfo]

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    def eventctl(self, *words, code=0):
        """Run to its end, with what it prints for people shown."""
        began = time.monotonic()
        done = subprocess.run(self.command(*words), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        self.say(f"$ eventctl {' '.join(words)}   # exit code {done.returncode}, {time.monotonic() - began:.1f} s")
        for line in (done.stdout + done.stderr).splitlines()[:24]:
            print(f"         {line}", flush=True)
        require(done.returncode == code, f"eventctl {words} ended with {done.returncode}, not {code}")
        return done.stdout + done.stderr

    def start(self, *words):
        process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self.command(*words)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.running.append(process)
        return process

    def kill(self, process, what):
        require(process.poll() is None, f"{what} has ended before it could be killed")
        process.kill()
        process.wait()
        self.say(f"{what} was ended with SIGKILL")

    def append(self):
        """A new service, which writes to the store."""
        entity, event = str(uuid.uuid4()), str(uuid.uuid4())
        subprocess.run([os.path.join(BIN, "eventctl"), "--server", self.server, "append", entity, "--event", "file.added",
                        "--data", json.dumps({"entityId": entity, "new": True}), "--id", event, "--any-version"],
                       check=True, stdout=subprocess.DEVNULL)
        self.appended.append(event)

    def status(self):
        done = subprocess.run([*self.command("dual-write", "status"), "--json"], capture_output=True, text=True, check=False)
        return json.loads(done.stdout)

    def await_caught_up(self):
        await_that(lambda: self.status()["lag_rows"] <= self.arguments.rate, "dual write to catch up")

    def load(self):
        path = os.path.join(self.folder, "past.jsonl")
        os.chmod(self.folder, 0o755)
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(past_rows(self.arguments.file, self.arguments.rows))
        self.database.run(TABLE + COPY_LINES.format(path) + "\n" + FILL)
        os.unlink(path)
        rows = self.database.number("count(*) FROM events")
        self.say(f"a legacy table of {rows} rows, {self.database.run('SELECT min(timestamp)::date FROM events')} to "
                 f"{self.database.run('SELECT max(timestamp)::date FROM events')}; {self.arguments.rate} inserts a second go on")
        return rows

    def copy(self, rows):
        words = ["migrate-events", "--table", "events"]
        if self.arguments.batch_size:
            words += ["--batch-size", str(self.arguments.batch_size)]
        first = self.start(*words)
        await_that(lambda: self.database.number("count(*) FROM migration_places") and self.database.number(
            "sum(written) FROM migration_places") > rows * 0.4 or first.poll() is not None, "two fifths of the copy")
        self.kill(first, "migrate-events")
        self.say(f"{self.database.number('sum(written) FROM migration_places')} of {rows} rows had been written")
        self.eventctl(*words)

    def compare(self, table="events"):
        """Rows that bring old times meanwhile would be differences: they may come between the two readings."""
        words = ["verify-migration", "--table", table]
        if table != "events":
            mapping = os.path.join(self.folder, "events.toml")
            with open(mapping, "w", encoding="utf-8") as file:
                file.write('table = "events"\n')
            words += ["--mapping", mapping]
        else:
            self.service.with_old_times = False
            self.service.await_more(2 * self.arguments.rate)
            words += ["--until", self.database.run("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")]
            self.service.await_more(2 * self.arguments.rate)
            self.await_caught_up()
        self.eventctl(*words)
        self.service.with_old_times = True

    def switch(self):
        self.eventctl("cutover", "check")
        self.eventctl("cutover", "switch", "--yes")
        require(self.kind() == "v", "events is no view after the switch")
        require(self.database.run(PAST_SEEN) == self.past, "an old reader sees another past after the switch")
        self.service.await_more(self.arguments.rate)
        self.append()
        require(self.database.number(f"count(*) FROM events WHERE id = '{self.appended[-1]}'") == 1,
                "an old reader does not see what was appended")

    def kind(self):
        return self.database.run("SELECT relkind FROM pg_class WHERE oid = 'events'::regclass")

    def run(self):
        rows = self.load()
        self.past = self.database.run(PAST_SEEN)
        self.service = OldService(self.database, self.arguments.rate)
        self.service.await_more(self.arguments.rate)
        self.eventctl("dual-write", "install", "--table", "events")
        require("never compared" in self.eventctl("cutover", "switch", "--yes", code=1), "a switch without a check")
        self.copy(rows)
        forwarder = self.start("dual-write", "run", "--batch-size", "50")
        await_that(lambda: self.status()["forwarder_running"], "the forwarder")
        self.service.await_more(self.arguments.rate)
        self.kill(forwarder, "dual-write run")
        self.service.await_more(self.arguments.rate)
        forwarder = self.start("dual-write", "run")
        self.await_caught_up()
        self.compare()
        self.switch()
        self.eventctl("cutover", "rollback", "--yes")
        require(self.kind() == "r", "events is no table after the rollback")
        require(self.database.run(PAST_SEEN) == self.past, "an old reader sees another past after the rollback")
        require(self.database.number(f"count(*) FROM events WHERE id = '{self.appended[-1]}'") == 1,
                "what was appended is not in the legacy table after the rollback")
        self.service.await_more(self.arguments.rate)
        self.await_caught_up()
        self.switch()
        self.service.stop()
        await_that(lambda: self.status()["lag_rows"] == 0, "the last rows")
        self.kill(forwarder, "dual-write run")
        self.eventctl("dual-write", "status")
        self.compare("events_legacy")
        archive = ["cutover", "drop-legacy", "--archive", self.folder, "--yes"]
        require("through the view" in self.eventctl(*archive, code=1), "a table that was written to just now is dropped")
        left = self.database.number("count(*) FROM events_legacy")
        self.eventctl(*archive, "--quiet", "0s")
        self.eventctl("verify")
        self.judge(rows, left)

    def judge(self, rows, left):
        expected = rows + len(self.service.ids) + len(self.appended)
        require(left == expected, f"the legacy table had {left} rows in the end, not {expected}")
        stored = self.database.run("SELECT count(*) || ' ' || count(DISTINCT id) FROM events_v2")
        require(stored == f"{expected} {expected}", f"the store has {stored} events, not {expected}")
        ids = ",".join(f"('{one}')" for one in self.service.ids + self.appended)
        lost = self.database.number(f"count(*) FROM (VALUES {ids}) a (id) WHERE NOT EXISTS (SELECT FROM events_v2 e WHERE "
                                    "e.id = a.id::uuid)")
        require(lost == 0, f"{lost} rows that were committed are not in the store")
        files = [name for name in os.listdir(self.folder) if name.endswith(".zst")]
        sums = subprocess.run(["sha256sum", "-c", files[0] + ".sha256"], cwd=self.folder, check=False, capture_output=True)
        require(len(files) == 1 and sums.returncode == 0, "the archive is not what its checksum says")
        lines = subprocess.run(f"zstdcat {files[0]} | wc -l", shell=True, cwd=self.folder, check=True, capture_output=True)
        require(int(lines.stdout) == left, "the archive does not have all rows")
        self.say(f"{rows} rows of the past, {len(self.service.ids)} of the old service and {len(self.appended)} appends are in "
                 f"the store, each once; the old service never waited longer than {self.service.longest_s * 1000:.0f} ms")

    def end(self):
        if self.service:
            self.service.stop()
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder)


def start_server(folder):
    """A server of our own. Its address, and its process."""
    os.chmod(folder, 0o755)  # started by root, PostgreSQL runs with another account, which has to get in
    log = os.path.join(folder, "server.log")
    with open(log, "w", encoding="utf-8") as file:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", os.path.join(BIN, "eventstored"), "--data-dir", os.path.join(folder, "data"),
             "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL, stdout=file, stderr=file)

    def address():
        with open(log, encoding="utf-8") as file:
            text = file.read()
        require(process.poll() is None, f"eventstored ended: {text[-2000:]}")
        found = re.search(r"serving gRPC on (\S+)", text)
        return found and found.group(1)

    await_that(address, "the server")
    return address(), process


def database_of(data_dir):
    with open(os.path.join(data_dir, "conninfo"), encoding="utf-8") as file:
        conninfo = file.read().strip()
    with open(os.path.join(data_dir, "pgdata", "postmaster.pid"), encoding="utf-8") as file:
        programs = os.path.dirname(os.readlink(f"/proc/{int(file.readline())}/exe"))
    return Database(os.path.join(programs, "psql"), conninfo)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--rows", type=int, default=4000, help="of a past that is made up (default 4000)")
    parser.add_argument("--rate", type=int, default=50, help="inserts of the old service a second (default 50)")
    parser.add_argument("--batch-size", type=int, help="of migrate-events (default its own)")
    parser.add_argument("--data-dir", help="of a server that runs")
    parser.add_argument("--server", help="its address, HOST:PORT")
    arguments = parser.parse_args()
    if bool(arguments.data_dir) != bool(arguments.server):
        parser.error("--data-dir and --server go together")
    folder, process = tempfile.mkdtemp(prefix="move-in-"), None
    move = None
    try:
        server, data_dir = arguments.server, arguments.data_dir
        if not server:
            server, process = start_server(folder)
            data_dir = os.path.join(folder, "data")
        move = Move(arguments, database_of(data_dir), server)
        move.run()
        return 0
    except Wrong as wrong:
        print(f"WRONG: {wrong}", file=sys.stderr)
        return 1
    finally:
        if move:
            move.end()
        if process:
            process.terminate()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
