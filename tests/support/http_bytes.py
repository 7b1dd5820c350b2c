"""HTTP/1.1 and HTTP/2 clients that send whatever they are told to, right or wrong, and read what comes back.

One request at a time. A connection that the server has closed says so; nothing is sent again by itself.
"""

import contextlib
import dataclasses
import socket

import hpack
import http2_bytes as h2

TIMEOUT = 30
WINDOW = 65_535


@dataclasses.dataclass
class Response:
    status: int
    headers: dict
    body: bytes
    trailers: dict


class ConnectionEnded(Exception):
    """The server closed the connection, or reset the stream, without an answer."""


class Http1:
    """`send` takes the headers as they are; content-length is added unless `raw` is the body as it goes out."""

    name = "HTTP/1.1"

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.open = True

    def close(self):
        self.socket.close()

    def send(self, method, target, headers, body=b"", raw=None):
        lines = [f"{method} {target} HTTP/1.1".encode(), *(name + b": " + value for name, value in headers)]
        if not any(name.lower() == b"host" for name, _ in headers) and raw is None:
            lines.insert(1, b"host: localhost")
        if raw is None and (body or method in ("POST", "PUT")):
            lines.append(b"content-length: " + str(len(body)).encode())
        content = b"\r\n".join(lines) + b"\r\n\r\n" + (body if raw is None else raw)
        # The server may refuse and stop reading before all is sent: its answer is there all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(content)
        return self._read(method)

    def _more(self):
        part = b""
        with contextlib.suppress(ConnectionResetError):
            part = self.socket.recv(65_536)
        if not part:
            self.open = False
            raise ConnectionEnded
        self.received += part

    def _take(self, size):
        while len(self.received) < size:
            self._more()
        taken, self.received = self.received[:size], self.received[size:]
        return taken

    def _line(self):
        while b"\r\n" not in self.received:
            self._more()
        line, _, self.received = self.received.partition(b"\r\n")
        return line

    def _fields(self):
        fields = {}
        while line := self._line():
            name, _, value = line.partition(b":")
            fields[name.decode().lower()] = value.strip().decode("latin-1")
        return fields

    def _read(self, method):
        status = int(self._line().split()[1])
        headers = self._fields()
        if status == 100:
            return self._read(method)
        trailers = {}
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self._line(), 16):
                body += self._take(size)
                self._take(2)
            trailers = self._fields()
        else:
            body = b"" if method == "HEAD" or status in (204, 304) else self._take(int(headers["content-length"]))
        if headers.get("connection", "").lower() == "close":
            self.open = False
        return Response(status, headers, body, trailers)


class Http2:
    """`raw` is for HTTP/1.1 only. A header `host` becomes the authority."""

    name = "HTTP/2"

    def __init__(self, address):
        self.socket = h2.open_connection(address)
        self.socket.settimeout(TIMEOUT)
        self.decoder = hpack.Decoder()
        self.encoder = hpack.Encoder()
        self.stream = -1
        self.windows = {0: WINDOW}  # what may be sent, by stream
        self.initial_window = WINDOW
        self.open = True

    def close(self):
        self.socket.close()

    def send(self, method, target, headers, body=b""):
        self.stream += 2
        self.windows[self.stream] = self.initial_window
        self.answer = Response(0, {}, b"", {})
        self.ended = False
        host = next((value for name, value in headers if name == b"host"), b"localhost")
        fields = [(b":method", method.encode()), (b":scheme", b"http"), (b":path", target.encode()), (b":authority", host)]
        block = self.encoder.encode([*fields, *((name, value) for name, value in headers if name != b"host")], huffman=False)
        first, rest = block[:16_000], block[16_000:]
        flags = (0 if body else h2.END_STREAM) | (0 if rest else h2.END_HEADERS)
        out = h2.frame(h2.HEADERS, flags, first, self.stream)
        while rest:
            part, rest = rest[:16_000], rest[16_000:]
            out += h2.frame(9, 0 if rest else h2.END_HEADERS, part, self.stream)
        self._write(out)
        while body and not self.ended:
            size = min(16_384, len(body), self.windows[0], self.windows[self.stream])
            if size <= 0:
                self._read()
                continue
            part, body = body[:size], body[size:]
            for stream in (0, self.stream):
                self.windows[stream] -= size
            self._write(h2.frame(h2.DATA, 0 if body else h2.END_STREAM, part, self.stream))
        while not self.ended:
            self._read()
        return self.answer

    def _write(self, content):
        try:
            self.socket.sendall(content)
        except (BrokenPipeError, ConnectionResetError):
            self.open = False
            raise ConnectionEnded from None

    def _read(self):
        one = h2.read_frame(self.socket)
        if one is None:
            self.open = False
            raise ConnectionEnded
        kind, flags, stream, payload = one
        if kind == h2.SETTINGS and not flags & h2.ACK:
            for at in range(0, len(payload), 6):
                if payload[at:at + 2] == b"\0\x04":
                    self.initial_window = int.from_bytes(payload[at + 2:at + 6], "big")
                    if self.stream > 0:
                        self.windows[self.stream] += self.initial_window - WINDOW
            self._write(h2.frame(h2.SETTINGS, h2.ACK, b"", 0))
        elif kind == h2.PING and not flags & h2.ACK:
            self._write(h2.frame(h2.PING, h2.ACK, payload, 0))
        elif kind == 8:
            self.windows[stream] = self.windows.get(stream, 0) + int.from_bytes(payload, "big")
        elif kind == h2.GOAWAY:
            self.open = False
        elif kind == h2.HEADERS:
            fields = dict(self.decoder.decode(payload))
            if stream == self.stream:
                self._fields(fields)
        elif kind == h2.DATA and payload:
            self._write(b"".join(h2.frame(8, 0, len(payload).to_bytes(4, "big"), at) for at in (0, stream)))
            if stream == self.stream:
                self.answer.body += payload
        elif kind == 3 and stream == self.stream:
            if self.answer.status == 0:
                raise ConnectionEnded
            self.ended = True
        if stream == self.stream and kind in (h2.HEADERS, h2.DATA) and flags & h2.END_STREAM:
            self.ended = True

    def _fields(self, fields):
        if ":status" in fields:
            self.answer.status, self.answer.headers = int(fields[":status"]), fields
        else:
            self.answer.trailers = fields
