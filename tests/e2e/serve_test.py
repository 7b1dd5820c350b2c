"""`prism serve` as operators meet it: start, refusals, reload under load, drain, admin pages.

usage: serve_test.py PROGRAM [unittest arguments]
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import http2_bytes  # noqa: E402
from http2_bytes import open_connection  # noqa: E402
from prism_gateway import Gateway, wait_for  # noqa: E402

PROGRAM = None
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PRISM_")}


def prism(*arguments, env=None, timeout=60):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, timeout=timeout, text=True,
                          env=CLEAN | (env or {}))


def kv(gateway, *arguments):
    return prism("kv", *arguments, "--server", gateway.data)


def page(gateway, path):
    """Status and body of an admin page."""
    try:
        with urllib.request.urlopen(f"http://{gateway.admin}{path}", timeout=10) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metric(gateway, name):
    for line in page(gateway, "/metrics")[1].splitlines():
        if line.startswith(name + " "):
            return float(line.rsplit(" ", 1)[1])
    return None


class Files(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="prism-serve-")
        self.addCleanup(self.directory.cleanup)

    def write(self, name, text):
        path = pathlib.Path(self.directory.name) / name
        path.write_text(text)
        return str(path)


class StartTest(Files):
    def serve(self, *options):
        return prism("serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data-dir",
                     self.directory.name + "/data", *options)

    def refused(self, reason, *options):
        result = self.serve(*options)
        self.assertIn(reason, result.stderr)
        self.assertNotEqual(result.returncode, 0)
        return result

    def test_without_configuration_there_are_default_and_scratch(self):
        with Gateway(PROGRAM) as gateway:
            self.assertEqual(kv(gateway, "set", "default", "k", "v", "-o", "json").returncode, 0)
            self.assertIn("fsynced", kv(gateway, "set", "default", "k", "v").stdout)
            self.assertIn("memory", kv(gateway, "set", "scratch", "k", "v").stdout)
            ready = json.loads((gateway.directory / "ready.json").read_text())
            self.assertEqual(ready["pid"], gateway.process.pid)

    def test_what_is_acknowledged_on_default_is_there_after_a_restart(self):
        with tempfile.TemporaryDirectory() as directory:
            with Gateway(PROGRAM, data_dir=directory) as gateway:
                self.assertEqual(kv(gateway, "set", "default", "k", "kept").returncode, 0)
            with Gateway(PROGRAM, data_dir=directory) as gateway:
                self.assertEqual(kv(gateway, "get", "default", "k").stdout, "kept")

    def test_a_page_token_is_good_after_a_restart(self):
        with tempfile.TemporaryDirectory() as directory:
            with Gateway(PROGRAM, data_dir=directory) as gateway:
                for name in "abc":
                    self.assertEqual(kv(gateway, "set", "default", name, name).returncode, 0)
                first = kv(gateway, "scan", "default", "--limit", "1", "--keys-only", "-o", "json").stdout.splitlines()
                token = json.loads(first[-1])["page_token"]
            with Gateway(PROGRAM, data_dir=directory) as gateway:
                rest = kv(gateway, "scan", "default", "--keys-only", "-o", "json", "--page-token", token)
                self.assertEqual([json.loads(line)["key"] for line in rest.stdout.splitlines()], ["b", "c"], rest.stderr)

    def test_an_address_in_use_is_said(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.refused("UNAVAILABLE/ADDRESS_IN_USE", "--listen", address)
            self.refused("UNAVAILABLE/ADDRESS_IN_USE", "--admin-listen", address)

    def test_a_data_directory_serves_one_server(self):
        with Gateway(PROGRAM) as gateway:
            data = str(gateway.directory / "data")
            result = self.refused("DATA_DIRECTORY_LOCKED", "--data-dir", data)
            self.assertIn(str(gateway.process.pid), result.stderr)

    def test_a_data_directory_that_is_none_is_said(self):
        self.refused("DATA_DIRECTORY_UNUSABLE", "--data-dir", self.write("file", ""))

    def test_strangers_are_not_served_by_accident(self):
        result = self.refused("INSECURE_LISTENER", "--listen", "0.0.0.0:0")
        self.assertIn("--insecure", result.stderr)
        self.refused("INSECURE_LISTENER", "--admin-listen", "0.0.0.0:0")

    def test_a_bad_file_is_refused_with_every_mistake(self):
        path = self.write("prism.yaml", "namespacs: []\nserver: {shards: 0}\nmemory: {}\nmemory: {}\n"
                                        "backends: {p: {type: redis, password: hunter2}}\n")
        for options in (["--config", path], ["--config", path, "--check"]):
            result = self.refused("CONFIG_INVALID", *options)
            for place in (":1:1: UNKNOWN_KEY", ":2:18: BAD_VALUE", ":4:1: DUPLICATE_KEY", ":5:39: LITERAL_SECRET"):
                self.assertIn(place, result.stderr)
            self.assertNotIn("hunter2", result.stderr)
        self.refused("CONFIG_NOT_FOUND", "--config", "/nowhere/prism.yaml")

    def test_a_check_says_what_would_not_be_served(self):
        path = self.write("prism.yaml", "backends: {r: {type: redis}}\nnamespaces:\n"
                                        "  - {name: a, backend: r}\n  - {name: b, backend: memory, pattern: outbox}\n")
        result = self.serve("--config", path, "--check")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("DRIVER_NOT_INSTALLED", result.stdout)
        self.assertIn("PATTERN_NOT_INSTALLED", result.stdout)
        self.assertFalse(pathlib.Path(self.directory.name, "data").exists())

    def test_a_check_refuses_what_the_start_refuses_and_touches_no_data(self):
        there = pathlib.Path(self.directory.name, "own")
        temporary = pathlib.Path(self.directory.name, "temporary")
        temporary.mkdir()
        good = "  - {name: fine, backend: memory}\n  - {name: kept, backend: own}\n"
        backends = f"backends: {{own: {{type: sqlite, connection: {there}}}}}\n"
        mistakes = {
            "INTERFACE_NOT_BOUND": ("{name: a, backend: memory, pattern: graph}",
                                    "{name: b, backend: own, pattern: graph, status: disabled}",
                                    "{name: c, pattern: multicast-registry, slots: {registry: {backend: memory, "
                                    "interface: keyvalue_bsic}}}"),
            "PATTERN_NOT_INSTALLED": ("{name: d, backend: memory, pattern: keyvaleu}",),
            "BAD_PRINCIPAL": ("{name: e, backend: memory, access: {read: [no body]}}",)}
        for reason, namespaces in mistakes.items():
            for namespace in namespaces:
                path = self.write("prism.yaml", f"{backends}namespaces:\n{good}  - {namespace}\n")
                result = prism("serve", "--check", "--data-dir", self.directory.name + "/none", "--config", path,
                               env={"TMPDIR": str(temporary)})
                self.assertEqual((result.returncode, result.stdout), (1, ""), namespace)
                self.assertIn(reason, result.stderr)
                started = self.refused(reason, "--config", path)
                self.assertEqual(result.stderr, started.stderr[started.stderr.index("error: "):])
                self.assertEqual(result.stderr.count(reason), 1)
                self.assertEqual(list(temporary.iterdir()), [])
        self.assertFalse(pathlib.Path(self.directory.name, "none").exists())

    def test_a_check_tells_every_mistake_at_once(self):
        path = self.write("prism.yaml", "namespaces:\n  - {name: a, backend: memory, pattern: graph}\n"
                                        "  - {name: b, backend: memory, pattern: keyvaleu}\n")
        result = self.refused("CONFIG_UNBINDABLE", "--config", path, "--check")
        self.assertRegex(result.stderr, r"\n  namespaces\.a: INTERFACE_NOT_BOUND: ")
        self.assertRegex(result.stderr, r'\n  namespaces\.b: PATTERN_NOT_INSTALLED: .*did you mean "keyvalue"')

    def test_a_check_leaves_the_data_of_backends_alone(self):
        own = pathlib.Path(self.directory.name, "own")
        path = self.write("prism.yaml", f"backends: {{own: {{type: sqlite, connection: {own}}}, s: {{type: sqlite}}}}\n"
                                        "namespaces: [{name: a, backend: own}, {name: b, backend: s}]\n")
        result = self.serve("--config", path, "--check")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertFalse(own.exists() or pathlib.Path(self.directory.name, "data").exists())

    def test_a_check_names_every_secret_that_is_not_there(self):
        path = self.write("prism.yaml", "backends:\n  m: {type: memory, username: '${env:PRISM_TEST_NONE}', "
                                        "password: '${env:PRISM_TEST_ABSENT}'}\n"
                                        "  s: {type: sqlite, connection: '${file:/nowhere/path}'}\n"
                                        "namespaces: [{name: a, backend: m}]\n")
        for options in ((), ("--check",)):
            result = self.refused("CONFIG_UNBINDABLE", "--config", path, *options)
            self.assertRegex(result.stderr, r"backends\.m\.username: SECRET_UNAVAILABLE: .*PRISM_TEST_NONE")
            self.assertRegex(result.stderr, r"backends\.m\.password: SECRET_UNAVAILABLE: .*PRISM_TEST_ABSENT")
            self.assertRegex(result.stderr, r"backends\.s\.connection: SECRET_UNAVAILABLE: .*/nowhere/path")
        (there := pathlib.Path(self.directory.name, "secret")).write_text("hidden\n")
        path = self.write("prism.yaml", f"backends: {{m: {{type: memory, password: '${{file:{there}}}'}}}}\n"
                                        "namespaces: [{name: a, backend: m}]\n")
        result = self.serve("--config", path, "--check")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn("hidden", result.stdout + result.stderr)

    def test_bad_options_are_bad_usage(self):
        result = self.serve("--shards", "none", "--log-level", "loud")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--shards", result.stderr)
        self.assertIn("--log-level", result.stderr)

    def test_what_is_no_address_is_said(self):
        for address in ("nonsense", "127.0.0.1:99999", "127.0.0.1:http", "unix:"):
            self.refused("INVALID_ARGUMENT/BAD_ADDRESS", "--listen", address)
            self.refused("INVALID_ARGUMENT/BAD_ADDRESS", "--admin-listen", address, "--check")

    def test_flags_have_the_bounds_of_the_file(self):
        result = self.serve("--shards", "1025", "--memory-max-bytes", "1KiB", "--drain-timeout", "2h")
        self.assertEqual(result.returncode, 2)
        for advice in ("--shards: must be a whole number from 1 to 1024", "--memory-max-bytes: must be at least 1MiB",
                       "--drain-timeout: must be from 0 to 1h"):
            self.assertIn(advice, result.stderr)

    def test_the_environment_counts_unless_a_flag_says_otherwise(self):
        environment = {"PRISM_LISTEN": "0.0.0.0:0"}
        result = prism("serve", "--admin-listen", "127.0.0.1:0", env=environment)
        self.assertIn("INSECURE_LISTENER", result.stderr)
        result = prism("serve", "--check", "--listen", "127.0.0.1:0", env=environment)
        self.assertEqual(result.returncode, 0, result.stderr)


class AdminTest(Files):
    def test_the_pages_are_there(self):
        config = self.write("prism.yaml", "backends: {r: {type: redis, connection: \"redis://h\", "
                                          "password: \"${env:NOT_SHOWN}\"}}\n"
                                          "namespaces:\n  - {name: a, backend: memory}\n  - {name: b, backend: r}\n")
        os.environ["NOT_SHOWN"] = "hunter2"
        self.addCleanup(os.environ.pop, "NOT_SHOWN")
        with Gateway(PROGRAM, "--config", config) as gateway:
            kv(gateway, "get", "a", "k")
            self.assertEqual(page(gateway, "/livez"), (200, "ok\n"))
            self.assertEqual(page(gateway, "/readyz")[0], 200)
            self.assertIn("[-] backend r: FAILED_PRECONDITION/DRIVER_NOT_INSTALLED", page(gateway, "/readyz?verbose")[1])
            self.assertIn("version", json.loads(page(gateway, "/version")[1]))
            shown = page(gateway, "/config")[1]
            self.assertEqual(json.loads(shown)["backends"]["r"]["password"], "${env:NOT_SHOWN}")
            self.assertNotIn("hunter2", shown)
            self.assertEqual(metric(gateway, 'prism_namespace_requests_total{namespace="a"}'), 1)
            self.assertEqual(metric(gateway, 'prism_backend_up{backend="memory"}'), 1)
            self.assertEqual(metric(gateway, 'prism_backend_up{backend="r"}'), 0)
            self.assertEqual(page(gateway, "/nothing")[0], 404)
            self.assertIn("DRIVER_NOT_INSTALLED", kv(gateway, "get", "b", "k").stderr)

    def test_an_idle_server_is_small(self):
        with Gateway(PROGRAM) as gateway:
            kv(gateway, "set", "default", "k", "v")
            kv(gateway, "set", "scratch", "k", "v")
            anonymous = metric(gateway, "process_anonymous_memory_bytes")
            print(f"idle: {anonymous / 2**20:.1f} MiB anonymous, "
                  f"{metric(gateway, 'process_resident_memory_bytes') / 2**20:.1f} MiB resident")
            # Sanitizers keep shadow memory and freed blocks: there only a leak would show.
            self.assertLess(anonymous, (64 if os.environ.get("PRISM_SANITIZER") else 8) * 2**20)


class ReloadTest(Files):
    @staticmethod
    def change(gateway, number):
        """One revision: the namespace that is under load, or another one that comes and goes."""
        if number % 2:
            gateway.administer("PATCH", "namespaces/scratch", {"maxKeys": 1_000_000 + number})
        elif number % 4:
            gateway.administer("POST", "namespaces", {"name": "other", "backend": "memory"})
        else:
            gateway.administer("DELETE", "namespaces/other")

    def reload(self, gateway):
        before = metric(gateway, "prism_config_reloads_total")
        gateway.process.send_signal(signal.SIGHUP)
        wait_for(lambda: metric(gateway, "prism_config_reloads_total") > before)

    def test_no_request_is_dropped_while_the_configuration_changes(self):
        with Gateway(PROGRAM) as gateway:
            load = subprocess.Popen([PROGRAM, "bench", "scratch", "--server", gateway.data, "-c", "4", "-m", "8",
                                     "-d", "3s", "--warmup", "0s", "--keys", "100", "--set-percent", "20"],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=CLEAN)
            wait_for(lambda: (metric(gateway, 'prism_namespace_requests_total{namespace="scratch"}') or 0) > 1000)
            revisions = 0
            while load.poll() is None:
                revisions += 1
                self.change(gateway, revisions)
            output = load.communicate()[0]
            self.assertEqual(load.returncode, 0, output)
            self.assertGreater(revisions, 3)
            self.assertEqual(metric(gateway, "prism_config_revision"), revisions + 1)
            self.assertIsNone(metric(gateway, 'prism_requests_total{model="keyvalue",'
                                              'method="keyvalue_basic.get",code="UNAVAILABLE"}'))

    def test_namespaces_come_and_go(self):
        with Gateway(PROGRAM) as gateway:
            gateway.administer("POST", "namespaces", {"name": "other", "backend": "memory"})
            kv(gateway, "set", "other", "k", "v")
            gateway.administer("DELETE", "namespaces/other")
            self.assertIn("NAMESPACE_NOT_FOUND", kv(gateway, "get", "other", "k").stderr)
            gateway.administer("POST", "namespaces", {"name": "other", "backend": "memory"})
            self.assertEqual(kv(gateway, "get", "other", "k").stdout, "v")

    def test_a_file_is_imported_once_and_then_its_differences_are_told(self):
        config = self.write("prism.yaml", "namespaces: [{name: a, backend: memory}]\n")
        data = self.directory.name
        with Gateway(PROGRAM, "--config", config, data_dir=data) as gateway:
            kv(gateway, "set", "a", "k", "v")
            self.write("prism.yaml", "server: {log_level: debug}\nnamespaces: [{name: b, backend: memory}]\n")
            self.reload(gateway)
            self.assertIn("prism config diff", gateway.output())
            self.assertEqual(kv(gateway, "get", "a", "k").stdout, "v")
        with Gateway(PROGRAM, "--config", config, data_dir=data) as gateway:
            self.assertIn("NAMESPACE_NOT_FOUND", kv(gateway, "get", "b", "k").stderr)

    def test_the_usual_file_is_found(self):
        pathlib.Path(self.directory.name, "config").mkdir()
        self.write("config/namespaces.yaml", "namespaces: [{name: usual, backend: memory}]\n")
        with Gateway(PROGRAM, prefix=("env", "-C", self.directory.name)) as gateway:
            self.assertEqual(kv(gateway, "set", "usual", "k", "v").returncode, 0)

    def test_an_invalid_file_changes_nothing_and_is_told_completely(self):
        config = self.write("prism.yaml", "namespaces: [{name: other, backend: memory}]\n")
        with Gateway(PROGRAM, "--config", config) as gateway:
            self.write("prism.yaml", "namespacs: []\nbackends: {x: {type: memory, typ: memory}}\n")
            self.reload(gateway)
            self.assertEqual(metric(gateway, "prism_config_last_reload_failed"), 1)
            self.assertEqual(metric(gateway, "prism_config_revision"), 1)
            self.assertEqual(kv(gateway, "set", "other", "k", "v").returncode, 0)
            mistakes = [line for line in gateway.output().splitlines() if "configuration mistake" in line]
            self.assertEqual(len(mistakes), 2)
            self.assertIn(":1:1", mistakes[0])
            self.assertIn("UNKNOWN_KEY", mistakes[1])
            self.write("prism.yaml", "server: {log_level: debug}\n")
            self.reload(gateway)
            self.assertEqual(metric(gateway, "prism_config_last_reload_failed"), 0)

    def test_options_that_need_a_restart_are_named(self):
        config = self.write("prism.yaml", "server: {drain_timeout: 10s}\n")
        with Gateway(PROGRAM, "--config", config) as gateway:
            self.write("prism.yaml", "server: {drain_timeout: 11s, log_level: debug}\n")
            self.reload(gateway)
            self.assertIn("drain_timeout", [line for line in gateway.output().splitlines() if "next start" in line][0])


class TimeoutTest(Files):
    """The four timeouts of server.limits, each where it alone can end the connection."""

    def serve(self, limits):
        return Gateway(PROGRAM, "--config", self.write("prism.yaml", f"server: {{limits: {{{limits}}}}}\n"))

    def test_a_client_that_says_nothing_is_let_go(self):
        with self.serve("handshake_timeout: 200ms") as gateway:
            host, port = gateway.data.rsplit(":", 1)
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                self.assertEqual(connection.recv(1), b"")  # which HTTP it would have spoken was not known yet

    def test_a_connection_without_calls_is_let_go(self):
        with self.serve("idle_timeout: 1s") as gateway, open_connection(gateway.data) as connection:
            self.assertIn(http2_bytes.GOAWAY, [kind for kind, *_ in http2_bytes.frames(connection)])

    def test_a_client_that_does_not_answer_a_ping_is_let_go(self):
        with self.serve("keepalive_time: 1s, keepalive_timeout: 100ms") as gateway, open_connection(gateway.data) as connection:
            self.assertIn(http2_bytes.PING, [kind for kind, *_ in http2_bytes.frames(connection)])

    def test_they_are_shown_and_checked(self):
        with self.serve("keepalive_time: 90s") as gateway:
            limits = json.loads(page(gateway, "/config")[1])["server"]["limits"]
            self.assertEqual([limits[name] for name in ("handshake_timeout", "idle_timeout", "keepalive_time", "keepalive_timeout")],
                             ["20s", "1h", "1m30s", "20s"])
        result = prism("validate", self.write("bad.yaml", "server: {limits: {idle_timeout: 1ms, keepalive_time: soon}}\n"))
        self.assertRegex(result.stderr, r"bad.yaml:1:\d+: BAD_VALUE: idle_timeout must be from 1s to ")
        self.assertRegex(result.stderr, r"bad.yaml:1:\d+: BAD_VALUE: keepalive_time: ")


class ListenTest(Files):
    def test_a_unix_socket(self):
        path = self.directory.name + "/prism.sock"
        with Gateway(PROGRAM, "--listen", f"unix:{path}") as gateway:
            self.assertEqual(gateway.data, f"unix:{path}")
            self.assertEqual(kv(gateway, "set", "scratch", "k", "v").returncode, 0)
            self.assertEqual(kv(gateway, "get", "scratch", "k").stdout, "v")
        self.assertFalse(os.path.exists(path))

    def handed_over(self, *names, host="127.0.0.1", options=()):
        """A gateway that gets listening sockets as from systemd: descriptors from 3 on, and who they are for."""
        sockets = [socket.create_server((host, 0)) for _ in names]
        self.addCleanup(lambda: [one.close() for one in sockets])
        move = " ".join(f"{3 + i}<&{one.fileno()}" for i, one in enumerate(sockets))
        script = f"exec {move}; LISTEN_PID=$$ LISTEN_FDS={len(names)} LISTEN_FDNAMES={':'.join(names)} exec \"$@\""
        gateway = Gateway(PROGRAM, *options, prefix=("bash", "-c", script, "bash"),
                          pass_fds=[one.fileno() for one in sockets])
        return gateway, ["{}:{}".format(*one.getsockname()) for one in sockets]

    def test_sockets_of_the_service_manager(self):
        gateway, (admin, first, second) = self.handed_over("admin", "clients", "more")
        with gateway:
            self.assertEqual((gateway.data, gateway.admin), (first, admin))
            self.assertEqual(page(gateway, "/livez")[0], 200)
            self.assertEqual(kv(gateway, "set", "scratch", "k", "v").returncode, 0)
            self.assertEqual(prism("kv", "get", "scratch", "k", "--server", second).stdout, "v")

    def test_what_is_not_handed_over_is_opened(self):
        gateway, (data,) = self.handed_over("prism.socket")
        with gateway:
            self.assertEqual(gateway.data, data)
            self.assertEqual(page(gateway, "/livez")[0], 200)

    def test_a_service_manager_must_not_expose_it_either(self):
        gateway, _ = self.handed_over("clients", host="0.0.0.0")
        with self.assertRaisesRegex(RuntimeError, "INSECURE_LISTENER"):
            gateway.start()

    def test_descriptors_up_to_the_hard_limit(self):
        with Gateway(PROGRAM, prefix=("prlimit", "--nofile=64:200")) as gateway:
            limits = pathlib.Path(f"/proc/{gateway.process.pid}/limits").read_text()
            self.assertRegex(limits, r"Max open files +200 +200 ")
            self.assertIn("fewer file descriptors than connections", gateway.output())

    def test_clients_wait_while_there_are_no_descriptors(self):
        with Gateway(PROGRAM, prefix=("prlimit", "--nofile=64")) as gateway:
            host, port = gateway.data.rsplit(":", 1)
            clients = [socket.create_connection((host, int(port)), timeout=20) for _ in range(80)]
            # The admin port has no descriptor either: who it lets in again says what happened.
            for client in clients[:40]:
                client.close()
            wait_for(lambda: (metric(gateway, "prism_accept_pauses_total") or 0) > 0)
            self.assertEqual(kv(gateway, "set", "scratch", "k", "v").returncode, 0)
            for client in clients:
                client.close()


class NotifyTest(Files):
    """The service manager's side of sd_notify(3)."""

    def setUp(self):
        super().setUp()
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(self.directory.name + "/notify")
        self.manager.settimeout(20)

    def serve(self, *options, watchdog=""):
        return Gateway(PROGRAM, *options, prefix=("env", f"NOTIFY_SOCKET={self.directory.name}/notify", f"WATCHDOG_USEC={watchdog}"))

    def await_state(self, name):
        while True:
            state = dict(line.split("=", 1) for line in self.manager.recv(4096).decode().splitlines())
            if name in state:
                return state

    def test_it_hears_of_start_reload_and_stop(self):
        config = self.write("prism.yaml", "server: {log_level: info}\n")
        gateway = self.serve("--config", config).start()
        self.assertIn(gateway.data, self.await_state("READY")["STATUS"])
        before = time.monotonic_ns() // 1000
        gateway.process.send_signal(signal.SIGHUP)
        self.assertGreaterEqual(int(self.await_state("RELOADING")["MONOTONIC_USEC"]), before)
        self.assertIn("reloaded", self.await_state("READY")["STATUS"])
        self.write("prism.yaml", "nonsense: 1\n")
        gateway.process.send_signal(signal.SIGHUP)
        self.assertIn("refused", self.await_state("READY")["STATUS"])
        gateway.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.await_state("STOPPING")["STATUS"], "Draining")
        self.assertEqual(gateway.stop(), 0)

    def test_it_hears_that_all_shards_turn(self):
        with self.serve(watchdog="300000"):
            for _ in range(3):
                self.await_state("WATCHDOG")

    def test_a_watchdog_of_another_process_is_not_ours(self):
        with Gateway(PROGRAM, prefix=("env", f"NOTIFY_SOCKET={self.directory.name}/notify", "WATCHDOG_USEC=1000", "WATCHDOG_PID=1")) as gateway:
            self.await_state("READY")
            page(gateway, "/livez")
        self.manager.setblocking(False)
        with self.assertRaises(BlockingIOError):
            while True:
                self.assertNotIn(b"WATCHDOG", self.manager.recv(4096))


class UserTest(Files):
    def test_the_server_becomes_the_user_before_it_touches_data(self):
        if os.geteuid() != 0:
            with self.assertRaisesRegex(RuntimeError, "PERMISSION_DENIED/USER_NOT_PERMITTED"):
                Gateway(PROGRAM, "--user", "root").start()
            return
        os.chown(self.directory.name, 65534, 65534)
        with Gateway(PROGRAM, "--user", "nobody", data_dir=self.directory.name) as gateway:
            self.assertEqual(kv(gateway, "set", "default", "k", "v").returncode, 0)
            status = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
            self.assertRegex(status, r"Uid:\t65534\t65534\t65534\t65534\n")
            self.assertRegex(status, r"Gid:\t65534\t65534\t65534\t65534\n")
            self.assertRegex(status, r"CapEff:\t0+\n")
            self.assertEqual((gateway.directory / "data" / "namespaces" / "default.db").stat().st_uid, 65534)

    def test_an_unknown_user_is_refused(self):
        result = prism("serve", "--user", "nobody-at-all", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
                       "--data-dir", self.directory.name + "/data")
        self.assertIn("NOT_FOUND/USER_NOT_FOUND", result.stderr)
        self.assertFalse(os.path.exists(self.directory.name + "/data"))


class StopTest(Files):
    def test_idle_connections_do_not_hold_it_up(self):
        gateway = Gateway(PROGRAM).start()
        with open_connection(gateway.data), open_connection(gateway.data):
            started = time.monotonic()
            self.assertEqual(gateway.stop(), 0)
            self.assertLess(time.monotonic() - started, 10)

    def test_load_ends_without_a_lost_answer(self):
        # The clients see GOAWAY; what they have sent by then is answered.
        gateway = Gateway(PROGRAM).start()
        load = subprocess.Popen([PROGRAM, "bench", "scratch", "--server", gateway.data, "-c", "4", "-m", "8", "-d", "20s",
                                 "--warmup", "0s", "--keys", "100"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=CLEAN)
        wait_for(lambda: (metric(gateway, 'prism_namespace_requests_total{namespace="scratch"}') or 0) > 1000)
        self.assertEqual(gateway.stop(), 0)
        load.kill()
        load.wait()
        self.assertNotIn("calls in flight", gateway.output())

    def blocked(self, drain_timeout):
        """A server with a call that goes on: a health watch."""
        gateway = Gateway(PROGRAM, "--drain-timeout", drain_timeout).start()
        connection = open_connection(gateway.data)
        self.addCleanup(connection.close)
        connection.sendall(http2_bytes.request("/grpc.health.v1.Health/Watch", b""))
        wait_for(lambda: (metric(gateway, "prism_requests_in_flight") or 0) >= 1)
        return gateway

    def test_the_drain_has_an_end(self):
        gateway = self.blocked("500ms")
        started = time.monotonic()
        self.assertEqual(gateway.stop(), 0)
        self.assertLess(time.monotonic() - started, 10)

    def test_a_second_signal_ends_the_drain(self):
        gateway = self.blocked("10m")
        gateway.process.send_signal(signal.SIGTERM)
        wait_for(lambda: page_is_not_ready(gateway))
        started = time.monotonic()
        self.assertEqual(gateway.stop(), 0)
        self.assertLess(time.monotonic() - started, 10)


def page_is_not_ready(gateway):
    return page(gateway, "/readyz")[0] == 503


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
