"""eventctl as people run it: to its end, or in the background with what it prints kept as it comes."""
import json
import os
import pty
import signal
import subprocess
import threading

from harness.server import wait_until

BINARY = os.path.join(os.path.dirname(os.environ["EVENTSTORED_BINARY"]), "eventctl")
OK, NEGATIVE, USAGE, UNREACHABLE, CONFLICT, FAILED = range(6)
INTERRUPTED = 130


def command(server, arguments):
    return [BINARY, "--server", server.address, *[str(argument) for argument in arguments]]


def eventctl(server, *arguments, stdin=""):
    """Run to its end."""
    return subprocess.run(
        command(server, arguments), input=stdin, capture_output=True, text=True, timeout=120, check=False
    )


def objects(text):
    """Of the lines of --json."""
    return [json.loads(line) for line in text.splitlines()]


class Running:
    """One that goes on until stop(). terminal: its standard error is one, 80 columns wide."""

    def __init__(self, server, *arguments, terminal=False):
        self.lines, self._errors = [], []
        self._process = None
        error_end, child_end = pty.openpty() if terminal else os.pipe()
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command(server, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=child_end,
            text=True,
            env={**os.environ, "TERM": "dumb"},
        )
        os.close(child_end)
        self._threads = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_errors, args=(error_end,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _read_lines(self):
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))

    def _read_errors(self, descriptor):
        while True:
            try:
                piece = os.read(descriptor, 4096)
            except OSError:  # a terminal whose other end was closed
                piece = b""
            if not piece:
                os.close(descriptor)
                return
            self._errors.append(piece.decode())

    @property
    def errors(self):
        return "".join(self._errors)

    def objects(self):
        return [json.loads(line) for line in list(self.lines)]

    def await_lines(self, count, patience_s=30):
        wait_until(
            lambda: len(self.lines) >= count, lambda: f"{count} lines of eventctl; it said: {self.errors}", patience_s
        )
        return list(self.lines)

    def await_error(self, text, patience_s=30):
        wait_until(lambda: text in self.errors, lambda: f"{text!r} on standard error: {self.errors!r}", patience_s)

    def stop(self, number=signal.SIGINT):
        """Ctrl-C; the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self.wait()

    def wait(self):
        try:
            code = self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        for thread in self._threads:
            thread.join()
        self._process.stdout.close()
        return code
