"""Peers from their registries, into the folder of the run: nothing is installed on the system, nothing of it is
ours."""

import glob
import os
import shutil
import socket
import zipfile

from cell import Unavailable
from processes import Failed, environment, run

_PATIENCE = 180


def _fetch(what, registry, command, **options):
    try:
        run(command, timeout=_PATIENCE, **options)
    except Failed as error:
        raise Unavailable(f"{what} could not be had from {registry}: {error}") from None


def _registry_environment():
    # Proxies and mirrors that the user has set are for this.
    names = [
        name for name in os.environ if name.lower().endswith("_proxy") or name.startswith(("npm_", "NPM_", "PIP_"))
    ]
    names += ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"]
    return environment(**{name: os.environ[name] for name in names if name in os.environ})


def npm(folder, *names):
    """The folder in which node_modules/ holds these packages."""
    if not shutil.which("npm"):
        raise Unavailable("there is no npm: apt-get install npm")
    target = os.path.join(folder, "npm")
    os.makedirs(target, exist_ok=True)
    wanted = [name for name in names if not os.path.isdir(os.path.join(target, "node_modules", _bare(name)))]
    if wanted:
        command = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", target, *wanted]
        _fetch(", ".join(wanted), "npm", command, env=_registry_environment())
    return target


def _bare(name):
    """Without its version: "@scope/name@1.2" is "@scope/name"."""
    return name[:1] + name[1:].partition("@")[0]


def wheel(folder, name):
    """A folder for PYTHONPATH that holds this package of PyPI."""
    target = os.path.join(folder, "python")
    if os.path.isdir(os.path.join(target, name)):
        return target
    pip = shutil.which("pip3") or shutil.which("pip")
    if not pip:
        raise Unavailable("there is no pip: apt-get install python3-pip")
    os.makedirs(target, exist_ok=True)
    command = [pip, "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", target, name]
    _fetch(name, "PyPI", command, env=_registry_environment())
    # Unpacked by hand: pip would install for its own Python, which need not be the one that runs it.
    for path in glob.glob(os.path.join(target, "*.whl")):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(target)
    return target


def debian(folder, name, program):
    """A program of a Debian package that is unpacked, not installed."""
    target = os.path.join(folder, "debian", name)
    path = os.path.join(target, program)
    if not os.path.exists(path):
        os.makedirs(target, exist_ok=True)
        _fetch(name, "Debian", ["apt-get", "-q", "download", name], cwd=target, env=_registry_environment())
        for package in glob.glob(os.path.join(target, "*.deb")):
            run(["dpkg", "-x", package, target])
    if not os.path.exists(path):
        raise Unavailable(f"Debian's package {name} holds no {program}")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
