"""emmett-postgresql, from npm, in a database of its own on the same PostgreSQL; called in process, by Node."""

import json
import os
import urllib.parse

import packages
from cell import Cell
from processes import Failed, environment, run


def cells(context):
    cluster = context.cluster
    folder = packages.npm(
        context.folder, "@event-driven-io/emmett@0.42.0", "@event-driven-io/emmett-postgresql@0.42.0", "pg"
    )
    script = os.path.join(context.source, "peers/emmett.mjs")

    def sample(in_flight, seconds):
        database = cluster.fresh("template0")
        login = cluster.login()
        quoted = {key: urllib.parse.quote(login[key], safe="") for key in ("user", "password", "host")}
        url = f"postgresql://{quoted['user']}:{quoted['password']}@localhost/{database}?host={quoted['host']}"
        env = environment(BENCH_DATABASE_URL=url, BENCH_PACKAGES=folder, NODE_NO_WARNINGS="1")
        try:
            arguments = (seconds, context.warmup, in_flight, context.payload)
            result = json.loads(run(["node", script, *map(str, arguments)], env=env).splitlines()[-1])
        finally:
            cluster.drop(database)
        if not result["rate"]:
            raise Failed(f"emmett appended nothing: {result['firstError']}")
        return result

    return [
        Cell(
            name=f"emmett_{n}",
            group="emmett",
            title=f"emmett-postgresql, {n} in flight",
            sample=lambda seconds, n=n: sample(n, seconds),
            layer="Node, no network layer",
        )
        for n in (1, 64)
    ]
