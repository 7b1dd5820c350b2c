"""Every mistake that a client can make in a request, in every protocol: the same code and reason, the status of the protocol,
advice, an id to ask the operator by, readable for the pages that may call, nothing changed, and a server that goes on.

usage: mistakes_test.py PROGRAM [unittest arguments]
"""

import collections
import dataclasses
import gzip
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from call_protocols import HTTP_STATUS, STREAMS, Ask, CannotExpress, Connect, all_protocols  # noqa: E402
from http_bytes import Http2  # noqa: E402
from prism_gateway import Gateway  # noqa: E402

PROGRAM = None
ORIGIN = "https://page.example"
CONFIG = f"""server: {{cors: {{allowed_origins: ["{ORIGIN}"]}}}}
namespaces:
  - {{name: default, backend: sqlite}}
  - {{name: scratch, backend: memory, max_value_bytes: 1KiB}}
"""
KEY = {"namespace": "scratch", "key": "k"}
NUMBER = {"namespace": "scratch", "key": "number"}
# Of a Set that was done.
REQUEST_ID = "used"


@dataclasses.dataclass
class Mistake:
    what: str
    code: str             # in a tuple, the second is where HTTP's status stands for it: clients make UNKNOWN of 405 and 415
    reason: str
    advice: str           # found in the message; in a tuple, the one of resource routes is the second
    ask: Ask
    only: str = None      # the trait of the protocols in which there is such a mistake ...
    why: str = None       # ... and why not in the others
    http: int = None      # the status where HTTP carries the code, when it is not that of the code
    resource: int = None  # the same for resource routes
    before: str = None    # the trait of those protocols in which HTTP itself refuses, so that its status says so
    ends: bool = False    # HTTP/1.1 may give up the connection: the request is not read to its end


def get(fields=(), **options):
    return Ask("KeyValueBasic/Get", {**KEY, **dict(fields)}, **options)


def put(fields=(), **options):
    return Ask("KeyValueBasic/Set", {**KEY, "value": b"changed", **dict(fields)}, **options)


def call(method, fields=(), **options):
    return Ask(method, {"namespace": "scratch", **dict(fields)}, **options)


def swap(expect):
    return call("KeyValueCas/CompareAndSwap", {"key": "k", "value": b"changed", **({} if expect is None else {"expect": expect})})


def scan(fields=(), **options):
    return call("KeyValueScan/Scan", fields, **options)


def text(json):
    return put(json=b'{"namespace":"scratch","key":"k",' + json + b"}")


def resource(verb, target, headers=(), body=b""):
    return Ask("KeyValueBasic/Get", resource=(verb, "/v1/scratch/keyvalue" + target, headers, body))


def lines(*headers, raw=b""):
    """A Get whose headers and body go out as they are."""
    return get(headers=headers, raw=raw)


IN_JSON = {"only": "json", "why": "Protobuf has numbers and lengths, not text"}
IN_PROTOBUF = {"only": "protobuf", "why": "JSON and HTTP have no such bytes: their text is malformed in its own ways"}
IN_FRAMES = {"only": "frames", "why": "a body is the message, without frames"}
IN_CALLS = {"only": "calls", "why": "a resource is named by its path alone"}
IN_RESOURCES = {"only": "resource", "why": "a call has no such part"}
IN_LINES = {"only": "lines", "why": "HTTP/2 has frames, not lines", "before": "lines", "http": 400, "ends": True}
NO_DURATION = {"only": "protobuf", "why": "the text of such a Duration is malformed"}

HOST = (b"host", b"localhost")
CHUNKED = (b"transfer-encoding", b"chunked")

INVALID = "INVALID_ARGUMENT"
EXHAUSTED = "RESOURCE_EXHAUSTED"
ONE_TO_1024 = "1 to 1024 bytes"

MISTAKES = [
    # Which namespace, which key.
    Mistake("namespace missing", INVALID, "NAMESPACE_REQUIRED", "name a configured namespace", get({"namespace": ""})),
    Mistake("namespace unknown", "NOT_FOUND", "NAMESPACE_NOT_FOUND", "add it to the configuration", put({"namespace": "nowhere"})),
    Mistake("namespace nearly right", "NOT_FOUND", "NAMESPACE_NOT_FOUND", 'did you mean "default"', put({"namespace": "defualt"})),
    Mistake("namespace of a bad name", "NOT_FOUND", "NAMESPACE_NOT_FOUND", "add it to the configuration",
            put({"namespace": "No Such Name"})),
    Mistake("key empty", INVALID, "KEY_EMPTY", ONE_TO_1024, put({"key": ""})),
    Mistake("key empty, reading", INVALID, "KEY_EMPTY", ONE_TO_1024, get({"key": ""})),
    Mistake("key too long", INVALID, "KEY_TOO_LONG", ONE_TO_1024, put({"key": "k" * 1025})),
    Mistake("key too long, removing", INVALID, "KEY_TOO_LONG", ONE_TO_1024, call("KeyValueBasic/Delete", {"key": "k" * 1025})),
    Mistake("key with NUL", INVALID, "KEY_HAS_NUL", "any other is allowed", put({"key": "a\0b"})),
    Mistake("key that is not UTF-8", INVALID, "MALFORMED_MESSAGE", "UTF-8", put({"key": b"\xff\xfe"})),
    # What is written.
    Mistake("value too large", EXHAUSTED, "VALUE_TOO_LARGE", "max_value_bytes", put({"value": bytes(1025)}), resource=413),
    Mistake("message too large", EXHAUSTED, "MESSAGE_TOO_LARGE", "send less", put({"value": bytes(6 << 20)}), resource=413,
            ends=True),
    Mistake("too many tags", INVALID, "TAGS_TOO_MANY", "at most 16", put({"tags": {str(i): "v" for i in range(17)}})),
    Mistake("tag without a name", INVALID, "TAG_KEY_SIZE", "1 to 128 bytes", put({"tags": {"": "v"}})),
    Mistake("tag of a long name", INVALID, "TAG_KEY_SIZE", "1 to 128 bytes", put({"tags": {"t" * 129: "v"}})),
    Mistake("tag of a long value", INVALID, "TAG_VALUE_SIZE", "256 bytes", put({"tags": {"t": "v" * 257}})),
    Mistake("ttl 0", INVALID, "TTL_NOT_POSITIVE", "leave it out", put({"ttl": 0})),
    Mistake("ttl negative", INVALID, "TTL_NOT_POSITIVE", "leave it out", put({"ttl": -1})),
    Mistake("ttl beyond 10,000 years", INVALID, "TTL_INVALID", "in range", put({"ttl": 400_000_000_000}), **NO_DURATION),
    Mistake("ttl missing", INVALID, "TTL_REQUIRED", "use Persist", call("KeyValueTtl/Expire", {"key": "k"})),
    # Lists.
    Mistake("page token of no scan", INVALID, "PAGE_TOKEN_MISMATCH", "start again", scan({"pageToken": "zzz"})),
    Mistake("page token of no scan of keys", INVALID, "PAGE_TOKEN_MISMATCH", "start again",
            call("KeyValueScan/ScanKeys", {"pageToken": "zzz"})),
    Mistake("limit negative", INVALID, "LIMIT_NEGATIVE", "0 means no limit", scan({"limit": -1})),
    Mistake("prefix too long", INVALID, "PREFIX_TOO_LONG", "at most 1024 bytes", scan({"prefix": "p" * 1025})),
    Mistake("prefix with NUL", INVALID, "PREFIX_HAS_NUL", "no key has", call("KeyValueScan/Count", {"prefix": "p\0"})),
    Mistake("removing without a prefix", INVALID, "PREFIX_REQUIRED", "name a prefix", call("KeyValueScan/DeletePrefix", {"prefix": ""})),
    # Conditions and numbers.
    Mistake("nothing expected", INVALID, "EXPECTATION_MISSING", "set exactly one", swap(None)),
    Mistake("absent set to false", INVALID, "EXPECTATION_ABSENT_FALSE", "expect a version or a value", swap({"absent": False})),
    Mistake("version expected is empty", INVALID, "EXPECTATION_VERSION_EMPTY", "set absent", swap({"version": ""})),
    Mistake("nothing expected, removing", INVALID, "EXPECTATION_MISSING", "set exactly one",
            call("KeyValueCas/CompareAndDelete", {"key": "k"})),
    Mistake("adding to text", "FAILED_PRECONDITION", "NOT_AN_INTEGER", "set it to one first",
            call("KeyValueCas/Increment", {"key": "k", "delta": 1})),
    Mistake("adding beyond 64 bits", "OUT_OF_RANGE", "INTEGER_OVERFLOW", "stays as it was",
            call("KeyValueCas/Increment", {"key": "number", "delta": 1})),
    # Batches and transactions.
    Mistake("batch of nothing", INVALID, "BATCH_EMPTY", "1 to 1000", call("KeyValueBatch/BatchGet", {"keys": []})),
    Mistake("batch too large", INVALID, "BATCH_TOO_LARGE", "1 to 1000", call("KeyValueBatch/BatchGet", {"keys": ["k"] * 1001})),
    Mistake("batch too large, writing", INVALID, "BATCH_TOO_LARGE", "1 to 1000",
            call("KeyValueBatch/BatchSet", {"items": [{"key": "k"}] * 1001})),
    Mistake("batch too large, removing", INVALID, "BATCH_TOO_LARGE", "1 to 1000",
            call("KeyValueBatch/BatchDelete", {"keys": ["k"] * 1001})),
    Mistake("transaction unknown", "NOT_FOUND", "TRANSACTION_NOT_FOUND", "begin a new one",
            call("KeyValueTransactional/GetInTransaction", {"transaction": "zzz", "key": "k"})),
    Mistake("transaction unknown, writing", "NOT_FOUND", "TRANSACTION_NOT_FOUND", "begin a new one",
            call("KeyValueTransactional/SetInTransaction", {"transaction": "zzz", "key": "k"})),
    Mistake("transaction not named", INVALID, "TRANSACTION_REQUIRED", "BeginTransaction", call("KeyValueTransactional/Commit")),
    Mistake("transaction not named, dropping", INVALID, "TRANSACTION_REQUIRED", "BeginTransaction",
            call("KeyValueTransactional/Rollback")),
    Mistake("transaction not named, reading", INVALID, "TRANSACTION_REQUIRED", "BeginTransaction",
            call("KeyValueTransactional/GetInTransaction", {"key": "k"})),
    Mistake("transaction too long", INVALID, "TIMEOUT_OUT_OF_RANGE", "at most 60 s",
            call("KeyValueTransactional/BeginTransaction", {"timeout": 61})),
    Mistake("transaction of no time", INVALID, "TIMEOUT_OUT_OF_RANGE", "more than 0",
            call("KeyValueTransactional/BeginTransaction", {"timeout": 0})),
    # What a request demands.
    Mistake("request id too long", INVALID, "REQUEST_ID_TOO_LONG", "at most 128 bytes", put({"requestId": "r" * 129})),
    Mistake("request id used for something else", INVALID, "REQUEST_ID_REUSED", "new id", put({"requestId": REQUEST_ID})),
    Mistake("durability that the backend has not", "FAILED_PRECONDITION", "DURABILITY_UNAVAILABLE", "use a namespace on another",
            put(headers=((b"prism-min-durability", b"fsynced"),))),
    Mistake("durability unknown", INVALID, "BAD_DURABILITY", "must be one of",
            put(headers=((b"prism-min-durability", b"forever"),))),
    Mistake("deadline over", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "allow more time",
            put(timeout={"grpc": b"0n", "connect": b"0", "resource": b"0s"})),
    Mistake("timeout that is no number", INVALID, "TIMEOUT_INVALID", "timeout",
            put(timeout={"grpc": b"1x", "connect": b"x", "resource": b"x"}), ends=True),
    Mistake("timeout of too many digits", INVALID, "TIMEOUT_INVALID", "timeout",
            put(timeout={"grpc": b"123456789S", "connect": b"12345678901", "resource": b"999999999999999999999s"}), ends=True),
    # Whom a browser takes this server for: a page's own, when its name leads here.
    Mistake("name of a page", "PERMISSION_DENIED", "HOST_NOT_ALLOWED", "ask for localhost",
            put(headers=((b"host", b"attacker.example:8980"),)), ends=True),
    Mistake("name of a page, reading", "PERMISSION_DENIED", "HOST_NOT_ALLOWED", "ask for localhost",
            get(headers=((b"host", b"127.0.0.1.attacker.example"),)), ends=True),
    Mistake("name of a page, of a stream", "PERMISSION_DENIED", "HOST_NOT_ALLOWED", "ask for localhost",
            scan(headers=((b"host", b"attacker.example"),)), ends=True),
    # Which method, in which protocol.
    Mistake("method unknown", "UNIMPLEMENTED", "METHOD_NOT_FOUND", "reflection",
            get(path="/prism.keyvalue.v1.KeyValueBasic/Gett"), http=404, ends=True),
    Mistake("service unknown", "UNIMPLEMENTED", "METHOD_NOT_FOUND", "reflection",
            get(path="/prism.keyvalue.v1.KeyValueBsic/Get"), http=404, ends=True),
    Mistake("content type of no protocol", "UNKNOWN", "CONTENT_TYPE_UNSUPPORTED", "must be one of",
            put(content_type=b"text/plain"), http=415, before="calls", **IN_CALLS),
    Mistake("codec that is not there", ("UNIMPLEMENTED", "UNKNOWN"), "CONTENT_TYPE_UNSUPPORTED", "must be one of",
            put(codec=b"yaml"), http=415, ends=True, **IN_CALLS),
    Mistake("call by another verb", ("UNIMPLEMENTED", "UNKNOWN"), "HTTP_METHOD_UNSUPPORTED", "POST", put(verb="PUT"), http=405,
            ends=True, **IN_CALLS),
    Mistake("version of Connect", INVALID, "CONNECT_VERSION_UNSUPPORTED", "must be", get(version=b"2"), only="connect",
            why="only Connect says its version"),
    Mistake("no te: trailers", INVALID, "TE_TRAILERS_MISSING", "drops trailers", put(te=False), only="grpc",
            why="only gRPC has trailers"),
    Mistake("headers too large", EXHAUSTED, "HEADERS_TOO_LARGE", "send", http=431, resource=431, before="lines", ends=True,
            ask=get(headers=tuple((b"x-%d" % i, b"v" * 1000) for i in range(40)))),
    # Compression.
    Mistake("compression unknown", "UNIMPLEMENTED", "COMPRESSION_UNSUPPORTED", ("use gzip", "send it without"), put(encoding=b"br"), resource=415, ends=True),
    Mistake("gzip that is none", "INTERNAL", "GZIP_MALFORMED", "corrupts", put(encoding=b"gzip", pack=lambda message: b"no" + message)),
    Mistake("gzip cut off", "INTERNAL", "GZIP_MALFORMED", "truncated",
            put(encoding=b"gzip", pack=lambda message: gzip.compress(message)[:-5])),
    Mistake("gzip that grows beyond the limit", EXHAUSTED, "MESSAGE_TOO_LARGE", "send less",
            put({"value": bytes(16 << 20)}, encoding=b"gzip", pack=gzip.compress)),
    Mistake("gzip without its name", "INTERNAL", "GRPC_FRAME_MALFORMED", "marked as compressed", scan(pack=gzip.compress), **IN_FRAMES),
    # Frames, of methods that take one message and answer with many, which Connect frames too.
    Mistake("frame cut off", "INTERNAL", "GRPC_FRAME_TRUNCATED", "cut it off", scan(frames=lambda one: one[:-3]), **IN_FRAMES),
    Mistake("no message", "UNIMPLEMENTED", "REQUEST_MESSAGE_MISSING", "exactly one", scan(frames=lambda one: b""), **IN_FRAMES),
    Mistake("two messages", "UNIMPLEMENTED", "REQUEST_MESSAGE_NOT_SINGLE", "exactly one", scan(frames=lambda one: one + one), **IN_FRAMES),
    Mistake("flags unknown", "INTERNAL", "GRPC_FRAME_MALFORMED", "flags 64", scan(frames=lambda one: b"\x40" + one[1:]), **IN_FRAMES),
    Mistake("frame of 2 GiB", EXHAUSTED, "MESSAGE_TOO_LARGE", "send less",
            scan(frames=lambda one: b"\0\x7f\xff\xff\xff" + one), ends=True, **IN_FRAMES),
    # Protobuf.
    Mistake("Protobuf with a bad tag", INVALID, "MALFORMED_MESSAGE", ".proto", put(protobuf=b"\x0a\x07scratch\xff\xff\xff"),
            **IN_PROTOBUF),
    Mistake("Protobuf cut off", INVALID, "MALFORMED_MESSAGE", ".proto", put(protobuf=b"\x0a\x07scratch\x12\x7fk"), **IN_PROTOBUF),
    Mistake("Protobuf that ends a group", INVALID, "MALFORMED_MESSAGE", ".proto", put(protobuf=b"\x0a\x07scratch\x0c"), **IN_PROTOBUF),
    Mistake("Protobuf with a number as namespace", INVALID, "NAMESPACE_REQUIRED", "name a configured", put(protobuf=b"\x08\x05"),
            **IN_PROTOBUF),
    # JSON.
    Mistake("JSON that is none", INVALID, "MALFORMED_MESSAGE", "RFC 8259", put(json=b"nope"), **IN_JSON),
    Mistake("JSON cut off", INVALID, "MALFORMED_MESSAGE", "one complete", put(json=b'{"namespace":"scratch"'), **IN_JSON),
    Mistake("JSON of nothing", INVALID, "MALFORMED_MESSAGE", "one complete", put(json=b""), **IN_JSON),
    Mistake("JSON twice", INVALID, "MALFORMED_MESSAGE", "one complete", put(json=b"{}{}"), **IN_JSON),
    Mistake("JSON with half a character", INVALID, "MALFORMED_MESSAGE", "UTF-8", text(b'"value":"\\ud800"'), **IN_JSON),
    Mistake("JSON that is a list", INVALID, "JSON_WRONG_TYPE", "must be an object", put(json=b"[]"), **IN_JSON),
    Mistake("JSON with a number as text", INVALID, "JSON_WRONG_TYPE", "must be a string", text(b'"requestId":5'), **IN_JSON),
    Mistake("JSON with an unknown field", INVALID, "JSON_UNKNOWN_FIELD", "has no such field", text(b'"nope":1'), **IN_JSON),
    Mistake("JSON with a field twice", INVALID, "JSON_DUPLICATE_FIELD", "send it once", text(b'"key":"l"'), **IN_JSON),
    Mistake("JSON with both names of a field", INVALID, "JSON_DUPLICATE_FIELD", "send it once",
            text(b'"requestId":"a","request_id":"a"'), **IN_JSON),
    Mistake("JSON with bad base64", INVALID, "JSON_INVALID_VALUE", "as base64", text(b'"value":"%%%"'), **IN_JSON),
    Mistake("JSON with a bad duration", INVALID, "JSON_INVALID_VALUE", "duration in seconds", text(b'"ttl":"1 hour"'), **IN_JSON),
    Mistake("JSON with a duration out of range", INVALID, "JSON_OUT_OF_RANGE", "can hold", text(b'"ttl":"400000000000s"'), **IN_JSON),
    Mistake("JSON with a number out of range", INVALID, "JSON_OUT_OF_RANGE", "can hold",
            Ask("KeyValueCas/Increment", json=b'{"namespace":"scratch","key":"k","delta":"9223372036854775808"}'), **IN_JSON),
    Mistake("JSON with two of a oneof", INVALID, "JSON_DUPLICATE_ONEOF", "send one",
            Ask("KeyValueCas/CompareAndSwap", json=b'{"expect":{"absent":true,"version":"v"}}'), **IN_JSON),
    Mistake("JSON too deep", INVALID, "JSON_TOO_DEEP", "more than 100", text(b'"tags":' + b"[" * 200 + b"]" * 200), **IN_JSON),
    # Resources.
    Mistake("resource that is not there", "NOT_FOUND", "KEY_NOT_FOUND", "never written", resource("GET", "/absent"), **IN_RESOURCES),
    Mistake("version that is not there", "ABORTED", "VERSION_MISMATCH", "version", resource=412,
            ask=resource("PUT", "/k", [(b"if-match", b'"zzz"')]), **IN_RESOURCES),
    Mistake("ETag without quotes", INVALID, "ETAG_MALFORMED", "double quotes", resource("PUT", "/k", [(b"if-match", b"zzz")]),
            **IN_RESOURCES),
    Mistake("condition that no call holds", "UNIMPLEMENTED", "CONDITION_UNSUPPORTED", "atomically",
            resource("PUT", "/k", [(b"if-match", b"*")]), **IN_RESOURCES),
    Mistake("path inside a path", INVALID, "KEY_PATH_AMBIGUOUS", "?key=", resource("GET", "/a/b"), **IN_RESOURCES),
    Mistake("key named twice", INVALID, "KEY_REPEATED", "more than once", resource("GET", "/k?key=k"), **IN_RESOURCES),
    Mistake("key of bad base64", INVALID, "KEY_B64_MALFORMED", "RFC 4648", resource("GET", "?key_b64=%25"), **IN_RESOURCES),
    Mistake("half an escape", INVALID, "PERCENT_ESCAPE_INVALID", "%", resource("GET", "/%4"), **IN_RESOURCES),
    Mistake("parameter unknown", INVALID, "PARAMETER_UNKNOWN", "prefix", resource("GET", "?prefx=a"), **IN_RESOURCES),
    Mistake("parameter twice", INVALID, "PARAMETER_REPEATED", "twice", resource("GET", "?prefix=a&prefix=b"), **IN_RESOURCES),
    Mistake("parameter of lists beside a key", INVALID, "PARAMETER_MISPLACED", "for lists", resource("GET", "/k?limit=1"),
            **IN_RESOURCES),
    Mistake("limit that is no number", INVALID, "LIMIT_MALFORMED", "no number", resource("GET", "?limit=many"), **IN_RESOURCES),
    Mistake("neither true nor false", INVALID, "KEYS_ONLY_MALFORMED", "true or false", resource("GET", "?keys_only=1"),
            **IN_RESOURCES),
    Mistake("ttl without a unit", INVALID, "BAD_DURATION", "unit", resource("PUT", "/k", [(b"prism-ttl", b"1 hour")]),
            **IN_RESOURCES),
    Mistake("ttl twice", INVALID, "HEADER_REPEATED", "more than once",
            resource("PUT", "/k", [(b"prism-ttl", b"1s"), (b"prism-ttl", b"2s")]), **IN_RESOURCES),
    Mistake("tag without a value", INVALID, "TAG_MALFORMED", "name=value", resource("PUT", "/k", [(b"prism-tag", b"a")]),
            **IN_RESOURCES),
    Mistake("part of a value", "UNIMPLEMENTED", "RANGE_UNSUPPORTED", "leave out", resource=416,
            ask=resource("GET", "/k", [(b"range", b"bytes=0-1")]), **IN_RESOURCES),
    Mistake("part of a value, writing", INVALID, "CONTENT_RANGE_UNSUPPORTED", "send all",
            resource("PUT", "/k", [(b"content-range", b"bytes 0-1/2")], b"no"), **IN_RESOURCES),
    Mistake("body where none belongs", INVALID, "BODY_UNEXPECTED", "leave it out", resource("DELETE", "/k", body=b"why"),
            **IN_RESOURCES),
    Mistake("verb that is not there", "UNIMPLEMENTED", "HTTP_METHOD_UNSUPPORTED", "PUT", resource("POST", "/k", body=b"no"),
            http=405, **IN_RESOURCES),
    Mistake("list that is written", "UNIMPLEMENTED", "HTTP_METHOD_UNSUPPORTED", "name a key", resource("PUT", "", body=b"no"),
            http=405, **IN_RESOURCES),
    Mistake("route that is not there", "NOT_FOUND", "ROUTE_NOT_FOUND", "/v1/",
            Ask("", resource=("GET", "/v2/scratch/keyvalue/k", (), b"")), **IN_RESOURCES),
    # HTTP/1.1.
    Mistake("no Host", INVALID, "HTTP_HOST_INVALID", "is missing", lines(), **IN_LINES),
    Mistake("two lengths", INVALID, "HTTP_LENGTH_INVALID", "more than one",
            lines(HOST, (b"content-length", b"1"), (b"content-length", b"2")), **IN_LINES),
    Mistake("a length and chunks", INVALID, "HTTP_LENGTH_INVALID", "exclude each other",
            lines(HOST, CHUNKED, (b"content-length", b"1")), **IN_LINES),
    Mistake("a negative length", INVALID, "HTTP_LENGTH_INVALID", "decimal", lines(HOST, (b"content-length", b"-1")), **IN_LINES),
    Mistake("coding unknown", INVALID, "HTTP_TRANSFER_ENCODING_INVALID", "chunked",
            lines(HOST, (b"transfer-encoding", b"gzip")), **IN_LINES),
    Mistake("chunk without a size", INVALID, "HTTP_CHUNK_MALFORMED", "hexadecimal", lines(HOST, CHUNKED, raw=b"zz\r\n"), **IN_LINES),
    Mistake("header over two lines", INVALID, "HTTP_HEADER_FOLDED", "one line", lines(HOST, (b"x", b"a\r\n b")), **IN_LINES),
    Mistake("header without a colon", INVALID, "HTTP_HEADER_MALFORMED", "colon", lines(HOST, (b"x", b"a\r\nb")), **IN_LINES),
    Mistake("line that ends without CR", INVALID, "HTTP_LINE_END_INVALID", "CRLF", lines(HOST, (b"x", b"a\nb: c")), **IN_LINES),
]


def cell(protocol, mistake):
    """Raises CannotExpress where the protocol has no such mistake."""
    if mistake.only is not None and mistake.only not in protocol.traits:
        raise CannotExpress(mistake.why)
    return protocol.request(mistake.ask)


def by_http(protocol, mistake):
    """Whether HTTP's status says what happened; elsewhere the protocol has its own, and HTTP's is 200."""
    carried = "framed" not in protocol.traits and (mistake.ask.method not in STREAMS or "resource" in protocol.traits)
    return mistake.before in protocol.traits or carried


def expected_code(protocol, mistake):
    return mistake.code if isinstance(mistake.code, str) else mistake.code[by_http(protocol, mistake)]


def expected_status(protocol, mistake):
    if not by_http(protocol, mistake):
        return 200
    own = mistake.resource if "resource" in protocol.traits else mistake.http
    return own or mistake.http or HTTP_STATUS[expected_code(protocol, mistake)]


class Mistakes(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="prism-mistakes-")))
        config = directory / "prism.yaml"
        config.write_text(CONFIG)
        cls.gateway = cls.enterClassContext(Gateway(PROGRAM, "--config", str(config)))
        cls.reader = Http2(cls.gateway.data)
        cls.addClassCleanup(cls.reader.close)
        json = Connect("JSON", Http2)
        for fields in ({"value": b"kept"}, {"key": "number", "value": b"9223372036854775807"},
                       {"requestId": REQUEST_ID, "key": "with an id"}):
            assert json.send(cls.reader, put(fields)) == (None, 200)

    def state(self):
        """All data of all namespaces, read over a connection of its own."""
        scans = []
        for namespace in ("default", "scratch"):
            _, target, headers, body = Connect("JSON", Http2).request(scan({"namespace": namespace}))
            answer = self.reader.send("POST", target, headers, body)
            assert answer.status == 200 and b'"error"' not in answer.body, answer
            scans.append(answer.body)
        return scans

    def check(self, protocol, mistake, connection):
        request_id = f"mistake-{len(mistake.what)}"
        first = [(b"x-request-id", request_id.encode()), (b"origin", ORIGIN.encode())]
        answer = protocol.exchange(connection, mistake.ask, first)
        refusal = protocol.refusal(answer)
        self.assertIsNotNone(refusal, "it was carried out")
        self.assertEqual((refusal.code, refusal.reason), (expected_code(protocol, mistake), mistake.reason), refusal.message)
        advice = mistake.advice if isinstance(mistake.advice, tuple) else (mistake.advice,) * 2
        self.assertIn(advice["resource" in protocol.traits].lower(), refusal.message.lower())
        self.assertEqual(answer.status, expected_status(protocol, mistake))
        self.assertEqual(answer.headers["x-request-id"], request_id)
        if "grpc" not in protocol.traits:  # no page can make such a call
            self.assertEqual(answer.headers["access-control-allow-origin"], ORIGIN)

    def hold(self, protocol):
        """The whole table against one protocol, as far as it can on one connection."""
        counts = collections.Counter()
        connection = protocol.connect(self.gateway.data)
        before = self.state()
        for mistake in MISTAKES:
            with self.subTest(mistake.what, protocol=protocol.name):
                try:
                    cell(protocol, mistake)
                except CannotExpress as why:
                    print(f"{protocol.name}: {mistake.what}: not here: {why}")
                    counts["not here"] += 1
                    continue
                counts["held"] += 1
                try:
                    self.check(protocol, mistake, connection)
                    self.assertTrue(connection.open or mistake.ends, "the connection has ended")
                finally:
                    if not connection.open:
                        connection.close()
                        connection = protocol.connect(self.gateway.data)
                self.assertEqual(self.state(), before)
                self.assertEqual(protocol.send(connection, get())[0], None, "the connection serves no more")
        connection.close()
        return counts

    def test_every_mistake_in_every_protocol(self):
        self.assertGreaterEqual(len(MISTAKES), 60)
        self.assertEqual(len({mistake.what for mistake in MISTAKES}), len(MISTAKES))
        for protocol in all_protocols():
            counts = self.hold(protocol)
            print(f"{protocol.name}: {counts['held']} mistakes held, {counts['not here']} it can't express", flush=True)
            self.assertGreater(counts["held"], 9)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=2)
