"""Makes the steps of a schedule happen, and ends them again."""
import os
import random
import signal
import subprocess
import threading
import time

from faults.history import read_by_sql

DISK_MB = 600


def mount_small_disk(folder):
    """Gone with the namespace of this process, see runner.py."""
    disk = os.path.join(folder, "disk")
    os.makedirs(disk)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs", disk], check=True)


class Faults:
    def __init__(self, site, readers, history, folder, seed):
        self._site, self._readers, self._history = site, readers, history
        self._disk, self._seed = os.path.join(folder, "disk"), seed
        self.timeline = []  # (seconds from the beginning, text)
        self._began = 0.0
        self._lock = threading.Lock()
        self._running = []

    def run(self, steps, seconds):
        """To their end. What is done alone holds up the others, so that a schedule may take longer than planned."""
        self._began = time.monotonic()
        held_up = 0.0
        for number, step in enumerate(steps):
            self._sleep_until(self._began + held_up + step.at)
            if step.alone:
                self._join()
                alone_at = time.monotonic()
                self._step(step, number)
                held_up += time.monotonic() - alone_at
            else:
                thread = threading.Thread(target=self._step, args=(step, number), daemon=True)
                thread.start()
                self._running.append(thread)
        self._sleep_until(self._began + held_up + seconds)
        self._join()

    def _join(self):
        for thread in self._running:
            thread.join()
        self._running = []

    @staticmethod
    def _sleep_until(moment):
        time.sleep(max(0.0, moment - time.monotonic()))

    def _note(self, text):
        with self._lock:
            self.timeline.append((round(time.monotonic() - self._began, 2), text))

    def _step(self, step, number):
        chance = random.Random(f"{self._seed} step {number}")
        try:
            note = getattr(self, "_" + step.kind.replace("-", "_"))(step, chance)
            if note:
                self._note(f"{step.kind}: {note}")
        except Exception as error:  # pylint: disable=broad-except
            self._history.problem("broken", f"{step.text()}: {type(error).__name__}: {error}")

    # Processes.

    def _kill_server(self, step, chance):
        self._note(step.text())
        self._site.servers[int(step.target)].kill(step.seconds)

    def _stop_server(self, step, chance):
        pid = self._site.servers[int(step.target)].pid
        self._note(step.text())
        _stand_still([pid] if pid else [], step.seconds)

    def _kill_postmaster(self, step, chance):
        self._note(step.text())
        self._site.cluster.kill(step.seconds)

    def _kill_backend(self, step, chance):
        victims = self._site.cluster.backends()
        if not victims:
            return "there was none"
        victim = chance.choice(victims)
        self._note(f"{step.text()} ({_what_it_does(victim)})")
        _signal(victim, signal.SIGKILL)
        return None

    def _stop_backend(self, step, chance):
        victims = self._site.cluster.backends()
        if not victims:
            return "there was none"
        victim = chance.choice(victims)
        self._note(f"{step.text()} ({_what_it_does(victim)})")
        _stand_still([victim], step.seconds)
        return None

    # The network.

    def _on_link(self, step, **more):
        self._note(step.text())
        self._site.proxy.do(step.target, step.kind, **more)
        time.sleep(step.seconds)
        if step.seconds:
            self._site.proxy.do(step.target, "pass")

    def _cut(self, step, chance):
        self._on_link(step)

    def _reset(self, step, chance):
        self._on_link(step)

    def _refuse(self, step, chance):
        self._on_link(step)

    def _lose_answers(self, step, chance):
        self._on_link(step)

    def _delay(self, step, chance):
        self._on_link(step, seconds=step.value)

    def _half_open(self, step, chance):
        self._on_link(step, side="near" if step.value < 0.5 else "far")

    # The machine.

    def _disk_full(self, step, chance):
        # Of each step its own: under load one may last into the next.
        ballast = os.path.join(self._disk, f"ballast-{step.at:.3f}")
        self._note(step.text())
        try:
            with open(ballast, "wb") as file:
                _fill(file)
            time.sleep(step.seconds)
        finally:
            os.unlink(ballast)

    def _clock(self, step, chance):
        self._note(step.text())
        self._site.cluster.set_clock(step.value)

    # Backup and restore.

    def _backup(self, step, chance):
        self._note("base backup")
        self._site.cluster.await_serving()
        self._site.cluster.take_backup()
        return "taken"

    def _restore(self, step, chance):
        cluster = self._site.cluster
        cluster.await_serving()
        marked_at = time.monotonic()
        # By name where the clock is not to be trusted.
        target = cluster.mark(by_time=not cluster.fake_clock and step.value < 0.5)
        self._note(f"restore: to here ({target})")
        time.sleep(step.seconds)
        self._readers.pause()
        self._stop_servers(gently=chance.random() < 0.5)
        cluster.stop_and_put_back(target)
        left = read_by_sql(cluster.database())
        self._readers.rewind(left)
        self._history.restored(marked_at, time.monotonic())
        for server in self._site.servers:
            server.wanted = True
        self._readers.resume()
        return f"done, {len(left)} events are left"

    def _stop_servers(self, gently):
        for server in self._site.servers:
            server.wanted = False
            server.signal(signal.SIGTERM if gently else signal.SIGKILL)
        end = time.monotonic() + 30
        while any(server.pid for server in self._site.servers):
            if time.monotonic() > end:
                raise AssertionError("a server did not end for 30 s after SIGTERM")
            time.sleep(0.02)


def _fill(file):
    """Until nothing is left, while others write too."""
    size, end = 1 << 26, 0
    while size >= 1 << 12:
        try:
            os.posix_fallocate(file.fileno(), end, size)
            end += size
        except OSError:
            size //= 2


def _signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it has ended meanwhile


def _stand_still(pids, seconds):
    for pid in pids:
        _signal(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in pids:
        _signal(pid, signal.SIGCONT)


def _what_it_does(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read().strip("\0").split("] ", 1)[-1].strip() or "busy"
    except OSError:
        return "gone"
