#!/usr/bin/env python3
"""deploy/systemd/eventstored.service: systemd reads it, and finds little to complain about."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

UNIT = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "systemd" / "eventstored.service"
SKIPPED = 77
# By systemd-analyze: 0 is closed, 10 is open.
MOST_EXPOSED = 2.0


class SystemdUnitTest(unittest.TestCase):
    def test_systemd_understands_every_line(self):
        with tempfile.TemporaryDirectory() as folder:
            # Where the program will be, nothing is yet.
            text = UNIT.read_text().replace("ExecStart=/usr/local/bin/eventstored", "ExecStart=/bin/true")
            copy = pathlib.Path(folder, UNIT.name)
            copy.write_text(text)
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True, check=False)
        told = [line for line in done.stderr.splitlines() if UNIT.name in line]
        self.assertEqual((done.returncode, told), (0, []), done.stderr)

    def test_it_is_closed(self):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", UNIT], capture_output=True,
                              text=True, check=False)
        found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
        self.assertIsNotNone(found, done.stdout + done.stderr)
        self.assertLessEqual(float(found.group(1)), MOST_EXPOSED, done.stdout)
        for setting in ("NoNewPrivileges", "MemoryDenyWriteExecute", "PrivateTmp", "RestrictSUIDSGID"):
            self.assertRegex(done.stdout, rf"✓ {setting}=")


if __name__ == "__main__":
    version = shutil.which("systemd-analyze") and subprocess.run(["systemd-analyze", "--version"], capture_output=True,
                                                                 text=True, check=False).stdout
    if not version or int(re.search(r"systemd (\d+)", version).group(1)) < 250:
        print("skipped: no systemd-analyze of version 250 or later; not tried: the unit's syntax and its exposure")
        sys.exit(SKIPPED)
    unittest.main()
