#!/usr/bin/env python3
"""What `cmake --install` lays out, below a prefix of somebody's and below /usr in a staging folder.

    install_tree_test.py BUILD_DIR"""
import os
import pathlib
import re
import stat
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else "build").resolve()


def install(component, prefix, destdir=None):
    environment = {name: value for name, value in os.environ.items() if name != "DESTDIR"}
    if destdir:
        environment["DESTDIR"] = str(destdir)
    subprocess.run(["cmake", "--install", BUILD, "--component", component, "--prefix", prefix], env=environment,
                   check=True, capture_output=True, text=True)


class InstallTreeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def assert_there(self, *names):
        missing = [name for name in names if not (self.root / name).exists()]
        self.assertEqual([], missing, sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*"))[:80])

    def unit(self, path):
        return (self.root / path / "lib/systemd/system/eventstored.service").read_text()

    def test_below_a_prefix_of_somebodys(self):
        install("server", self.root)
        self.assert_there("bin/eventstored", "lib/systemd/system/eventstored.service", "etc/eventstore/eventstored.env",
                          "share/eventstore/prometheus/alerts.yml", "share/eventstore/grafana/eventstore.json",
                          "share/doc/eventstore-server/README.md", "share/doc/eventstore-server/docs/operations.md")
        unit = self.unit(".")
        self.assertIn(f"\nExecStart={self.root}/bin/eventstored ", unit)
        self.assertIn(f"\nEnvironmentFile=-{self.root}/etc/eventstore/eventstored.env\n", unit)
        self.assertNotIn("/usr/local", unit)

    def test_below_usr_in_a_staging_folder(self):
        install("server", "/usr", self.root)
        self.assert_there("usr/bin/eventstored", "etc/eventstore/eventstored.env")
        unit = self.unit("usr")
        self.assertIn("\nExecStart=/usr/bin/eventstored ", unit)
        self.assertIn("\nEnvironmentFile=-/etc/eventstore/eventstored.env\n", unit)
        self.assertNotIn(str(self.root), unit)

    def test_settings_are_roots_alone_and_kept(self):
        install("server", self.root)
        settings = self.root / "etc/eventstore/eventstored.env"
        self.assertEqual(0o600, stat.S_IMODE(settings.stat().st_mode))
        settings.write_text("DATABASE_URL=mine\n")
        install("server", self.root)
        self.assertEqual("DATABASE_URL=mine\n", settings.read_text())

    def test_each_setting_that_the_example_names_is_one(self):
        install("server", self.root)
        named = set(re.findall(r"^#?([A-Z_]+)=", (self.root / "etc/eventstore/eventstored.env").read_text(), re.MULTILINE))
        self.assertIn("EVENTSTORE_GRPC_LISTEN", named)
        known = subprocess.run([self.root / "bin/eventstored", "--help"], check=True, capture_output=True, text=True).stdout
        self.assertEqual(set(), {name for name in named if not re.search(rf"\b{name}\b", known)})

    def test_tools_and_client_are_apart(self):
        install("tools", self.root)
        self.assertEqual(["eventbench", "eventctl"], sorted(path.name for path in (self.root / "bin").iterdir()))
        self.assertFalse((self.root / "etc").exists())
        install("client", self.root)
        self.assert_there("include/eventstore/client.h", "share/eventstore/proto/eventstore/v1/event_store.proto",
                          "share/doc/libeventstore-client-dev/examples/account_service.cc")
        archives = sorted(path.name for path in self.root.glob("lib/**/*.a"))
        self.assertEqual(["libeventstore_client.a", "libeventstore_projection.a", "libeventstore_proto.a"], archives)


if __name__ == "__main__":
    unittest.main()
