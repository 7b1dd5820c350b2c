"""One call in every protocol of the data port, written byte by byte, and its refusal read back.

An Ask says what is meant; a protocol writes it down, or says why it can't (CannotExpress).
"""

import base64
import dataclasses
import json
import urllib.parse

from http_bytes import Http1, Http2
from protobuf_bytes import CODES, Refusal, field, fields, refusal_of_status, retry_delay, varint

SERVICE = "/prism.keyvalue.v1."
# Fields by their JSON names: number and kind.
KEY = {"namespace": (1, "text"), "key": (2, "text")}
WRITE = {"value": (3, "bytes"), "ttl": (4, "duration"), "tags": (5, "map"), "requestId": (6, "text")}
PREFIX = {"namespace": (1, "text"), "prefix": (2, "text")}
EXPECT = {"absent": (1, "bool"), "value": (2, "bytes"), "version": (3, "text")}
ITEM = {"key": (1, "text"), "value": (2, "bytes"), "ttl": (3, "duration"), "tags": (4, "map")}
TRANSACTION = {"namespace": (1, "text"), "transaction": (2, "text"), "key": (3, "text")}
KEYS = {"namespace": (1, "text"), "keys": (2, "texts")}
FIELDS = {
    "KeyValueBasic/Set": {**KEY, **WRITE}, "KeyValueBasic/Get": KEY, "KeyValueBasic/Exists": KEY,
    "KeyValueBasic/Delete": {**KEY, "requestId": (3, "text")},
    "KeyValueScan/Scan": {**PREFIX, "limit": (3, "int"), "pageToken": (4, "text"), "keysOnly": (5, "bool")},
    "KeyValueScan/ScanKeys": {**PREFIX, "limit": (3, "int"), "pageToken": (4, "text")},
    "KeyValueScan/Count": PREFIX, "KeyValueScan/DeletePrefix": {**PREFIX, "requestId": (3, "text")},
    "KeyValueTtl/Expire": {**KEY, "ttl": (3, "duration")}, "KeyValueTtl/GetTTL": KEY,
    "KeyValueTransactional/BeginTransaction": {"namespace": (1, "text"), "timeout": (2, "duration")},
    "KeyValueTransactional/SetInTransaction": {**TRANSACTION, "value": (4, "bytes")},
    "KeyValueTransactional/GetInTransaction": TRANSACTION,
    "KeyValueTransactional/Commit": {"namespace": (1, "text"), "transaction": (2, "text")},
    "KeyValueTransactional/Rollback": {"namespace": (1, "text"), "transaction": (2, "text")},
    "KeyValueBatch/BatchSet": {"namespace": (1, "text"), "items": (2, ITEM)}, "KeyValueBatch/BatchGet": KEYS,
    "KeyValueBatch/BatchDelete": KEYS,
    "KeyValueCas/CompareAndSwap": {**KEY, "expect": (3, EXPECT), "value": (4, "bytes"), "requestId": (7, "text")},
    "KeyValueCas/CompareAndDelete": {**KEY, "expect": (3, EXPECT)},
    "KeyValueCas/Increment": {**KEY, "delta": (3, "int"), "requestId": (4, "text")},
}
STREAMS = {"KeyValueScan/Scan", "KeyValueScan/ScanKeys"}
READS = {"KeyValueBasic/Get", "KeyValueBasic/Exists", "KeyValueScan/Count", "KeyValueTtl/GetTTL", "KeyValueBatch/BatchGet",
         "KeyValueTransactional/GetInTransaction"}
# Of the code of an error (connectrpc.com/docs/protocol, "Error codes").
HTTP_STATUS = {"CANCELLED": 499, "UNKNOWN": 500, "INVALID_ARGUMENT": 400, "DEADLINE_EXCEEDED": 504, "NOT_FOUND": 404,
               "ALREADY_EXISTS": 409, "PERMISSION_DENIED": 403, "RESOURCE_EXHAUSTED": 429, "FAILED_PRECONDITION": 400,
               "ABORTED": 409, "OUT_OF_RANGE": 400, "UNIMPLEMENTED": 501, "INTERNAL": 500, "UNAVAILABLE": 503,
               "DATA_LOSS": 500, "UNAUTHENTICATED": 401}


class CannotExpress(Exception):
    """Why a mistake has no form in a protocol."""


@dataclasses.dataclass
class Ask:
    method: str
    fields: dict = dataclasses.field(default_factory=dict)
    protobuf: bytes = None    # instead of the fields
    json: bytes = None        # instead of the fields
    headers: tuple = ()       # (name, value) beside those of the protocol
    timeout: dict = None      # text of the timeout header, by family: "grpc", "connect", "resource"
    encoding: bytes = None    # names a compression
    pack: object = None       # bytes of a message to what is sent as compressed
    frames: object = None     # one frame to all that is sent; framed protocols only
    content_type: bytes = None
    codec: bytes = None       # instead of that in the content type
    verb: str = "POST"
    te: bool = True
    path: str = None
    version: bytes = b"1"     # of Connect
    resource: tuple = None    # verb, target, headers, body; instead of the fields
    raw: bytes = None         # the body with its framing, over HTTP/1.1


def write_protobuf(schema, values):
    out = b""
    for name, value in values.items():
        number, kind = schema[name]
        for one in value if kind == "texts" or (isinstance(kind, dict) and isinstance(value, list)) else [value]:
            if isinstance(kind, dict):
                out += field(number, write_protobuf(kind, one))
            elif kind == "duration":
                out += field(number, varint(1 << 3) + varint(one))
            elif kind == "map":
                for key, content in one.items():
                    out += field(number, field(1, key.encode()) + field(2, content.encode()))
            elif kind in ("int", "bool"):
                out += varint(number << 3) + varint(int(one))
            else:
                out += field(number, one if isinstance(one, bytes) else one.encode())
    return out


def json_text(text):
    return json.dumps(text).encode() if isinstance(text, str) else b'"' + text + b'"'


def write_json(schema, values):
    def one(kind, value):
        if isinstance(kind, dict):
            return write_json(kind, value)
        if kind == "duration":
            return f'"{value}s"'.encode()
        if kind == "bytes":
            return json_text(base64.b64encode(value).decode())
        if kind in ("map", "bool"):
            return json.dumps(value).encode()
        return json_text(str(value) if kind == "int" else value)

    members = []
    for name, value in values.items():
        kind = schema[name][1]
        if isinstance(value, list):
            element = "text" if kind == "texts" else kind
            text = b"[" + b",".join(one(element, part) for part in value) + b"]"
        else:
            text = one(kind, value)
        members.append(json_text(name) + b":" + text)
    return b"{" + b",".join(members) + b"}"


def frame(flags, content):
    return bytes([flags]) + len(content).to_bytes(4, "big") + content


def frames(body):
    while body:
        size = int.from_bytes(body[1:5], "big")
        yield body[0], body[5:5 + size]
        body = body[5 + size:]


def unpadded(text):
    return base64.b64decode(text + "=" * (-len(text) % 4))


def refusal_of_json(error):
    info = error["details"][0]
    assert info["type"] == "google.rpc.ErrorInfo", error
    assert dict(fields(unpadded(info["value"])))[1].decode() == info["debug"]["reason"], error
    assert info["debug"]["domain"] == "prism", error
    code = {"canceled": "CANCELLED"}.get(error["code"], error["code"].upper())
    retries = [retry_delay(unpadded(one["value"])) for one in error["details"] if one["type"] == "google.rpc.RetryInfo"]
    return Refusal(code, info["debug"]["reason"], error["message"], *retries)


class Protocol:
    """`traits`: what rows may demand. `exchange` gives the answer, `refusal` what it refuses, or None where the call succeeded,
    and `send` the refusal with the HTTP status."""

    def __init__(self, name, connect, *traits):
        self.name, self.connect = f"{name} over {connect.name}", connect
        self.traits = {*traits, "lines"} if connect is Http1 else set(traits)

    def path(self, ask):
        return ask.path or SERVICE + ask.method

    def message(self, ask):
        if "json" in self.traits:
            if ask.json is not None:
                return ask.json
            if ask.protobuf is not None:
                raise CannotExpress("these are bytes of protobuf")
            return write_json(FIELDS[ask.method], ask.fields)
        if ask.protobuf is not None:
            return ask.protobuf
        if ask.json is not None:
            raise CannotExpress("this is text of JSON")
        return write_protobuf(FIELDS[ask.method], ask.fields)

    def send(self, connection, ask):
        answer = self.exchange(connection, ask)
        return self.refusal(answer), answer.status

    def exchange(self, connection, ask, first=()):
        """`first`: headers in front of all others."""
        extra = {}
        if ask.raw is not None:
            if self.connect is not Http1:
                raise CannotExpress("HTTP/2 has frames, not lines")
            extra["raw"] = ask.raw
        verb, target, headers, body = self.request(ask)
        return connection.send(verb, target, [*first, *headers, *ask.headers], body, **extra)


class Framed(Protocol):
    """gRPC and gRPC-Web."""

    def __init__(self, name, connect, content_type, *traits):
        codec = "json" if content_type.endswith(b"json") else "protobuf"
        super().__init__(name, connect, "calls", "frames", "framed", codec, *traits)
        self.content_type = content_type

    def request(self, ask):
        content_type = self.content_type
        if ask.codec:
            content_type = content_type.split(b"+")[0] + b"+" + ask.codec
        headers = [(b"content-type", ask.content_type or content_type)]
        if "grpc" in self.traits and ask.te:
            headers.append((b"te", b"trailers"))
        if ask.timeout:
            headers.append((b"grpc-timeout", ask.timeout["grpc"]))
        if ask.encoding:
            headers.append((b"grpc-encoding", ask.encoding))
        message = self.message(ask)
        body = frame(1, ask.pack(message)) if ask.pack else frame(0, message)
        if ask.frames:
            body = ask.frames(body)
        if "text" in self.traits:
            body = base64.b64encode(body)
        return ask.verb, self.path(ask), headers, body

    def refusal(self, answer):
        trailers = {**answer.headers, **answer.trailers}
        body = answer.body
        if "grpc-status" not in trailers and answer.status != 200:
            return refusal_of_json(json.loads(body))
        if "text" in self.traits:
            body = b"".join(base64.b64decode(body[at:at + 4]) for at in range(0, len(body), 4))
        if "grpc-status" not in trailers and "web" in self.traits:
            flags, last = list(frames(body))[-1]
            assert flags == 0x80, answer
            trailers = dict(line.split(": ", 1) for line in last.decode().split("\r\n") if line)
        if trailers["grpc-status"] == "0":
            return None
        details = trailers["grpc-status-details-bin"]
        refusal = refusal_of_status(base64.b64decode(details + "=" * (-len(details) % 4)))
        assert refusal.code == CODES[int(trailers["grpc-status"])], trailers
        assert refusal.message == urllib.parse.unquote(trailers["grpc-message"]), trailers
        return refusal


class Connect(Protocol):
    """Unary calls as plain bodies, streams in envelopes."""

    def __init__(self, codec, connect):
        super().__init__("Connect " + codec, connect, "calls", "frames", "connect", "json" if codec == "JSON" else "protobuf")
        self.codec = b"json" if codec == "JSON" else b"proto"

    def request(self, ask):
        stream = ask.method in STREAMS
        if ask.frames and not stream:
            raise CannotExpress("the body is the message, without frames")
        kind = b"application/connect+" if stream else b"application/"
        headers = [(b"content-type", ask.content_type or kind + (ask.codec or self.codec)), (b"connect-protocol-version", ask.version)]
        if ask.timeout:
            headers.append((b"connect-timeout-ms", ask.timeout["connect"]))
        if ask.encoding:
            headers.append((b"connect-content-encoding" if stream else b"content-encoding", ask.encoding))
        message = self.message(ask)
        if ask.pack:
            if not ask.encoding:
                raise CannotExpress("without the header nothing marks a body as compressed")
            message = ask.pack(message)
        body = frame(1 if ask.pack else 0, message) if stream else message
        if ask.frames:
            body = ask.frames(body)
        return ask.verb, self.path(ask), headers, body

    def refusal(self, answer):
        if answer.headers.get("content-type", "").startswith("application/connect+"):
            flags, last = list(frames(answer.body))[-1]
            assert flags & 2, answer
            error = json.loads(last).get("error")
            return refusal_of_json(error) if error else None
        if answer.status == 200:
            return None
        assert answer.headers["content-type"] == "application/json", answer
        return refusal_of_json(json.loads(answer.body))


class ConnectGet(Connect):
    """Methods that only read, with the message in the query (connectrpc.com/docs/protocol, "Unary-Get-Request")."""

    def __init__(self, codec, connect):
        super().__init__(codec, connect)
        self.name = self.name.replace("Connect", "Connect GET")
        self.traits.remove("frames")

    def request(self, ask):
        if ask.method not in READS:
            raise CannotExpress("GET carries only unary calls that read")
        if ask.verb != "POST" or ask.content_type:
            raise CannotExpress("this is about another verb")
        headers = [(b"connect-timeout-ms", ask.timeout["connect"])] if ask.timeout else []
        message = self.message(ask)
        query = {"connect": b"v" + ask.version, "encoding": self.codec, "base64": b"1"}
        if ask.encoding:
            query["compression"] = ask.encoding
        if ask.pack:
            if not ask.encoding:
                raise CannotExpress("without the parameter nothing marks a message as compressed")
            message = ask.pack(message)
        query["message"] = base64.urlsafe_b64encode(message).rstrip(b"=")
        return "GET", self.path(ask) + "?" + urllib.parse.urlencode(query), headers, b""


class Resource(Protocol):
    """The routes below /v1/. A key stands in the query, where it may have any bytes."""

    VERBS = {"KeyValueBasic/Set": "PUT", "KeyValueBasic/Get": "GET", "KeyValueBasic/Delete": "DELETE",
             "KeyValueCas/CompareAndSwap": "PUT", "KeyValueCas/CompareAndDelete": "DELETE", "KeyValueScan/Scan": "GET"}

    def __init__(self, connect):
        super().__init__("resource", connect, "resource")

    def request(self, ask):
        if ask.resource:
            verb, target, headers, body = ask.resource
            return verb, target, list(headers), body
        if ask.method not in self.VERBS:
            raise CannotExpress("no resource route leads to this method")
        if ask.protobuf is not None or ask.json is not None or ask.frames or ask.path or ask.verb != "POST":
            raise CannotExpress("a resource has no message, and its route is its method")
        values = dict(ask.fields)
        headers = []
        if ask.timeout:
            headers.append((b"prism-timeout", ask.timeout["resource"]))
        if ask.encoding:
            if self.VERBS[ask.method] != "PUT":
                raise CannotExpress("there is no body")
            headers.append((b"content-encoding", ask.encoding))
        body = values.pop("value", b"")
        if ask.pack:
            raise CannotExpress("a value is stored as it comes, compressed or not")
        if "ttl" in values:
            headers.append((b"prism-ttl", f"{values.pop('ttl')}s".encode()))
        for name, content in values.pop("tags", {}).items():
            headers.append((b"prism-tag", f"{urllib.parse.quote(name)}={urllib.parse.quote(content)}".encode()))
        if "requestId" in values:
            headers.append((b"idempotency-key", values.pop("requestId").encode()))
        if "expect" in values or ask.method.startswith("KeyValueCas"):
            expect = values.pop("expect", {})
            if expect.get("version"):
                headers.append((b"if-match", b'"%s"' % expect["version"].encode()))
            else:
                raise CannotExpress("conditions of HTTP are versions, or none at all")
        namespace = urllib.parse.quote(values.pop("namespace", ""), safe="")
        query = {{"pageToken": "page_token", "keysOnly": "keys_only"}.get(name, name): value for name, value in values.items()}
        target = f"/v1/{namespace}/keyvalue?" + urllib.parse.urlencode(query)
        return self.VERBS[ask.method], target, headers, body

    def refusal(self, answer):
        if answer.status < 400:
            return None
        assert answer.headers["content-type"] == "application/json", answer
        return refusal_of_json(json.loads(answer.body))


def all_protocols():
    protocols = []
    for http in (Http1, Http2):
        if http is Http2:  # which has trailers that everybody passes on
            protocols += [Framed("gRPC", http, b"application/grpc", "grpc"),
                          Framed("gRPC JSON", http, b"application/grpc+json", "grpc")]
        protocols += [Framed("gRPC-Web", http, b"application/grpc-web+proto", "web"),
                      Framed("gRPC-Web text", http, b"application/grpc-web-text+proto", "web", "text"),
                      Connect("JSON", http), Connect("Protobuf", http), ConnectGet("JSON", http), ConnectGet("Protobuf", http),
                      Resource(http)]
    return protocols
