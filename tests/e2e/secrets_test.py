"""No secret in anything that people or programs read: the server at its most talkative, with a password, keys, tokens and a
TLS key, through calls that go well and calls that fail; then every text it left is searched for each of them."""
import os
import re
import ssl
import subprocess
import urllib.request

from harness import tokens
from harness.client import Client, Failure, append_request, grpc, new_event, new_id
from harness.eventctl import BINARY as EVENTCTL
from harness.keys import KeyFile, new_key
from harness.messages import groups, housekeeper, store
from harness.server import BINARY, Server, wait_until
from harness.suite import StoreTest
from tls_test import Certificates, run


def parts(secret):
    """A secret that is cut is one still: both its ends."""
    return {secret, secret[:24], secret[-24:]}


class SecretsTest(StoreTest):
    def setUp(self):
        super().setUp()
        self.certificates = Certificates("--client", "orders-service")
        self.addCleanup(self.certificates.remove)
        self.keys = KeyFile().add("orders", "reader", "writer").add("chief", "admin").write()
        jwks = self.keys.path + ".jwks"
        with open(jwks, "w", encoding="utf-8") as file:
            file.write(tokens.jwks("one"))
        os.chmod(jwks, 0o644)
        conninfo = self.server.conninfo()
        passfile = re.search(r"passfile='?([^' ]+)", conninfo).group(1)
        with open(passfile, encoding="utf-8") as file:
            self.password = file.read().strip().rsplit(":", 1)[1]
        self.assertGreaterEqual(len(self.password), 16)
        self.conninfo = re.sub(r"passfile=('[^']*'|\S+)", "", conninfo) + f" password={self.password}"
        self.settings = {
            "auth_keys": self.keys.path, "jwt_jwks": jwks, "jwt_issuer": tokens.ISSUER, "jwt_audience": tokens.AUDIENCE,
            "audit_metadata": "true", "log_level": "trace", "slow_request_ms": 1, "reflection": "false",
            **self.certificates.settings(),
        }
        self.guest = Server(database_url=self.conninfo, settings=self.settings, credentials=self.certificates.credentials())
        self.addCleanup(self.guest.stop)
        self.wrong_key = new_key()
        key_lines = self.certificates.read("server.key").decode().splitlines()
        self.secrets = {
            "the database's password": {self.password, self.password[:12], self.password[-12:]},
            "a key": parts(self.keys.key["orders"].removeprefix("esk_")),
            "an admin's key": parts(self.keys.key["chief"].removeprefix("esk_")),
            "a key that is not known": parts(self.wrong_key.removeprefix("esk_")),
            "the hash of a key, as a key": parts("0123456789abcdef" * 4),
            "a token": parts(tokens.GOOD.rsplit(".", 1)[1]),
            "a token's claims": parts(tokens.GOOD.split(".")[1]),
            "a token that is over": parts(tokens.EXPIRED.rsplit(".", 1)[1]),
            "the TLS key": {line for line in key_lines if len(line) > 20 and "-----" not in line},
        }
        self.assertTrue(all(self.secrets.values()))
        self.texts = {}

    def keep(self, where, text):
        self.texts[where] = self.texts.get(where, "") + text

    def call(self, token, method, request, metadata=()):
        client = Client(self.guest.address, credentials=self.certificates.credentials(), token=token, metadata=metadata)
        try:
            client.any(method, request)
        except Failure as failure:
            told = str(getattr(failure, "status", "")) + str([dict(info.metadata) for info in failure.infos])
            self.keep("errors", f"{failure.message}\n{told}\n")
        finally:
            client.close()

    def make_noise(self):
        key, chief = self.keys.key["orders"], self.keys.key["chief"]
        bearers = [None, key, chief, self.wrong_key, "esk_" + "0123456789abcdef" * 4, tokens.GOOD, tokens.EXPIRED,
                   tokens.OTHER_ISSUER, tokens.GOOD + "x", key + "x", key[:-1]]
        name = "secrets-" + new_id()
        requests = [
            ("Append", append_request(new_id(), 0, [new_event()])),
            ("Append", append_request("no uuid", 0, [new_event(data="[")])),
            ("GetAggregateVersion", store.GetAggregateVersionRequest(aggregate_id=new_id())),
            ("ReadAll", store.ReadAllRequest(max_events=1)),
            ("CreateConsumerGroup", groups.CreateConsumerGroupRequest(name=name, from_now={})),
            ("DeleteConsumerGroup", groups.DeleteConsumerGroupRequest(name=name)),
            ("RunTask", housekeeper.RunTaskRequest(task="prune-housekeeper-runs", dry_run=True)),
            ("UpdateSchedule", housekeeper.UpdateScheduleRequest(task="no-such-task", enabled=True)),
            ("ListTasks", housekeeper.ListTasksRequest()),
        ]
        for bearer in bearers:
            for method, request in requests:
                self.call(bearer, method, request)
        for odd in (f"Basic {key}", key, f"Bearer  {key}", f"Bearer {key} {tokens.GOOD}"):
            self.call(None, *requests[2], metadata=[("authorization", odd)])
        self.call(key, *requests[2], metadata=[("authorization", f"Bearer {tokens.GOOD}")])

    def break_files(self):
        """Files that are wrong are told of; their contents are not."""
        self.keys.write(self.keys.text() + f'\n[[identity]]\nname = "x"\nkey = "{self.keys.key["orders"]}"\n')
        wait_until(lambda: self.guest.log().count("auth:") >= 1 and "keys.toml" in self.guest.log(), "the file to be refused")
        with open(self.certificates.path("server.crt"), "wb") as file:
            file.write(self.certificates.read("server.key"))
        client = Client(self.guest.address, credentials=self.certificates.credentials())
        try:
            client.health(deadline_s=5)
        except (Failure, grpc.RpcError):
            pass
        client.close()

    def start_badly(self):
        environment = {**os.environ, "DATABASE_URL": self.conninfo + "x", "EVENTSTORE_LOG_LEVEL": "trace"}
        done = run(BINARY, "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", env=environment)
        self.assertNotEqual(done.returncode, 0)
        self.keep("a start that fails", done.stdout + done.stderr)
        # A URL that cannot be parsed, with the password where it does not belong.
        done = run(BINARY, env={**environment, "DATABASE_URL": f"postgres://x:{self.password}@[:y/z?{self.password}"})
        self.assertEqual(done.returncode, 2)
        self.keep("a setting that is wrong", done.stdout + done.stderr)
        variables = {"EVENTSTORE_" + key.upper(): str(value) for key, value in self.settings.items()}
        done = run(BINARY, "--print-config", env={**environment, **variables, "DATABASE_URL": self.conninfo})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.keep("--print-config", done.stdout + done.stderr)

    def run_tools(self):
        for key in (self.keys.key["chief"], self.wrong_key, tokens.EXPIRED):
            done = subprocess.run(
                [EVENTCTL, "--server", self.guest.address, "--tls-ca", self.certificates.path("ca.crt"), "audit"],
                capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "EVENTSTORE_TOKEN": key})
            self.keep("eventctl", done.stdout + done.stderr)
        done = subprocess.run([EVENTCTL, "migrate", "status"], capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "DATABASE_URL": self.conninfo + "x"})
        self.assertNotEqual(done.returncode, 0)
        self.keep("eventctl", done.stdout + done.stderr)

    def collect(self):
        with open(f"/proc/{self.guest.pid}/cmdline", encoding="utf-8") as file:
            self.keep("the command line", file.read())
        trust = ssl.create_default_context(cafile=self.certificates.path("ca.crt"))
        for path in ("/metrics", "/readyz", "/healthz"):
            url = f"https://{self.guest.http_address}{path}"
            with urllib.request.urlopen(url, timeout=60, context=trust) as answer:
                self.keep(path, answer.read().decode())
        database = self.server.database()
        self.keep("the audit log", database.run("SELECT * FROM audit_log"))
        self.keep("metadata of events", database.run("SELECT metadata FROM events_v2"))
        self.keep("pg_stat_activity", database.run("SELECT application_name, query FROM pg_stat_activity"))
        folder = os.path.join(self.server.data_dir, "log")
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                self.keep("PostgreSQL's log", file.read())

    def test_none_is_found(self):
        self.make_noise()
        self.run_tools()
        self.start_badly()
        self.collect()
        self.break_files()
        log = self.guest.log()
        self.guest.stop()
        self.keep("the server's log", log + self.guest.last_log)
        for where in ("errors", "the server's log", "/metrics", "the audit log", "metadata of events", "eventctl",
                      "the command line", "--print-config", "a start that fails", "a setting that is wrong"):
            self.assertTrue(self.texts.get(where), f"nothing was searched: {where}")
        # What is to be told is told.
        self.assertIn("CREDENTIALS_INVALID", self.texts["the server's log"])
        self.assertIn("ROLE_MISSING", self.texts["the audit log"])
        self.assertIn("orders", self.texts["metadata of events"])
        found = [f"{what} in {where}" for where, text in self.texts.items() for what, secret in self.secrets.items()
                 if any(part in text for part in secret)]
        self.assertEqual(found, [])
