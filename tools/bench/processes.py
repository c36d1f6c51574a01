"""Child processes that end with us, and programs that are run to their end."""

import os
import re
import signal
import subprocess
import time

# Nothing that a shell may have set shall reach what is measured.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "EVENTSTORE_PG_BIN")


class Failed(Exception):
    """Something could not be run; the text says what and why, for people."""


def environment(**more):
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, **more}


def _reason(output):
    """The first line that speaks of an error, else the last one."""
    lines = output.strip().splitlines() or ["it said nothing"]
    return next((line for line in lines if "error" in line.lower()), lines[-1])


def run(command, timeout=600, **options):
    """The standard output of a program that must succeed."""
    options.setdefault("env", environment())
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **options)
    except FileNotFoundError as error:
        raise Failed(f"there is no {error.filename}") from None
    except subprocess.TimeoutExpired:
        raise Failed(f"{os.path.basename(command[0])} did not end within {timeout} s") from None
    if done.returncode != 0:
        raise Failed(
            f"{os.path.basename(command[0])} ended with {done.returncode}: {_reason(done.stderr or done.stdout)}"
        )
    return done.stdout


class Process:
    """A server: from construction to stop()."""

    def __init__(self, command, log, env=None, cwd=None):
        self._name = os.path.basename(command[0])
        self._log = log
        with open(log, "w", encoding="utf-8") as output:
            # The signal at the parent's death: a run that is killed takes its servers with it.
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env or environment(),
                cwd=cwd,
                # Ctrl-C on the terminal is for us to handle.
                start_new_session=True,
            )

    @property
    def pid(self):
        return self._process.pid

    def log(self):
        with open(self._log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_for(self, condition, patience=120):
        """The value of condition() as soon as there is one."""
        end = time.monotonic() + patience
        while True:
            value = condition()
            if value:
                return value
            if self._process.poll() is not None:
                last = "\n".join(self.log().splitlines()[-5:])
                raise Failed(f"{self._name} ended with {self._process.returncode}:\n{last}")
            if time.monotonic() > end:
                raise Failed(f"{self._name} was not ready after {patience} s; its log is {self._log}")
            time.sleep(0.02)

    def wait_for_log(self, pattern, patience=120):
        return self.wait_for(lambda: re.search(pattern, self.log()), patience)

    def stop(self, patience=90):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
