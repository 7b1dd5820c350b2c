"""The admin port of the real program: pages, gRPC, JSON, who may see what, TLS, limits.

usage: admin_test.py PROGRAM [unittest arguments]
"""

import base64
import json
import os
import pathlib
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway, wait_for  # noqa: E402
from protobuf_bytes import field, fields  # noqa: E402
from tls_files import Authority  # noqa: E402

PROGRAM = None
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PRISM_")}
TOKEN = re.compile(r"prism_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}")
PAGE = "/prism.admin.v1.Pages/Get"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
HEALTH = "/grpc.health.v1.Health/Check"


def ask(base, path, method="GET", headers=None, body=None, context=None):
    """Status, headers and body."""
    request = urllib.request.Request(base + path, method=method, headers=headers or {}, data=body)
    try:
        with urllib.request.urlopen(request, timeout=20, context=context) as reply:
            return reply.status, reply.headers, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def call(channel, path, request=b"", token=""):
    metadata = [("authorization", f"Bearer {token}")] if token else []
    return channel.unary_unary(path)(request, timeout=20, metadata=metadata)


def services(channel, token=""):
    """What reflection says is there."""
    metadata = [("authorization", f"Bearer {token}")] if token else []
    (answer,) = channel.stream_stream(REFLECTION)(iter([field(7, b"")]), timeout=20, metadata=metadata)
    (listed,) = (content for number, content in fields(answer) if number == 6)
    return {dict(fields(service))[1].decode() for number, service in fields(listed) if number == 1}


class OpenPort(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(PROGRAM).start()
        cls.addClassCleanup(cls.gateway.stop)
        cls.base = f"http://{cls.gateway.admin}"
        cls.channel = grpc.insecure_channel(cls.gateway.admin)
        cls.addClassCleanup(cls.channel.close)

    def test_pages_over_both_versions_of_http(self):
        for version in ("--http1.1", "--http2-prior-knowledge"):
            for page, kind in (("/livez", "text/plain; charset=utf-8"), ("/readyz?verbose", "text/plain; charset=utf-8"),
                               ("/metrics", "text/plain; version=0.0.4; charset=utf-8"), ("/version", "application/json"),
                               ("/slow", "application/json"), ("/config", "application/json"),
                               ("/openapi.json", "application/json"), ("/openapi-admin.json", "application/json")):
                with self.subTest(version=version, page=page):
                    run = subprocess.run(["curl", "-sS", "-i", version, self.base + page], capture_output=True, text=True, timeout=60)
                    self.assertEqual(run.returncode, 0, run.stderr)
                    head, _, body = run.stdout.partition("\n\n")
                    self.assertRegex(head, "^HTTP/[12.]+ 200")
                    self.assertIn(f"content-type: {kind}", head.lower())
                    self.assertIn("cache-control: no-store", head.lower())
                    if kind == "application/json":
                        json.loads(body)
        self.assertEqual(ask(self.base, "/livez")[2], "ok\n")

    def test_head_is_get_without_the_body(self):
        status, headers, body = ask(self.base, "/livez", "HEAD")
        self.assertEqual((status, headers["content-length"], body), (200, "3", ""))

    def test_what_is_not_there_names_what_is(self):
        status, _, body = ask(self.base, "/elsewhere")
        self.assertEqual(status, 404)
        for name in ("/livez", "/readyz", "/metrics", "/admin/v1/"):
            self.assertIn(name, json.loads(body)["message"])
        status, headers, _ = ask(self.base, "/livez", "POST", body=b"")
        self.assertEqual((status, headers["allow"]), (405, "GET, HEAD"))
        self.assertEqual(ask(self.base, "/admin/v1/nothing-here")[0], 404)
        self.assertEqual(ask(self.base, "/v1/default/keyvalue/a")[0], 404)

    def test_pages_are_calls(self):
        page = dict(fields(call(self.channel, PAGE, field(1, b"/readyz"))))
        self.assertEqual((page[1], page[2]), (200, b"ready\n"))
        status, _, body = ask(self.base, PAGE, "POST", {"content-type": "application/json"}, b'{"target": "/livez"}')
        self.assertEqual(status, 200)
        self.assertEqual(base64.b64decode(json.loads(body)["body"]), b"ok\n")
        with self.assertRaises(grpc.RpcError) as missing:
            call(self.channel, PAGE, field(1, b"/elsewhere"))
        self.assertEqual(missing.exception.code(), grpc.StatusCode.NOT_FOUND)

    def test_each_port_has_its_own_services(self):
        self.assertEqual(dict(fields(call(self.channel, HEALTH)))[1], 1)  # SERVING
        admin = services(self.channel)
        self.assertLessEqual({"prism.admin.v1.Pages", "grpc.health.v1.Health"}, admin)
        self.assertNotIn("prism.keyvalue.v1.KeyValueBasic", admin)
        with grpc.insecure_channel(self.gateway.data) as data:
            self.assertFalse([name for name in services(data) if name.startswith("prism.admin.")])
            with self.assertRaises(grpc.RpcError) as refused:
                call(data, PAGE, field(1, b"/livez"))
            self.assertEqual(refused.exception.code(), grpc.StatusCode.UNIMPLEMENTED)
        with self.assertRaises(grpc.RpcError) as refused:
            call(self.channel, "/prism.keyvalue.v1.KeyValueBasic/Get")
        self.assertEqual(refused.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_pages_of_other_names_are_refused(self):
        # A page's own name may lead to this machine: then its browser sees no other origin.
        grpc_json = {"content-type": "application/json"}
        for host in ("attacker.example", f"localhost.attacker.example:{self.gateway.admin.split(':')[1]}"):
            for path, how in (("/config", {}), ("/metrics", {}), ("/livez", {}), ("/admin/v1/namespaces", {}), ("/elsewhere", {}),
                              ("/prism.admin.v1.NamespaceAdmin/List", {"method": "POST", "headers": grpc_json, "body": b"{}"})):
                with self.subTest(host=host, path=path):
                    status, _, body = ask(self.base, path, **{**how, "headers": {**how.get("headers", {}), "host": host}})
                    self.assertEqual(status, 403, body)
                    self.assertIn("HOST_NOT_ALLOWED", body)
        with grpc.insecure_channel(self.gateway.admin, [("grpc.default_authority", "attacker.example")]) as channel:
            with self.assertRaises(grpc.RpcError) as refused:
                call(channel, PAGE, field(1, b"/config"))
            self.assertEqual(refused.exception.code(), grpc.StatusCode.PERMISSION_DENIED)
        for host in ("localhost", "LOCALHOST:1", "[::1]:8981", "prism.localhost"):
            self.assertEqual(ask(self.base, "/livez", headers={"host": host})[0], 200, host)

    def test_methods_ask_where_a_page_is_from_as_routes_do(self):
        for path in ("/prism.admin.v1.NamespaceAdmin/List", "/prism.admin.v1.Pages/Get"):
            for origin, expected in (("https://example.com", 403), ("null", 403), (self.base, 200)):
                status, _, body = ask(self.base, path, "POST", {"content-type": "application/json", "origin": origin},
                                      b'{"target": "/livez"}' if "Pages" in path else b"{}")
                self.assertEqual(status, expected, body)
                self.assertEqual("ORIGIN_NOT_ALLOWED" in body, expected == 403, body)

    def test_what_is_asked_is_counted(self):
        ask(self.base, "/livez")
        self.assertRegex(ask(self.base, "/metrics")[2],
                         r'prism_admin_requests_total\{method="prism.admin.v1.pages.get",code="OK"\} [1-9]')

    def test_headers_and_connections_are_bounded(self):
        self.assertEqual(ask(self.base, "/livez", headers={"x-long": "x" * 60_000})[0], 431)
        host, port = self.gateway.admin.rsplit(":", 1)
        crowd = [socket.create_connection((host, int(port)), timeout=20) for _ in range(300)]
        for connection in crowd:
            self.addCleanup(connection.close)
        self.assertEqual(ask(self.base, "/livez")[0], 200)
        # Those that have said nothing went for those that came later.
        wait_for(lambda: len(select.select(crowd, [], [], 0)[0]) >= 300 - 256)


class AskingPort(unittest.TestCase):
    """On a machine of one's own, but callers are asked who they are."""

    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(PROGRAM, "--authentication", "--listen", "0.0.0.0:0").start()
        cls.addClassCleanup(cls.gateway.stop)
        cls.base = f"http://{cls.gateway.admin}"
        (cls.token,) = TOKEN.findall(cls.gateway.output())
        cls.channel = grpc.insecure_channel(cls.gateway.admin)
        cls.addClassCleanup(cls.channel.close)

    def test_probes_are_for_all_and_the_rest_is_not(self):
        for page in ("/livez", "/readyz?verbose", "/version"):
            self.assertEqual(ask(self.base, page)[0], 200, page)
        for page in ("/metrics", "/slow", "/config", "/openapi.json", "/openapi-admin.json"):
            status, headers, body = ask(self.base, page)
            self.assertEqual((status, headers["www-authenticate"]), (401, 'Bearer realm="prism"'), page)
            self.assertIn("CREDENTIALS_REQUIRED", body)
            self.assertEqual(ask(self.base, page, headers=bearer(self.token))[0], 200, page)

    def test_a_token_that_does_not_count_is_refused_and_probes_answer_still(self):
        status, headers, _ = ask(self.base, "/metrics", headers=bearer("prism_nonsense"))
        self.assertEqual((status, headers["www-authenticate"]), (401, 'Bearer realm="prism", error="invalid_token"'))
        self.assertEqual(ask(self.base, "/livez", headers=bearer("prism_nonsense"))[0], 200)

    def test_the_data_port_says_what_to_show_too(self):
        base = "http://" + self.gateway.data.replace("0.0.0.0", "127.0.0.1")
        status, headers, _ = ask(base, "/v1/scratch/keyvalue/a")
        self.assertEqual((status, headers["www-authenticate"]), (401, 'Bearer realm="prism"'))
        self.assertNotIn("www-authenticate", ask(base, "/v1/scratch/keyvalue/a", headers=bearer(self.token))[1])

    def test_grpc_is_asked_like_http(self):
        self.assertEqual(dict(fields(call(self.channel, HEALTH)))[1], 1)
        for ask_it in (lambda: call(self.channel, PAGE, field(1, b"/config")), lambda: services(self.channel)):
            with self.assertRaises(grpc.RpcError) as refused:
                ask_it()
            self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAUTHENTICATED)
        self.assertEqual(dict(fields(call(self.channel, PAGE, field(1, b"/config"), self.token)))[1], 200)
        self.assertIn("prism.admin.v1.Pages", services(self.channel, self.token))

    def json(self, method, path, body=None, token=None):
        headers = bearer(token or self.token) | ({"content-type": "application/json"} if body is not None else {})
        data = json.dumps(body).encode() if body is not None else None
        status, _, text = ask(self.base, path, method, headers, data)
        return status, [json.loads(line) for line in text.splitlines()]

    def test_the_api_is_json_too(self):
        status, (created,) = self.json("POST", "/admin/v1/tokens",
                                       {"name": "reports", "principal": "rita", "scope": "scratch:read", "ttl": "3600s"})
        self.assertEqual(status, 200, created)
        rita, token = created["text"], created["token"]
        self.assertEqual((token["principal"], token["scope"]), ("rita", "scratch:read"))
        # Who is known may read metrics, and no more of this port.
        self.assertEqual(ask(self.base, "/metrics", headers=bearer(rita))[0], 200)
        self.assertEqual(ask(self.base, "/config", headers=bearer(rita))[0], 403)
        status, (refused,) = self.json("GET", "/admin/v1/tokens?page_size=10", token=rita)
        self.assertEqual((status, refused["code"]), (403, "permission_denied"))

        status, (listed,) = self.json("GET", "/admin/v1/tokens?pageSize=10")
        self.assertEqual(status, 200)
        self.assertIn(token["id"], [one["id"] for one in listed["tokens"]])
        self.assertEqual(self.json("GET", "/admin/v1/tokens?page_sise=10")[0], 400)
        self.assertEqual(self.json("PUT", "/admin/v1/tokens", {})[0], 405)
        status, _, body = ask(self.base, "/admin/v1/tokens", "POST", bearer(self.token) | {"content-type": "text/plain"}, b"{}")
        self.assertEqual(status, 415, body)
        status, _, body = ask(self.base, f"/admin/v1/tokens/{token['id']}", "DELETE", bearer(self.token) | {"origin": "https://example.com"})
        self.assertEqual(status, 403, body)

        self.assertEqual(self.json("DELETE", f"/admin/v1/tokens/{token['id']}")[0], 200)
        self.assertEqual(ask(self.base, "/metrics", headers=bearer(rita))[0], 401)
        # Streams are lines of JSON.
        status, entries = self.json("GET", "/admin/v1/audit:export")
        self.assertEqual(status, 200)
        actions = [entry["action"] for entry in entries]
        for method in ("TokenAdmin/Create", "TokenAdmin/List", "TokenAdmin/Revoke"):  # rita's refusal is one of them
            self.assertIn(f"/prism.admin.v1.{method}", actions)

    def test_the_status_of_the_shell_needs_no_token_and_its_slow_requests_do(self):
        command = [PROGRAM, "status", "--server", self.gateway.data.replace("0.0.0.0", "127.0.0.1"), "--admin-server", self.gateway.admin]
        self.assertIn("ready", subprocess.run(command, capture_output=True, text=True, timeout=60, env=CLEAN).stdout)
        slow = subprocess.run([*command, "--slow"], capture_output=True, text=True, timeout=60, env=CLEAN | {"PRISM_TOKEN": self.token})
        self.assertEqual(slow.returncode, 0, slow.stderr)


class RemotePort(unittest.TestCase):
    """Reached from other machines: TLS and authentication, or nothing."""

    def setUp(self):
        own = tempfile.TemporaryDirectory(prefix="prism-admin-")
        self.addCleanup(own.cleanup)
        self.directory = pathlib.Path(own.name)
        self.authority = Authority(self.directory)
        self.certificate, self.key = self.authority.make("server")
        self.tls = ["--tls-certificate", self.certificate, "--tls-key", self.key]

    def test_it_is_refused_without(self):
        for options in ([], ["--authentication"], self.tls, [*self.tls, "--tls-client-ca", self.authority.ca]):
            run = subprocess.run([PROGRAM, "serve", "--check", "--admin-listen", "0.0.0.0:0", *options], capture_output=True,
                                 text=True, timeout=60, env=CLEAN)
            self.assertEqual(run.returncode, 1, options)
            self.assertIn("INSECURE_LISTENER", run.stderr)
        for options in (["--insecure"], [*self.tls, "--authentication"]):
            run = subprocess.run([PROGRAM, "serve", "--check", "--admin-listen", "0.0.0.0:0", *options], capture_output=True,
                                 text=True, timeout=60, env=CLEAN)
            self.assertEqual(run.returncode, 0, run.stderr)

    def serial(self, address):
        context = ssl.create_default_context(cafile=self.authority.ca)
        with socket.create_connection(address, timeout=20) as raw, context.wrap_socket(raw, server_hostname="localhost") as secure:
            return secure.getpeercert()["serialNumber"]

    def test_it_speaks_tls_and_renews_its_certificate(self):
        with Gateway(PROGRAM, *self.tls, "--authentication", "--admin-listen", "0.0.0.0:0") as gateway:
            (token,) = TOKEN.findall(gateway.output())
            port = int(gateway.admin.rsplit(":", 1)[1])
            base = f"https://localhost:{port}"
            context = ssl.create_default_context(cafile=self.authority.ca)
            self.assertEqual(ask(base, "/livez", context=context)[0], 200)
            self.assertEqual(ask(base, "/config", context=context)[0], 401)
            self.assertEqual(ask(base, "/config", headers=bearer(token), context=context)[0], 200)
            self.assertEqual(ask(f"http://localhost:{port}", "/livez")[0], 400)
            trust = grpc.ssl_channel_credentials(root_certificates=pathlib.Path(self.authority.ca).read_bytes())
            with grpc.secure_channel(f"localhost:{port}", trust) as channel:
                self.assertIn("prism.admin.v1.Pages", services(channel, token))

            first = self.serial(("localhost", port))
            self.authority.make("server")
            gateway.process.send_signal(signal.SIGHUP)
            wait_for(lambda: self.serial(("localhost", port)) != first)

    def test_a_certificate_is_known_by_its_subject(self):
        config = self.directory / "prism.yaml"
        config.write_text("security: {authentication: true, admins: ['x509:CN=ops', 'spiffe://example.org/deploy']}\n")
        with Gateway(PROGRAM, "--config", str(config), *self.tls, "--tls-client-ca", self.authority.ca, "--admin-listen", "0.0.0.0:0") as gateway:
            base = f"https://localhost:{gateway.admin.rsplit(':', 1)[1]}"
            contexts = {}
            for leaf, names, expected in (("ops", "DNS:ops.example", 200), ("deploy", "URI:spiffe://example.org/deploy", 200),
                                          ("guest", "DNS:ops", 403)):
                contexts[leaf] = ssl.create_default_context(cafile=self.authority.ca)
                contexts[leaf].load_cert_chain(*self.authority.make(leaf, names))
                status, _, body = ask(base, "/admin/v1/tokens", context=contexts[leaf])
                self.assertEqual(status, expected, body)
            self.assertIn("x509:CN=guest", body)
            made = b'{"name": "ci", "principal": "ci", "scope": "scratch:read"}'
            status, _, body = ask(base, "/admin/v1/tokens", "POST", {"content-type": "application/json"}, made, contexts["ops"])
            self.assertEqual(status, 200, body)
            entry = next(one for one in json.loads(ask(base, "/admin/v1/audit", context=contexts["deploy"])[2])["entries"]
                         if one["action"].endswith("TokenAdmin/Create"))
            self.assertEqual((entry["principal"], entry["proof"]), ("x509:CN=ops", "certificate"))
            # Nobody gets so far without one.
            with self.assertRaises((ssl.SSLError, urllib.error.URLError, ConnectionError)):
                ask(base, "/livez", context=ssl.create_default_context(cafile=self.authority.ca))

    def test_a_user_is_known_on_a_unix_socket(self):
        path = self.directory / "admin"
        with Gateway(PROGRAM, "--authentication", "--admin-listen", f"unix:{path}") as gateway:
            self.assertEqual(gateway.admin, f"unix:{path}")

            def tokens(*verb, token=""):
                return subprocess.run([PROGRAM, "token", *verb, "--admin-server", gateway.admin], capture_output=True, text=True,
                                      timeout=60, env=CLEAN | ({"PRISM_TOKEN": token} if token else {}))

            made = tokens("create", "ci", "--principal", "ci", "--scope", "scratch:read")
            self.assertEqual(made.returncode, 0, made.stderr)
            listed = tokens("list", "-o", "json")
            self.assertTrue(json.loads(listed.stdout)["created_by"].startswith("unix:"), listed.stdout)
            # A token goes before the socket.
            refused = tokens("list", token=made.stdout.strip())
            self.assertEqual(refused.returncode, 1)
            self.assertIn("ACCESS_DENIED", refused.stderr)

    def test_on_loopback_it_stays_plain(self):
        with Gateway(PROGRAM, *self.tls) as gateway:
            self.assertEqual(ask(f"http://{gateway.admin}", "/livez")[0], 200)


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
