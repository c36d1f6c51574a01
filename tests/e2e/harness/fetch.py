"""Programs that are no Debian packages, from the registries that the machine can reach."""
import os
import shutil
import subprocess
import unittest

BUILD = os.environ["EVENTSTORE_E2E_BUILD"]
BUF = "@bufbuild/buf@1.75.0"
GO_BIN = os.path.join(BUILD, "go-bin")
# Go's module cache is read-only by default, which would keep others from removing it.
GO_ENVIRONMENT = {"GOBIN": GO_BIN, "GOFLAGS": "-modcacherw"}


def run_fetch(what, needs, command, patience_s, not_tried, environment=None, folder=None):
    """Runs a command that needs a registry; when it fails, the tests of the class are skipped, and say what is not tried."""
    if shutil.which(needs) is None:
        raise unittest.SkipTest(f"there is neither {what} nor {needs} to fetch it with. Not tried: {not_tried}")
    print(f"fetching {what} with {needs}", flush=True)
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=patience_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise unittest.SkipTest(f"{needs} did not fetch {what} within {patience_s} s. Not tried: {not_tried}") from None
    if done.returncode != 0:
        lines = done.stdout.strip().splitlines() or ["it said nothing"]
        errors = [line for line in lines if "error" in line.lower()][:3] or lines[-1:]
        raise unittest.SkipTest(f"{needs} could not fetch {what}: {'; '.join(errors)}. Not tried: {not_tried}")


def fetch(program, path, needs, command, patience_s, not_tried, environment=None):
    """Where the program is, fetched if need be; skips the tests of the class when it cannot be had."""
    found = shutil.which(program)
    if found or os.access(path, os.X_OK):
        return found or path
    run_fetch(program, needs, command, patience_s, not_tried, environment)
    if not os.access(path, os.X_OK):
        raise unittest.SkipTest(f"{needs} fetched {program} and it is not at {path}. Not tried: {not_tried}")
    return path


def fetch_buf(not_tried):
    folder = os.path.join(BUILD, "npm")
    command = ["npm", "install", "--loglevel=error", "--no-fund", "--no-audit", "--prefix", folder, BUF]
    path = fetch("buf", os.path.join(folder, "node_modules", ".bin", "buf"), "npm", command, 180, not_tried)
    # That of npm is a script of Node's.
    if path.startswith(folder) and shutil.which("node") is None:
        raise unittest.SkipTest(f"there is no node to run buf with. Not tried: {not_tried}")
    return path


def fetch_go_program(program, package, not_tried):
    """Compiled the first time, which may take minutes."""
    os.makedirs(GO_BIN, exist_ok=True)
    path = os.path.join(GO_BIN, program)
    return fetch(program, path, "go", ["go", "install", package], 900, not_tried, GO_ENVIRONMENT)
