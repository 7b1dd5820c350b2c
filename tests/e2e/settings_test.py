"""Settings of a namespace that act, in every protocol: rate limit, quotas, status, consistency.

usage: settings_test.py PROGRAM [unittest arguments]
"""

import contextlib
import http.client
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from call_protocols import Ask, all_protocols  # noqa: E402
from prism_gateway import Gateway, wait_for  # noqa: E402

PROGRAM = None
CONFIG = """
namespaces:
  - {name: slow, backend: memory, rate_limit_rps: 1}
  - {name: one-key, backend: memory, max_keys: 1}
  - {name: small, backend: memory, max_bytes: 2KiB}
  - {name: asleep, backend: memory, status: disabled}
  - {name: moving, backend: memory, status: migrating}
  - {name: causal, backend: memory, consistency: causal}
  - {name: strong, backend: memory, consistency: strong}
  - {name: app, backend: memory, features: {dark: false}}
"""


def get(namespace, key="k", **options):
    return Ask("KeyValueBasic/Get", {"namespace": namespace, "key": key}, **options)


def put(namespace, key="k", value=b"v"):
    return Ask("KeyValueBasic/Set", {"namespace": namespace, "key": key, "value": value})


def calls_in_flight(gateway):
    """As the metrics say."""
    connection = http.client.HTTPConnection(gateway.admin, timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return int(re.search(r"^prism_requests_in_flight (\d+)", text, re.MULTILINE).group(1))


class Settings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="prism-settings-")))
        cls.config = directory / "prism.yaml"
        cls.config.write_text(CONFIG)
        cls.gateway = cls.enterClassContext(Gateway(PROGRAM, "--config", str(cls.config)))

    def each_protocol(self, check, writes=False):
        """Calls check(protocol, connection) for each, in a test of its own."""
        for protocol in all_protocols():
            if writes and "GET" in protocol.name:
                continue  # carries only calls that read
            with self.subTest(protocol.name), contextlib.closing(protocol.connect(self.gateway.data)) as connection:
                check(protocol, connection)

    def refused(self, protocol, connection, ask, code, reason):
        refusal, _ = protocol.send(connection, ask)
        self.assertIsNotNone(refusal, "it was let through")
        self.assertEqual((refusal.code, refusal.reason), (code, reason))
        return refusal

    def test_a_rate_limit_says_when_to_come_again(self):
        def check(protocol, connection):
            answers = []
            while not answers or protocol.refusal(answers[-1]) is None or protocol.refusal(answers[-1]).code == "NOT_FOUND":
                self.assertLess(len(answers), 1000, "no call was refused")
                answers.append(protocol.exchange(connection, get("slow")))
            refusal = protocol.refusal(answers[-1])
            self.assertEqual((refusal.code, refusal.reason), ("RESOURCE_EXHAUSTED", "RATE_LIMITED"))
            self.assertGreater(refusal.retry_after, 0)
            self.assertLessEqual(refusal.retry_after, 2)
            if answers[-1].status == 429:  # where HTTP carries the code, it carries the time too
                self.assertGreaterEqual(int(answers[-1].headers["retry-after"]), 1)

        self.each_protocol(check)

    def test_quotas(self):
        def check(protocol, connection):
            for namespace, value in (("one-key", b"v"), ("small", b"x" * 1500)):
                self.assertEqual(protocol.send(connection, put(namespace, "first", value))[0], None)
                self.refused(protocol, connection, put(namespace, "second", value), "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")
                self.assertEqual(protocol.send(connection, put(namespace, "first", value))[0], None, "what is there may change")

        self.each_protocol(check, writes=True)

    def test_a_disabled_namespace_refuses_and_a_migrating_one_serves(self):
        def check(protocol, connection):
            self.refused(protocol, connection, get("asleep"), "FAILED_PRECONDITION", "NAMESPACE_DISABLED")

        def check_migrating(protocol, connection):
            self.assertEqual(protocol.send(connection, put("moving", "k"))[0], None)
            self.assertEqual(protocol.send(connection, get("moving", "k"))[0], None)

        self.each_protocol(check)
        self.each_protocol(check_migrating, writes=True)

    def test_sessions_of_causal_namespaces(self):
        def check(protocol, connection):
            written = protocol.exchange(connection, put("causal"))
            self.assertIsNone(protocol.refusal(written))
            session = written.headers["prism-session"].encode()
            read = protocol.exchange(connection, get("causal", headers=((b"prism-session", session),)))
            self.assertIsNone(protocol.refusal(read))
            self.refused(protocol, connection, get("causal", headers=((b"prism-session", b"made-up"),)),
                         "INVALID_ARGUMENT", "SESSION_MALFORMED")
            self.assertNotIn("prism-session", protocol.exchange(connection, put("strong")).headers)

        self.each_protocol(check, writes=True)

    def ask(self, path, headers=None):
        connection = http.client.HTTPConnection(self.gateway.data, timeout=60)
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), json.loads(body) if body else None

    def switch(self, namespace, feature, state):
        subprocess.run([PROGRAM, "namespace", "features", namespace, "set", feature, state, "--admin-server", self.gateway.admin],
                       check=True, timeout=60, capture_output=True)

    def test_features_and_capabilities_over_plain_http(self):
        status, headers, first = self.ask("/v1/app/features")
        self.assertEqual((status, first["features"]), (200, {"dark": False}))
        etag = headers["etag"]
        self.assertEqual(self.ask("/v1/app/features", {"If-None-Match": etag})[0], 304)

        waiting = http.client.HTTPConnection(self.gateway.data, timeout=60)
        waiting.request("GET", f"/v1/app/features?index={first['revision']}&wait=9m")
        self.switch("app", "dark", "on")
        changed = json.loads(waiting.getresponse().read())
        waiting.close()
        self.assertEqual(changed["features"], {"dark": True})
        self.assertGreater(int(changed["revision"]), int(first["revision"]))

        status, _, capabilities = self.ask("/v1/app/capabilities")
        self.assertEqual((status, capabilities["status"], capabilities["consistency"]), (200, "ACTIVE", "STRONG"))
        self.assertIn("keyvalue_basic", capabilities["interfaces"])
        self.assertEqual(self.ask("/v1/nowhere/features")[0], 404)
        self.assertEqual(self.ask("/v1/app/features?wait=11m")[0], 400)

    def test_waits_do_not_hold_up_a_drain(self):
        with Gateway(PROGRAM, "--config", str(self.config)) as gateway:
            waiting = http.client.HTTPConnection(gateway.data, timeout=60)
            waiting.request("GET", "/v1/moving/features?index=1&wait=10m")
            wait_for(lambda: calls_in_flight(gateway) == 1)
            gateway.process.send_signal(signal.SIGTERM)
            answer = waiting.getresponse()
            self.assertEqual((answer.status, json.loads(answer.read())["revision"]), (200, "1"))
            waiting.close()
            self.assertEqual(gateway.process.wait(25), 0)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=2)
