"""A client of PostgreSQL's protocol that sends whatever it is told to, right or wrong, and reads what comes back."""

import base64
import hashlib
import hmac
import socket
import ssl

TIMEOUT = 30
VERSION_3_0 = 3 << 16
CANCEL, SSL_REQUEST, GSS_REQUEST = 80877102, 80877103, 80877104
# PostgreSQL documentation, "Message Formats": AuthenticationRequest.
_OK, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 10, 11, 12


class Refused(Exception):
    """An ErrorResponse. `fields`: its texts by their letters, C the SQLSTATE, M the message, R the reason code."""

    def __init__(self, body):
        self.fields = {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}
        super().__init__(f"{self.fields['C']} {self.fields['R']}: {self.fields['M']}")


class Ended(Exception):
    """The server has closed the connection."""


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def packet(code, rest=b""):
    """What a client begins with."""
    return (8 + len(rest)).to_bytes(4, "big") + code.to_bytes(4, "big") + rest


def startup(*texts, version=VERSION_3_0):
    """`texts`: names and values of parameters, in turns."""
    return packet(version, b"".join(_bytes(text) + b"\0" for text in texts) + b"\0")


class Connection:
    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=TIMEOUT)
        self.notices = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, content):
        self.socket.sendall(content)

    def receive(self, size):
        content = b""
        while len(content) < size:
            part = self.socket.recv(size - len(content))
            if not part:
                raise Ended()
            content += part
        return content

    def ended(self):
        """Whether the server closes without a word more."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def start_tls(self, authority):
        self.send(packet(SSL_REQUEST))
        if self.receive(1) != b"S":
            raise AssertionError("no TLS is spoken here")
        context = ssl.create_default_context(cafile=authority)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def message(self):
        """The type and the body of the next one; notices are kept."""
        while True:
            kind, size = self.receive(1), int.from_bytes(self.receive(4), "big")
            body = self.receive(size - 4)
            if kind == b"E":
                raise Refused(body)
            if kind != b"N":
                return kind, body
            self.notices.append(body)

    def tell(self, kind, body):
        self.send(kind + (4 + len(body)).to_bytes(4, "big") + body)

    def log_in(self, password):
        """What follows the startup packet, by SCRAM-SHA-256 without channel binding (RFC 5802). Returns the process id and the key."""
        scram, key = _Scram(password), None
        while True:
            kind, body = self.message()
            if kind == b"Z":
                return key
            if kind == b"K":
                key = int.from_bytes(body[:4], "big"), body[4:]
            if kind == b"R":
                code, data = int.from_bytes(body[:4], "big"), body[4:]
                if code == _SASL:
                    first = scram.first()
                    self.tell(b"p", b"SCRAM-SHA-256\0" + len(first).to_bytes(4, "big") + first)
                elif code == _SASL_CONTINUE:
                    self.tell(b"p", scram.final(data))
                elif code not in (_OK, _SASL_FINAL):
                    raise AssertionError(f"asked for another login: {code}")

    def ask(self, query):
        """The first column of the last row; no rows: nothing."""
        self.tell(b"Q", query.encode() + b"\0")
        answer = None
        while True:
            kind, body = self.message()
            if kind == b"D":
                size = int.from_bytes(body[2:6], "big")
                answer = body[6:6 + size].decode()
            if kind == b"Z":
                return answer


class _Scram:
    def __init__(self, password):
        self.password, self.bare = password.encode(), b"n=,r=fyko+d2lbbFgONRv9qkxdawL"

    def first(self):
        return b"n,," + self.bare

    def final(self, challenge):
        values = dict(part.split(b"=", 1) for part in challenge.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(values[b"s"]), int(values[b"i"]))
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = b"c=biws,r=" + values[b"r"]
        signed = b",".join((self.bare, challenge, without_proof))
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        return without_proof + b",p=" + base64.b64encode(proof)
