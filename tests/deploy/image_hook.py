#!/usr/bin/python3
"""image_hook.py ROOT: run by mmdebstrap (see image_test.py), in the namespaces that it made. Does in ROOT what the last stage of the
Dockerfile says, and starts the server as the image would.

From the environment: IMAGE_SOURCE, IMAGE_OUT (what the build stage made), IMAGE_DATABASE_URL, IMAGE_REACHED (a file to make).
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import dockerfile

ROOT, SOURCE, OUT = sys.argv[1], os.environ["IMAGE_SOURCE"], os.environ["IMAGE_OUT"]
STAGE = dockerfile.stages(os.path.join(SOURCE, "deploy", "docker", "Dockerfile"))[-1]
# What Docker and containerd set by themselves, HOME by /etc/passwd.
BARE = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/var/lib/eventstore"}
USER = dockerfile.one(STAGE, "USER")


def inside(command, user=None, environment=None, **options):
    who = [f"--userspec={user}"] if user else []
    return subprocess.Popen(["chroot", *who, ROOT, *command], env={**BARE, **(environment or {})}, **options)


def run_inside(command, user=None, environment=None):
    process = inside(command, user, environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output = process.communicate(timeout=900)[0]
    return process.returncode, output


def must(command, **options):
    code, output = run_inside(command, **options)
    if code != 0:
        raise SystemExit(f"image: {command}: exit code {code}\n{output}")
    return output


def copy(rest):
    *sources, target = rest.split()
    base = SOURCE
    if sources[0] == "--from=build":
        sources, base = [os.path.relpath(source, "/out") for source in sources[1:]], OUT
    [source] = sources
    path, where = os.path.normpath(os.path.join(base, source)), ROOT + target
    if os.path.isdir(path):
        shutil.copytree(path, where, dirs_exist_ok=True)
        return
    if target.endswith("/"):
        where += os.path.basename(path)
    os.makedirs(os.path.dirname(where), exist_ok=True)
    shutil.copy(path, where)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def build():
    for instruction, rest in STAGE:
        if instruction == "COPY":
            copy(rest)
        elif instruction == "RUN":
            must(["/bin/sh", "-c", rest])


def changed_since(marker):
    """Files that were written, but for those where a volume or tmpfs goes."""
    places = ("/proc", "/sys", "/dev", "/tmp", "/var/lib/eventstore")
    pruned = [word for place in places for word in ("-path", place, "-prune", "-o")]
    return must(["find", "/", *pruned, "-newer", marker, "-print"])


def serve():
    environment = dockerfile.environment(STAGE)
    assert environment["EVENTSTORE_GRPC_LISTEN"].startswith("0.0.0.0:"), environment
    grpc, http = free_port(), free_port()
    [program] = json.loads(dockerfile.one(STAGE, "ENTRYPOINT"))
    healthcheck = json.loads(dockerfile.one(STAGE, "HEALTHCHECK").split("CMD", 1)[1])
    environment["DATABASE_URL"] = os.environ["IMAGE_DATABASE_URL"]
    # With the image's own variables, and the network of this machine: so its addresses with free ports, of loopback.
    environment |= {"EVENTSTORE_GRPC_LISTEN": f"127.0.0.1:{grpc}", "EVENTSTORE_HTTP_LISTEN": f"127.0.0.1:{http}"}

    code, _ = run_inside(healthcheck, USER, environment)
    assert code == 1, f"the health check says {code} while there is no server"
    code, output = run_inside([program], USER, environment | {"EVENTSTORE_GRPC_LISTEN": f"0.0.0.0:{grpc}"})
    assert code == 2 and "--insecure" in output, f"without TLS and --insecure it does not refuse: {code} {output}"

    must(["touch", "/marker"])
    server = inside([program], USER, environment)
    try:
        end = time.monotonic() + 120
        while run_inside(healthcheck, USER, environment)[0] != 0:
            assert server.poll() is None, f"the server ended with {server.returncode}"
            assert time.monotonic() < end, "the health check never said 0"
            time.sleep(0.2)
        aggregate = open("/proc/sys/kernel/random/uuid", encoding="ascii").read().strip()
        eventctl = ["/usr/local/bin/eventctl", "--server", f"127.0.0.1:{grpc}"]
        must([*eventctl, "append", aggregate, "--expected-version", "0", "--event", "image.tried"], user=USER)
        assert "image.tried" in must([*eventctl, "stream", aggregate], user=USER)
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
        code = server.wait(120)
    assert code == 0, f"after SIGTERM it ended with {code}"
    changed = changed_since("/marker")
    assert not changed, f"the server wrote where the root is read-only: {changed}"


open(os.environ["IMAGE_REACHED"], "w", encoding="ascii").close()
build()
print("image: built", flush=True)
serve()
must(["/usr/local/bin/eventbench", "--version"], user=USER)
print(f"image: as {USER} the server served, was healthy, wrote nothing into the root, and stopped", flush=True)
