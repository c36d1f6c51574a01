"""Two servers over one PostgreSQL, with a network between all of them that can be broken."""
import os
import re
import signal
import subprocess
import threading
import time

from faults.postgres import PATIENCE_S, Cluster
from faults.proxy import Proxy
from faults.schedule import LINKS, SERVERS
from harness.client import Client
from harness.server import BINARY, wait_until

_TICK_S = 0.02


class ServerSlot:
    """A server that is started again when it was killed. One that ends although nobody killed it is a finding."""

    def __init__(self, number, folder, database_url, proxy):
        self.number, self._url, self._proxy = number, database_url, proxy
        self._log_path = os.path.join(folder, f"server-{number}.log")
        self._process, self._not_before, self._killed = None, 0.0, True
        self._began, self._upstream = 0, None
        self.wanted, self.starts, self.findings = True, 0, []

    # Of the thread of the site.

    def tick(self):
        if self._process is not None and self._process.poll() is not None:
            self._ended(self._process.returncode)
            self._process = None
        if self._process is None:
            if self.wanted and time.monotonic() >= self._not_before:
                self._start()
        elif self._upstream is None:
            self._look_for_address()

    def _start(self):
        environment = {key: value for key, value in os.environ.items()
                       if key != "DATABASE_URL" and not key.startswith("EVENTSTORE_")}
        environment.update(DATABASE_URL=self._url, EVENTSTORE_CLOSE_CHUNKS_SECONDS="2", EVENTSTORE_SAMPLE_GROUPS_SECONDS="5",
                           EVENTSTORE_HOUSEKEEPER_RETRY_SECONDS="5", EVENTSTORE_DRAIN_SECONDS="5")
        self._killed, self._upstream = False, None
        self.starts += 1
        with open(self._log_path, "a", encoding="utf-8") as log:
            self._began = log.tell()
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", BINARY, "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment)

    def _look_for_address(self):
        # A new port each time: the old one may have become somebody else's.
        found = re.search(r"serving gRPC on 127.0.0.1:(\d+)", self.log()[-4096:] if self._began == 0 else self._tail())
        if found:
            self._upstream = f"tcp:{found.group(1)}"
            for who in ("writers", "readers"):
                self._proxy.do(f"{who}-{self.number}", "upstream", address=self._upstream)

    def _tail(self):
        with open(self._log_path, encoding="utf-8", errors="replace") as file:
            file.seek(self._began)
            return file.read()

    def _ended(self, code):
        # Before it serves it may give up: its database may be away.
        if not self._killed and (self._upstream is not None or code != 1):
            self.findings.append(f"server {self.number} ended by itself with {code}: {self._tail()[-600:]}")
        self._not_before = max(self._not_before, time.monotonic() + 0.3)

    # Of faults.

    @property
    def pid(self):
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def kill(self, pause_s=0.0):
        self._not_before = time.monotonic() + pause_s
        self.signal(signal.SIGKILL)

    def signal(self, number):
        process = self._process
        if process is not None and process.poll() is None:
            if number in (signal.SIGKILL, signal.SIGTERM):
                self._killed = True
            process.send_signal(number)

    def serving(self):
        return self._process is not None and self._upstream is not None

    def log(self):
        with open(self._log_path, encoding="utf-8", errors="replace") as file:
            return file.read()


class Site:
    def __init__(self, folder, template, archive=False, fake_clock=False):
        self.cluster = Cluster(folder, template, archive, fake_clock)
        self.proxy = Proxy(LINKS)
        self.servers = []
        for number in SERVERS:
            self.proxy.do(f"database-{number}", "upstream", address="unix:" + self.cluster.socket)
            port = self.proxy.ports[f"database-{number}"]
            url = f"host=127.0.0.1 port={port} user=eventstore dbname=eventstore sslmode=disable gssencmode=disable"
            self.servers.append(ServerSlot(number, folder, url, self.proxy))
        self._stopping = threading.Event()
        self._broken = None
        # Processes die with the thread that started them, so one thread starts all.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            while not self._stopping.wait(_TICK_S):
                self.cluster.tick()
                # Not before there is a PostgreSQL: nobody gains from servers that give up.
                if os.path.exists(self.cluster.socket) or self.servers[0].starts:
                    for server in self.servers:
                        server.tick()
        except Exception as error:  # pylint: disable=broad-except
            self._broken = error

    def address(self, who, server):
        """For "writers" or "readers", through the proxy."""
        return f"127.0.0.1:{self.proxy.ports[f'{who}-{server}']}"

    def findings(self):
        if self._broken:
            raise self._broken
        return [finding for server in self.servers for finding in server.findings]

    def await_serving(self):
        self.cluster.await_serving()
        for server in self.servers:
            wait_until(lambda server=server: self.findings() or server.serving(), f"server {server.number} to serve", PATIENCE_S)
            client = Client(self.address("readers", server.number), _QUICK)
            try:
                wait_until(lambda client=client: _says_serving(client), f"server {server.number} to say SERVING", PATIENCE_S)
            finally:
                client.close()

    def stop(self):
        """In good order; what was found."""
        findings = []
        for server in self.servers:
            server.wanted = False
            process = server._process
            server.signal(signal.SIGTERM)
            if process is not None:
                try:
                    if process.wait(60) != 0:
                        findings.append(f"server {server.number} ended with {process.returncode} on SIGTERM")
                except subprocess.TimeoutExpired:
                    findings.append(f"server {server.number} did not end for 60 s after SIGTERM")
                    process.kill()
        self.abandon()
        return findings

    def abandon(self):
        """Whatever state it is in."""
        for server in self.servers:
            server.wanted = False
            server.signal(signal.SIGCONT)
            server.kill()
        self.cluster.stop()
        self._stopping.set()
        self._thread.join()
        self.proxy.stop()


# A client that tries again soon, whatever happened before.
_QUICK = (("grpc.initial_reconnect_backoff_ms", 50), ("grpc.min_reconnect_backoff_ms", 1000),
          ("grpc.max_reconnect_backoff_ms", 500))
QUICK = _QUICK


def _says_serving(client):
    try:
        return client.health(deadline_s=5) == "SERVING"
    except AssertionError:  # Failure is one
        return False
