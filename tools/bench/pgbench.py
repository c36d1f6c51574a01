"""pgbench with one script: rate, and percentiles from its log of every transaction."""

import glob
import math
import os
import re
import tempfile

from costs import Costs
from processes import Failed, environment, run


def percentile(values, percent):
    """Of sorted values."""
    return values[min(len(values) - 1, int(percent / 100 * len(values)))]


def pgbench(cluster, database, script, clients, seconds, warmup, options=""):
    with tempfile.TemporaryDirectory(dir=cluster.folder) as folder:
        path = os.path.join(folder, "script.sql")
        with open(path, "w", encoding="utf-8") as file:
            file.write(script)
        command = [cluster.program("pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2))]
        command += ["-f", path, "-T"]
        target = cluster.conninfo(database)
        env = environment(PGOPTIONS=options)
        if warmup > 0:
            run([*command, str(max(1, round(warmup))), target], env=env, cwd=folder)
        # Its time includes that of connecting, its rate does not.
        connecting = clients / 32
        costs = Costs(cluster)
        output = run([*command, str(max(1, math.ceil(seconds + connecting))), "-l", target], env=env, cwd=folder)
        done = int(re.search(r"number of transactions actually processed: (\d+)", output).group(1))
        spent = costs.per_event(done)
        times = []
        for log in glob.glob(os.path.join(folder, "pgbench_log.*")):
            with open(log, encoding="ascii") as file:
                times += [int(line.split(" ", 3)[2]) for line in file]
    if not times:
        raise Failed("pgbench finished no transaction")
    times.sort()
    return {
        "rate": float(re.search(r"tps = ([\d.]+)", output).group(1)),
        "p50_ms": percentile(times, 50) / 1000,
        "p99_ms": percentile(times, 99) / 1000,
        "failed": int(re.search(r"number of failed transactions: (\d+)", output).group(1)),
        **spent,
    }
