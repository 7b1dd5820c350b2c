"""The data port as HTTP clients meet it: Connect over HTTP/1.1 and HTTP/2 with curl, urllib and Node's fetch.

usage: http_test.py PROGRAM [unittest arguments]
"""

import base64
import concurrent.futures
import http.client
import json
import pathlib
import signal
import subprocess
import sys
import threading
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway, wait_for  # noqa: E402

PROGRAM = None
KEYVALUE = "/prism.keyvalue.v1.KeyValueBasic/"


OPENAPI = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reference" / "openapi.json"


def parts_of(node, name):
    """Everything in the document that has this name; of lists their elements."""
    if isinstance(node, list):
        for element in node:
            yield from parts_of(element, name)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == name:
                yield from value if isinstance(value, list) else value.values() if name == "parameters" else [value]
            yield from parts_of(value, name)


def encoded(value):
    return base64.b64encode(value).decode()


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = cls.enterClassContext(Gateway(PROGRAM))
        cls.base = f"http://{cls.gateway.data}"

    def call(self, method, request, headers=(), service=KEYVALUE):
        """Status and decoded body of a Connect call over HTTP/1.1."""
        post = urllib.request.Request(self.base + service + method, json.dumps(request).encode(),
                                      {"content-type": "application/json", **dict(headers)})
        try:
            with urllib.request.urlopen(post, timeout=10) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def curl(self, *arguments):
        run = subprocess.run(["curl", "-sS", "--max-time", "10", *arguments], capture_output=True, text=True, check=True)
        return run.stdout

    def test_sets_and_gets_in_json(self):
        status, answer = self.call("Set", {"namespace": "scratch", "key": "a", "value": encoded(b"hello"), "ttl": "60s"})
        self.assertEqual(status, 200)
        self.assertIn("version", answer)
        status, answer = self.call("Get", {"namespace": "scratch", "key": "a"})
        self.assertEqual((status, answer["found"], answer["value"]), (200, True, encoded(b"hello")))
        self.assertTrue(answer["expireTime"].endswith("Z"))

    def test_curl_speaks_both_versions(self):
        for version in ("--http1.1", "--http2-prior-knowledge", "--http1.0"):
            with self.subTest(version):
                out = self.curl(version, "-H", "content-type: application/json", "-w", "\n%{http_code} %{content_type}",
                                "-d", '{"namespace":"scratch","key":"nothing"}', self.base + KEYVALUE + "Get")
                self.assertEqual(out, "{}\n200 application/json")

    def test_one_connection_carries_many_calls(self):
        connection = http.client.HTTPConnection(self.gateway.data, timeout=10)
        for i in range(50):
            connection.request("POST", KEYVALUE + "Exists", json.dumps({"namespace": "scratch", "key": f"k{i}"}),
                               {"content-type": "application/json"})
            reply = connection.getresponse()
            self.assertEqual((reply.status, json.load(reply)), (200, {}))
        connection.close()

    def test_large_values_compressed(self):
        value = encoded(b"z" * 3_000_000)
        self.assertEqual(self.call("Set", {"namespace": "scratch", "key": "big", "value": value})[0], 200)
        out = self.curl("--compressed", "-w", "%{size_download}", "-H", "content-type: application/json",
                        "-d", '{"namespace":"scratch","key":"big"}', self.base + KEYVALUE + "Get", "-o", "/dev/null")
        self.assertLess(int(out), 100_000)
        out = self.curl("-H", "content-type: application/json", "-d", '{"namespace":"scratch","key":"big"}',
                        self.base + KEYVALUE + "Get")
        self.assertEqual(json.loads(out)["value"], value)

    def test_the_largest_value_fits_as_json(self):
        value = encoded(bytes(range(256)) * (4 << 12))
        self.assertEqual(self.call("Set", {"namespace": "scratch", "key": "largest", "value": value})[0], 200)
        status, error = self.call("Set", {"namespace": "scratch", "key": "largest", "value": encoded(bytes((4 << 20) + 1))})
        self.assertEqual((status, error["details"][0]["debug"]["reason"]), (429, "VALUE_TOO_LARGE"))
        self.assertEqual(self.call("Get", {"namespace": "scratch", "key": "largest"})[1]["value"], value)

    def test_streams_a_scan(self):
        for i in range(5):
            self.call("Set", {"namespace": "scratch", "key": f"scan:{i}", "value": encoded(b"v")})
        message = json.dumps({"namespace": "scratch", "prefix": "scan:"}).encode()
        post = urllib.request.Request(self.base + "/prism.keyvalue.v1.KeyValueScan/Scan",
                                      b"\0" + len(message).to_bytes(4, "big") + message,
                                      {"content-type": "application/connect+json"})
        with urllib.request.urlopen(post, timeout=10) as reply:
            body = reply.read()
        frames = []
        while body:
            size = int.from_bytes(body[1:5], "big")
            frames.append((body[0], json.loads(body[5:5 + size])))
            body = body[5 + size:]
        self.assertEqual([frame["entry"]["key"] for _, frame in frames if "entry" in frame],
                         [f"scan:{i}" for i in range(5)])
        self.assertEqual(frames[-1], (2, {}))

    def test_errors_have_status_code_reason_and_advice(self):
        for request, status, code, reason in (
                ({"namespace": "nowhere", "key": "a"}, 404, "not_found", "NAMESPACE_NOT_FOUND"),
                ({"namespace": "scratch", "key": ""}, 400, "invalid_argument", "KEY_EMPTY"),
                ({"namespace": "scratch", "keys": "a"}, 400, "invalid_argument", "JSON_UNKNOWN_FIELD")):
            with self.subTest(reason):
                got, error = self.call("Get", request)
                self.assertEqual((got, error["code"]), (status, code))
                self.assertEqual(error["details"][0]["debug"]["reason"], reason)
                self.assertGreater(len(error["message"]), 20)

    def test_deadlines_and_durability_are_headers(self):
        status, error = self.call("Get", {"namespace": "scratch", "key": "a"}, {"connect-timeout-ms": "0"})
        self.assertEqual((status, error["code"]), (504, "deadline_exceeded"))
        status, error = self.call("Set", {"namespace": "scratch", "key": "a"}, {"prism-min-durability": "fsynced"})
        self.assertEqual((status, error["code"]), (400, "failed_precondition"))

    def test_node_fetches(self):
        script = """
            const post = (method, body) => fetch(process.argv[1] + method, {method: 'POST',
              headers: {'content-type': 'application/json'}, body: JSON.stringify(body)});
            await (await post('Set', {namespace: 'scratch', key: 'node', value: btoa('fetched')})).json();
            const got = await (await post('Get', {namespace: 'scratch', key: 'node'})).json();
            console.log(atob(got.value));"""
        run = subprocess.run(["node", "--input-type=module", "-e", script, self.base + KEYVALUE], capture_output=True,
                             text=True, timeout=60)
        self.assertEqual(run.stdout, "fetched\n", run.stderr)


class Cors(unittest.TestCase):
    ORIGIN = "https://app.example.com"

    @classmethod
    def setUpClass(cls):
        cls.gateway = cls.enterClassContext(Gateway(PROGRAM, "--cors-allowed-origins", f"{cls.ORIGIN},https://*.example.org"))

    def headers(self, *arguments):
        """Status and headers of a request of curl; of `vary` all values."""
        run = subprocess.run(["curl", "-sSi", "--max-time", "10", *arguments, f"http://{self.gateway.data}{KEYVALUE}Get"],
                             capture_output=True, text=True, check=True)
        status, *lines = run.stdout.split("\n\n")[0].split("\n")
        headers = {}
        for name, value in (line.split(": ", 1) for line in lines):
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return int(status.split()[1]), headers, run.stdout

    def preflight(self, origin, version):
        return self.headers(version, "-X", "OPTIONS", "-H", f"Origin: {origin}", "-H", "Access-Control-Request-Method: PUT",
                            "-H", "Access-Control-Request-Headers: content-type,prism-ttl")

    def test_preflights(self):
        for version in ("--http1.1", "--http2-prior-knowledge"):
            with self.subTest(version):
                status, headers, _ = self.preflight("https://a.example.org", version)
                self.assertEqual((status, headers["access-control-allow-origin"]), (204, "https://a.example.org"))
                self.assertIn("PUT", headers["access-control-allow-methods"])
                self.assertIn("prism-ttl", headers["access-control-allow-headers"].split(", "))
                self.assertEqual(headers["vary"], "origin, access-control-request-method, access-control-request-headers")
                status, headers, text = self.preflight("https://example.org", version)
                self.assertEqual(status, 403)
                self.assertNotIn("access-control-allow-origin", headers)
                self.assertIn("CORS_ORIGIN_NOT_ALLOWED", text)

    def test_answers(self):
        call = ["-H", "content-type: application/json", "-d", '{"namespace":"scratch","key":"a"}']
        status, headers, _ = self.headers(*call, "-H", f"Origin: {self.ORIGIN}")
        self.assertEqual((status, headers["access-control-allow-origin"]), (200, self.ORIGIN))
        for others in (["-H", "Origin: null"], []):
            status, headers, _ = self.headers(*call, *others)
            self.assertEqual((status, headers["vary"]), (200, "origin"))
            self.assertNotIn("access-control-allow-origin", headers)

    def test_pages_may_use_every_header_of_the_contract(self):
        _, asked, _ = self.preflight(self.ORIGIN, "--http1.1")
        _, answered, _ = self.headers("-H", f"Origin: {self.ORIGIN}")
        may_send = asked["access-control-allow-headers"].split(", ")
        may_read = answered["access-control-expose-headers"].split(", ")
        contract = json.loads(OPENAPI.read_text())
        sent = {parameter["name"].lower() for parameter in parts_of(contract, "parameters") if parameter.get("in") == "header"}
        # components.headers has names of its own for them.
        read = {name.lower() for where in (contract["paths"], contract["components"]["responses"])
                for headers in parts_of(where, "headers") for name in headers}
        self.assertIn("idempotency-key", sent)
        self.assertIn("etag", read)
        # A header of ours is allowed by its beginning, when it is asked for.
        self.assertEqual({name for name in sent if not name.startswith("prism-")} - set(may_send), set())
        self.assertEqual(read - set(may_read), set())

    def test_a_reload_changes_who_may_call_and_fails_no_request(self):
        """Under load, over connections that go on."""
        config = self.gateway.directory / "reload.yaml"
        origins = ["https://one.example", "https://two.example"]

        def write(which):
            config.write_text(f'server: {{cors: {{allowed_origins: ["{which}"]}}}}\n')

        write(origins[0])
        with Gateway(PROGRAM, "--config", str(config)) as gateway:
            def load():
                connection = http.client.HTTPConnection(gateway.data, timeout=30)
                while not stop.is_set():
                    for origin in origins:
                        connection.request("GET", "/v1/scratch/keyvalue?prefix=a", headers={"origin": origin})
                        reply = connection.getresponse()
                        reply.read()
                        answers.append((reply.status, reply.headers["access-control-allow-origin"] in (None, origin)))
                        self.assertFalse(reply.will_close)
                connection.close()

            def allowed():
                probe.request("GET", "/v1/scratch/keyvalue?prefix=a", headers={"origin": origins[1]})
                reply = probe.getresponse()
                reply.read()
                return reply.headers["access-control-allow-origin"]

            def shown():
                with urllib.request.urlopen(f"http://{gateway.admin}/config", timeout=10) as reply:
                    return json.load(reply)["server"]["cors"]["allowed_origins"]

            stop, answers = threading.Event(), []
            probe = http.client.HTTPConnection(gateway.data, timeout=30)
            self.addCleanup(probe.close)
            self.assertIsNone(allowed())
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                running = [pool.submit(load) for _ in range(4)]
                try:
                    for number in range(20):
                        which = origins[(number + 1) % 2]
                        write(which)
                        gateway.process.send_signal(signal.SIGHUP)
                        wait_for(lambda which=which: allowed() == (origins[1] if which == origins[1] else None))
                finally:
                    stop.set()
                for thread in running:
                    thread.result()
            self.assertGreater(len(answers), 100)
            self.assertEqual(set(answers), {(200, True)})
            self.assertNotIn("next start", gateway.output())
            write(origins[1])
            gateway.process.send_signal(signal.SIGHUP)
            wait_for(lambda: allowed() == origins[1])
            wait_for(lambda: shown() == [origins[1]])
            config.write_text('server: {cors: {allowed_origins: ["*"], allow_credentials: true}}\n')
            gateway.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "CORS_CREDENTIALS_FOR_ALL" in gateway.output())
            self.assertEqual(allowed(), origins[1])

    def test_credentials_for_all_are_refused(self):
        config = self.gateway.directory / "cors.yaml"
        config.write_text('server: {cors: {allowed_origins: ["*"], allow_credentials: true}}\n')
        run = subprocess.run([PROGRAM, "serve", "--check", "--config", str(config)], capture_output=True, text=True, timeout=60)
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("CORS_CREDENTIALS_FOR_ALL", run.stderr)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
