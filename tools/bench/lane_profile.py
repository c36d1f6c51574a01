#!/usr/bin/python3
"""What PostgreSQL does for an append: a profile of the lanes' backends while events are appended.

A server with a private PostgreSQL is started, eventbench appends to it, and perf looks at the sessions of the lanes.
Each sample counts for the first group below whose functions are on its stack; `other` is what none of them knows.
Where perf is not installed, or may not look, that is said and the rest is printed: processor time an event.

    tools/bench/lane_profile.py
    tools/bench/lane_profile.py --binaries build/bin --load "append --in-flight 64"
    tools/bench/lane_profile.py --load "batch --batch-size 100 --in-flight 4" --seconds 10 --json
"""

import argparse
import collections
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import types

import costs
from cluster import Cluster, Store
from eventbench import eventbench, sample_of
from processes import Failed

# In this order: a plan that is made while binding is planning, an index that is searched for an insert is an insert.
GROUPS = [
    ("planning", r"pg_plan_queries|BuildCachedPlan|standard_planner|pg_parse_query|parse_analyze"),
    ("commit", r"CommitTransaction"),
    ("inserting into indexes", r"ExecInsertIndexTuples"),
    ("inserting rows", r"heap_insert|heap_multi_insert|heap_update|heap_prepare_insert|toast_"),
    ("finding rows by an index", r"index_getnext|btgettuple|_bt_first|_bt_search|index_beginscan|IndexNext"),
    ("unpacking arrays", r"ExecMakeTableFunctionResult|array_unnest|FunctionNext|ExecProjectSet|tuplestore_"),
    ("parameters", r"exec_bind_message|array_recv|jsonb_recv"),
    ("starting and ending statements", r"ExecutorStart|ExecutorEnd|PortalStart|PortalDrop|InitPlan|AcquireExecutorLocks"),
    ("the chunk of a row", r"ts_chunk|ts_hypertable|ts_subspace|ts_cache"),
    ("sending and receiving", r"secure_read|secure_write|internal_flush|pq_|WaitEventSet|epoll"),
    ("running statements", r"ExecutorRun|PortalRun|ExecModifyTable"),
]
OTHER = "other"
# Enough of a stack to get from a page of an index to the statement it belongs to.
STACK_BYTES = 16384


def group_of(functions):
    for name, pattern in GROUPS:
        if any(re.search(pattern, function) for function in functions):
            return name
    return OTHER


def shares(script):
    """{group: share} of what perf script prints: for each sample its stack, one function a line, then an empty line."""
    counts = collections.Counter()
    for sample in re.split(r"\n\s*\n", script):
        functions = [line.split()[1] for line in sample.splitlines()[1:] if len(line.split()) > 1]
        if functions:
            counts[group_of(functions)] += 1
    total = sum(counts.values())
    return {name: count / total for name, count in counts.most_common()}


def record(pids, seconds, folder):
    """(shares, None), or (None, why there are none)."""
    if shutil.which("perf") is None:
        return None, "perf is not installed (Debian: linux-perf)"
    data = os.path.join(folder, "perf.data")
    command = ["perf", "record", "-q", "-F", "499", "--call-graph", f"dwarf,{STACK_BYTES}", "-o", data]
    done = subprocess.run(
        [*command, "-p", ",".join(pids), "--", "sleep", str(seconds)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return None, f"perf may not look here: {(done.stderr.strip().splitlines() or ['it said nothing'])[0]}"
    told = subprocess.run(
        ["perf", "script", "-i", data, "--no-inline", "-F", "comm,ip,sym"], capture_output=True, text=True, check=False
    )
    found = shares(told.stdout)
    return (found, None) if found else (None, "perf took no sample; were the lanes idle?")


def measure(context, cluster, options, folder):
    kind, *arguments = options.load.split()
    arguments += ["--distribution", "distinct", "--check", "exact"]
    database = cluster.fresh()
    try:
        with Store(cluster, database) as store:
            spent = costs.Costs(cluster, store.pid)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                load = pool.submit(eventbench, context, store.address, "--mix", kind, *arguments)
                time.sleep(options.warmup)
                lanes = "SELECT pid FROM pg_stat_activity WHERE application_name ~ '^eventstored lane [0-9]+$'"
                found, why_not = record(cluster.rows(lanes, database), options.seconds, folder)
                result = load.result()
            sample = sample_of(result, kind)
            used = spent.per_event(result["acknowledged_events"], costs.client_us(result, kind))
        return {"load": options.load, "rate": sample["rate"], **used, "shares": found, "why_not": why_not}
    finally:
        cluster.drop(database)


def show(profile):
    print(f"{profile['load']}: {profile['rate']:,.0f} events/s")
    for key, title in ((costs.CLIENT, "client"), (costs.SERVER, "server"), (costs.POSTGRES, "PostgreSQL")):
        print(f"  {title:<32} {profile[key]:6.1f} us an event")
    if profile["why_not"]:
        print(f"  no profile of the lanes' sessions: {profile['why_not']}")
    for name, share in (profile["shares"] or {}).items():
        print(f"    {name:<32} {share:6.1%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load", default="stream --in-flight 256", help="a mix of eventbench that appends, with flags")
    parser.add_argument("--seconds", type=float, default=5, help="of the profile (default 5)")
    parser.add_argument("--warmup", type=float, default=2, help="seconds of appends before it (default 2)")
    parser.add_argument("--payload", type=int, default=200, help="bytes of data of an event (default 200)")
    parser.add_argument("--binaries", default="build/bin", help="where eventstored and eventbench are")
    parser.add_argument("--folder", default="build/profile", help="is removed afterwards (default build/profile)")
    parser.add_argument("--json", action="store_true", help="for programs")
    options = parser.parse_args()
    binaries = os.path.abspath(options.binaries)
    context = types.SimpleNamespace(
        binaries=binaries, seconds=options.seconds, warmup=options.warmup, payload=options.payload
    )
    folder = os.path.abspath(options.folder)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    cluster = None
    try:
        cluster = Cluster(folder, binaries)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            profile = measure(context, cluster, options, scratch)
        if options.json:
            print(json.dumps(profile))
        else:
            show(profile)
        return 0
    except Failed as error:
        print(f"lane_profile: {error}", file=sys.stderr)
        return 1
    finally:
        if cluster is not None:
            cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
