"""The resource routes of KeyValue with real clients: curl, http.client, and bytes on a socket.

usage: rest_test.py PROGRAM [unittest arguments]
"""

import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway, wait_for  # noqa: E402

PROGRAM = None
CONFIG = """
namespaces:
  - {name: default, backend: sqlite, pattern: keyvalue}
  - {name: scratch, backend: memory, pattern: keyvalue}
  - {name: slow, backend: memory, pattern: keyvalue, rate_limit_rps: 1}
"""
MIB = 1 << 20


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers}
        self.tags = [value for name, value in headers if name.lower() == "prism-tag"]

    def reason(self):
        error = json.loads(self.body)
        assert len(error["message"]) > 20 and error["code"], error
        return error["details"][0]["debug"]["reason"]

    def lines(self):
        return [json.loads(line) for line in self.body.splitlines()]


class Rest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="prism-rest-")))
        (cls.directory / "prism.yaml").write_text(CONFIG)
        cls.config = ("--config", str(cls.directory / "prism.yaml"))
        cls.gateway = cls.enterClassContext(Gateway(PROGRAM, *cls.config))
        cls.base = f"http://{cls.gateway.data}"

    def setUp(self):
        self.connection = http.client.HTTPConnection(self.gateway.data, timeout=30)
        self.addCleanup(self.connection.close)

    def send(self, method, target, body=None, headers=(), namespace="scratch"):
        """Over the connection of this test, which every answer must leave open."""
        self.connection.request(method, f"/v1/{namespace}/keyvalue{target}", body, dict(headers))
        reply = self.connection.getresponse()
        answer = Answer(reply.status, reply.getheaders(), reply.read())
        self.assertFalse(reply.will_close, f"{method} {target} ends the connection")
        return answer

    def refused(self, status, reason, *request, **options):
        answer = self.send(*request, **options)
        self.assertEqual((answer.status, answer.headers["content-type"]), (status, "application/json"), answer.body)
        self.assertEqual(answer.reason(), reason)
        return answer

    def curl(self, *arguments, code=0, **options):
        run = subprocess.run(["curl", "-sS", "--max-time", "30", *arguments], capture_output=True, check=False, **options)
        self.assertEqual(run.returncode, code, run.stderr)
        return run.stdout

    def test_curl_uploads_and_downloads_files(self):
        value = bytes(range(256)) * 40
        file = self.directory / "any.bin"
        file.write_bytes(value)
        for version in ("--http1.1", "--http2-prior-knowledge", "--http1.0"):
            with self.subTest(version):
                url = f"{self.base}/v1/scratch/keyvalue/curl{version}"
                out = self.curl(version, "-T", str(file), "-w", "%{http_code} %{content_type}", url)
                self.assertEqual(out, b"204 ")
                self.assertEqual(self.curl(version, url), value)
                head = self.curl(version, "-I", url).decode().lower()
                self.assertIn("content-length: 10240", head)
                self.assertIn("content-type: application/octet-stream", head)
                self.assertEqual(self.curl(version, "-X", "DELETE", "-w", "%{http_code}", url), b"204")
                self.assertEqual(self.curl(version, "-o", "/dev/null", "-w", "%{http_code}", url), b"404")
                self.assertEqual(self.curl(version, "-f", url, code=22), b"")

    def test_curl_names_the_key_after_the_file_and_pipes(self):
        file = self.directory / "greeting.txt"
        file.write_text("hello")
        self.curl("-T", str(file), self.base + "/v1/scratch/keyvalue/")
        self.assertEqual(self.send("GET", "/greeting.txt").body, b"hello")
        self.curl("-T", "-", self.base + "/v1/scratch/keyvalue/piped", input=b"chunked" * 1000)
        self.assertEqual(self.send("GET", "/piped").body, b"chunked" * 1000)

    def test_large_values_after_expect(self):
        file = self.directory / "large.bin"
        file.write_bytes(os.urandom(4 * MIB))
        url = self.base + "/v1/scratch/keyvalue/large"
        for version in ("--http1.1", "--http2-prior-knowledge"):
            with self.subTest(version):
                out = self.curl(version, "-T", str(file), "-H", "expect: 100-continue", "-w", "%{http_code}", url)
                self.assertEqual(out, b"204")
                self.assertEqual(self.curl(version, url), file.read_bytes())
        answer = self.send("HEAD", "/large")
        self.assertEqual((answer.headers["content-length"], answer.body), (str(4 * MIB), b""))
        self.refused(413, "VALUE_TOO_LARGE", "PUT", "/larger", b"x" * (4 * MIB + 1))
        self.assertEqual(self.send("GET", "/larger").status, 404)
        file.write_bytes(b"x" * (6 * MIB))
        for version in ("--http1.1", "--http2-prior-knowledge"):
            with self.subTest(version):
                out = self.curl(version, "-T", str(file), url + "st", "-o", str(self.directory / "error"), "-w", "%{http_code}")
                self.assertEqual(out, b"413")
                self.assertIn("MESSAGE_TOO_LARGE", (self.directory / "error").read_text())

    def test_values_are_bytes(self):
        for value in (b"", b"\0", b"\r\n\r\n", bytes(range(256)), "grüße".encode()):
            self.assertEqual(self.send("PUT", "/bytes", value).status, 204)
            answer = self.send("GET", "/bytes")
            self.assertEqual((answer.status, answer.body), (200, value))
            self.assertEqual(answer.headers["content-length"], str(len(value)))
            head = self.send("HEAD", "/bytes")
            self.assertEqual((head.status, head.body), (200, b""))
            same = ("content-length", "content-type", "etag", "cache-control", "accept-ranges", "x-content-type-options")
            self.assertEqual({name: head.headers[name] for name in same}, {name: answer.headers[name] for name in same})

    def test_keys_however_they_are_named(self):
        for key in ("a/b/c", ".", "..", "a b", "a+b", "a%b", "grüße", "?#&=;", "\u2028", "%2F", "/", "//", "x" * 1024):
            with self.subTest(key):
                quoted = urllib.parse.quote(key, safe="")
                form = urllib.parse.urlencode({"key": key})
                self.assertEqual(self.send("PUT", "?" + form, key.encode()).status, 204)
                names = ["?" + form, f"?key={quoted}"]
                if key not in (".", ".."):
                    names.append("/" + quoted)
                for name in names:
                    answer = self.send("GET", name)
                    self.assertEqual((answer.status, answer.body), (200, key.encode()), name)
                url = f"{self.base}/v1/scratch/keyvalue"
                self.assertEqual(self.curl("-G", "--data-urlencode", f"key={key}", url), key.encode())
        self.assertEqual(self.send("GET", "?key_b64=YS9iL2M").body, b"a/b/c")
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            with self.subTest(method):
                self.assertEqual(self.send(method, "/a/b").status, 400)
                self.assertEqual(self.send(method, "/../other/keyvalue/a").status, 400)

    def test_bad_targets(self):
        for target, reason in (("/%", "PERCENT_ESCAPE_INVALID"), ("/%C0%AF", "MALFORMED_MESSAGE"), ("/%00", "KEY_HAS_NUL"),
                               ("/", "KEY_EMPTY"), ("?key=", "KEY_EMPTY"), ("/" + "x" * 1025, "KEY_TOO_LONG"),
                               ("/a/b", "KEY_PATH_AMBIGUOUS"), ("/%2e%2e", "KEY_PATH_AMBIGUOUS"), ("/a?key=b", "KEY_REPEATED"),
                               ("?kye=a", "PARAMETER_UNKNOWN"), ("?limit=-1", "LIMIT_NEGATIVE"), ("?prefix=%00", "PREFIX_HAS_NUL"),
                               ("?page_token=abc", "PAGE_TOKEN_MISMATCH"), ("/a?limit=1", "PARAMETER_MISPLACED")):
            with self.subTest(target):
                self.refused(400, reason, "GET", target)
        self.refused(404, "NAMESPACE_NOT_FOUND", "GET", "/a", namespace="nowhere")
        self.refused(404, "NAMESPACE_NOT_FOUND", "GET", "", namespace="nowhere")
        self.refused(400, "NAMESPACE_REQUIRED", "GET", "/a", namespace="")
        self.connection.request("GET", "/v1/scratch/nothing/a")
        reply = self.connection.getresponse()
        self.assertEqual((reply.status, json.load(reply)["details"][0]["debug"]["reason"]), (404, "ROUTE_NOT_FOUND"))

    def test_methods(self):
        for method, target, allowed in (("POST", "/a", "GET, HEAD, PUT, DELETE"), ("PATCH", "/a", "GET, HEAD, PUT, DELETE"),
                                        ("PUT", "", "GET, HEAD"), ("DELETE", "?prefix=a", "GET, HEAD")):
            with self.subTest(method):
                answer = self.refused(405, "HTTP_METHOD_UNSUPPORTED", method, target, b"" if method == "DELETE" else b"x")
                self.assertEqual(answer.headers["allow"], allowed)

    def test_expiry_tags_and_durability(self):
        answer = self.send("PUT", "/session", b"x", {"Prism-Ttl": "1h", "Prism-Tag": "device=phone, owner=Ada%2C%20L"})
        self.assertEqual((answer.status, answer.headers["prism-durability"]), (204, "memory"))
        answer = self.send("GET", "/session")
        self.assertEqual(answer.tags, ["device=phone", "owner=Ada%2C%20L"])
        self.assertRegex(answer.headers["prism-expire-time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        self.assertEqual(self.send("PUT", "/session", b"x").status, 204)
        answer = self.send("GET", "/session")
        self.assertNotIn("prism-expire-time", answer.headers)
        self.assertEqual(self.send("PUT", "/durable", b"x", namespace="default").headers["prism-durability"], "fsynced")
        for headers, reason in (({"Prism-Ttl": "10"}, "BAD_DURATION"), ({"Prism-Ttl": "0"}, "TTL_NOT_POSITIVE"),
                                ({"Prism-Ttl": "-1s"}, "TTL_NOT_POSITIVE"), ({"Prism-Tag": "device"}, "TAG_MALFORMED"),
                                ({"Prism-Tag": "=x"}, "TAG_KEY_SIZE"), ({"Prism-Min-Durability": "fsynced"}, "DURABILITY_UNAVAILABLE"),
                                ({"Content-Range": "bytes 0-0/1"}, "CONTENT_RANGE_UNSUPPORTED")):
            with self.subTest(reason):
                self.refused(400, reason, "PUT", "/refused", b"x", headers)
        self.assertEqual(self.send("GET", "/refused").status, 404)

    def test_conditional_reads(self):
        etag = self.send("PUT", "/read", b"x").headers["etag"]
        self.assertRegex(etag, r'^"[^"]+"$')
        self.assertEqual(self.send("GET", "/read").headers["etag"], etag)
        for method in ("GET", "HEAD"):
            for value in (etag, "W/" + etag, f'"other", {etag}', "*"):
                answer = self.send(method, "/read", headers={"If-None-Match": value})
                self.assertEqual((answer.status, answer.headers["etag"], answer.body), (304, etag, b""))
            self.assertEqual(self.send(method, "/read", headers={"If-None-Match": '"other"'}).status, 200)
            self.assertEqual(self.send(method, "/read", headers={"If-Match": etag}).status, 200)
        self.refused(412, "VERSION_MISMATCH", "GET", "/read", headers={"If-Match": '"other"'})
        self.refused(404, "KEY_NOT_FOUND", "GET", "/nothing", headers={"If-None-Match": "*"})
        self.refused(400, "ETAG_MALFORMED", "GET", "/read", headers={"If-None-Match": etag.strip('"')})
        answer = self.refused(416, "RANGE_UNSUPPORTED", "GET", "/read", headers={"Range": "bytes=0-1"})
        self.assertEqual(answer.headers["accept-ranges"], "none")

    def test_conditional_writes(self):
        self.send("DELETE", "/cas")
        first = self.send("PUT", "/cas", b"1", {"If-None-Match": "*"})
        self.assertEqual((first.status, first.body), (201, b""))
        etag = first.headers["etag"]
        lost = self.refused(412, "VERSION_MISMATCH", "PUT", "/cas", b"2", {"If-None-Match": "*"})
        self.assertEqual(lost.headers["etag"], etag)
        second = self.send("PUT", "/cas", b"2", {"If-Match": etag, "Prism-Ttl": "1h"})
        self.assertEqual(second.status, 204)
        self.assertNotEqual(second.headers["etag"], etag)
        lost = self.refused(412, "VERSION_MISMATCH", "PUT", "/cas", b"3", {"If-Match": etag})
        self.assertEqual(lost.headers["etag"], second.headers["etag"])
        lost = self.refused(412, "VERSION_MISMATCH", "DELETE", "/cas", headers={"If-Match": etag})
        self.assertEqual(lost.headers["etag"], second.headers["etag"])
        self.assertEqual(self.send("GET", "/cas").body, b"2")
        gone = self.send("DELETE", "/cas", headers={"If-Match": second.headers["etag"]})
        self.assertEqual((gone.status, gone.headers["prism-existed"]), (204, "true"))
        self.assertNotIn("etag", self.refused(412, "VERSION_MISMATCH", "PUT", "/cas", b"4", {"If-Match": etag}).headers)
        self.assertEqual(self.send("DELETE", "/cas").headers["prism-existed"], "false")
        self.assertEqual(self.send("DELETE", "/cas", headers={"If-None-Match": "*"}).headers["prism-existed"], "false")
        self.send("PUT", "/cas", b"5")
        self.refused(412, "VERSION_MISMATCH", "DELETE", "/cas", headers={"If-None-Match": "*"})
        self.refused(501, "CONDITION_UNSUPPORTED", "PUT", "/cas", b"5", {"If-Match": "*"})
        self.refused(415, "COMPRESSION_UNSUPPORTED", "PUT", "/cas", b"6", {"Content-Encoding": "gzip"})

    def test_repeated_writes_are_one(self):
        first = self.send("PUT", "/once", b"x", {"Idempotency-Key": '"id-1"'})
        again = self.send("PUT", "/once", b"x", {"Idempotency-Key": "id-1"})
        self.assertEqual((again.status, again.headers["etag"]), (204, first.headers["etag"]))
        self.refused(400, "REQUEST_ID_REUSED", "PUT", "/once", b"y", {"Idempotency-Key": "id-1"})

    def test_lists_as_json_lines(self):
        for i in range(25):
            self.send("PUT", f"/list:{i:02}", str(i).encode())
        answer = self.send("GET", "?prefix=list:")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/x-ndjson"))
        entries = [line["entry"] for line in answer.lines() if "entry" in line]
        self.assertEqual([entry["key"] for entry in entries], [f"list:{i:02}" for i in range(25)])
        self.assertEqual(entries[7]["value"], "Nw==")
        self.assertEqual(answer.lines()[-1], {"checkpoint": {}})
        keys, token = [], ""
        while True:
            page = self.send("GET", "?" + urllib.parse.urlencode(
                {"prefix": "list:", "limit": 10, "keys_only": "true", "page_token": token})).lines()
            keys += [line["entry"]["key"] for line in page if "entry" in line]
            token = page[-1]["checkpoint"].get("pageToken", "")
            if not token:
                break
        self.assertEqual(keys, [entry["key"] for entry in entries])
        head = self.send("HEAD", "?prefix=list:")
        self.assertEqual((head.status, head.body, head.headers["content-type"]), (200, b"", "application/x-ndjson"))
        self.assertEqual(self.send("HEAD", "", namespace="nowhere").status, 404)
        self.assertEqual(self.send("GET", "?prefix=none:").lines(), [{"checkpoint": {}}])

    def test_long_lists_are_streamed_and_end_with_their_error(self):
        value = os.urandom(256 << 10)
        for i in range(48):
            self.assertEqual(self.send("PUT", f"/long:{i:02}", value).status, 204)
        lines = self.send("GET", "?prefix=long:").lines()
        self.assertEqual([len(line["entry"]["value"]) for line in lines[:-1]], [(len(value) + 2) // 3 * 4] * 48)
        self.assertEqual(lines[-1], {"checkpoint": {}})
        # Far more than the kernel holds for a client that does not read: the deadline passes in the middle.
        host, port = self.gateway.data.rsplit(":", 1)
        with socket.socket() as wire, wire.makefile("rb") as answers:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            wire.settimeout(30)
            wire.connect((host, int(port)))
            wire.sendall(b"GET /v1/scratch/keyvalue?prefix=long: HTTP/1.1\r\nHost: localhost\r\nPrism-Timeout: 300ms\r\n"
                         b"Connection: close\r\n\r\n")
            self.assertEqual(answers.readline(), b"HTTP/1.1 200 OK\r\n")
            passed = time.monotonic() + 0.5
            wait_for(lambda: time.monotonic() > passed)
            body = http.client.parse_headers(answers) and answers.read()
        self.assertIn(b'"reason":"DEADLINE_EXCEEDED"', body[-1000:])
        self.assertLess(len(body), sum(len(json.dumps(line)) for line in lines))
        for i in range(48):
            self.send("DELETE", f"/long:{i:02}")

    def test_tls_and_the_http_that_it_chooses(self):
        subprocess.run(["openssl", "req", "-x509", "-days", "2", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=prism", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"],
                       cwd=self.directory, check=True, capture_output=True)
        certificate = str(self.directory / "cert.pem")
        file = self.directory / "tls.bin"
        key = str(self.directory / "key.pem")
        with Gateway(PROGRAM, *self.config, "--tls-certificate", certificate, "--tls-key", key) as gateway:
            url = f"https://{gateway.data}/v1/scratch/keyvalue/tls"
            for size, status in ((4 * MIB, b"204 2"), (4 * MIB + 1, b"413 2"), (9 * MIB, b"413 2")):
                with self.subTest(size):
                    file.write_bytes(os.urandom(size))
                    out = self.curl("--cacert", certificate, "-T", str(file), "-o", "/dev/null", "-w", "%{http_code} %{http_version}", url)
                    self.assertEqual(out, status)
            self.assertEqual(len(self.curl("--cacert", certificate, url)), 4 * MIB)

    def test_rates(self):
        answers = [self.send("GET", "/a", namespace="slow") for _ in range(20)]
        self.assertEqual({answer.status for answer in answers}, {404, 429})
        refused = next(answer for answer in answers if answer.status == 429)
        self.assertEqual(refused.reason(), "RATE_LIMITED")
        self.assertGreaterEqual(int(refused.headers["retry-after"]), 1)

    def test_deadline(self):
        # An empty body is whole with the head: an answer that overtakes a body ends the connection.
        self.refused(504, "DEADLINE_EXCEEDED", "PUT", "/late", b"", {"Prism-Timeout": "0"})
        self.assertEqual(self.send("GET", "/late", headers={"Prism-Timeout": "1m30s"}).status, 404)
        self.refused(400, "TIMEOUT_INVALID", "GET", "/late", headers={"Prism-Timeout": "10"})

    def test_heads_of_errors_have_no_body(self):
        for target, status in (("/nothing", 404), ("/%", 400), ("/a/b", 400)):
            answer = self.send("HEAD", target)
            self.assertEqual((answer.status, answer.body), (status, b""))
            self.assertGreater(int(answer.headers["content-length"]), 20)

    def test_pipelined_requests_are_answered_in_order(self):
        host, port = self.gateway.data.rsplit(":", 1)
        path = "/v1/scratch/keyvalue/pipe"
        requests = [f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\none", f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n",
                    f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n", f"GET {path}/x HTTP/1.1\r\nHost: localhost\r\n\r\n",
                    f"DELETE {path} HTTP/1.1\r\nHost: localhost\r\n\r\n", f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"]
        with socket.create_connection((host, int(port)), timeout=30) as wire:
            wire.sendall("".join(requests).encode())
            with wire.makefile("rb") as answers:
                text = answers.read().decode()
        statuses = [line.split()[1] for line in text.split("\r\n") if line.startswith("HTTP/1.1 ")]
        # A body has no line end of its own, so the next status line stands right behind it.
        self.assertEqual(text.count("HTTP/1.1 "), 6, text)
        self.assertEqual(statuses[0], "204")
        self.assertIn("\r\n\r\noneHTTP/1.1 200 OK", text)
        self.assertLess(text.index("KEY_PATH_AMBIGUOUS"), text.index("KEY_NOT_FOUND"))

    def test_a_client_that_expects_is_told_before_it_sends(self):
        host, port = self.gateway.data.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=30) as wire, wire.makefile("rb") as answers:
            wire.sendall(b"PUT /v1/scratch/keyvalue/expected HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            self.assertEqual(answers.readline(), b"HTTP/1.1 100 Continue\r\n")
            self.assertEqual(answers.readline(), b"\r\n")
            wire.sendall(b"ok")
            self.assertTrue(answers.readline().startswith(b"HTTP/1.1 204 "))
        self.assertEqual(self.send("GET", "/expected").body, b"ok")

        for head, status in (("PUT /v1/scratch/keyvalue/expected", 413), ("PUT /v1/scratch/nothing/expected", 404)):
            with socket.create_connection((host, int(port)), timeout=30) as wire, wire.makefile("rb") as answers:
                wire.sendall(f"{head} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n".encode())
                self.assertTrue(answers.readline().startswith(f"HTTP/1.1 {status} ".encode()))


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
