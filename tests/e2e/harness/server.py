"""The real eventstored as a child process, by default with its private PostgreSQL in a fresh folder."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

from harness.client import SLOWER, Client
from harness.database import Database

BINARY = os.environ["EVENTSTORED_BINARY"]
# What this run is about: "timescaledb" or "native"; the first where nothing is said.
ENGINE = os.environ.get("EVENTSTORE_TEST_ENGINE", "timescaledb")
# initdb on a busy machine is the longest part.
PATIENCE_S = 120 * SLOWER
# Of the private PostgreSQL. Nothing here pulls the plug, so fsync only costs time; and with the number of locks that
# PostgreSQL ships with, a statement that opens too many chunks fails here before it fails for somebody else.
_LOCAL_CONF = "fsync = off\nfull_page_writes = off\nshared_buffers = 64MB\nmax_locks_per_transaction = 64\n"


def wait_until(condition, what, patience_s=30):
    """Returns condition()'s value as soon as it is true; fails the test when it does not become so. what: a text, or
    what makes one then."""
    end = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience_s} s for: {what() if callable(what) else what}")
        time.sleep(0.01)


class Server:
    """Runs from construction to stop(); a folder of its own is removed then."""

    def __init__(self, database_url=None, data_dir=None, settings=None, credentials=None):
        self._own_folder = None
        self._credentials = credentials  # of the clients that ask for its health
        arguments = ["--http-listen", "127.0.0.1:0"]
        environment = {
            key: value
            for key, value in os.environ.items()
            if key != "DATABASE_URL" and not (key.startswith("EVENTSTORE_") and key != "EVENTSTORE_PG_BIN")
        }
        if database_url:
            environment["DATABASE_URL"] = database_url
        else:
            if data_dir is None:
                # Mode 0755: started as root, PostgreSQL runs as another account and has to enter.
                self._own_folder = tempfile.mkdtemp(prefix="eventstore-e2e-")
                os.chmod(self._own_folder, 0o755)
                data_dir = os.path.join(self._own_folder, "data")
                os.mkdir(data_dir, 0o755)
                with open(os.path.join(data_dir, "local.conf"), "w", encoding="utf-8") as file:
                    file.write(_LOCAL_CONF)
            arguments += ["--data-dir", data_dir]
        self.data_dir = data_dir
        # A database that is there has its engine already.
        if not database_url and ENGINE:
            environment["EVENTSTORE_ENGINE"] = ENGINE
        # The tests write into past days behind the server's back, which nothing may do once they are closed. And they count
        # readers that wait, of which none shall be looking at groups.
        for key, value in {"close_chunks_seconds": 0, "sample_groups_seconds": 0, **(settings or {})}.items():
            environment["EVENTSTORE_" + key.upper()] = str(value)
        handle, self._log_path = tempfile.mkstemp(prefix="eventstore-e2e-", suffix=".log")
        os.close(handle)
        self._arguments, self._environment = arguments, environment
        self._start(0)

    def _start(self, port):
        # The signal at the parent's death: a suite that is killed takes its server with it.
        with open(self._log_path, "w", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", BINARY, "--grpc-listen", f"127.0.0.1:{port}", *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
            )
        try:
            self.address, self.http_address = self._await_addresses()
            self._await_health()
        except BaseException:
            self.stop()
            raise

    def restart(self, **settings):
        """SIGKILL, and another one of the same data at the same address; `settings` replace those of before."""
        for key, value in settings.items():
            self._environment["EVENTSTORE_" + key.upper()] = str(value)
        self._process.kill()
        self._process.wait()
        self._start(self.address.rsplit(":", 1)[1])

    @property
    def pid(self):
        return self._process.pid

    def log(self):
        with open(self._log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def _await_addresses(self):
        def serving():
            found = re.search(r"serving gRPC on (\S+) and HTTP on (\S+)", self.log())
            if found is None and self._process.poll() is not None:
                raise AssertionError(f"eventstored ended with {self._process.returncode}:\n{self.log()}")
            return found

        return wait_until(serving, "the server to serve", PATIENCE_S).groups()

    def _await_health(self):
        client = Client(self.address, credentials=self._credentials)
        wait_until(lambda: client.health() == "SERVING", "the server to say SERVING", PATIENCE_S)
        client.close()

    def conninfo(self):
        """Of the private PostgreSQL."""
        with open(os.path.join(self.data_dir, "conninfo"), encoding="utf-8") as file:
            return file.read().strip()

    def postmaster_pid(self):
        with open(os.path.join(self.data_dir, "pgdata", "postmaster.pid"), encoding="utf-8") as file:
            return int(file.readline())

    def database(self):
        programs = os.path.dirname(os.readlink(f"/proc/{self.postmaster_pid()}/exe"))
        return Database(os.path.join(programs, "psql"), self.conninfo())

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/status", encoding="utf-8") as file:
            return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1)) * 1024

    def signal(self, number):
        self._process.send_signal(number)

    def wait(self, patience_s=60 * SLOWER):
        """The exit code."""
        return self._process.wait(patience_s)

    def running(self):
        return self._process.poll() is None

    def stop(self):
        """SIGTERM and wait; the exit code. SIGKILL when it does not end."""
        if self.running():
            self.signal(signal.SIGTERM)
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self._process.kill()
                self.wait()
        if self._own_folder:
            shutil.rmtree(self._own_folder, ignore_errors=True)
        if os.path.exists(self._log_path):
            self.last_log = self.log()
            os.unlink(self._log_path)
        return self._process.returncode
