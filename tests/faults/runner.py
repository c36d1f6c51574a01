"""Runs schedules, several at once, each in a process and a mount namespace of its own, and tells how far it is."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from faults.postgres import Template

# What is worth keeping of a schedule that failed.
_LOGS = ("server-0.log", "server-1.log", "postgres.log", "trial.log")


class Running:
    """One schedule."""

    def __init__(self, seed, options, template, parent):
        self.seed, self.acknowledged, self.phase, self.result = seed, 0, "start", None
        self.began = time.monotonic()
        self.folder = os.path.join(parent, f"schedule-{seed}")
        os.mkdir(self.folder)
        os.chmod(self.folder, 0o755)
        job = {"seed": seed, "seconds": options.seconds, "kinds": options.faults, "folder": self.folder,
               "pgdata": template.pgdata, "programs": template.programs}
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-B", "-m", "faults.trial", json.dumps(job)]
        if os.geteuid() == 0:
            # What it mounts goes with it.
            command = ["unshare", "-m", "--propagation", "private", *command]
        self._log = open(os.path.join(self.folder, "trial.log"), "w", encoding="utf-8")
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            said = json.loads(line)
            self.acknowledged, self.phase = said.get("acknowledged", self.acknowledged), said.get("phase", self.phase)
            self.result = said.get("result", self.result)

    def ended(self):
        return self._process.poll() is not None

    def finish(self):
        """The result; also of one that died."""
        self._reader.join()
        self._log.close()
        if self.result is None:
            with open(self._log.name, encoding="utf-8") as file:
                text = f"the process of the schedule ended with {self._process.returncode}: {file.read()[-1000:]}"
            self.result = {"seed": self.seed, "ok": False, "acknowledged": self.acknowledged, "stored": 0, "faults": 0, "kinds": [],
                           "errors": {}, "starts": {}, "timeline": [], "problems": [{"kind": "broken", "text": text}]}
        elif (self._process.returncode == 0) != self.result["ok"]:
            self.result["ok"] = False
            self.result["problems"].append({"kind": "broken", "text": f"its process ended with {self._process.returncode}"})
        self.result["took"] = round(time.monotonic() - self.began, 1)
        return self.result

    def kill(self):
        self._process.kill()
        self._process.wait()


def run_all(seeds, options, report):
    """The results, in the order of their ends."""
    parent = tempfile.mkdtemp(prefix="eventstore-faults-")
    os.chmod(parent, 0o755)
    running, waiting, results = [], list(seeds), []
    try:
        report.say("making a store to copy for each schedule")
        made = os.path.join(parent, "template")
        os.mkdir(made)
        template = Template(made)
        while waiting or running:
            while waiting and len(running) < options.jobs:
                running.append(Running(waiting.pop(0), options, template, parent))
            for one in [one for one in running if one.ended()]:
                running.remove(one)
                result = one.finish()
                _tidy(one, result, options, report)
                results.append(result)
                report.ended(result)
            report.progress(running, len(waiting))
            time.sleep(0.1)
    finally:
        for one in running:
            one.kill()
        shutil.rmtree(os.path.join(parent, "template"), ignore_errors=True)
        if not os.listdir(parent):
            os.rmdir(parent)
    return results


def _tidy(one, result, options, report):
    if options.keep:
        result["folder"] = one.folder
        return
    if not result["ok"]:
        for name in os.listdir(one.folder):
            path = os.path.join(one.folder, name)
            if name not in _LOGS:
                shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.unlink(path)
        result["folder"] = one.folder
        return
    shutil.rmtree(one.folder, ignore_errors=True)
