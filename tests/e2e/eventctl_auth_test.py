"""eventctl auth, and how eventctl says who it is."""
import json
import os
import shutil
import stat
import subprocess
import tempfile

from harness.client import new_id
from harness.eventctl import BINARY, FAILED, NEGATIVE, OK, USAGE, eventctl, objects
from harness.keys import KeyFile, sha256
from harness.server import Server
from harness.suite import StoreTest


def local(*arguments, **environment):
    """One that asks no server."""
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, **environment})


class NewKeyTest(StoreTest):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="eventstore-e2e-auth-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name, text=None):
        path = os.path.join(self.folder, name)
        if text is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return path

    def test_lines_for_the_file_and_the_key_apart(self):
        made = local("auth", "new-key", "orders", "--role", "reader", "--role", "writer", "--aggregate-type", "order",
                     "--user", "ada", "--event-type", "order.*")
        self.assertEqual(made.returncode, OK, made.stderr)
        key, = [line for line in made.stderr.splitlines() if line.startswith("esk_")]
        self.assertEqual(len(key), 68)
        self.assertNotIn(key, made.stdout)
        self.assertEqual(made.stdout, f'[[identity]]\nname = "orders"\nkey_sha256 = "{sha256(key)}"\n'
                                      'roles = ["reader", "writer"]\naggregate_types = ["order"]\nuser_ids = ["ada"]\n'
                                      'event_types = ["order.*"]\n')
        checked = local("auth", "check", self.path("keys.toml", made.stdout))
        self.assertEqual(checked.stdout, "orders: reader writer; 1 keys, 0 certificates; limits: aggregate types order; "
                                         "users ada; event types order.*\n")
        listed, = objects(local("--json", "auth", "check", self.path("keys.toml")).stdout)
        self.assertEqual((listed["roles"], listed["event_types"], listed["keys"]), ("reader writer", ["order.*"], 1))

    def test_the_key_into_a_file_that_nobody_else_may_read(self):
        path = self.path("ada.key")
        made = local("auth", "new-key", "ada", "--role", "reader", "--key-file", path)
        self.assertEqual(made.returncode, OK, made.stderr)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        with open(path, encoding="utf-8") as file:
            key = file.read().strip()
        self.assertIn(sha256(key), made.stdout)
        self.assertNotIn(key, made.stdout + made.stderr)
        again = local("auth", "new-key", "ada", "--role", "reader", "--key-file", path)
        self.assertNotEqual(again.returncode, OK)
        self.assertEqual(again.stdout, "")
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read().strip(), key)

    def test_json(self):
        one = json.loads(local("--json", "auth", "new-key", "x", "--role", "admin").stdout)
        self.assertEqual(sha256(one["key"]), one["key_sha256"])
        self.assertIn(one["key_sha256"], one["toml"])
        self.assertIsNone(one["key_file"])

    def test_what_the_server_would_refuse(self):
        for arguments in (["--role", "root"], ["--role", "admin", "--user", "ada"], ["--role", "reader", "--event-type", "*"], []):
            with self.subTest(arguments=arguments):
                made = local("auth", "new-key", "x", *arguments)
                self.assertEqual((made.returncode, made.stdout), (USAGE, ""))
        wrong = local("auth", "check", self.path("wrong.toml", '[[identity]]\nname = "x"\nroles = ["reader"]\n'))
        self.assertEqual(wrong.returncode, NEGATIVE)
        self.assertIn("neither key_sha256 nor certificate", wrong.stderr)
        self.assertEqual(local("auth", "check", self.path("none.toml")).returncode, NEGATIVE)


class TokenFlagTest(StoreTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.keys = KeyFile().add("all", "admin").add("reader", "reader").write()
        cls.guest = Server(database_url=cls.server.conninfo(), settings={"auth_keys": cls.keys.path})
        cls.addClassCleanup(cls.guest.stop)
        cls.token_file = cls.keys.path + ".all"
        with open(cls.token_file, "w", encoding="utf-8") as file:
            file.write(cls.keys.key["all"] + "\n")

    def test_every_service_is_asked_with_the_key(self):
        commands = [["append", new_id(), "--event", "order.placed", "--expected-version", 0], ["count"], ["tail"], ["groups"],
                    ["housekeeper", "tasks"], ["ops", "list", "workers"], ["analytics", "list"]]
        for command in commands:
            with self.subTest(command=command):
                done = eventctl(self.guest, "--token-file", self.token_file, *command)
                self.assertNotIn("CREDENTIALS", done.stderr)
                self.assertNotIn("wants to know who calls", done.stderr)
                self.assertIn(done.returncode, (OK, USAGE), done.stderr)
                without = eventctl(self.guest, *command)
                if done.returncode == OK:
                    self.assertEqual(without.returncode, FAILED, without.stdout)
                    self.assertIn("--token-file", without.stderr)

    def test_load_has_a_client_of_its_own(self):
        line = json.dumps({"aggregate_id": new_id(), "type": "order.placed", "data": {}})
        loaded = eventctl(self.guest, "--token-file", self.token_file, "load", "-", stdin=line + "\n")
        self.assertEqual(loaded.returncode, OK, loaded.stderr)
        self.assertIn("CREDENTIALS_MISSING", eventctl(self.guest, "--json", "load", "-", stdin=line + "\n").stderr)

    def test_from_the_environment(self):
        def count(**environment):
            return local("--server", self.guest.address, "count", **environment)

        self.assertEqual(count(EVENTSTORE_TOKEN=self.keys.key["reader"]).returncode, OK)
        self.assertEqual(count(EVENTSTORE_TOKEN_FILE=self.token_file).returncode, OK)
        # The file goes before the variable.
        self.assertEqual(count(EVENTSTORE_TOKEN_FILE=self.token_file, EVENTSTORE_TOKEN="esk_wrong").returncode, OK)
        self.assertEqual(count(EVENTSTORE_TOKEN="esk_wrong").returncode, FAILED)

    def test_what_the_role_lacks_is_said(self):
        done = local("--server", self.guest.address, "append", new_id(), "--event", "x", "--expected-version", "0",
                     EVENTSTORE_TOKEN=self.keys.key["reader"])
        self.assertEqual(done.returncode, FAILED)
        self.assertIn("needs the role writer", done.stderr)
        self.assertNotIn(self.keys.key["reader"], done.stdout + done.stderr)
