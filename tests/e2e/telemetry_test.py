"""What the server tells about requests: ids, traces, log lines, slow requests, metrics, and what it never tells.

usage: telemetry_test.py PROGRAM [unittest arguments]
"""

import base64
import http.client
import json
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import grpc
from prometheus_client.parser import text_string_to_metric_families

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway, wait_for  # noqa: E402

PROGRAM = None
DOCUMENT = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "guides" / "observing.md").read_text()
GET = "/prism.keyvalue.v1.KeyValueBasic/Get"
SET = "/prism.keyvalue.v1.KeyValueBasic/Set"
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"
MADE = re.compile(r"[0-9a-f]{16}")
SLOW_MS = 50


def field(number, text):
    data = text.encode() if isinstance(text, str) else text
    return bytes([number << 3 | 2, len(data)]) + data


def framed(message):
    return struct.pack(">BI", 0, len(message)) + message


def fetch(address, path):
    with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as reply:
        return reply.read().decode()


class Answer:
    """Of any protocol: x-request-id of the headers, and request_id of the error, if it was one."""

    def __init__(self, request_id, error_id=None):
        self.request_id, self.error_id = request_id, error_id


class Telemetry(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="prism-telemetry-"))
        cls.config = pathlib.Path(directory) / "prism.yaml"
        cls.config.write_text(f"server: {{log_level: debug, slow_request_threshold: {SLOW_MS}ms}}\n")
        cls.gateway = cls.enterClassContext(Gateway(PROGRAM, "--config", str(cls.config)))
        cls.channel = grpc.insecure_channel(cls.gateway.data)
        cls.addClassCleanup(cls.channel.close)

    # --- one call in each protocol -------------------------------------------------------------------------------------

    def http(self, verb, path, body, headers):
        connection = http.client.HTTPConnection(self.gateway.data, timeout=10)
        self.addCleanup(connection.close)
        connection.request(verb, path, body, headers)
        reply = connection.getresponse()
        return reply, reply.read()

    def grpc(self, namespace, headers):
        call = self.channel.unary_unary(GET)
        try:
            _, done = call.with_call(field(1, namespace) + field(2, "k"), metadata=list(headers.items()), timeout=10)
        except grpc.RpcError as error:
            details = dict(error.trailing_metadata())["grpc-status-details-bin"]
            size, rest = re.search(rb"request_id\x12(.)(.*)", details, re.DOTALL).groups()
            initial = dict(error.initial_metadata()) | dict(error.trailing_metadata())
            return Answer(initial.get("x-request-id"), rest[:size[0]].decode())
        return Answer(dict(done.initial_metadata()).get("x-request-id"))

    def grpc_web(self, namespace, headers):
        reply, _ = self.http("POST", GET, framed(field(1, namespace) + field(2, "k")),
                             {"content-type": "application/grpc-web+proto", **headers})
        return Answer(reply.headers["x-request-id"])

    def connect(self, namespace, headers):
        reply, body = self.http("POST", GET, json.dumps({"namespace": namespace, "key": "k"}),
                                {"content-type": "application/json", **headers})
        return Answer(reply.headers["x-request-id"], error_id(reply, body))

    def resource(self, namespace, headers):
        reply, body = self.http("GET", f"/v1/{namespace}/keyvalue?prefix=k", None, headers)
        return Answer(reply.headers["x-request-id"], error_id(reply, body))

    def protocols(self):
        return [(name, getattr(self, name)) for name in ("grpc", "grpc_web", "connect", "resource")]

    # --- the log -------------------------------------------------------------------------------------------------------

    def lines(self):
        return [json.loads(line) for line in self.gateway.output().splitlines() if line]

    def line(self, **wanted):
        """The line with these fields, once it is written."""
        found = []

        def look():
            found[:] = [line for line in self.lines() if wanted.items() <= line.items()]
            return found

        wait_for(look)
        return found[0]

    # --- ids -----------------------------------------------------------------------------------------------------------

    def test_an_id_is_taken_over_in_every_protocol(self):
        for name, call in self.protocols():
            with self.subTest(name):
                self.assertEqual(call("scratch", {"x-request-id": f"order-{name}/1"}).request_id, f"order-{name}/1")

    def test_a_success_that_nobody_named_has_none(self):
        for name, call in self.protocols():
            with self.subTest(name):
                self.assertIsNone(call("scratch", {}).request_id)

    def test_errors_are_named_and_logged_in_every_protocol(self):
        for name, call in self.protocols():
            with self.subTest(name):
                answer = call("nowhere", {})
                self.assertRegex(answer.request_id, MADE)
                if name != "grpc_web":
                    self.assertEqual(answer.error_id, answer.request_id)
                line = self.line(request_id=answer.request_id)
                protocol = {"grpc_web": "grpc-web", "resource": "http"}.get(name, name)
                self.assertEqual((line["event"], line["level"], line["protocol"], line["reason"]),
                                 ("call refused", "debug", protocol, "NAMESPACE_NOT_FOUND"))
                self.assertTrue(line["peer"].startswith("127.0.0.1:"))
                self.assertNotIn("trace_id", line)

    def test_an_id_that_is_not_sane_is_replaced_and_shown(self):
        for name, call in self.protocols():
            with self.subTest(name):
                for bad in ("two words", 'quo"te', "x" * 129):
                    self.assertRegex(call("scratch", {"x-request-id": bad}).request_id, MADE)

    def test_what_is_no_call_is_named_and_logged(self):
        for verb, path, reason, method in (("GET", "/nothing", "ROUTE_NOT_FOUND", "unknown"),
                                           ("POST", "/no.Service/Method", "METHOD_NOT_FOUND", "unknown"),
                                           ("PUT", GET, "HTTP_METHOD_UNSUPPORTED", "keyvalue_basic.get")):
            reply, body = self.http(verb, path, "{}", {"content-type": "application/json"})
            self.assertEqual(reply.headers["x-request-id"], error_id(reply, body))
            line = self.line(request_id=reply.headers["x-request-id"])
            self.assertEqual((line["event"], line["reason"], line["method"]), ("call refused", reason, method))

    def refused(self, code):
        """How many requests were refused with this code that are no calls."""
        families = text_string_to_metric_families(fetch(self.gateway.admin, "/metrics"))
        return sum(sample.value for family in families for sample in family.samples
                   if sample.name == "prism_requests_refused_total" and sample.labels == {"protocol": "http", "code": code})

    def raw(self, request):
        """The answer to bytes that are no good HTTP/1.1, behind which the server ends the connection."""
        host, port = self.gateway.data.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(request)
            reply = http.client.HTTPResponse(connection)
            reply.begin()
            body = reply.read()
            self.assertEqual(connection.recv(1), b"")
        return reply, body

    def test_what_is_no_good_http_is_named_logged_and_counted(self):
        for i, (request, status, code, reason) in enumerate((
                (b"GET / HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
                 "INVALID_ARGUMENT", "HTTP_LENGTH_INVALID"),
                (b"GET / HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: no\r\n\r\n", 400, "INVALID_ARGUMENT", "HTTP_LENGTH_INVALID"),
                (b"GET / HTTP/1.1\r\n%sX: " + b"x" * 20_000, 431, "RESOURCE_EXHAUSTED", "HEADERS_TOO_LARGE"),
                (b"GET / HTTP/1.9\r\n%s", 505, "UNIMPLEMENTED", "HTTP_VERSION_UNSUPPORTED"),
                (b"GET /" + b"x" * 10_000 + b"%s", 414, "RESOURCE_EXHAUSTED", "HTTP_TARGET_TOO_LONG"))):
            with self.subTest(reason):
                before = self.refused(code)
                reply, body = self.raw(request % (b"X-Request-Id: bad-%d\r\n" % i))
                name = reply.headers["x-request-id"]
                self.assertEqual((reply.status, error_id(reply, body)), (status, name))
                readable = status in (400, 431)  # beyond a bad first line nothing is
                self.assertRegex(name, f"bad-{i}" if readable else MADE)
                line = self.line(request_id=name)
                self.assertEqual((line["event"], line["reason"], line["code"], line["method"], line["protocol"]),
                                 ("call refused", reason, code, "unknown", "http"))
                self.assertEqual(self.refused(code), before + 1)

    # --- traces --------------------------------------------------------------------------------------------------------

    def test_a_trace_is_continued_in_every_protocol(self):
        for name, call in self.protocols():
            with self.subTest(name):
                call("nowhere", {"traceparent": TRACEPARENT, "tracestate": "rojo=1", "x-request-id": f"traced-{name}"})
                line = self.line(request_id=f"traced-{name}")
                self.assertEqual(line["trace_id"], TRACE)
                self.assertRegex(line["span_id"], MADE)
                self.assertNotIn(line["span_id"], TRACEPARENT)

    def test_a_malformed_trace_fails_nothing_and_begins_a_new_one(self):
        for name, call in self.protocols():
            with self.subTest(name):
                for i, bad in enumerate(("00-nonsense", TRACEPARENT.upper(), f"ff{TRACEPARENT[2:]}", "00-" + "0" * 32 + TRACEPARENT[35:])):
                    call("scratch", {"traceparent": bad})
                    call("nowhere", {"traceparent": bad, "x-request-id": f"bad-{name}-{i}"})
                    line = self.line(request_id=f"bad-{name}-{i}")
                    self.assertEqual(line["reason"], "NAMESPACE_NOT_FOUND")
                    self.assertRegex(line["trace_id"], r"^[0-9a-f]{32}$")
                    self.assertNotEqual(line["trace_id"], TRACE)

    # --- slow requests -------------------------------------------------------------------------------------------------

    def slow_set(self, request_id, value="v", headers=()):
        """A request whose end comes late: time is what this is about."""
        body = json.dumps({"namespace": "scratch", "key": "slow", "value": base64.b64encode(value.encode()).decode()})
        connection = http.client.HTTPConnection(self.gateway.data, timeout=10)
        connection.connect()
        head = f"POST {SET} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n" \
               f"X-Request-Id: {request_id}\r\n" + "".join(f"{name}: {text}\r\n" for name, text in headers)
        connection.sock.sendall((head + "\r\n" + body[:10]).encode())
        time.sleep(2 * SLOW_MS / 1000)  # the request is to be slow, and only time makes it so
        connection.sock.sendall(body[10:].encode())
        reply = http.client.HTTPResponse(connection.sock)
        reply.begin()
        self.assertEqual(reply.status, 200)
        reply.read()
        connection.close()
        return len(body)

    def slow_page(self):
        return json.loads(fetch(self.gateway.admin, "/slow"))

    def test_slow_requests_are_logged_kept_and_shown(self):
        size = self.slow_set("slow-1", headers=[("Traceparent", TRACEPARENT)])
        line = self.line(event="slow request", request_id="slow-1")
        self.assertEqual((line["level"], line["method"], line["namespace"], line["protocol"], line["code"], line["trace_id"]),
                         ("warn", "keyvalue_basic.set", "scratch", "connect", "OK", TRACE))
        self.assertGreaterEqual(line["duration_ms"], 1.5 * SLOW_MS)
        page = self.slow_page()
        self.assertEqual(page["threshold"], f"{SLOW_MS}ms")
        (entry,) = [entry for entry in page["requests"] if entry["request_id"] == "slow-1"]
        self.assertRegex(entry["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertEqual({name: entry[name] for name in ("method", "namespace", "code", "protocol", "trace_id", "bytes_in")},
                         {"method": "keyvalue_basic.set", "namespace": "scratch", "code": "OK", "protocol": "connect",
                          "trace_id": TRACE, "bytes_in": size})
        self.assertGreater(entry["bytes_out"], 0)
        self.assertAlmostEqual(entry["duration_ms"], line["duration_ms"], delta=1)
        table = self.status("--slow").splitlines()
        self.assertRegex(table[0], r"^TIME +MS +METHOD +NAMESPACE")
        self.assertTrue(any("slow-1" in row and TRACE in row and "keyvalue_basic.set" in row for row in table))
        self.assertIn("slow-1", [entry["request_id"] for entry in json.loads(self.status("--slow", "-o", "json"))["requests"]])

    def status(self, *options):
        return subprocess.run([PROGRAM, "status", "--server", self.gateway.data, "--admin-server", self.gateway.admin, *options],
                              capture_output=True, text=True, check=True, timeout=30).stdout

    def test_the_threshold_changes_without_a_restart(self):
        with tempfile.TemporaryDirectory() as directory:
            config = pathlib.Path(directory) / "prism.yaml"
            config.write_text("server: {slow_request_threshold: 0s}\n")
            with Gateway(PROGRAM, "--config", str(config)) as gateway:
                self.assertEqual(json.loads(fetch(gateway.admin, "/slow")), {"threshold": "0s", "total": 0, "requests": []})
                config.write_text("server: {slow_request_threshold: 1h}\n")
                gateway.process.send_signal(signal.SIGHUP)
                wait_for(lambda: json.loads(fetch(gateway.admin, "/slow"))["threshold"] == "1h")
                self.assertNotIn("next start", gateway.output())

    # --- what must not be told -----------------------------------------------------------------------------------------

    def test_no_key_value_or_secret_is_told(self):
        canary = "canary4711"
        body = base64.b64encode(canary.encode()).decode()
        for key in (f"key-{canary}", f"key-{canary}" + "x" * 2000):
            for method, path in (("POST", SET), ("POST", GET)):
                for namespace in ("scratch", "nowhere", "default"):
                    self.http(method, path, json.dumps({"namespace": namespace, "key": key, "value": body}),
                              {"content-type": "application/json", "authorization": f"Bearer {canary}"})
            self.http("PUT", f"/v1/scratch/keyvalue/{key}", canary, {"x-request-id": f"not sane {canary}"})
            self.http("GET", f"/v1/scratch/keyvalue/{key}?{canary}", None, {})
            self.http("DELETE", f"/v1/default/keyvalue/{key}", None, {"if-match": canary, "traceparent": canary})
            self.http("PATCH", f"/v1/default/keyvalue/{key}", canary, {"cookie": canary})
        self.http("POST", GET, f'{{"namespace": "scratch", "key": "{canary}"', {"content-type": "application/json"})
        self.http("POST", f"/{canary}/Method", canary, {"content-type": "application/grpc-web"})
        self.slow_set("canary-slow", value=canary)
        call = self.channel.unary_unary(SET)
        call(field(1, "scratch") + field(2, canary) + field(3, canary), metadata=[("x-secret", canary)], timeout=10)
        self.line(event="slow request", request_id="canary-slow")
        self.grpc("nowhere", {"x-request-id": "canary-last"})
        self.line(request_id="canary-last")  # lines come in order: those before it are written
        for encoded in (canary, body):
            self.assertNotIn(encoded, self.gateway.output())
            for path in ("/slow", "/metrics", "/config", "/readyz?verbose"):
                self.assertNotIn(encoded, fetch(self.gateway.admin, path))
            self.assertNotIn(encoded, self.status() + self.status("--slow"))

    # --- metrics -------------------------------------------------------------------------------------------------------

    def families(self):
        return strictly(self, fetch(self.gateway.admin, "/metrics"))

    def test_the_exposition_is_well_formed_and_its_labels_are_bounded(self):
        for _, call in self.protocols():
            call("scratch", {})
            call("nowhere", {"x-request-id": "made-up"})
        families = self.families()
        for name, labels in {"prism_requests": {"model", "method", "code"}, "prism_request_duration_seconds": {"model", "method"},
                             "prism_namespace_requests": {"namespace"}, "prism_build_info": {"version"},
                             "prism_connections": {"http", "transport"}, "prism_connections_closed": {"reason"},
                             "prism_protocol_requests": {"protocol"}, "prism_requests_refused": {"protocol", "code"}}.items():
            self.assertEqual({frozenset(sample.labels) - {"le"} for sample in families[name].samples}, {frozenset(labels)}, name)
        namespaces = {sample.labels["namespace"] for sample in families["prism_namespace_requests"].samples}
        self.assertEqual(namespaces - {"scratch", "default"}, {"_other"})
        for family in families.values():
            for sample in family.samples:
                self.assertNotIn("made-up", str(sample))
                self.assertNotIn("nowhere", str(sample))

    def test_protocols_and_refusals_are_counted(self):
        before = self.families()
        for _, call in self.protocols():
            call("scratch", {})
        self.http("GET", "/nothing", None, {})
        after = self.families()
        for protocol in ("grpc", "grpc-web", "connect", "http"):
            self.assertEqual(value(after, "prism_protocol_requests", protocol=protocol) -
                             value(before, "prism_protocol_requests", protocol=protocol), 1, protocol)
        self.assertEqual(value(after, "prism_requests_refused", protocol="http", code="NOT_FOUND") -
                         value(before, "prism_requests_refused", protocol="http", code="NOT_FOUND"), 1)

    def test_connections_are_counted_by_what_they_speak_and_why_they_end(self):
        def opened(families, http):
            return value(families, "prism_connections", http=http, transport="plain")

        before = self.families()
        host, port = self.gateway.data.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
            connection.recv(1)
            during = self.families()
            self.assertGreaterEqual(opened(during, "h1"), 1)
            self.assertEqual(value(during, "prism_connections_begun", http="h1", transport="plain"),
                             value(before, "prism_connections_begun", http="h1", transport="plain") + 1)
        self.raw(b"GET / HTTP/1.1\r\n\r\n")
        for reason in ("client", "malformed"):
            wait_for(lambda reason=reason: value(self.families(), "prism_connections_closed", reason=reason) >
                     value(before, "prism_connections_closed", reason=reason))
        self.grpc("scratch", {})
        self.assertGreaterEqual(opened(self.families(), "h2"), 1)

    def test_the_guide_names_every_metric_as_it_is(self):
        self.connect("scratch", {})
        self.http("GET", "/nothing", None, {})
        shown = {}
        for name, family in self.families().items():
            labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
            full = name + ("_total" if family.type == "counter" else "")
            shown[full] = (family.type, ", ".join(labels))
        told = {match[1]: (match[2], match[3]) for match in
                re.finditer(r"^\| `([a-z_]+)` \| (\w+) \| ([a-z_, ]*) ?\|", DOCUMENT, re.MULTILINE)
                if not match[1].startswith("prism_branch")}  # shown where there are branches: branching_test.py
        self.assertEqual({name: (kind, labels.strip()) for name, (kind, labels) in told.items()}, shown)


def error_id(reply, body):
    if reply.status < 400:
        return None
    return json.loads(body)["details"][0]["debug"]["metadata"]["request_id"]


def value(families, family, **labels):
    return sum(sample.value for sample in families[family].samples if sample.labels == labels)


def strictly(test, text):
    """Families by name, of an exposition that promtool would not mind either."""
    test.assertTrue(text.endswith("\n"))
    seen, declared = set(), []
    for line in text.splitlines():
        if line.startswith("# "):
            word, name = line.split(" ")[1:3]
            test.assertIn(word, ("HELP", "TYPE"))
            declared.append((word, name))
            continue
        series = line.rsplit(" ", 1)[0]
        test.assertNotIn(series, seen)
        seen.add(series)
        name = re.match(r"[a-zA-Z_:][a-zA-Z0-9_:]*", series)[0]
        test.assertIn(name, [declared[-1][1] + suffix for suffix in ("", "_bucket", "_sum", "_count")])
    test.assertEqual(declared[::2], [("HELP", name) for _, name in declared[1::2]])
    test.assertEqual(len(set(declared)), len(declared))
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for family in families.values():
        test.assertIn(family.type, ("counter", "gauge", "histogram"), family.name)
        test.assertTrue(family.documentation.endswith("."), family.name)
        if family.type == "counter":
            test.assertTrue(all(sample.name.endswith("_total") for sample in family.samples), family.name)
        if family.type == "histogram":
            check_histogram(test, family)
    return families


def check_histogram(test, family):
    series = {}
    for sample in family.samples:
        labels = frozenset((name, text) for name, text in sample.labels.items() if name != "le")
        series.setdefault(labels, {}).setdefault(sample.name.removeprefix(family.name), []).append(sample)
    for parts in series.values():
        bounds = [float(sample.labels["le"]) for sample in parts["_bucket"]]
        counts = [sample.value for sample in parts["_bucket"]]
        test.assertEqual(bounds, sorted(bounds))
        test.assertEqual(counts, sorted(counts))
        test.assertEqual(bounds[-1], float("inf"))
        test.assertEqual(counts[-1], parts["_count"][0].value)
        test.assertEqual(len(parts["_sum"]), 1)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
