"""How far a long run has come, and how long it still takes: one line that is redrawn on a terminal, else a line a
step."""

import sys
import time


def duration(seconds):
    seconds = int(seconds)
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02}"
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


class Progress:
    """Steps of different lengths; `expected` seconds of each, corrected by what the steps so far took."""

    def __init__(self, expected):
        self._expected = list(expected)
        self._done = 0
        self._passed = 0.0
        self._began = None
        self._terminal = sys.stderr.isatty()

    def left(self):
        expected_so_far = sum(self._expected[: self._done])
        # The guess for all steps is off by the same factor as for those that are done.
        factor = self._passed / expected_so_far if expected_so_far > 0 else 1
        return sum(self._expected[self._done :]) * factor

    def start(self, what):
        self._began = time.monotonic()
        self._show(what)

    def again(self, what, expected):
        """A step more than planned."""
        self._expected.insert(self._done, expected)
        self.start(what)

    def end(self, result):
        """`result` is printed to stay."""
        self._passed += time.monotonic() - self._began
        self._done += 1
        self._clear()
        print(f"[{self._done}/{len(self._expected)}] {result}; {duration(self.left())} left", flush=True)

    def _show(self, what):
        if self._terminal:
            sys.stderr.write(
                f"\r[{self._done + 1}/{len(self._expected)}] {what} ... {duration(self.left())} left\x1b[K"
            )
            sys.stderr.flush()

    def _clear(self):
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
