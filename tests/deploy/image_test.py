#!/usr/bin/python3
"""image_test.py BUILD_FOLDER : the container's image, without Docker. What the last stage of deploy/docker/Dockerfile does is done in a fresh
Debian by mmdebstrap, in namespaces of its own; then the server is started there as the image starts it, with a database.

The programs are those of the build folder. Not tried: the build stage's own compilation, and Docker itself.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading

from harness.server import Server

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
SKIP = 77


def skip(reason):
    print(f"{reason}. Not tried: the image of deploy/docker, which programs and libraries it has and whether the server runs in it")
    sys.exit(SKIP)


def codename():
    with open("/etc/os-release", encoding="utf-8") as file:
        return dict(line.rstrip().split("=", 1) for line in file if "=" in line).get("VERSION_CODENAME", "")


def forward(socket_path):
    """A TCP port that leads to a unix socket: what runs in another root reaches that one alone."""

    def pump(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def accept():
        while True:
            near = listener.accept()[0]
            far = socket.socket(socket.AF_UNIX)
            far.connect(socket_path)
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pump, args=pair, daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def database_url(server):
    words = dict(word.split("=", 1) for word in server.conninfo().split())
    words = {key: value.strip("'") for key, value in words.items()}
    with open(words["passfile"], encoding="utf-8") as file:
        password = file.readline().rstrip("\n").rsplit(":", 1)[1]
    port = forward(os.path.join(words["host"], ".s.PGSQL." + words.get("port", "5432")))
    return f"postgres://{words['user']}:{password}@127.0.0.1:{port}/{words['dbname']}"


def main(build):
    if shutil.which("mmdebstrap") is None:
        skip("there is no mmdebstrap (apt-get install mmdebstrap)")
    with tempfile.TemporaryDirectory(prefix="eventstore-image-") as folder:
        os.chmod(folder, 0o755)
        out, reached = os.path.join(folder, "out"), os.path.join(folder, "reached")
        subprocess.run(
            [os.path.join(SOURCE, "deploy", "docker", "build-programs.sh"), out],
            env={**os.environ, "BUILD_FOLDER": build}, check=True,
        )
        server = Server()
        try:
            environment = {
                "IMAGE_SOURCE": SOURCE, "IMAGE_OUT": out, "IMAGE_REACHED": reached,
                "IMAGE_DATABASE_URL": database_url(server), "PYTHONPATH": HERE, "PYTHONDONTWRITEBYTECODE": "1",
            }
            hook = f"/usr/bin/python3 {HERE}/image_hook.py \"$1\""
            # Nothing is kept: what was made is thrown away by mmdebstrap, which unmounts it first.
            command = ["mmdebstrap", "--quiet", "--mode=unshare", "--variant=minbase", "--format=null", f"--customize-hook={hook}"]
            done = subprocess.run(
                [*command, codename(), "/dev/null"], env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            )
        finally:
            server.stop()
        print(done.stdout, flush=True)
        if not os.path.exists(reached):
            skip(f"mmdebstrap made no {codename()}: {(done.stdout.strip().splitlines() or ['it said nothing'])[-1]}")
        return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
