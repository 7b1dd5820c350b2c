"""HTTP/2 written byte by byte (RFC 9113): for tests of what no client library would send."""

import socket

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, GOAWAY = 0, 1, 4, 6, 7
END_STREAM, ACK, END_HEADERS = 1, 1, 4


def frame(kind, flags, payload, stream=1):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(name, value, index=False):
    """A header field (RFC 7541 section 6.2): with `index` the server remembers it, as with the clients of libraries."""
    return bytes([0x40 if index else 0, len(name)]) + name + bytes([len(value)]) + value


def request(path, message, headers=(), index=False):
    """A whole gRPC call on stream 1, to be sent at once after open_connection."""
    fields = [(b":path", path.encode()), (b":authority", b"localhost"), (b"content-type", b"application/grpc"), (b"te", b"trailers")]
    block = bytes([0x83, 0x86]) + b"".join(literal(*field, index) for field in [*fields, *headers])
    body = b"\0" + len(message).to_bytes(4, "big") + message
    return frame(HEADERS, END_HEADERS, block) + frame(DATA, END_STREAM, body)


def open_connection(address, tls=None):
    """A connection that says nothing after its preface. The server has taken it. `tls`: a context of ssl."""
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), timeout=20)
    if tls is not None:
        connection = tls.wrap_socket(connection, server_hostname=host)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(PREFACE + frame(SETTINGS, 0, b"", stream=0))
    read_frame(connection)
    return connection


def read_exactly(connection, size):
    """Fewer bytes when the server closes before."""
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            break
        received += part
    return received


def read_frame(connection):
    """(kind, flags, stream, payload), or None when the server has closed the connection."""
    head = read_exactly(connection, 9)
    if len(head) < 9:
        return None
    payload = read_exactly(connection, int.from_bytes(head[:3], "big"))
    return head[3], head[4], int.from_bytes(head[5:9], "big"), payload


def frames(connection):
    """All frames until the server closes the connection."""
    while (one := read_frame(connection)) is not None:
        yield one
