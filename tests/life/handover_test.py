"""Reloads, drains and successors on the same sockets, under load: no accepted request fails.

The test plays the service manager: it owns the listening sockets and hands them over. Clients of gRPC and of HTTP/1.1 with
keep-alive send without a pause; what they may send again is only what a draining server has refused untouched (GOAWAY).
PRISM_SOAK=1: a hundred rounds at 50,000 requests a second.

usage: handover_test.py PROGRAM [unittest arguments]
"""

import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway, wait_for  # noqa: E402
from tls_files import Authority  # noqa: E402

PROGRAM = None
SOAK = os.environ.get("PRISM_SOAK") == "1"
ROUNDS = 100 if SOAK else 3
RATE = 50_000 if SOAK else 500 if os.environ.get("PRISM_SANITIZER") else 3_000
SECONDS = 6 if os.environ.get("PRISM_SANITIZER") else 1.5 if SOAK else 3  # more than a round takes: some 0.8 with sanitizers
SERVED = RATE // 2  # requests that each successor has served before the next one comes
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PRISM_")}
CONFIG = "namespaces:\n  - {name: default, backend: sqlite, max_keys: %d}\n"


class Http1Client(threading.Thread):
    """Writes and reads one key over a connection that it keeps as long as the server does. Every request that is not
    answered well is a failure: none is sent twice."""

    def __init__(self, address, name, tls=None):
        super().__init__()
        self.host, port = address.rsplit(":", 1)
        self.port, self.tls = int(port), tls
        self.path = f"/v1/default/keyvalue/{name}"
        self.answered, self.connections, self.failures = 0, 0, []
        self.stopping = threading.Event()

    def connect(self):
        self.connections += 1
        if self.tls:
            return http.client.HTTPSConnection(self.host, self.port, timeout=60, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    def run(self):
        connection = self.connect()
        while not self.stopping.is_set() and len(self.failures) < 10:
            value = str(self.answered).encode()
            try:
                for method, body in (("PUT", value), ("GET", None)):
                    connection.request(method, self.path, body)
                    reply = connection.getresponse()
                    text = reply.read()
                    if reply.status not in (200, 201, 204) or (method == "GET" and text != value):
                        self.failures.append(f"{method}: {reply.status} {text[:200]!r} after {self.answered}")
                    self.answered += 1
                    if reply.will_close:
                        connection.close()
                        connection = self.connect()
            except OSError as error:
                self.failures.append(f"after {self.answered}: {error!r}")
                connection.close()
                connection = self.connect()
            except http.client.HTTPException as error:
                self.failures.append(f"after {self.answered}: {error!r}")
                connection.close()
                connection = self.connect()
        connection.close()

    def stop(self):
        self.stopping.set()
        self.join()


class HandoverTest(unittest.TestCase):
    def setUp(self):
        own = tempfile.TemporaryDirectory(prefix="prism-handover-")
        self.addCleanup(own.cleanup)
        self.directory = pathlib.Path(own.name)
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.addCleanup(self.socket.close)
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.config = self.directory / "prism.yaml"
        self.config.write_text(CONFIG % 1_000_000)
        self.options = ["--config", str(self.config)]

    def launch(self):
        """The program with our socket as its descriptor 3, as systemd hands it over (sd_listen_fds(3))."""
        script = f"exec 3<&{self.socket.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=clients exec \"$@\""
        return Gateway(PROGRAM, *self.options, data_dir=str(self.directory), prefix=("bash", "-c", script, "bash"),
                       pass_fds=[self.socket.fileno()]).launch()

    def bench(self, seconds, *options):
        return subprocess.Popen([PROGRAM, "bench", "default", "--server", self.address, "--follow", "-c", "8", "-m", "32",
                                 "-r", str(RATE), "-d", f"{seconds}s", "--warmup", "0s", "--keys", "1000",
                                 "--set-percent", "2", "-o", "json", *options],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=CLEAN)

    def reload(self, gateway, number):
        gateway.administer("PATCH", "namespaces/default", {"maxKeys": 1_000_000 + number})
        before = self.metric(gateway, "prism_config_reloads_total")
        gateway.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.metric(gateway, "prism_config_reloads_total") > before, 60)
        self.assertEqual(self.metric(gateway, "prism_config_last_reload_failed"), 0)

    def metric(self, gateway, name):
        with urllib.request.urlopen(f"http://{gateway.admin}/metrics", timeout=60) as reply:
            for line in reply.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.rsplit(" ", 1)[1])
        return None

    def await_served(self, gateway, load):
        """Until the server has caught up with the load and has served it for a while, or there is none any more."""
        name = 'prism_requests_total{model="keyvalue",method="keyvalue_basic.get",code="OK"}'
        wait_for(lambda: load.poll() is not None or (self.metric(gateway, name) or 0) >= SERVED, 60, interval=0.05)

    def replace(self, gateway):
        """The successor starts while the old one serves, and waits for its data."""
        successor = self.launch()
        self.assertEqual(gateway.stop(timeout=60), 0)
        return successor.await_ready()

    def hand_over(self, trust=None, options=(), before_reload=lambda: None):
        """Rounds of a reload and a successor until the load has ended by itself, so that every answer is counted."""
        gateway = self.launch().await_ready()
        http1 = [Http1Client(self.address, f"http1-{i}", trust) for i in range(2)]
        for client in http1:
            client.start()
        began = time.monotonic()
        load = self.bench(round(ROUNDS * SECONDS), *options)
        rounds = 0
        while load.poll() is None:
            rounds += 1
            before_reload()
            self.await_served(gateway, load)
            self.reload(gateway, rounds)
            gateway = self.replace(gateway)
        output = load.communicate()[0]
        for client in http1:
            client.stop()
        self.assertEqual(gateway.stop(timeout=60), 0)
        self.assertEqual(load.returncode, 0, output)
        report = json.loads(output)
        print(f"{rounds} handovers in {time.monotonic() - began:.0f} s: {report['done']} gRPC requests, p99 {report['p99_us']:.0f} us, "
              f"{report['reconnects']} reconnects, {report['refused']} refused untouched; "
              f"{sum(c.answered for c in http1)} HTTP/1.1 requests over {sum(c.connections for c in http1)} connections")
        self.assertEqual([client.failures for client in http1], [[] for _ in http1])
        self.assertGreaterEqual(rounds, ROUNDS)
        self.assertGreaterEqual(report["reconnects"], ROUNDS)

    def test_no_accepted_request_fails(self):
        self.hand_over()

    def test_no_accepted_request_fails_over_tls_with_new_certificates(self):
        authority = Authority(self.directory)
        certificate, key = authority.make("server")
        self.options += ["--tls-certificate", certificate, "--tls-key", key]
        self.hand_over(ssl.create_default_context(cafile=authority.ca), ["--tls-ca", authority.ca],
                       lambda: authority.make("server"))  # the same files, a new certificate

    def test_who_waits_for_data_stops_when_told(self):
        gateway = self.launch().await_ready()
        waiting = self.launch()
        wait_for(lambda: "waiting for the predecessor" in gateway.output())
        self.assertEqual(waiting.stop(), 0)
        self.assertEqual(gateway.stop(), 0)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
