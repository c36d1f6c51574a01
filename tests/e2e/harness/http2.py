"""HTTP/2 as a hostile client speaks it: single frames on a plain socket, well formed or not."""
import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
CANCEL = struct.pack(">I", 8)


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _literal(name, value):
    """HPACK, never indexed, without Huffman; both below 127 bytes."""
    return b"\x10" + bytes([len(name)]) + name + bytes([len(value)]) + value


def call_headers(path):
    """The header block of a gRPC call."""
    fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path.encode()), (b":authority", b"localhost"),
              (b"te", b"trailers"), (b"content-type", b"application/grpc")]
    return b"".join(_literal(name, value) for name, value in fields)


class Connection:
    """Plain TCP to HOST:PORT."""

    def __init__(self, address, handshake=True):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        if handshake:
            self.send(PREFACE + frame(SETTINGS))

    def send(self, data):
        """False: the server has ended the connection."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def ended(self):
        """Whether the server has ended it; what it sent is read and thrown away."""
        self.socket.setblocking(False)
        try:
            while True:
                if not self.socket.recv(65536):
                    return True
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        finally:
            try:
                self.socket.settimeout(30)
            except OSError:
                pass

    def close(self):
        self.socket.close()
