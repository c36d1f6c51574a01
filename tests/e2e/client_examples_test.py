"""The examples of other languages (client/python, client/node, client/go), as a reader of docs/clients.md would run them: stubs
by client/stubs.sh, then the program against the real server; and once more with stubs by `buf generate`.

Python needs Debian's packages alone. Node and Go need their registries; where a language or its registry is missing, its
tests are skipped and say what is not tried.
"""
import filecmp
import os
import re
import shutil
import subprocess
import sys
import unittest

from harness.client import SLOWER
from harness.fetch import BUILD, GO_BIN, GO_ENVIRONMENT, fetch_buf, fetch_go_program, run_fetch
from harness.suite import StoreTest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# What each of them prints.
EXPECTED = """\
appended: version 1
VERSION_CONFLICT: expected 0, it is at 1
replayed: 1 order.placed {"total": 42}
replayed: 2 order.paid {}
subscribed: 1 order.placed
subscribed: 2 order.paid
caught up
subscribed: 3 order.shipped
"""
TYPES = ("order.placed", "order.paid", "order.shipped")


def needs_version(program, arguments, least):
    """Skips when the program is not there or older than `least` (a tuple of numbers)."""
    not_tried = "Not tried: that example, and the stubs of its language"
    if shutil.which(program) is None:
        raise unittest.SkipTest(f"there is no {program} on this machine. {not_tried}")
    text = subprocess.run([program, *arguments], capture_output=True, text=True, check=True).stdout
    found = tuple(int(number) for number in re.search(r"(\d+)\.(\d+)", text).groups())
    if found < least:
        wanted = ".".join(map(str, least))
        raise unittest.SkipTest(f"{program} is {text.strip()}, and the example needs {wanted}. {not_tried}")


def files_below(folder):
    return sorted(
        os.path.relpath(os.path.join(parent, name), folder) for parent, _, names in os.walk(folder) for name in names
    )


class ExampleTest:
    """What they all do. A subclass has LANGUAGE, prepare(), which may skip, and command(); `tools` are folders for the PATH."""

    tools = []
    environment = {}

    @classmethod
    def setUpClass(cls):
        # A copy, so that nothing is made in the source tree; what was fetched stays there for the next run.
        cls.folder = os.path.join(BUILD, "client-examples", cls.LANGUAGE)
        os.makedirs(cls.folder, exist_ok=True)
        source = os.path.join(SOURCE, "client", cls.LANGUAGE)
        for name in os.listdir(source):
            if os.path.isfile(os.path.join(source, name)):
                shutil.copy(os.path.join(source, name), cls.folder)
        cls.prepare()
        cls.stubs = os.path.join(cls.folder, "gen")
        shutil.rmtree(cls.stubs, ignore_errors=True)
        cls.run_tool(os.path.join(SOURCE, "client", "stubs.sh"), cls.LANGUAGE, cls.stubs)
        cls.compile()
        super().setUpClass()

    @classmethod
    def compile(cls):
        pass

    @classmethod
    def run_tool(cls, *command, folder=None, patience_s=600, environment=None):
        path = os.pathsep.join([*cls.tools, os.environ["PATH"]])
        done = subprocess.run(
            command,
            cwd=folder or cls.folder,
            env={**os.environ, **cls.environment, **(environment or {}), "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=patience_s,
            check=False,
        )
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def counts(self):
        return [self.client.count(user_id="ada", event_types=[event_type]) for event_type in TYPES]

    def test_append_conflict_replay_subscribe(self):
        before = self.counts()
        self.assertEqual(self.run_tool(*self.command(), self.server.address, patience_s=60 * SLOWER), EXPECTED)
        # One of each: what met the conflict was not written.
        self.assertEqual(self.counts(), [count + 1 for count in before])

    def test_without_a_server_it_fails(self):
        # Port 1 refuses.
        with self.assertRaisesRegex(AssertionError, "(?i)exit code [1-9](.|\n)*unavailable"):
            self.run_tool(*self.command(), "127.0.0.1:1", patience_s=60 * SLOWER)

    def test_with_stubs_that_buf_made(self):
        buf = fetch_buf(f"the templates of `buf generate` for {self.LANGUAGE}")
        made = os.path.join(self.folder, "made-by-buf")
        shutil.rmtree(made, ignore_errors=True)
        template = os.path.join("client", self.LANGUAGE, "buf.gen.yaml")
        self.run_tool(buf, "generate", "--template", template, "-o", made, folder=SOURCE)
        self.assertEqual(files_below(os.path.join(made, "gen")), files_below(self.stubs))
        shutil.rmtree(self.stubs)
        os.rename(os.path.join(made, "gen"), self.stubs)
        self.compile()
        self.test_append_conflict_replay_subscribe()


class PythonTest(ExampleTest, StoreTest):
    LANGUAGE = "python"

    @classmethod
    def prepare(cls):
        cls.environment = {"PYTHONPATH": os.path.join(cls.folder, "gen"), "PYTHONDONTWRITEBYTECODE": "1"}

    def command(self):
        return sys.executable, "example.py"


class NodeTest(ExampleTest, StoreTest):
    LANGUAGE = "node"

    @classmethod
    def prepare(cls):
        needs_version("node", ["--version"], (20, 0))
        manifest, installed = os.path.join(cls.folder, "package.json"), os.path.join(cls.folder, "node_modules", "of.json")
        if not os.path.exists(installed) or not filecmp.cmp(manifest, installed, shallow=False):
            command = ["npm", "install", "--loglevel=error", "--no-fund", "--no-audit", "--no-package-lock"]
            run_fetch("the packages of the example", "npm", command, 180, "the example of Node, and its stubs", folder=cls.folder)
            shutil.copy(manifest, installed)
        cls.tools = [os.path.join(cls.folder, "node_modules", ".bin")]

    @classmethod
    def compile(cls):
        cls.run_tool("npm", "run", "build")

    def command(self):
        return "node", "build/example.js"


class GoTest(ExampleTest, StoreTest):
    LANGUAGE = "go"

    @classmethod
    def prepare(cls):
        needs_version("go", ["version"], (1, 24))
        not_tried = "the example of Go, and its stubs"
        fetch_go_program("protoc-gen-go", "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.10", not_tried)
        fetch_go_program("protoc-gen-go-grpc", "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.0", not_tried)
        # The modules first, by themselves: whatever fails then is the example's.
        run_fetch("the example's modules", "go", ["go", "mod", "download"], 300, not_tried, GO_ENVIRONMENT, cls.folder)
        cls.tools, cls.environment = [GO_BIN], GO_ENVIRONMENT

    @classmethod
    def compile(cls):
        cls.run_tool("go", "build", "-mod=mod", "-o", "example", ".")

    def command(self):
        return (os.path.join(self.folder, "example"),)
