"""Runs eventbench and reads its result."""

import json
import os

from processes import Failed, environment, run


def eventbench(context, address, *arguments, seconds=None, warmup=None):
    """The JSON of one run."""
    command = [os.path.join(context.binaries, "eventbench"), "--server", address, "--json"]
    command += ["--seconds", str(seconds if seconds is not None else context.seconds)]
    command += ["--warmup", str(warmup if warmup is not None else context.warmup)]
    command += ["--payload", str(context.payload), *arguments]
    result = json.loads(run(command, timeout=7200, env=environment()))
    if result["ended_early"]:
        raise Failed(f"eventbench: {result['ended_early']}")
    return result


def drained(context, address, *arguments):
    """The JSON of eventbench --drain."""
    command = [os.path.join(context.binaries, "eventbench"), "--server", address, "--json", *arguments]
    result = json.loads(run(command, timeout=7200, env=environment()))
    if result["events"] < result["events_all"]:
        raise Failed(f"eventbench took in {result['events']} of {result['events_all']} events")
    return result


def sample_of(result, kind):
    """What a cell keeps of it."""
    operation = result["operations"].get(kind)
    if operation is None or operation["operations"] == 0:
        raise Failed(f"eventbench finished no {kind} within {result['seconds']:g} s")
    latency = operation["latency_ms"]
    return {
        "rate": operation["events_per_second"],
        "operations_per_second": operation["operations_per_second"],
        "p50_ms": latency["p50"],
        "p99_ms": latency["p99"],
        "p99.9_ms": latency["p99.9"],
        "errors": operation["errors"],
        "client_cpu": result["client_cpu_seconds"] / max(1e-9, result["seconds"]),
    }
