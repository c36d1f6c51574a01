"""The network that can be broken: a TCP proxy with named links, in a process of its own.

    python3 -m faults.proxy NAME...    prints {"NAME": port, ...}, then obeys a line of JSON each on standard input:
    {"link": NAME, "do": ..., ...}     "upstream" (address "unix:PATH" or "tcp:PORT"), "pass", "cut", "delay" (seconds),
                                       "lose-answers", "reset", "refuse", "half-open" (side "near" or "far")

"near" is who connected to the proxy, "far" whom the proxy connected to. "pass" ends whatever was the matter.
"""
import asyncio
import json
import socket
import struct
import subprocess
import sys
import threading

_RESET = struct.pack("ii", 1, 0)


def _reset(writer):
    """So that the other end gets an RST, and no FIN."""
    connection = writer.get_extra_info("socket")
    if connection is not None and connection.family != socket.AF_UNIX:
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        except OSError:
            pass
    writer.transport.abort()


class _Connection:
    def __init__(self, near):
        self.near, self.far = near, None
        self.pumps = []
        self.lost_something = False

    def ends(self):
        return [end for end in (self.near, self.far) if end is not None]

    def reset(self):
        for pump in self.pumps:
            pump.cancel()
        for end in self.ends():
            _reset(end)


class _Link:
    def __init__(self):
        self.upstream, self.mode, self.delay = None, "pass", 0
        self.open = asyncio.Event()
        self.open.set()
        self.connections, self.silent = set(), []

    async def accept(self, reader, writer):
        connection = _Connection(writer)
        self.connections.add(connection)
        try:
            await self.open.wait()
            if self.mode == "refuse":
                return
            kind, address = self.upstream.split(":", 1)
            if kind == "unix":
                far_reader, connection.far = await asyncio.open_unix_connection(address)
            else:
                far_reader, connection.far = await asyncio.open_connection("127.0.0.1", int(address))
            connection.pumps = [
                asyncio.ensure_future(self._pump(connection, reader, connection.far, False)),
                asyncio.ensure_future(self._pump(connection, far_reader, writer, True)),
            ]
            await asyncio.wait(connection.pumps, return_when=asyncio.FIRST_COMPLETED)
        except (OSError, AttributeError):
            pass  # nobody is there, or nobody yet
        finally:
            if connection in self.connections:
                self.connections.discard(connection)
                for pump in connection.pumps:
                    pump.cancel()
                for end in connection.ends():
                    (_reset if self.mode == "refuse" else asyncio.StreamWriter.close)(end)

    async def _pump(self, connection, reader, writer, is_answer):
        try:
            while data := await reader.read(1 << 16):
                if self.mode == "delay":
                    await asyncio.sleep(self.delay)
                await self.open.wait()
                if is_answer and (self.mode == "lose-answers" or connection.lost_something):
                    connection.lost_something = True
                    continue
                writer.write(data)
                await writer.drain()
            await self.open.wait()
        except OSError:
            pass

    def do(self, command):
        what = command["do"]
        if what == "upstream":
            self.upstream = command["address"]
            return
        if what in ("reset", "refuse"):
            self._reset(self.connections)
        if what == "half-open":
            self._half_open(command["side"])
        if what in ("reset", "half-open"):
            return
        if what == "pass":
            self._reset({connection for connection in self.connections if connection.lost_something})
            for end in self.silent:
                _reset(end)
            self.silent = []
        self.mode, self.delay = what, command.get("seconds", 0)
        (self.open.clear if what == "cut" else self.open.set)()

    def _reset(self, connections):
        for connection in list(connections):
            self.connections.discard(connection)
            connection.reset()

    def _half_open(self, side):
        for connection in [one for one in self.connections if one.far is not None]:
            self.connections.discard(connection)
            for pump in connection.pumps:
                pump.cancel()
            told, silent = connection.ends() if side == "near" else reversed(connection.ends())
            _reset(told)
            silent.transport.pause_reading()
            self.silent.append(silent)


async def _serve(names):
    links, ports = {}, {}
    for name in names:
        links[name] = _Link()
        server = await asyncio.start_server(links[name].accept, "127.0.0.1", 0)
        ports[name] = server.sockets[0].getsockname()[1]
    print(json.dumps(ports), flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        command = json.loads(line)
        links[command["link"]].do(command)
        print("done", flush=True)


class Proxy:
    """The process, and what it shall do. Ends with stop() or with its parent's thread."""

    def __init__(self, names):
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", sys.executable, "-B", "-m", "faults.proxy", *names],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = json.loads(self._process.stdout.readline())

    def do(self, link, what, **more):
        with self._lock:
            self._process.stdin.write(json.dumps({"link": link, "do": what, **more}) + "\n")
            self._process.stdin.flush()
            if self._process.stdout.readline() != "done\n":
                raise AssertionError("the proxy is gone")

    def stop(self):
        self._process.kill()
        self._process.wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1:]))
