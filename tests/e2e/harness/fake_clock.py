"""A clock that can be set, in PostgreSQL alone: that is the clock that stamps events and records. By libfaketime."""
import glob
import os
import tempfile

from harness.server import Server

_LIBRARY = "/usr/lib/*/faketime/libfaketime.so.1"
_START = """#!/bin/sh
export LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={clock} FAKETIME_NO_CACHE=1 FAKETIME_DONT_RESET=1
export FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_DISABLE_SHM=1
exec {program} "$@"
"""


def _programs_of_postgres():
    """Their folder, as a server without a fake clock finds it."""
    server = Server()
    folder = os.path.dirname(os.readlink(f"/proc/{server.postmaster_pid()}/exe"))
    server.stop()
    return folder


class FakeClock:
    """Of the PostgreSQL of every server() that it starts; close() removes its folder."""

    def __init__(self):
        found = glob.glob(_LIBRARY)
        assert found, "libfaketime is not installed"
        self._folder = tempfile.TemporaryDirectory(prefix="eventstore-clock-")
        folder = self._folder.name
        os.chmod(folder, 0o755)
        real = os.environ.get("EVENTSTORE_PG_BIN") or _programs_of_postgres()
        for program in os.listdir(real):
            if program != "postgres":
                os.symlink(os.path.join(real, program), os.path.join(folder, program))
        self._clock = os.path.join(folder, "clock")
        with open(os.path.join(folder, "postgres"), "w", encoding="utf-8") as file:
            file.write(_START.format(library=found[0], clock=self._clock, program=os.path.join(real, "postgres")))
        os.chmod(file.name, 0o755)
        self.set(0)

    def set(self, seconds):
        """So far ahead of the machine's clock, or behind it."""
        with open(self._clock + ".new", "w", encoding="utf-8") as file:
            file.write(f"{seconds:+d}\n")
        os.chmod(file.name, 0o644)
        os.rename(file.name, self._clock)

    def server(self, data_dir=None, **settings):
        before = os.environ.get("EVENTSTORE_PG_BIN")
        os.environ["EVENTSTORE_PG_BIN"] = self._folder.name
        try:
            return Server(data_dir=data_dir, settings=settings)
        finally:
            if before is None:
                del os.environ["EVENTSTORE_PG_BIN"]
            else:
                os.environ["EVENTSTORE_PG_BIN"] = before

    def close(self):
        self._folder.cleanup()
