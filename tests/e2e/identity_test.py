"""Who may call the real program: nobody without a token, a certificate or a unix socket once it asks, and only what was granted.

usage: identity_test.py PROGRAM [unittest arguments]
"""

import json
import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway  # noqa: E402

PROGRAM = None
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PRISM_")}
TOKEN = re.compile(r"prism_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}")
EXPOSED = ["--authentication", "--listen", "0.0.0.0:0"]
CONFIG = """
security: {authentication: true}
namespaces:
  - {name: orders, backend: memory, owner: admin, access: {read: ["*"]}}
  - {name: closed, backend: memory}
"""

# One request over a unix socket: its status, then the body.
REQUEST = """
import http.client, socket, sys
path, method, target = sys.argv[1:]
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(path)
connection.request(method, target, body=b"2" if method == "PUT" else None)
reply = connection.getresponse()
print(reply.status)
print(reply.read().decode(), end="")
"""


def kv(server, *arguments, token=""):
    environment = {**CLEAN, "PRISM_SERVER": server} | ({"PRISM_TOKEN": token} if token else {})
    return subprocess.run([PROGRAM, "kv", *arguments], capture_output=True, text=True, timeout=60, env=environment)


class IdentityTest(unittest.TestCase):
    def setUp(self):
        own = tempfile.TemporaryDirectory(prefix="prism-identity-")
        self.addCleanup(own.cleanup)
        self.directory = pathlib.Path(own.name)

    def gateway(self, *options):
        return Gateway(PROGRAM, *options, data_dir=str(self.directory))

    def refused(self, result, reason):
        self.assertEqual(result.returncode, 1)
        self.assertIn(reason, result.stderr)

    def first_token(self, gateway):
        (token,) = TOKEN.findall(gateway.output())
        return token

    def test_the_first_token_is_printed_once_and_opens_the_door(self):
        with self.gateway(*EXPOSED) as gateway:
            server = gateway.data.replace("0.0.0.0", "127.0.0.1")
            token = self.first_token(gateway)
            self.refused(kv(server, "set", "scratch", "a", "1"), "CREDENTIALS_REQUIRED")
            self.refused(kv(server, "get", "scratch", "a", token=token[:-1]), "TOKEN_MALFORMED")
            other = token[:-1] + ("a" if token[-1] != "a" else "b")
            self.refused(kv(server, "get", "scratch", "a", token=other), "TOKEN_MALFORMED")
            done = kv(server, "set", "scratch", "a", "1", token=token)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(kv(server, "get", "scratch", "a", token=token).stdout, "1")
        with self.gateway(*EXPOSED) as gateway:
            # The log is that of both starts.
            self.assertEqual(self.first_token(gateway), token)
            server = gateway.data.replace("0.0.0.0", "127.0.0.1")
            self.assertEqual(kv(server, "set", "scratch", "a", "2", token=token).returncode, 0)
        secret = token.split("_")[2][:43].encode()
        for file in self.directory.glob("data/**/*"):
            if file.is_file():
                self.assertNotIn(secret, file.read_bytes(), file)
        store = sqlite3.connect(self.directory / "data" / "config.db")
        self.addCleanup(store.close)
        imported, row = store.execute("SELECT action, object, after FROM audit_log ORDER BY id").fetchall()
        self.assertEqual(imported[1], "config")
        self.assertEqual(row[:2], ("prism serve", "token/" + token.split("_")[1]))
        self.assertIn('"scope":"admin"', row[2])

    def test_http_answers_401_and_403_without_saying_what_is_there(self):
        with self.gateway(*EXPOSED) as gateway:
            url = f"http://{gateway.data.replace('0.0.0.0', '127.0.0.1')}/v1/scratch/keyvalue/a"
            for headers in ({}, {"Authorization": "Bearer prism_nonsense"}, {"Authorization": "Basic YTpi"}):
                with self.assertRaises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20)
                self.assertEqual(refused.exception.code, 401)
            request = urllib.request.Request(url, headers={"Authorization": "Bearer " + self.first_token(gateway)})
            with self.assertRaises(urllib.error.HTTPError) as missing:
                urllib.request.urlopen(request, timeout=20)
            self.assertEqual(missing.exception.code, 404)

    def test_the_user_of_the_server_comes_in_over_its_socket(self):
        path = self.directory / "socket"
        with self.gateway("--authentication", "--listen", f"unix:{path}") as gateway:
            self.assertEqual(TOKEN.findall(gateway.output()), [])
            self.assertEqual(kv(f"unix:{path}", "set", "scratch", "a", "1").returncode, 0)
            # A token that does not count is not made up for by the socket.
            self.refused(kv(f"unix:{path}", "get", "scratch", "a", token="prism_x"), "TOKEN_MALFORMED")

    def test_others_may_what_they_were_granted(self):
        path = self.directory / "socket"
        config = self.directory / "prism.yaml"
        config.write_text(CONFIG)
        self.directory.chmod(0o755)
        with self.gateway("--config", str(config), "--listen", f"unix:{path}"):
            path.chmod(0o666)
            self.assertEqual(kv(f"unix:{path}", "set", "orders", "a", "1").returncode, 0)
            if os.geteuid() != 0:
                return

            def as_nobody(method, target):
                done = subprocess.run(["/usr/bin/python3", "-c", REQUEST, str(path), method, target], capture_output=True,
                                      text=True, timeout=60, user=65534, check=True)
                status, body = done.stdout.split("\n", 1)
                return int(status), body

            self.assertEqual(as_nobody("GET", "/v1/orders/keyvalue/a"), (200, "1"))
            status, body = as_nobody("PUT", "/v1/orders/keyvalue/a")
            self.assertEqual(status, 403)
            self.assertIn("ACCESS_DENIED", body)
            status, closed = as_nobody("GET", "/v1/closed/keyvalue/a")
            self.assertEqual(status, 403)
            self.assertIn("unix:nobody", closed)
            status, missing = as_nobody("GET", "/v1/absent/keyvalue/a")
            self.assertEqual(status, 403)

            def said(body):
                error = json.loads(body)
                (info,) = [detail["debug"] for detail in error["details"] if "ErrorInfo" in detail["type"]]
                del info["metadata"]["request_id"]
                return error["code"], error["message"], info

            self.assertEqual(said(closed.replace("closed", "absent")), said(missing))

    def test_beyond_loopback_somebody_must_ask(self):
        result = subprocess.run([PROGRAM, "serve", "--listen", "0.0.0.0:0", "--check"], capture_output=True, text=True,
                                timeout=60, env=CLEAN)
        self.assertEqual(result.returncode, 1)
        self.assertIn("INSECURE_LISTENER", result.stderr)
        self.assertIn("--authentication", result.stderr)

    def test_lists_name_principals(self):
        config = self.directory / "prism.yaml"
        config.write_text("namespaces: [{name: a, backend: memory, access: {read: [not a name]}}]")
        result = subprocess.run([PROGRAM, "serve", "--config", str(config), "--data-dir", str(self.directory / "data"),
                                 "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
                                capture_output=True, text=True, timeout=60, env=CLEAN)
        self.assertEqual(result.returncode, 1)
        self.assertIn("BAD_PRINCIPAL", result.stderr)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
