#!/usr/bin/env python3
"""What a change of an execution's status costs in the database, beside a bare UPDATE of the same row.

    tools/bench/operations.py [--engine native] [--seconds 10] [--days 90]

Starts the built eventstored with a private PostgreSQL in a folder of its own, which is removed, and runs pgbench there by
turns: the statement of MoveExecution (storage/operations/record_change.cc) on `execution`, with its trigger and history, and
the same UPDATE on a table that is cut in the same way, with the same indexes and rows and without any trigger. Then it
reads executions by id with and without `created`, with --days of chunks. Prints a table.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

ROWS = 2_000
_UPDATE = """
UPDATE {table} SET status = '{status}', started_at = CASE WHEN '{status}' = 'running'
    THEN coalesce(started_at, clock_timestamp()) ELSE started_at END
WHERE id = md5('bench' || :n)::uuid AND created = '{created}'
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--engine", default="timescaledb", choices=("timescaledb", "native"))
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--days", type=int, default=90)
    return parser.parse_args()


class Cluster:
    """The server, for its schema and its PostgreSQL; pgbench and psql go past it."""

    def __init__(self, options):
        self.folder = tempfile.mkdtemp(prefix="eventstore-bench-")
        os.chmod(self.folder, 0o755)
        self.data = os.path.join(self.folder, "data")
        self.server = subprocess.Popen(
            [os.path.join(options.build, "bin", "eventstored"), "--data-dir", self.data, "--engine", options.engine,
             "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--housekeeper=false"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.server.stdout:
            if "serving gRPC" in line:
                break
        else:
            sys.exit("eventstored did not start")
        with open(os.path.join(self.data, "conninfo"), encoding="utf-8") as file:
            self.conninfo = file.read().strip()
        # The binaries that the server found.
        postmaster = int(open(os.path.join(self.data, "pgdata", "postmaster.pid"), encoding="utf-8").readline())
        self.bin = os.path.dirname(os.path.realpath(f"/proc/{postmaster}/exe"))

    def sql(self, text):
        done = subprocess.run([os.path.join(self.bin, "psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d",
                               self.conninfo], input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        return done.stdout.strip()

    def pgbench(self, script, seconds, clients, waits=True):
        """Times of single transactions in microseconds, sorted. `waits`: for the disk, at each commit."""
        path = os.path.join(self.folder, "script.sql")
        with open(path, "w", encoding="utf-8") as file:
            file.write(script)
        prefix = os.path.join(self.folder, "times")
        done = subprocess.run(
            [os.path.join(self.bin, "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(seconds),
             "-l", "--log-prefix", prefix, "-f", path, self.conninfo], capture_output=True, text=True, check=False,
            env={**os.environ, "PGOPTIONS": f"-c synchronous_commit={'on' if waits else 'off'}"})
        if done.returncode:
            sys.exit(done.stderr)
        times = []
        for name in os.listdir(self.folder):
            if re.match(r"times\.\d+", name):
                with open(os.path.join(self.folder, name), encoding="utf-8") as file:
                    times.extend(int(line.split()[2]) for line in file)
                os.unlink(os.path.join(self.folder, name))
        return sorted(times)

    def stop(self):
        self.server.terminate()
        self.server.wait(90)
        shutil.rmtree(self.folder)


def percentile(times, share):
    return times[min(len(times) - 1, int(len(times) * share))] / 1000


def show(name, times):
    print(f"{name:<34} {len(times):>8} {percentile(times, .5):>9.3f} {percentile(times, .95):>9.3f} "
          f"{percentile(times, .99):>9.3f}")


def main():
    options = arguments()
    cluster = Cluster(options)
    try:
        # The twin: cut in the same way, with the same indexes, and without triggers.
        cluster.sql("CREATE TABLE bare (LIKE execution INCLUDING DEFAULTS INCLUDING CONSTRAINTS);"
                    "SELECT cut_by_time('bare', 'created', '1 day');"
                    "INSERT INTO time_tables (table_name, time_column, compress_by, interval_us) "
                    "VALUES ('bare', 'created', 'action_ref', 86400000000);"
                    "ALTER TABLE bare ADD PRIMARY KEY (id, created);"
                    "CREATE INDEX ON bare (created, id); CREATE INDEX ON bare (action_ref, created, id);"
                    "CREATE INDEX ON bare (status, created, id);"
                    "CREATE INDEX ON bare (correlation_id, created, id) WHERE correlation_id IS NOT NULL;"
                    "SELECT make_partitions('bare', now() - interval '1 day', now() + interval '2 days')")
        created = cluster.sql("SELECT clock_timestamp()")
        for table in ("execution", "bare"):
            cluster.sql(f"INSERT INTO {table} (id, created, action_ref, parameters) SELECT md5('bench' || n)::uuid, "
                        f"'{created}', 'action.' || n % 20, '{{\"a\": 1}}' FROM generate_series(1, {ROWS}) n; "
                        f"VACUUM ANALYZE {table}")
        scripts = {}
        for name, table in (("bare UPDATE", "bare"), ("status change with history", "execution")):
            # Each changes the status, from one of two to the other.
            scripts[name] = (f"\\set n random(1, {ROWS})\n" +
                             _UPDATE.format(table=table, created=created, status="running").replace(
                                 "'running'", "CASE WHEN status = 'running' THEN 'scheduled' ELSE 'running' END", 1)
                             .replace("\n", " ") + ";\n")
        for waits, what in ((True, "committed to disk"), (False, "without waiting for the disk: what the processor does")):
            times = {name: [] for name in scripts}
            for _ in range(options.rounds):
                for name, script in scripts.items():
                    times[name].extend(cluster.pgbench(script, options.seconds, options.clients, waits))
            print(f"\nengine {options.engine}, {options.clients} client(s), {options.rounds} x {options.seconds} s each, "
                  f"milliseconds, {what}\n")
            print(f"{'':<34} {'times':>8} {'p50':>9} {'p95':>9} {'p99':>9}")
            for name, some in times.items():
                times[name] = sorted(some)
                show(name, times[name])
            bare, tracked = times.values()
            print(f"{'ratio':<34} {'':>8} {percentile(tracked, .5) / percentile(bare, .5):>9.2f} "
                  f"{percentile(tracked, .95) / percentile(bare, .95):>9.2f} "
                  f"{percentile(tracked, .99) / percentile(bare, .99):>9.2f}")

        cluster.sql(f"SELECT make_partitions('execution', now() - interval '{options.days} days', now());"
                    f"INSERT INTO execution (id, created, action_ref) SELECT md5('old' || n)::uuid, "
                    f"now() - n % {options.days} * interval '1 day', 'old' FROM generate_series(1, 20000) n;"
                    f"ANALYZE execution")
        print(f"\nreads of one execution by its id, {options.days} days of chunks, planned for their values\n")
        print(f"{'':<34} {'times':>8} {'p50':>9} {'p95':>9} {'p99':>9}")
        oldest = cluster.sql("SELECT to_char(min(created), 'YYYY-MM-DD HH24:MI:SS.US+00') FROM execution")
        custom = "SET plan_cache_mode = force_custom_plan;\n"
        show("with created", cluster.pgbench(
            f"{custom}SELECT status FROM execution WHERE id = md5('old1')::uuid AND created = '{oldest}';\n", 3, 1))
        show("without, every chunk", cluster.pgbench(
            f"{custom}\\set n random(1, 20000)\nSELECT status FROM execution WHERE id = md5('old' || :n)::uuid;\n", 3, 1))
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
