"""PostgreSQL with TimescaleDB, as a process that is started again whenever it ends; backup and restore."""
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from faults.machine import fake_clock_library
from harness.database import Database
from harness.server import Server, wait_until

PATIENCE_S = 240
_CONF = """
listen_addresses = ''
unix_socket_directories = '{run}'
port = 5432
max_connections = 100
shared_preload_libraries = '{preload}'
timescaledb.telemetry_level = off
max_worker_processes = 16
max_locks_per_transaction = 64
shared_buffers = 64MB
min_wal_size = 32MB
max_wal_size = 96MB
checkpoint_timeout = 30s
wal_level = replica
jit = off
random_page_cost = 1.1
timezone = UTC
log_timezone = UTC
log_line_prefix = '%m [%p] %a: '
"""
_ARCHIVE = """
archive_mode = on
archive_command = 'test -f {archive}/%f || (cp %p {archive}/%f.new && mv {archive}/%f.new {archive}/%f)'
restore_command = 'cp {archive}/%f %p'
"""
_FAKETIME_SETTINGS = ("FAKETIME_NO_CACHE=1", "FAKETIME_DONT_RESET=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_DISABLE_SHM=1")


class Template:
    """A migrated, empty cluster that was stopped in good order. Made once, copied for each schedule."""

    def __init__(self, folder):
        os.chmod(folder, 0o755)
        data = os.path.join(folder, "data")
        os.mkdir(data)
        server = Server(data_dir=data)
        self.programs = os.path.dirname(os.readlink(f"/proc/{server.postmaster_pid()}/exe"))
        if server.stop() != 0:
            raise AssertionError(f"the server that made the template did not stop well:\n{server.last_log}")
        self.pgdata = os.path.join(data, "pgdata")

    @staticmethod
    def of(pgdata, programs):
        template = Template.__new__(Template)
        template.pgdata, template.programs = pgdata, programs
        return template


class Cluster:
    """In `folder`, of which `folder`/disk may be a disk of its own. tick() has to be called often: it starts again what ended."""

    def __init__(self, folder, template, archive=False, fake_clock=False):
        self._programs = template.programs
        self._pgdata = os.path.join(folder, "disk", "pgdata")
        self._run, self._archive = os.path.join(folder, "run"), os.path.join(folder, "archive") if archive else None
        self._backup, self._clock = os.path.join(folder, "backup"), os.path.join(folder, "clock") if fake_clock else None
        self.fake_clock = fake_clock
        self._log_path = os.path.join(folder, "postgres.log")
        owner = os.stat(template.pgdata)
        self._owner = (owner.st_uid, owner.st_gid)
        self._process, self._not_before, self._wanted = None, 0.0, True
        self._clock_lock = threading.Lock()
        self.starts = 0
        for path in filter(None, (self._run, self._archive, self._backup)):
            os.mkdir(path, 0o700)
            os.chown(path, *self._owner)
        os.makedirs(os.path.dirname(self._pgdata), exist_ok=True)
        os.chmod(os.path.dirname(self._pgdata), 0o755)
        subprocess.run(["cp", "-a", template.pgdata, self._pgdata], check=True)
        self._configure()
        if fake_clock:
            self.set_clock(0)

    def _configure(self):
        preload = "timescaledb" if os.environ.get("EVENTSTORE_TEST_ENGINE") != "native" else ""
        text = _CONF.format(run=self._run, preload=preload)
        if self._archive:
            text += _ARCHIVE.format(archive=self._archive)
        self._write("postgresql.conf", text)
        self._write("pg_hba.conf", "local all all trust\nlocal replication all trust\n")

    def _write(self, name, text):
        path = os.path.join(self._pgdata, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chown(path, *self._owner)

    def _as_owner(self, command):
        if os.geteuid() != 0:
            return command
        uid, gid = self._owner
        return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *command]

    @property
    def socket(self):
        return os.path.join(self._run, ".s.PGSQL.5432")

    @property
    def conninfo(self):
        return f"host='{self._run}' port=5432 user=eventstore dbname=eventstore"

    def database(self):
        return Database(os.path.join(self._programs, "psql"), self.conninfo)

    def log(self):
        if not os.path.exists(self._log_path):
            return ""
        with open(self._log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    # Called by one thread, that of the site: the processes die with it.

    def tick(self):
        if not self._wanted or time.monotonic() < self._not_before:
            return
        if self._process is None or self._process.poll() is not None:
            self._start()
            # One that cannot start (a full disk, an old backend that stands still) is not started all the time.
            self._not_before = time.monotonic() + 0.3

    def _start(self):
        command = [os.path.join(self._programs, "postgres"), "-D", self._pgdata]
        if self._clock:
            # By env, since what comes before it runs as somebody else, whose semaphore it could not use.
            command = ["env", f"LD_PRELOAD={fake_clock_library()}", f"FAKETIME_TIMESTAMP_FILE={self._clock}", *_FAKETIME_SETTINGS,
                       *command]
        self.starts += 1
        with open(self._log_path, "a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                self._as_owner(["setpriv", "--pdeathsig", "KILL", *command]), stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, cwd="/", start_new_session=True)

    # Faults.

    def postmaster(self):
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def backends(self):
        """Process ids of those that serve a client."""
        postmaster, found = self.postmaster(), []
        for status in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(status, encoding="utf-8", errors="replace") as file:
                    parent = int(file.read().rsplit(")", 1)[1].split()[1])
                with open(status[:-4] + "cmdline", encoding="utf-8", errors="replace") as file:
                    command = file.read()
            except (OSError, IndexError):
                continue
            if parent == postmaster and " [local]" in command:
                found.append(int(status.split("/")[2]))
        return sorted(found)

    def kill(self, pause_s=0):
        self._not_before = time.monotonic() + pause_s
        if self.postmaster():
            self._process.kill()

    def set_clock(self, seconds):
        with self._clock_lock, open(self._clock + ".new", "w", encoding="utf-8") as file:
            file.write(f"{seconds:+.0f}\n")
            file.flush()
            os.chmod(file.name, 0o644)
            os.rename(file.name, self._clock)

    def await_serving(self, what="PostgreSQL"):
        def serving():
            try:
                return self.database().run("SELECT NOT pg_is_in_recovery()") == "t"
            except AssertionError:
                return False

        try:
            wait_until(serving, f"{what} to serve", PATIENCE_S)
        except AssertionError as error:
            raise AssertionError(f"{error}; its log ends: {self.log()[-1500:]}") from None

    # Backup and restore.

    def take_backup(self):
        def taken():
            with tempfile.TemporaryFile("w+") as output:
                done = subprocess.run(
                    self._as_owner([os.path.join(self._programs, "pg_basebackup"), "-d", self.conninfo, "-D",
                                    os.path.join(self._backup, "pgdata"), "-c", "fast", "-X", "none"]),
                    stdout=output, stderr=subprocess.STDOUT, cwd="/", check=False)
                output.seek(0)
                self._backup_said = output.read()
            if done.returncode != 0:
                shutil.rmtree(os.path.join(self._backup, "pgdata"), ignore_errors=True)
            return done.returncode == 0

        wait_until(taken, "pg_basebackup to succeed", PATIENCE_S)

    def mark(self, by_time):
        """A moment to go back to: the setting of PostgreSQL that says so. Everything that was acknowledged before the call is
        before it."""
        def marked():
            try:
                if by_time:
                    moment = self.database().run("SELECT clock_timestamp()")
                    return f"recovery_target_time = '{moment}'"
                self.database().run("SELECT pg_create_restore_point('the moment')")
                return "recovery_target_name = 'the moment'"
            except AssertionError:
                return None

        return wait_until(marked, "a restore point to be made", PATIENCE_S)

    def stop_and_put_back(self, target):
        """The thread of the site must call tick() meanwhile. Comes back when the restored cluster serves."""
        # A commit after the target: a recovery that finds none takes the target for wrong.
        self.await_serving()
        self.database().run("SELECT pg_current_xact_id()")
        self._wanted = False
        os.kill(self.postmaster(), signal.SIGQUIT)
        wait_until(lambda: self.postmaster() is None, "PostgreSQL to stop", PATIENCE_S)
        # Its last WAL was not archived yet.
        for path in glob.glob(os.path.join(self._pgdata, "pg_wal", "0*")):
            to = os.path.join(self._archive, os.path.basename(path))
            if os.path.isfile(path) and not os.path.exists(to):
                subprocess.run(["cp", "-a", path, to], check=True)
        shutil.rmtree(self._pgdata)
        subprocess.run(["cp", "-a", os.path.join(self._backup, "pgdata"), self._pgdata], check=True)
        self._write("postgresql.auto.conf", f"{target}\nrecovery_target_action = promote\n")
        self._write("recovery.signal", "")
        self._wanted = True
        self.await_serving("the restored PostgreSQL")
        self.database().run("ALTER SYSTEM RESET ALL")

    def stop(self):
        self._wanted = False
        if self.postmaster():
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
