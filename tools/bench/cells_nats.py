"""NATS JetStream: what a log that is not synced for each message does. The server is Debian's, unpacked beside the
run."""

import glob
import json
import os
import shutil
import tempfile

import packages
from cell import Cell
from processes import Failed, Process, environment, run


def cells(context):
    server = shutil.which("nats-server") or packages.debian(context.folder, "nats-server", "usr/sbin/nats-server")
    version = run([server, "--version"]).split()[-1]
    folder = packages.npm(context.folder, "@nats-io/transport-node", "@nats-io/jetstream")
    script = os.path.join(context.source, "peers/nats.mjs")

    def sample(in_flight, seconds):
        with tempfile.TemporaryDirectory(dir=context.folder) as data:
            ports = os.path.join(data, "ports")
            os.mkdir(ports)
            command = [server, "-js", "-sd", os.path.join(data, "store"), "-a", "127.0.0.1", "-p", "-1"]
            process = Process([*command, "--ports_file_dir", ports], os.path.join(context.folder, "nats.log"))
            try:
                # With port -1 it takes any free one and says which in a file.
                process.wait_for(lambda: glob.glob(os.path.join(ports, "*.ports")))
                process.wait_for_log("Server is ready")
                with open(glob.glob(os.path.join(ports, "*.ports"))[0], encoding="utf-8") as file:
                    address = json.load(file)["nats"][0]
                env = environment(BENCH_SERVER=address, BENCH_PACKAGES=folder, NODE_NO_WARNINGS="1")
                arguments = (seconds, context.warmup, in_flight, context.payload)
                result = json.loads(run(["node", script, *map(str, arguments)], env=env).splitlines()[-1])
            finally:
                process.stop()
        if not result["rate"]:
            raise Failed(f"NATS took nothing: {result['firstError']}")
        return result

    return [
        Cell(
            name="nats_64",
            group="nats",
            title=f"NATS JetStream {version}, 64 in flight",
            sample=lambda seconds: sample(64, seconds),
            durability="not fsynced per ack",
            layer="TCP, client in Node",
        )
    ]
