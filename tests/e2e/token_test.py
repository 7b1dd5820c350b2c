"""Tokens and the audit of the real program: who has which, what they may, how they end, and what is left of it in the audit.

usage: token_test.py PROGRAM [unittest arguments]
"""

import json
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway, wait_for  # noqa: E402

PROGRAM = None
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PRISM_")}
TOKEN = re.compile(r"prism_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}")
CONFIG = """
security: {authentication: true, admins: [%s]}
namespaces:
  - {name: orders, backend: memory, owner: admin, access: {read: [shop], write: [shop]}}
  - {name: users, backend: memory, owner: admin, access: {write: [shop]}}
"""


def secret_of(token):
    """The part of a token that lets its bearer in."""
    return token.split("_")[2][:43]


class TokenTest(unittest.TestCase):
    def setUp(self):
        own = tempfile.TemporaryDirectory(prefix="prism-token-")
        self.addCleanup(own.cleanup)
        self.directory = pathlib.Path(own.name)
        self.config = self.directory / "prism.yaml"
        self.config.write_text(CONFIG % "")
        self.data_dir = self.directory / "data"

    def gateway(self, *options):
        return Gateway(PROGRAM, "--config", str(self.config), *options, data_dir=str(self.directory))

    def prism(self, *arguments, gateway=None, token="", env=()):
        environment = {**CLEAN, **dict(env)}
        if gateway is not None:
            environment |= {"PRISM_SERVER": gateway.data, "PRISM_ADMIN_SERVER": gateway.admin}
        if token:
            environment["PRISM_TOKEN"] = token
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60, env=environment)

    def ok(self, *arguments, **how):
        result = self.prism(*arguments, **how)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def refused(self, reason, *arguments, **how):
        result = self.prism(*arguments, **how)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn(reason, result.stderr)
        return result.stderr

    def recover(self):
        """An administrator's token, while no server runs. The store must be there."""
        (token,) = TOKEN.findall(self.ok("token", "recover", "--data-dir", str(self.data_dir)))
        return token

    def first_admin(self):
        with self.gateway():
            pass
        return self.recover()

    def create(self, gateway, admin, *options, name="till", principal="shop", scope="orders:write"):
        made = self.ok("token", "create", name, "--principal", principal, "--scope", scope, *options, gateway=gateway,
                       token=admin)
        self.assertRegex(made, TOKEN)
        return made.strip()

    def audit(self, gateway, admin, *options):
        lines = self.ok("audit", "list", "-o", "json", *options, gateway=gateway, token=admin).splitlines()
        return [json.loads(line) for line in lines]

    def test_a_token_lives_and_ends(self):
        admin = self.first_admin()
        with self.gateway() as gateway:
            till = self.create(gateway, admin)
            id = till.split("_")[1]
            self.ok("kv", "set", "orders", "a", "1", gateway=gateway, token=till)
            # The lists would let it, its scope does not; and the other way round.
            self.refused("ACCESS_DENIED", "kv", "set", "users", "a", "1", gateway=gateway, token=till)
            stranger = self.create(gateway, admin, principal="stranger", scope="*:admin")
            self.refused("ACCESS_DENIED", "kv", "get", "orders", "a", gateway=gateway, token=stranger)
            self.refused("ACCESS_DENIED", "token", "list", gateway=gateway, token=stranger)
            self.refused("CREDENTIALS_REQUIRED", "token", "list", gateway=gateway)

            listed = self.ok("token", "list", gateway=gateway, token=admin)
            self.assertRegex(listed, rf"{id} +till +shop +orders:write +active")
            for text in (till, admin, stranger):
                self.assertNotIn(secret_of(text), listed)
            self.assertIn(id, self.ok("token", "list", "-o", "yaml", gateway=gateway, token=admin))

            self.assertIn("revoked " + id, self.ok("token", "revoke", id, gateway=gateway, token=admin))
            self.refused("TOKEN_REVOKED", "kv", "get", "orders", "a", gateway=gateway, token=till)
            self.refused("TOKEN_NOT_FOUND", "token", "revoke", "aaaaaaaaaaaa", gateway=gateway, token=admin)
            active = self.ok("token", "list", "--active", "-o", "json", gateway=gateway, token=admin).splitlines()
            self.assertNotIn(id, [json.loads(line)["id"] for line in active])
        with self.gateway() as gateway:  # it stays so
            self.refused("TOKEN_REVOKED", "kv", "get", "orders", "a", gateway=gateway, token=till)

    def test_a_token_expires(self):
        admin = self.first_admin()
        with self.gateway() as gateway:
            brief = self.create(gateway, admin, "--ttl", "2s")
            wait_for(lambda: "TOKEN_EXPIRED" in self.prism("kv", "get", "orders", "a", gateway=gateway,
                                                             token=brief).stderr, interval=0.1)
            states = {row["id"]: row["state"] for row in map(json.loads, self.ok(
                "token", "list", "-o", "json", gateway=gateway, token=admin).splitlines())}
            self.assertEqual(states[brief.split("_")[1]], "expired")
            bad = self.prism("token", "create", "x", "--principal", "p", "--scope", "admin", "--ttl", "1h", "--never-expires",
                             gateway=gateway, token=admin)
            self.assertEqual(bad.returncode, 2)
            self.refused("EXPIRY_INVALID", "token", "create", "x", "--principal", "p", "--scope", "admin", "--ttl", "4000d",
                         gateway=gateway, token=admin)

    def test_a_token_comes_from_a_file(self):
        admin = self.first_admin()
        file = self.directory / "token"
        file.write_text(admin + "\n")
        with self.gateway() as gateway:
            self.ok("token", "list", "--token-file", str(file), gateway=gateway)
            self.ok("token", "list", gateway=gateway, token="prism_wrong", env={"PRISM_TOKEN_FILE": str(file)})
            missing = self.prism("token", "list", "--token-file", str(file) + "x", gateway=gateway)
            self.assertEqual(missing.returncode, 2)

    def fill(self, gateway, token):
        """More than the buffers between a scan and its reader take."""
        value = self.directory / "value"
        value.write_bytes(b"v" * (1 << 20))
        for i in range(40):
            with open(value, "rb") as source:
                subprocess.run([PROGRAM, "kv", "set", "orders", f"k{i:02}", "-", "--server", gateway.data],
                               stdin=source, timeout=60, check=True, env={**CLEAN, "PRISM_TOKEN": token})

    def scan(self, channel, token):
        """A stream that has begun and can't go on until it is read."""
        scan = channel.unary_stream("/prism.keyvalue.v1.KeyValueScan/Scan", request_serializer=None,
                                    response_deserializer=None)
        stream = scan(b"\x0a\x06orders", metadata=[("authorization", "Bearer " + token)], timeout=60)
        next(stream)
        return stream

    def ended(self, stream, reason):
        with self.assertRaises(grpc.RpcError) as ended:
            for _ in stream:
                pass
        self.assertEqual(ended.exception.code(), grpc.StatusCode.UNAUTHENTICATED)
        self.assertIn(reason, str(ended.exception.trailing_metadata()))

    def test_streams_of_a_revoked_token_end(self):
        admin = self.first_admin()
        with self.gateway() as gateway, grpc.insecure_channel(gateway.data) as channel:
            till = self.create(gateway, admin)
            self.fill(gateway, till)
            stream = self.scan(channel, till)
            self.ok("token", "revoke", till.split("_")[1], gateway=gateway, token=admin)
            self.ended(stream, "TOKEN_REVOKED")

    def test_who_waits_is_judged_by_the_lists_of_now(self):
        admin = self.first_admin()
        with self.gateway() as gateway:
            self.ok("namespace", "update", "orders", "--set", "access.admin=[shop]", gateway=gateway, token=admin)
            till = self.create(gateway, admin, scope="orders:admin")

            def wait(revision):
                url = f"http://{gateway.admin}/admin/v1/namespaces/orders?index={revision}&wait=60s"
                request = urllib.request.Request(url, headers={"Authorization": "Bearer " + till})
                with urllib.request.urlopen(request, timeout=60) as reply:
                    return json.loads(reply.read())

            told = []

            def follow():
                revision = 1
                try:
                    while True:
                        revision = int(wait(revision)["revision"])
                        told.append(revision)
                except urllib.error.HTTPError as error:
                    told.append(error.read().decode())

            follower = threading.Thread(target=follow)
            follower.start()
            wait_for(lambda: told)
            self.ok("namespace", "update", "orders", "--set", "access.admin=[]", gateway=gateway, token=admin)
            follower.join(30)
            self.assertFalse(follower.is_alive())
            self.assertIn("ACCESS_DENIED", told[-1])
            self.assertEqual(len(told), 2, told)  # not the change by which it lost its rights

    def test_what_an_expired_token_has_opened_ends(self):
        admin = self.first_admin()
        with self.gateway() as gateway, grpc.insecure_channel(gateway.data) as data, \
                grpc.insecure_channel(gateway.admin) as port:
            self.fill(gateway, admin)
            brief = self.create(gateway, admin, "--ttl", "3s", principal="admin", scope="admin")
            stream = self.scan(data, brief)
            # Nothing changes meanwhile, so that it would wait for ever.
            watch = port.unary_stream("/prism.admin.v1.NamespaceAdmin/Watch", request_serializer=None, response_deserializer=None)
            watching = watch(b"", metadata=[("authorization", "Bearer " + brief)], timeout=60)
            waiting = urllib.request.Request(f"http://{gateway.admin}/admin/v1/namespaces?index=1&wait=60s",
                                             headers={"Authorization": "Bearer " + brief})
            with self.assertRaises(urllib.error.HTTPError) as over:
                urllib.request.urlopen(waiting, timeout=60)
            self.assertEqual(over.exception.code, 401)
            self.assertIn("TOKEN_EXPIRED", over.exception.read().decode())
            self.ended(watching, "TOKEN_EXPIRED")
            self.ended(stream, "TOKEN_EXPIRED")
            self.ok("kv", "get", "orders", "k00", gateway=gateway, token=admin)

    def test_the_lost_administrator_is_recovered_beside_a_stopped_server_only(self):
        nowhere = self.refused("CONFIG_STORE_MISSING", "token", "recover", "--data-dir", str(self.data_dir))
        self.assertIn("config.db", nowhere)
        with self.gateway() as gateway:
            locked = self.refused("DATA_DIRECTORY_LOCKED", "token", "recover", "--data-dir", str(self.data_dir))
            self.assertIn(str(gateway.process.pid), locked)
            self.assertIn("prism token create", locked)
        admin = self.recover()
        with self.gateway() as gateway:
            (entry,) = self.audit(gateway, admin, "--action", "prism token recover")
            self.assertTrue(entry["principal"].startswith("unix:"), entry)
            self.assertEqual(entry["object"], "token/" + admin.split("_")[1])
            self.assertEqual(entry["after"]["scope"], "admin")

    def test_a_restored_backup_brings_no_revoked_token_back(self):
        admin = self.first_admin()
        with self.gateway() as gateway:
            till, other = self.create(gateway, admin), self.create(gateway, admin, name="other")
            id = till.split("_")[1]
            backup = self.ok("config", "backup", gateway=gateway, token=admin).strip()
            self.ok("token", "revoke", id, gateway=gateway, token=admin)
        restored = self.prism("config", "restore", backup, "--data-dir", str(self.data_dir))
        self.assertEqual((restored.returncode, restored.stderr), (0, ""))
        self.assertIn(id, restored.stdout)
        self.assertNotIn(other.split("_")[1], restored.stdout)
        with self.gateway() as gateway:
            self.refused("TOKEN_REVOKED", "kv", "get", "orders", "a", gateway=gateway, token=till)
            self.ok("kv", "set", "orders", "a", "1", gateway=gateway, token=other)
            entries = self.audit(gateway, admin, "--action", "prism config restore")
            self.assertEqual([entry["object"] for entry in entries], ["token/" + id, "config"])
            for entry in entries:
                self.assertTrue(entry["principal"].startswith("unix:"), entry)
            self.assertIn("revoked_at", entries[0]["after"])
            self.assertEqual(entries[1]["after"]["file"], backup)
            self.ok("audit", "verify", gateway=gateway, token=admin)
        # Of what can't be read nothing is known, and that is said.
        (self.data_dir / "config.db-wal").unlink(missing_ok=True)
        (self.data_dir / "config.db").write_bytes(b"no store" * 1000)
        restored = self.prism("config", "restore", backup, "--data-dir", str(self.data_dir))
        self.assertEqual(restored.returncode, 0, restored.stderr)
        self.assertRegex(restored.stderr, "warning: the tokens of the store in its place can't be read .*may count again")
        with self.gateway() as gateway:
            self.ok("kv", "set", "orders", "a", "2", gateway=gateway, token=till)

    def test_the_audit_tells_who_did_what_and_notices_what_is_missing(self):
        admin = self.first_admin()
        with self.gateway() as gateway:
            till = self.create(gateway, admin)
            self.ok("token", "revoke", till.split("_")[1], gateway=gateway, token=admin)
            stranger = self.create(gateway, admin, principal="stranger")
            for _ in range(5):
                self.refused("ACCESS_DENIED", "token", "list", gateway=gateway, token=stranger)

            def refusals():
                return self.audit(gateway, admin, "--filter", 'code = "PERMISSION_DENIED"')

            wait_for(lambda: len(refusals()) == 1)
            self.assertEqual((refusals()[0]["principal"], refusals()[0]["action"], refusals()[0]["object"]),
                             ("stranger", "/prism.admin.v1.TokenAdmin/List", "token"))
            self.refused("ACCESS_DENIED", "namespace", "get", "orders", gateway=gateway, token=stranger)
            wait_for(lambda: [entry["object"] for entry in refusals()].count("namespace/orders") == 1)
            revoked, created = self.audit(gateway, admin, "--object", "token/" + till.split("_")[1])
            self.assertEqual(revoked["action"], "/prism.admin.v1.TokenAdmin/Revoke")
            self.assertEqual((revoked["principal"], revoked["proof"], revoked["token_id"]),
                             ("admin", "token", admin.split("_")[1]))
            self.assertNotIn("revoked_at", revoked["before"])
            self.assertIn("revoked_at", revoked["after"])
            self.assertIsNone(created["before"])
            self.assertTrue(created["request_id"])
            self.assertIn("TokenAdmin/Create", self.ok("audit", "list", "--since", "1h", gateway=gateway, token=admin))

            exported = self.ok("audit", "export", gateway=gateway, token=admin).splitlines()
            self.assertEqual([json.loads(line)["id"] for line in exported], list(range(1, len(exported) + 1)))
            whole = self.ok("audit", "verify", gateway=gateway, token=admin)
            self.assertRegex(whole, r"whole: (\d+) entries; the newest is \1:[0-9a-f]{64}")
            head = whole.split()[-1]
            self.ok("audit", "verify", "--head", head, gateway=gateway, token=admin)
            self.refused("AUDIT_BROKEN", "audit", "verify", "--head", head[:-64] + "0" * 64, gateway=gateway, token=admin)
        with sqlite3.connect(self.data_dir / "config.db") as store:
            store.execute("DROP TRIGGER audit_log_is_not_shortened")
            store.execute("DELETE FROM audit_log WHERE id = (SELECT max(id) FROM audit_log)")
        store.close()
        with self.assertRaises(RuntimeError) as refused:
            self.gateway().start()
        self.assertIn("CONFIG_STORE_BEHIND", str(refused.exception))

    def test_no_token_is_anywhere_but_with_its_bearer(self):
        admin = self.first_admin()
        with self.gateway() as gateway:
            till = self.create(gateway, admin)
            self.ok("kv", "set", "orders", "a", "1", gateway=gateway, token=till)
            # Put where it does not belong.
            self.prism("token", "create", till, "--principal", "shop", "--scope", "admin", gateway=gateway, token=admin)
            self.prism("audit", "list", "--principal", till, gateway=gateway, token=admin)
            told = [self.refused("TOKEN_MALFORMED", "kv", "get", "orders", "a", gateway=gateway, token=till + "x")]
            self.ok("token", "revoke", till.split("_")[1], gateway=gateway, token=admin)
            told.append(self.refused("TOKEN_REVOKED", "kv", "get", "orders", "a", gateway=gateway, token=till))
            told.append(self.ok("audit", "export", gateway=gateway, token=admin))
            told.append(self.ok("token", "list", "-o", "json", gateway=gateway, token=admin))
            for page in ("/config", "/metrics", "/slow"):
                request = urllib.request.Request(f"http://{gateway.admin}{page}",
                                                 headers={"Authorization": "Bearer " + admin})
                told.append(urllib.request.urlopen(request, timeout=20).read().decode())
        told.append(self.gateway().output())
        for secret in (secret_of(admin), secret_of(till)):
            for text in told:
                self.assertNotIn(secret, text)
            files = [file for file in self.directory.glob("data/**/*") if file.is_file()]
            self.assertIn("config.db", [file.name for file in files])
            for file in files:
                self.assertNotIn(secret.encode(), file.read_bytes(), file)

    def test_routes_do_the_same(self):
        admin = self.first_admin()
        with self.gateway() as gateway:
            def call(method, path, body=None, token=admin):
                request = urllib.request.Request(
                    f"http://{gateway.admin}/admin/v1/{path}", method=method, data=body and json.dumps(body).encode(),
                    headers={"Authorization": "Bearer " + token, "Content-Type": "application/json"})
                with urllib.request.urlopen(request, timeout=20) as reply:
                    return reply.read().decode()

            made = json.loads(call("POST", "tokens", {"name": "till", "principal": "shop", "scope": "orders:write",
                                                      "ttl": "3600s"}))
            self.assertRegex(made["text"], TOKEN)
            id = made["token"]["id"]
            self.assertIn(id, call("GET", "tokens?page_size=1"))
            with self.assertRaises(urllib.error.HTTPError) as denied:
                call("GET", "tokens", token=made["text"])
            self.assertEqual(denied.exception.code, 403)
            self.assertEqual(json.loads(call("DELETE", f"tokens/{id}"))["state"], "REVOKED")
            found = json.loads(call("GET", "audit?object=token/" + id))["entries"]
            self.assertEqual(len(found), 2)
            self.assertNotIn("fault", json.loads(call("GET", "audit:verify")))
            lines = [json.loads(line) for line in call("GET", "audit:export").splitlines()]
            self.assertIn("token/" + id, [line.get("object") for line in lines])

    def test_administrators_change_with_a_sighup(self):
        self.config.write_text(CONFIG % "boss")
        admin = self.first_admin()
        with self.gateway() as gateway:
            boss = self.create(gateway, admin, principal="boss", scope="*:admin")
            self.ok("kv", "set", "users", "a", "1", gateway=gateway, token=boss)
            self.config.write_text(CONFIG % "other")
            gateway.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "configuration reloaded" in gateway.output())
            self.refused("ACCESS_DENIED", "kv", "set", "users", "a", "1", gateway=gateway, token=boss)
            self.config.write_text(CONFIG % '"a b:c"')
            gateway.process.send_signal(signal.SIGHUP)
            wait_for(lambda: "configuration refused" in gateway.output())
            self.refused("ACCESS_DENIED", "kv", "set", "users", "a", "1", gateway=gateway, token=boss)


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
