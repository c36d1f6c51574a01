"""A few short schedules: two whose seeds have every kind of fault between them, and one by chance."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

from faults.machine import not_available
from faults.schedule import KINDS, plan

_SEED, _SECONDS = 70, 10


class ShortTest(unittest.TestCase):
    def run_schedules(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "report.json")
            command = [sys.executable, "-B", "-m", "faults", "--seconds", str(_SECONDS), "--json", path, *arguments]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            print(done.stdout, flush=True)
            self.assertEqual(done.returncode, 0, done.stdout)
            with open(path, encoding="utf-8") as file:
                report = json.load(file)
        self.assertTrue(report["ok"])
        for schedule in report["schedules"]:
            self.assertGreater(schedule["acknowledged"], 0)
        return report

    def test_every_kind_of_fault(self):
        self.assertEqual({step.kind for seed in (_SEED, _SEED + 1) for step in plan(seed, _SECONDS, list(KINDS))} - {"backup"},
                         set(KINDS), "other seeds are needed")
        missing = not_available()
        for kind, reason in missing.items():
            print(f"not tried: {kind}: {reason}")
        report = self.run_schedules("--seed", str(_SEED), "--schedules", "2", "--jobs", "2")
        if not missing:
            self.assertEqual({kind for schedule in report["schedules"] for kind in schedule["kinds"]}, set(KINDS))

    def test_by_chance(self):
        self.run_schedules("--schedules", "1")

    def test_what_cannot_be_asked_for(self):
        done = subprocess.run([sys.executable, "-B", "-m", "faults", "--faults", "earthquake"], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("kill-postmaster", done.stderr)
