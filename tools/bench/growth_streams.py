"""What open streams cost the server: memory and processor at rest, and with streams that are read slowly or only
kept open."""

import os
import time

from cluster import Store
from growth_fill import Filled
from machine import cpu_seconds, cpu_share, resident_mib
from processes import Failed, Process, environment

STREAMS = (0, 1, 100, 1_000)
_EVENTS = 1_000_000
# Half of the streams read everything, a page every so often; the other half are AppendStreams on which nothing is sent.
_PAUSE_S = 5
_SETTLE_S = 3


def _sample(context, database, streams, seconds):
    """A server of its own, so that memory is that of these streams and not of what was before."""
    with Store(context.cluster, database) as store:
        time.sleep(_SETTLE_S)
        sample = {"streams": streams}
        if streams == 0:
            return {**sample, "cpu": cpu_share(store.pid, seconds), "rss_mib": resident_mib(store.pid)}
        reads = (streams + 1) // 2
        command = [os.path.join(context.binaries, "eventbench"), "--server", store.address, "--json", "--warmup", "0"]
        command += ["--hold-reads", str(reads), "--hold-appends", str(streams - reads), "--hold-pause", str(_PAUSE_S)]
        command += ["--seconds", str(seconds + 4 * _SETTLE_S), "--connections", "4"]
        log = os.path.join(context.folder, "hold.json")
        held = Process(command, log, env=environment())
        try:
            # Memory from the beginning: when all open at once and read their first page it is highest.
            peak = _highest_resident(store.pid, 2 * _SETTLE_S)
            before, began = cpu_seconds(store.pid), time.monotonic()
            peak = max(peak, _highest_resident(store.pid, seconds))
            cpu = (cpu_seconds(store.pid) - before) / (time.monotonic() - began)
            held.wait_for_log(r'"failed": (\d+)', patience=120)
            if '"failed": 0' not in held.log():
                raise Failed(f"not all of {streams} streams stayed open: see {log}")
        finally:
            held.stop()
        return {**sample, "cpu": cpu, "rss_mib": peak}


def _highest_resident(pid, seconds):
    highest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        highest = max(highest, resident_mib(pid))
        time.sleep(0.05)
    return highest


def measure(run):
    events = min(_EVENTS, run.arguments.max_events)
    store = Filled(f"growth_streams_{events}", events, 30, spread=1_000)
    run.fill(store)
    rows = []
    for count in STREAMS:
        sample = _sample(run.context, store.name, count, max(2.0, 2 * run.context.seconds))
        run.add(store.name, f"{count} streams", sample)
        rows.append([f"{count:,}" if count else "idle", f"{sample['rss_mib']:.1f}", f"{100 * sample['cpu']:.1f} %"])
        print(f"  {rows[-1][0]} streams: {rows[-1][1]} MiB, {rows[-1][2]} of a processor", flush=True)
        key = {0: "server_rss_idle_mib", 1_000: "server_rss_1000_streams_mib"}.get(count)
        if key:
            run.report.data["memory"][key] = round(sample["rss_mib"], 1)
    title = f"Open streams: half read everything, a page every {_PAUSE_S} s, half are AppendStreams without items"
    run.table("streams", title, ["streams", "resident MiB, highest", "processor"], rows)
