"""UmaDB, the other event store behind gRPC: conditional appends of one event. The server comes from PyPI; the client is
ours (umadb/), in the same C++ and gRPC as eventbench, so that the clients cost alike."""

import json
import os
import tempfile

import packages
from cell import Cell, Unavailable
from processes import Failed, Process, environment, run

_START = "import sys; sys.argv[0] = 'umadb'; from umadb.umadb_server_cli import main; main()"


def cells(context):
    folder = packages.wheel(context.folder, "umadb")
    client = os.path.join(context.binaries, "umadb_load")
    if not os.path.exists(client):
        raise Unavailable("its load client umadb_load is not built: ninja -C build umadb_load")
    env = environment(PYTHONPATH=folder)
    version = run(
        ["/usr/bin/python3", "-c", "from importlib.metadata import version; print(version('umadb'))"], env=env
    ).strip()

    def sample(in_flight, seconds):
        with tempfile.TemporaryDirectory(dir=context.folder) as data:
            port = packages.free_port()
            command = ["/usr/bin/python3", "-c", _START, "--listen", f"127.0.0.1:{port}"]
            command += ["--db-path", os.path.join(data, "uma.db")]
            process = Process(command, os.path.join(context.folder, "umadb.log"), env=env)
            try:
                process.wait_for(lambda: packages.answers(port))
                arguments = (f"127.0.0.1:{port}", seconds, context.warmup, in_flight, context.payload)
                result = json.loads(run([client, *map(str, arguments)], env=environment()))
            finally:
                process.stop()
        if not result["rate"]:
            raise Failed(f"UmaDB took nothing: {result['first_error']}")
        return result

    return [
        Cell(
            name=f"umadb_{n}",
            group="umadb",
            title=f"UmaDB {version}, conditional append, {n} in flight",
            sample=lambda seconds, n=n: sample(n, seconds),
            durability="fsync before the answer",
            layer="gRPC",
        )
        for n in (1, 64)
    ]
