"""TLS on the data port, as curl, Python and the command line meet it, and as those who mean no good do.

usage: tls_test.py PROGRAM [unittest arguments]
"""

import base64
import http.client
import json
import pathlib
import resource
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
import urllib.request

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import http2_bytes  # noqa: E402
from prism_gateway import Gateway, wait_for  # noqa: E402
from tls_files import Authority  # noqa: E402

PROGRAM = None
GET = "/prism.keyvalue.v1.KeyValueBasic/Get"
SET = "/prism.keyvalue.v1.KeyValueBasic/Set"
JSON = {"content-type": "application/json"}
FILES = None  # a directory with ca, server, client, and stranger, whom another authority knows


def setUpModule():
    global FILES
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4096), most))
    directory = unittest.enterModuleContext(tempfile.TemporaryDirectory(prefix="prism-tls-"))
    FILES = pathlib.Path(directory)
    authority = Authority(FILES)
    authority.make("server")
    authority.make("client", "URI:spiffe://example.org/app")
    Authority(FILES, "other").make("stranger")


def path(name):
    return str(FILES / name)


def gateway(*options, certificate=None, **how):
    files = certificate or (path("server.pem"), path("server.key"))
    return Gateway(PROGRAM, "--tls-certificate", files[0], "--tls-key", files[1], *options, **how)


def metrics(server):
    with urllib.request.urlopen(f"http://{server.admin}/metrics", timeout=10) as reply:
        lines = reply.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


def failures(server, reason):
    return metrics(server)[f'prism_tls_failures_total{{reason="{reason}"}}']


def context(alpn=("http/1.1",), certificate=None):
    result = ssl.create_default_context(cafile=path("ca.pem"))
    result.set_alpn_protocols(list(alpn))
    if certificate:
        result.load_cert_chain(path(f"{certificate}.pem"), path(f"{certificate}.key"))
    return result


def connect(server, tls=None):
    host, port = server.data.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=20) as raw:  # wrapping takes the descriptor over
        secure = (tls or context()).wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False)
    unittest.addModuleCleanup(secure.close)
    return secure


def plain(server):
    host, port = server.data.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), timeout=20)
    unittest.addModuleCleanup(connection.close)
    return connection


def client_hello():
    outgoing = ssl.MemoryBIO()
    try:
        context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()


def keep_alive(server, tls=None):
    """A connection that makes calls, one after the other."""
    host, port = server.data.rsplit(":", 1)
    connection = http.client.HTTPSConnection(host, int(port), timeout=20, context=tls or context())
    connection.connect()
    unittest.addModuleCleanup(connection.close)
    return connection


def call(connection, method, message):
    connection.request("POST", method, json.dumps({"namespace": "scratch", **message}), JSON)
    reply = connection.getresponse()
    return reply.status, json.loads(reply.read())


def curl(server, *options, method=GET, message='{"namespace": "scratch", "key": "none"}', check=True):
    run = subprocess.run(["curl", "-sS", "--max-time", "20", "--cacert", path("ca.pem"), *options, "-H",
                          "content-type: application/json", "-d", message, "-w", " %{http_version} %{http_code}",
                          f"https://{server.data}{method}"], capture_output=True, text=True)
    if check and run.returncode != 0:
        raise AssertionError(run.stderr)
    return run


def kv(server, *arguments):
    return subprocess.run([PROGRAM, "kv", "--server", server.data, *arguments], capture_output=True, text=True, timeout=60)


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = cls.enterClassContext(gateway())

    def test_curl_speaks_both_versions_with_and_without_alpn(self):
        for option, version in (("--http1.1", "1.1"), ("--http2", "2"), ("--no-alpn", "1.1"), ("--tls-max=1.2", "2")):
            with self.subTest(option):
                self.assertEqual(curl(self.gateway, *option.split("=")).stdout, f"{{}} {version} 200")

    def test_http2_without_alpn_is_told_by_its_first_bytes(self):
        connection = connect(self.gateway, context(alpn=()))
        message = b"\x0a\x07scratch\x12\x04none"
        connection.sendall(http2_bytes.PREFACE + http2_bytes.frame(http2_bytes.SETTINGS, 0, b"", stream=0)
                           + http2_bytes.request(GET, message))
        answers = [kind for kind, _, stream, _ in self.until_end(connection) if stream == 1]
        self.assertIn(http2_bytes.DATA, answers)

    @staticmethod
    def until_end(connection):
        for one in http2_bytes.frames(connection):
            yield one
            if one[2] == 1 and one[1] & http2_bytes.END_STREAM:
                return

    def test_large_values_travel_unharmed(self):
        value = base64.b64encode(bytes(range(256)) * 12_000).decode()
        for option in ("--http1.1", "--http2"):
            with tempfile.NamedTemporaryFile("w") as body:
                json.dump({"namespace": "scratch", "key": option, "value": value}, body)
                body.flush()
                curl(self.gateway, option, method=SET, message=f"@{body.name}")
            got = curl(self.gateway, option, message=json.dumps({"namespace": "scratch", "key": option}))
            self.assertEqual(json.loads(got.stdout.rsplit(" ", 2)[0])["value"], value)

    def test_a_reader_who_is_slow_gets_everything(self):
        value = bytes(range(251)) * 12_000
        setting = keep_alive(self.gateway)
        setting.request("PUT", "/v1/scratch/keyvalue/slow", value)
        self.assertEqual(setting.getresponse().status, 204)
        connection = connect(self.gateway)
        connection.sendall(b"GET /v1/scratch/keyvalue/slow HTTP/1.1\r\nhost: x\r\n\r\n" * 9
                           + b"GET /v1/scratch/keyvalue/slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        # Until another client is served the answers fill every buffer between here and the gateway.
        self.assertEqual(call(keep_alive(self.gateway), GET, {"key": "none"}), (200, {}))
        answers = bytearray()
        while part := connection.recv(65_536):
            answers += part
        self.assertEqual(answers.count(value), 10)

    def test_a_drain_ends_connections_in_good_order(self):
        with gateway() as server:
            connection = connect(server, context(alpn=["h2"]))
            connection.sendall(http2_bytes.PREFACE + http2_bytes.frame(http2_bytes.SETTINGS, 0, b"", stream=0))
            http2_bytes.read_frame(connection)
            server.process.send_signal(signal.SIGTERM)
            kinds = [kind for kind, *_ in http2_bytes.frames(connection)]  # raises without close_notify
            self.assertIn(http2_bytes.GOAWAY, kinds)

    def test_grpc_of_another_make(self):
        credentials = grpc.ssl_channel_credentials(root_certificates=(FILES / "ca.pem").read_bytes())
        with grpc.secure_channel(self.gateway.data, credentials) as channel:
            get = channel.unary_unary(GET, request_serializer=bytes, response_deserializer=bytes)
            for _ in range(100):
                self.assertEqual(get(b"\x0a\x07scratch\x12\x04none", timeout=20), b"")

    def test_the_command_line(self):
        trusting = ("--tls-ca", path("ca.pem"))
        self.assertEqual(kv(self.gateway, *trusting, "set", "scratch", "k", "v").returncode, 0)
        self.assertEqual(kv(self.gateway, *trusting, "get", "scratch", "k").stdout, "v")
        self.assertIn("TLS_HANDSHAKE_FAILED", kv(self.gateway, "--tls", "get", "scratch", "k").stderr)
        self.assertEqual(kv(self.gateway, "get", "scratch", "k").returncode, 1)

    def test_a_connection_ends_in_good_order(self):
        connection = connect(self.gateway)
        connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answer = b""
        while part := connection.recv(4096):  # raises when the end comes without close_notify
            answer += part
        self.assertTrue(answer.startswith(b"HTTP/1.1 404"), answer)

    def test_calls_one_after_the_other_on_one_connection(self):
        connection = keep_alive(self.gateway)
        for i in range(200):
            value = base64.b64encode(b"%d" % i).decode()
            self.assertEqual(call(connection, SET, {"key": "a", "value": value})[0], 200)
            self.assertEqual(call(connection, GET, {"key": "a"})[1]["value"], value)

    def test_nothing_secret_is_shown(self):
        key = (FILES / "server.key").read_text().splitlines()[1]
        with urllib.request.urlopen(f"http://{self.gateway.admin}/config", timeout=10) as reply:
            config = reply.read().decode()
        self.assertEqual(json.loads(config)["server"]["tls"],
                         {"certificate": path("server.pem"), "key": path("server.key"), "min_version": "1.2"})
        for text in (config, self.gateway.output()):
            self.assertNotIn(key, text)
            self.assertNotIn("PRIVATE", text)

    def test_a_unix_socket_stays_plain(self):
        with tempfile.TemporaryDirectory() as directory, gateway("--listen", f"unix:{directory}/s") as local:
            self.assertEqual(kv(local, "set", "scratch", "k", "v").returncode, 0)


class Refusals(unittest.TestCase):
    def assert_refused(self, server, reason, attempt):
        before = failures(server, reason)
        attempt()
        wait_for(lambda: failures(server, reason) == before + 1)

    def closed(self, connection):
        """What came before the end."""
        received = b""
        while part := connection.recv(4096):
            received += part
        return received

    def test_who_can_not_agree_is_told_and_counted(self):
        with gateway() as server:
            old = context()
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
            old.set_ciphers("DEFAULT@SECLEVEL=0")

            def refused(tls, alert):
                with self.assertRaisesRegex(ssl.SSLError, f"(?i){alert}"):
                    connect(server, tls)
            self.assert_refused(server, "version", lambda: refused(old, "protocol version"))
            self.assert_refused(server, "protocol", lambda: refused(context(alpn=["smtp"]), "no application protocol"))
            stranger = ssl.create_default_context(cafile=path("other.pem"))
            self.assert_refused(server, "refused", lambda: refused(stranger, "certificate verify failed"))
            self.assertEqual(metrics(server)["prism_tls_sessions_total"], 0)
            self.assertEqual(metrics(server)['prism_connections_begun_total{http="h1",transport="tls"}'], 0)
            wait_for(lambda: metrics(server)['prism_connections_closed_total{reason="tls"}'] == 3)

    def test_plain_text_is_told_and_counted(self):
        with gateway() as server:
            def http1():
                connection = plain(server)
                connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                self.assertIn(b"this port speaks TLS", self.closed(connection))

            def http2():
                connection = plain(server)
                connection.sendall(http2_bytes.PREFACE)
                frames = list(http2_bytes.frames(connection))
                self.assertEqual([kind for kind, *_ in frames], [http2_bytes.SETTINGS, http2_bytes.GOAWAY])
                self.assertIn(b"this port speaks TLS", frames[1][3])

            def noise():
                connection = plain(server)
                connection.sendall(b"\0\1\2")
                self.assertEqual(self.closed(connection), b"")
            for attempt in (http1, http2, noise):
                self.assert_refused(server, "plaintext", attempt)

    def test_half_a_handshake_is_cut_off(self):
        hello = client_hello()
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
            config.write("server: {limits: {handshake_timeout: 500ms}}\n")
            config.flush()
            with gateway("--config", config.name) as server:
                for part in (b"", hello[:1], hello[:50], hello):
                    connection = plain(server)
                    connection.sendall(part)
                    self.assert_refused(server, "timeout", lambda: self.closed(connection))
                # Drawing it out does not help.
                connection = plain(server)
                with self.assertRaises(OSError):
                    for byte in hello * 100:
                        connection.sendall(bytes([byte]))
                        connection.settimeout(0.05)
                        try:
                            if not connection.recv(1):
                                raise ConnectionError
                        except TimeoutError:
                            pass

    def test_a_crowd_of_half_handshakes_makes_room(self):
        hello = client_hello()
        with gateway("--shards", "1") as server:
            crowd = []
            for _ in range(1100):
                crowd.append(plain(server))
                crowd[-1].sendall(hello)
            wait_for(lambda: failures(server, "crowded") == 1100 - 1024)
            self.assertEqual(call(keep_alive(server), GET, {"key": "none"}), (200, {}))
            self.assertEqual(failures(server, "crowded"), 1100 - 1024 + 1)
            for connection in crowd:
                connection.close()
            wait_for(lambda: failures(server, "gone") == 1023)

    def test_what_was_agreed_on_is_held_to(self):
        with gateway() as server:
            connection = connect(server, context(alpn=["h2"]))
            connection.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            kinds = [kind for kind, *_ in http2_bytes.frames(connection)]
            self.assertEqual(kinds[0], http2_bytes.SETTINGS)
            connection = connect(server, context(alpn=["http/1.1"]))
            connection.sendall(http2_bytes.PREFACE)
            self.assertTrue(self.closed(connection).startswith(b"HTTP/1.1 "))


class ClientCertificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Whoever is asked who they are may come from other machines.
        cls.gateway = cls.enterClassContext(gateway("--tls-client-ca", path("ca.pem"), "--listen", "0.0.0.0:0"))
        cls.gateway.data = cls.gateway.data.replace("0.0.0.0", "127.0.0.1")

    def test_who_is_vouched_for_is_served(self):
        certificate = ("--cert", path("client.pem"), "--key", path("client.key"))
        for option in ("--http1.1", "--http2"):
            self.assertIn("200", curl(self.gateway, option, *certificate).stdout)
        credentials = grpc.ssl_channel_credentials((FILES / "ca.pem").read_bytes(), (FILES / "client.key").read_bytes(),
                                                   (FILES / "client.pem").read_bytes())
        with grpc.secure_channel(self.gateway.data, credentials) as channel:
            get = channel.unary_unary(GET, request_serializer=bytes, response_deserializer=bytes)
            self.assertEqual(get(b"\x0a\x07scratch\x12\x04none", timeout=20), b"")
        run = kv(self.gateway, "--tls-ca", path("ca.pem"), "--tls-cert", path("client.pem"), "--tls-key", path("client.key"),
                 "set", "scratch", "k", "v")
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_everybody_else_is_not(self):
        stranger = ("--cert", path("stranger.pem"), "--key", path("stranger.key"))
        for options in ((), stranger, ("--tls-max", "1.2"), ("--tls-max", "1.2", *stranger)):
            with self.subTest(options):
                before = failures(self.gateway, "client_certificate")
                self.assertNotEqual(curl(self.gateway, *options, check=False).returncode, 0)
                wait_for(lambda: failures(self.gateway, "client_certificate") == before + 1)
        run = kv(self.gateway, "--tls-ca", path("ca.pem"), "get", "scratch", "k")
        self.assertEqual(run.returncode, 1)


class Files(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="prism-tls-")))

    def place(self, certificate, key=None):
        """Replaces what the server reads, in one step a file."""
        for kind, name in (("pem", certificate), ("key", key or certificate)):
            new = self.directory / "new"
            new.write_bytes((FILES / f"{name}.{kind}").read_bytes())
            new.chmod(0o600)
            new.rename(self.directory / f"tls.{kind}")
        return str(self.directory / "tls.pem"), str(self.directory / "tls.key")

    def reload(self, server):
        before = metrics(server)["prism_config_reloads_total"]
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: metrics(server)["prism_config_reloads_total"] > before)
        return metrics(server)["prism_config_last_reload_failed"] == 0

    def shown(self, server):
        connection = connect(server)
        certificate = connection.getpeercert()
        connection.close()
        return certificate["serialNumber"]

    def test_a_reload_renews_it_for_new_connections_alone(self):
        Authority.make(Authority(FILES, "renewal"), "renewed")
        with gateway(certificate=self.place("server")) as server:
            going_on = keep_alive(server)
            self.assertEqual(call(going_on, GET, {"key": "none"}), (200, {}))
            first = self.shown(server)

            self.place("renewed")
            self.assertTrue(self.reload(server))
            with self.assertRaisesRegex(ssl.SSLError, "CERTIFICATE_VERIFY_FAILED"):
                connect(server)
            renewed = keep_alive(server, ssl.create_default_context(cafile=path("renewal.pem")))
            self.assertEqual(call(renewed, GET, {"key": "none"}), (200, {}))
            self.assertEqual(call(going_on, GET, {"key": "none"}), (200, {}))

            self.place("server", key="client")
            self.assertFalse(self.reload(server))
            wait_for(lambda: "TLS_KEY_MISMATCH" in server.output())
            self.assertEqual(call(keep_alive(server, ssl.create_default_context(cafile=path("renewal.pem"))), GET,
                                  {"key": "none"}), (200, {}))
            self.place("server")
            self.assertTrue(self.reload(server))
            self.assertEqual(self.shown(server), first)
            self.assertEqual(call(going_on, GET, {"key": "none"}), (200, {}))

    def test_no_call_fails_while_certificates_change(self):
        with gateway(certificate=self.place("server")) as server:
            load = subprocess.Popen([PROGRAM, "bench", "scratch", "--server", server.data, "--tls-ca", path("ca.pem"), "--rate", "5000",
                                     "--duration", "2s", "--keys", "100"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            reloads = 0
            while load.poll() is None:
                self.place("server")
                self.assertTrue(self.reload(server))
                self.assertEqual(call(keep_alive(server), GET, {"key": "none"}), (200, {}))
                reloads += 1
            output = load.communicate()[0]
            self.assertEqual(load.returncode, 0, output)
            self.assertGreater(reloads, 5)

    def test_files_in_the_configuration_and_their_change(self):
        config = self.directory / "prism.yaml"
        text = "server: {tls: {certificate: %s, key: %s, min_version: '1.3'%s}}\n"
        config.write_text(text % (path("server.pem"), path("server.key"), ""))
        with Gateway(PROGRAM, "--config", str(config)) as server:
            self.assertIn("200", curl(server).stdout)
            self.assertNotEqual(curl(server, "--tls-max", "1.2", check=False).returncode, 0)
            config.write_text(text % (path("server.pem"), path("server.key"), f", client_ca: {path('ca.pem')}"))
            self.assertTrue(self.reload(server))
            self.assertNotEqual(curl(server, check=False).returncode, 0)
            with urllib.request.urlopen(f"http://{server.admin}/config", timeout=10) as reply:
                self.assertEqual(json.load(reply)["server"]["tls"]["client_ca"], path("ca.pem"))
            config.write_text("server: {}\n")
            self.assertTrue(self.reload(server))
            wait_for(lambda: '"options":"tls"' in server.output())
            self.assertNotEqual(curl(server, check=False).returncode, 0)  # TLS with client_ca stays

    def test_what_can_not_be_used_is_said(self):
        certificate, key = self.place("server")
        absent = str(self.directory / "absent")
        cases = [((absent, key), "TLS_FILE_UNREADABLE", absent), ((certificate, absent), "TLS_FILE_UNREADABLE", absent),
                 ((certificate, path("client.key")), "TLS_KEY_MISMATCH", path("client.key")),
                 ((key, key), "TLS_FILE_INVALID", key)]
        for files, reason, file in cases:
            options = ["serve", "--data-dir", str(self.directory / "data"), "--tls-certificate", files[0], "--tls-key", files[1]]
            for arguments in ([*options, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"], [*options, "--check"]):
                run = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60)
                self.assertEqual(run.returncode, 1)
                self.assertIn(reason, run.stderr)
                self.assertIn(file, run.stderr)
        self.assertFalse((self.directory / "data").exists())
        run = subprocess.run([PROGRAM, "serve", "--check", "--tls-key", key], capture_output=True, text=True, timeout=60)
        self.assertIn("TLS_KEY_PAIR_INCOMPLETE", run.stderr)

    def test_encryption_alone_lets_nobody_in_from_elsewhere(self):
        certificate, key = self.place("server")
        run = subprocess.run([PROGRAM, "serve", "--check", "--listen", "0.0.0.0:0", "--tls-certificate", certificate,
                              "--tls-key", key], capture_output=True, text=True, timeout=60)
        self.assertIn("INSECURE_LISTENER", run.stderr)

    def test_a_key_that_others_may_read_is_told(self):
        certificate, key = self.place("server")
        pathlib.Path(key).chmod(0o644)
        with gateway(certificate=(certificate, key)) as server:
            wait_for(lambda: "chmod o=" in server.output())


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
