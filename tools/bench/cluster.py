"""The one PostgreSQL that all who need one are measured on, and the event store in front of it.

It is started as the server's embedded default starts it, by a server of ours that then does nothing but supervise
it; the servers that are measured are others, each on a fresh database.
"""

import os
import re
import time
import urllib.error
import urllib.request

from processes import Failed, Process, environment, run

# Beside what the server decides itself. 64 clients of pgbench, and the pools of peers, need connections.
LOCAL_CONF = {
    "shared_buffers": "1GB",
    "max_connections": "300",
    "fsync": "on",
    "synchronous_commit": "on",
}
TEMPLATE = "bench_template"


def parse_conninfo(text):
    """ "host=/run/x user='a b'" as a dictionary."""
    pairs = re.findall(r"(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\S+))", text)
    return {key: re.sub(r"\\(.)", r"\1", quoted) if quoted else plain for key, quoted, plain in pairs}


class Cluster:
    def __init__(self, folder, binaries):
        self.folder = folder
        self.binaries = binaries
        data = os.path.join(folder, "cluster")
        # Started as root, PostgreSQL runs as another account, which has to enter.
        os.makedirs(data, mode=0o755, exist_ok=True)
        with open(os.path.join(data, "local.conf"), "w", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in LOCAL_CONF.items())
        command = [os.path.join(binaries, "eventstored"), "--data-dir", data]
        command += ["--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]
        self._supervisor = Process(command, os.path.join(folder, "supervisor.log"))
        self._supervisor.wait_for_log(r"serving gRPC on")
        with open(os.path.join(data, "conninfo"), encoding="utf-8") as file:
            self._conninfo = file.read().strip()
        with open(os.path.join(data, "pgdata", "postmaster.pid"), encoding="utf-8") as file:
            self.postmaster = int(file.readline())
        # The programs beside the postgres that runs: of the same version.
        self.programs = os.path.dirname(os.readlink(f"/proc/{self.postmaster}/exe"))
        self._made = set()
        for leftover in self.rows("SELECT datname FROM pg_database WHERE datname LIKE 'bench_%'"):
            self.drop(leftover)

    def conninfo(self, database="postgres"):
        # Of two values for one keyword libpq takes the later.
        return f"{self._conninfo} dbname={database}"

    def login(self):
        """host, user and password for clients that are not libpq."""
        values = parse_conninfo(self._conninfo)
        with open(values["passfile"], encoding="utf-8") as file:
            values["password"] = file.readline().rstrip("\n").rpartition(":")[2]
        return values

    def psql(self, database, script):
        """Runs SQL and psql's own commands; what they print."""
        command = [self.program("psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.conninfo(database)]
        return run([*command, "-f", "-"], input=script, timeout=3600)

    def rows(self, sql, database="postgres"):
        return self.psql(database, sql).split()

    def program(self, name):
        return os.path.join(self.programs, name)

    def template(self):
        """A database that holds our schema and nothing else."""
        if TEMPLATE not in self._made:
            self.create(TEMPLATE, "template0")
            with Store(self, TEMPLATE):
                pass
            self.seal(TEMPLATE)
        return TEMPLATE

    def seal(self, database):
        """Nobody may connect any more: one that is in use cannot be copied, and TimescaleDB's scheduler uses it."""
        self.psql(
            "postgres",
            f"ALTER DATABASE {database} WITH ALLOW_CONNECTIONS false;"
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{database}';",
        )

    def create(self, database, template):
        self.psql("postgres", f"CREATE DATABASE {database} TEMPLATE {template}")
        self._made.add(database)

    def drop(self, database):
        self.psql("postgres", f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        self._made.discard(database)

    def fresh(self, template=None):
        """A new database for one cell; with everything written out, so that each begins alike."""
        database = f"bench_cell_{os.getpid()}_{time.monotonic_ns()}"
        self.create(database, template or self.template())
        self.psql("postgres", "CHECKPOINT")
        return database

    def versions(self):
        extension = "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
        return {
            "postgresql": self.rows("SHOW server_version")[0],
            "timescaledb": self.rows(extension, "eventstore")[0],
            "settings": {name: self.psql("postgres", f"SHOW {name}").strip() for name in sorted(LOCAL_CONF)},
        }

    def stop(self):
        for database in list(self._made):
            try:
                self.drop(database)
            except Failed:
                pass  # the next start drops what is left
        self._supervisor.stop()


class Store:
    """The event store on one database: with Store(cluster, database) as store: ..."""

    def __init__(self, cluster, database, **settings):
        env = environment(DATABASE_URL=cluster.conninfo(database))
        # Upkeep runs for the first time when a server first sees a store, and would count it while it is measured.
        env["EVENTSTORE_HOUSEKEEPER"] = "false"
        env.update({f"EVENTSTORE_{name.upper()}": str(value) for name, value in settings.items()})
        command = [os.path.join(cluster.binaries, "eventstored")]
        command += ["--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]
        self._process = Process(command, os.path.join(cluster.folder, "store.log"), env=env)
        try:
            addresses = self._process.wait_for_log(r"serving gRPC on (\S+) and HTTP on (\S+)")
            self.address, self._http = addresses.groups()
            self._process.wait_for(self._is_ready)
        except BaseException:
            self.stop()
            raise

    def _is_ready(self):
        try:
            with urllib.request.urlopen(f"http://{self._http}/readyz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    @property
    def pid(self):
        return self._process.pid

    def stop(self):
        self._process.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
