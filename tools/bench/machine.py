"""What the machine does besides: stolen time, memory and processor time of a process, and what machine it is."""

import os
import platform
import re
import resource
import subprocess
import time

_TICKS = os.sysconf("SC_CLK_TCK")


def _cpu_line():
    with open("/proc/stat", encoding="ascii") as file:
        return [int(value) for value in file.readline().split()[1:9]]


class Watch:
    """Over a stretch of time: the shares of the processors that were stolen by the host, and that were idle."""

    def __init__(self):
        self._before = _cpu_line()

    def shares(self):
        now = _cpu_line()
        passed = [b - a for a, b in zip(self._before, now)]
        total = max(1, sum(passed))
        return {"steal": passed[7] / total, "idle": (passed[3] + passed[4]) / total}


def resident_mib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1)) / 1024


def _stat(pid):
    """From the state of the process on."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        # The name of the program, in parentheses, may hold anything.
        return file.read().rpartition(")")[2].split()


def cpu_seconds(pid):
    """Of this process, without its children."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS


def tree_seconds(root):
    """Of this process and all below it, those that have ended included: PostgreSQL, by its postmaster."""
    ticks, below = 0, {root}
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents[int(name)] = _stat(name)
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has ended; whoever waits for it has its time then
    # A child may have a smaller number than its parent, where numbers began anew.
    while True:
        more = {pid for pid, fields in parents.items() if int(fields[1]) in below and pid not in below}
        if not more:
            break
        below |= more
    for pid in below:
        # Its own, and of its children that have ended.
        ticks += sum(int(value) for value in parents[pid][11:15]) if pid in parents else 0
    return ticks / _TICKS


def ended_children_seconds():
    """Of all programs that were run to their end."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def cpu_share(pid, seconds):
    """Of one processor, over the next so many seconds."""
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


def _first(pattern, path):
    with open(path, encoding="utf-8", errors="replace") as file:
        found = re.search(pattern, file.read())
    return found.group(1).strip() if found else "unknown"


def describe():
    return {
        "processor": _first(r"model name\s*:\s*(.*)", "/proc/cpuinfo"),
        "processors": os.cpu_count(),
        "memory_gib": round(int(_first(r"MemTotal:\s+(\d+)", "/proc/meminfo")) / 1024**2, 1),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "system": _first(r'PRETTY_NAME="([^"]*)"', "/etc/os-release"),
    }


def commit():
    """What was measured: the checkout's commit, with a plus when files differ from it."""

    def git(*arguments):
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
