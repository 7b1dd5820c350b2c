"""The configuration of the real program, changed while it runs: what is made is served, told, kept and undone.

usage: config_admin_test.py PROGRAM [unittest arguments]
"""

import json
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway  # noqa: E402
from protobuf_bytes import field  # noqa: E402

PROGRAM = None


class ConfigAdmin(unittest.TestCase):
    def setUp(self):
        self.gateway = self.enterContext(Gateway(PROGRAM))
        self.texts = []  # of all answers

    def ask(self, method, path, body=None, port=None, **query):
        """Status and JSON; the reason in place of an error's details."""
        url = f"http://{port or self.gateway.admin}{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        kind = "application/json" if isinstance(body, dict) else "application/octet-stream"
        request = urllib.request.Request(url, data=data, method=method, headers={"content-type": kind} if data else {})
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                text = reply.read()
                self.texts.append(text.decode(errors="replace"))
                return reply.status, json.loads(text) if reply.headers.get_content_type() == "application/json" else text
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            self.texts.append(text)
            return error.code, json.loads(text)["details"][0]["debug"]["reason"]

    def admin(self, method, path, body=None, **query):
        return self.ask(method, "/admin/v1" + path, body, **query)

    def export(self):
        """The text that comes in pieces, a line each."""
        status, lines = self.admin("GET", "/config")
        self.assertEqual(status, 200, lines)
        pieces = [json.loads(line) for line in lines.splitlines()]
        self.assertEqual(len({piece["revision"] for piece in pieces}), 1)
        return "".join(piece["yaml"] for piece in pieces)

    def test_what_is_made_is_served_at_once_and_undone(self):
        status, made = self.admin("POST", "/namespaces", {"name": "orders", "backend": "memory"}, reason="a shop")
        self.assertEqual(status, 200, made)
        put = self.ask("PUT", "/v1/orders/keyvalue/a", b"1", port=self.gateway.data)
        self.assertIn(put[0], (200, 201, 204), put)
        revision = int(made["revision"])
        status, disabled = self.admin("PATCH", "/namespaces/orders", {"status": "DISABLED"}, revision=revision)
        self.assertEqual(status, 200, disabled)
        self.assertEqual(self.ask("GET", "/v1/orders/keyvalue/a", port=self.gateway.data)[1], "NAMESPACE_DISABLED")
        self.assertEqual(self.admin("PATCH", "/namespaces/orders", {"status": "ACTIVE"}, revision=revision), (409, "REVISION_MISMATCH"))
        status, back = self.admin("POST", "/namespaces/orders:rollback", {"toRevision": revision})
        self.assertEqual(status, 200, back)
        self.assertEqual(self.ask("GET", "/v1/orders/keyvalue/a", port=self.gateway.data), (200, b"1"))
        _, history = self.admin("GET", "/namespaces/orders/history")
        self.assertEqual([change["operation"] for change in history["changes"]], ["update", "update", "create"])
        self.assertEqual(history["changes"][-1]["reason"], "a shop")
        self.assertTrue(self.admin("GET", "/config:verify")[1]["whole"])
        self.assertIn("/prism.admin.v1.NamespaceAdmin/RollBack",
                      [entry["action"] for entry in self.admin("GET", "/audit")[1]["entries"]])

    def refusal(self, path, body=None, method=None, **query):
        """The error's reason, message and fields."""
        request = urllib.request.Request(f"http://{self.gateway.admin}/admin/v1{path}?" + urllib.parse.urlencode(query),
                                         data=None if body is None else json.dumps(body).encode(), method=method,
                                         headers={"content-type": "application/json"})
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=60)
        answer = json.loads(caught.exception.read())
        debug = [detail["debug"] for detail in answer["details"]]
        fields = [field for detail in debug for field in detail.get("fieldViolations", [])]
        return debug[0]["reason"], answer["message"], {field["field"]: field["description"] for field in fields}

    def test_what_can_not_be_bound_is_refused_with_every_mistake(self):
        reason, message, _ = self.refusal("/namespaces", {"name": "jobs", "backend": "memory", "pattern": "queue"})
        self.assertEqual(reason, "INTERFACE_NOT_BOUND")
        for part in ('"jobs"', "queue", '"memory" (memory)', "keyvalue"):
            self.assertIn(part, message)
        slots = {"registry": {"backend": "memory", "interface": "keyvalue_bsic"},
                 "messaging": {"backend": "sqlite", "interface": "pubsub_basic"}}
        reason, message, fields = self.refusal("/namespaces", {"name": "devices", "patterns": [{"type": "outbx", "slots": slots}]})
        self.assertEqual(reason, "CONFIG_UNBINDABLE")
        self.assertEqual(set(fields), {"namespaces.devices", "namespaces.devices.slots.registry", "namespaces.devices.slots.messaging"})
        self.assertIn('did you mean "outbox"?', fields["namespaces.devices"])
        self.assertIn('did you mean "keyvalue_basic"?', fields["namespaces.devices.slots.registry"])
        self.assertEqual(self.admin("GET", "/namespaces/devices")[1], "NAMESPACE_NOT_FOUND")
        # What another program could serve may be written down.
        for body in ({"name": "later", "backend": "memory", "pattern": "outbox"},):
            status, made = self.admin("POST", "/namespaces", body)
            self.assertEqual(status, 200, made)
            self.assertIn("PATTERN_NOT_INSTALLED", made["problem"])
        status, _ = self.admin("POST", "/backends", {"name": "far", "type": "redis", "connection": "redis://h"})
        self.assertEqual(status, 200)
        status, made = self.admin("POST", "/namespaces", {"name": "remote", "backend": "far", "pattern": "queue"})
        self.assertEqual(status, 200, made)
        self.assertIn("DRIVER_NOT_INSTALLED", made["problem"])

    def test_texts_have_the_bounds_of_the_file(self):
        wrong = {"name": "orders", "backend": "memory", "tags": ["x"] * 65, "owner": "a\nb",
                 "patterns": [{"type": "cache"}, {"type": "outbox"}, {"type": "cache"}]}
        reason, _, fields = self.refusal("/namespaces", wrong)
        self.assertEqual(reason, "CONFIG_INVALID")
        self.assertEqual(set(fields), {"namespace.tags", "namespace.owner", "namespace.patterns"})
        self.assertIn("cache -> outbox -> cache", fields["namespace.patterns"])
        good = {"name": "orders", "backend": "memory"}
        self.assertEqual(self.refusal("/namespaces", good, reason="two\nlines")[0], "BAD_VALUE")
        self.assertEqual(self.refusal("/namespaces", good, reason="x" * 1025)[0], "REASON_TOO_LONG")
        self.assertEqual(self.refusal("/backends", {"name": "n", "type": "nats", "connection": "nats://planted@h"})[0], "LITERAL_SECRET")

    def test_bad_input_is_refused_quickly_and_changes_nothing(self):
        status, made = self.admin("POST", "/namespaces", {"name": "orders", "backend": "memory"})
        self.assertEqual(status, 200, made)
        stale = int(made["revision"])
        self.assertEqual(self.admin("PATCH", "/namespaces/orders", {"owner": "ann"})[0], 200)
        before = self.export()

        def load(yaml):
            return "/config:import", {"yaml": yaml}

        bomb = "a: &a [x, x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi"))
        one = "{name: stock, backend: memory}"
        rows = [
            ("a name in capitals", ("/namespaces", {"name": "Orders", "backend": "memory"}), "BAD_NAME", "a-z"),
            ("names that differ in case", load("namespaces: [{name: users, backend: memory}, {name: Users, backend: memory}]"),
             "BAD_NAME", '"Users"'),
            ("a backend in capitals", ("/namespaces", {"name": "stock", "backend": "Memory"}), "BACKEND_NOT_FOUND",
             'did you mean "memory"?'),
            ("a stale revision", ("/namespaces/orders", {"owner": "bob"}, "PATCH", {"revision": stale}), "REVISION_MISMATCH",
             str(stale)),
            ("a filter that ends early", ("/namespaces", None, "GET", {"filter": 'backend = "memory" AND '}), "FILTER_MALFORMED",
             "column 24"),
            ("a filter over no field", ("/namespaces", None, "GET", {"filter": "backen = \"memory\""}), "FILTER_FIELD_UNKNOWN",
             "column 1"),
            ("a bomb of aliases", load(bomb), "YAML_UNSUPPORTED", "write the value out"),
            ("a bomb of levels", load("a: " + "{b: " * 100_000), "CONFIG_TOO_LARGE", "levels"),
            ("a text that is too large", load("#" * (3 << 20) + "\n"), "CONFIG_TOO_LARGE", "at most"),
            ("one namespace twice", load(f"namespaces: [{one}, {one}]"), "DUPLICATE_NAME", "two namespaces"),
            ("one key twice", load(f"namespaces: [{one}]\nnamespaces: [{one}]"), "DUPLICATE_KEY", "second time"),
            ("two documents", load(f"namespaces: [{one}]\n---\nnamespaces: [{one}]"), "YAML_UNSUPPORTED", "several documents"),
            ("an unknown key", load("namespaces: [{name: stock, backend: memory, ownr: ann}]"), "UNKNOWN_KEY",
             'did you mean "owner"?'),
            ("a cyclic stack", load("namespaces: [{name: s, backend: memory, patterns: [{type: cache}, {type: cache}]}]"),
             "STACK_CYCLE", "cache -> cache"),
            ("a namespace on itself", load("namespaces: [{name: s, backend: s}]"), "STACK_CYCLE", "s -> s"),
        ]
        for what, (path, body, *rest), reason, advice in rows:
            with self.subTest(what=what):
                method, query = rest or ("POST", {})
                said = self.refusal(path, body, method, **query)
                self.assertEqual(said[0], reason, said)
                self.assertIn(advice, said[1] + str(said[2]))
        self.assertEqual(self.export(), before)
        self.assertTrue(self.admin("GET", "/config:verify")[1]["whole"])

    def test_a_file_of_100_megabytes_is_not_read(self):
        with tempfile.TemporaryDirectory(prefix="prism-large-") as directory:
            large = pathlib.Path(directory) / "prism.yaml"
            with open(large, "wb") as file:
                file.truncate(100 << 20)
            data = str(pathlib.Path(directory) / "data")
            for arguments in (["serve", "--config", str(large), "--data-dir", data], ["validate", str(large)],
                              ["config", "import", str(large), "--admin-server", self.gateway.admin, "--yes"]):
                done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 1, done)
                self.assertIn("_TOO_LARGE", done.stderr)

    def test_who_waits_is_told(self):
        revision = self.admin("GET", "/namespaces")[1]["revision"]
        told = []
        waiter = threading.Thread(target=lambda: told.append(self.admin("GET", "/namespaces", index=revision, wait="60s")))
        waiter.start()
        self.assertEqual(self.admin("POST", "/namespaces", {"name": "orders", "backend": "memory"})[0], 200)
        waiter.join()
        self.assertIn("orders", [one["name"] for one in told[0][1]["namespaces"]])

    def test_the_export_is_what_a_server_starts_with(self):
        self.assertEqual(self.admin("POST", "/backends", {"name": "cache", "type": "redis", "connection": "redis://h"})[0], 200)
        self.assertEqual(self.admin("POST", "/namespaces", {"name": "orders", "backend": "memory", "tags": ["a: b"]})[0], 200)
        text = self.export()
        status, same = self.admin("POST", "/config:import", {"yaml": text, "replace": True})
        self.assertEqual((status, same.get("differences", [])), (200, []))
        status, dropped = self.admin("POST", "/config:import", {"yaml": "namespaces: []\n", "replace": True, "dryRun": True})
        self.assertEqual(status, 200, dropped)
        self.assertEqual(self.export(), text)

    def test_exports_that_nobody_waits_for_are_not_made(self):
        lines = "".join(f"  - {{name: team-{i}, backend: memory, owner: team-{i}, tags: [a, b]}}\n" for i in range(3000))
        self.assertEqual(self.admin("POST", "/config:import", {"yaml": "namespaces:\n" + lines})[0], 200)
        begin = time.monotonic()
        whole = self.export()
        one = time.monotonic() - begin
        host, port = self.gateway.admin.split(":")
        asking = [socket.create_connection((host, int(port))) for _ in range(200)]
        for client in asking:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # goes with a reset
            client.sendall(b"".join(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % path for path in (b"/livez", b"/admin/v1/config")))
        for client in asking:
            self.assertTrue(client.recv(1))  # the second request came with the first one
            client.close()
        begin = time.monotonic()
        self.assertEqual(self.export(), whole)
        self.assertLess(time.monotonic() - begin, 40 * one)

    def test_a_planted_password_is_refused_and_found_nowhere(self):
        planted = "hunter2-very-secret"
        url, pair = f"redis://app:{planted}@h", f"host=h password={planted}"
        self.assertEqual(self.admin("POST", "/backends", {"name": "kept", "type": "redis", "connection": "redis://h"})[0], 200)
        self.assertEqual(self.admin("POST", "/namespaces", {"name": "kept", "backend": "memory"})[0], 200)
        claim_check = {"patterns": [{"type": "claim-check", "config": {"password": planted}}]}
        backends = [{"connection": url}, {"connection": pair}, {"connection": f"redis://h?token={planted}"}, {"password": planted}]
        namespaces = [claim_check, {"patterns": [{"type": "claim-check", "config": {"store": url}}]}, {"tags": [url]}, {"tags": [pair]}]
        attempts = []
        for kind, settings, base in (("backends", backends, {"name": "new", "type": "redis"}),
                                     ("namespaces", namespaces, {"name": "new", "backend": "memory"})):
            for one in settings:
                attempts += [("POST", f"/admin/v1/{kind}", base | one), ("PATCH", f"/admin/v1/{kind}/kept", one)]
                service = f"/prism.admin.v1.{kind.capitalize()[:-1]}Admin/"
                attempts += [("POST", service + "Create", {kind[:-1]: base | one, "dryRun": True}),
                             ("POST", service + "Update", {"name": "kept", kind[:-1]: one, "reason": "more"})]
                # JSON is YAML.
                entry = base | one
                text = json.dumps({kind: {entry.pop("name"): entry} if kind == "backends" else [entry]})
                attempts += [("POST", "/admin/v1/config:import", {"yaml": text, "dryRun": dry}) for dry in (True, False)]
        for method, path, body in attempts:
            with self.subTest(method=method, path=path, body=body):
                status, reason = self.ask(method, path, body)
                self.assertEqual((status, reason), (400, "LITERAL_SECRET"), self.texts[-1])
        # gRPC: Backend{name, type, connection} and ImportConfigRequest{yaml}.
        backend = field(1, b"new") + field(2, b"redis") + field(3, url.encode())
        with grpc.insecure_channel(self.gateway.admin) as channel:
            for call, request in (("BackendAdmin/Create", field(1, backend)), ("BackendAdmin/Update", field(1, b"kept") + field(2, backend[5:])),
                                  ("ConfigAdmin/Import", field(1, f"backends: {{new: {{type: redis, connection: '{url}'}}}}".encode()))):
                with self.assertRaises(grpc.RpcError) as refused:
                    channel.unary_unary("/prism.admin.v1." + call)(request, timeout=60)
                self.assertIn("LITERAL_SECRET", str(refused.exception.trailing_metadata()), call)
                self.texts.append(str(refused.exception) + str(refused.exception.trailing_metadata()))
        _, begun = self.admin("POST", "/config:backup", {})
        self.admin("GET", "/operations/" + begun["name"], wait="60s")
        for path in ("/config", "/metrics", "/slow", "/readyz?verbose", "/admin/v1/audit", "/admin/v1/audit:export", "/admin/v1/operations",
                     "/admin/v1/config", "/admin/v1/config/revisions", "/admin/v1/backends/kept/history", "/admin/v1/namespaces/kept/history"):
            self.assertEqual(self.ask("GET", path)[0], 200, path)
        for text in self.texts:
            self.assertNotIn(planted, text)
        self.assertTrue(self.gateway.output())
        files = [path for path in self.gateway.directory.rglob("*") if path.is_file()]
        self.assertLessEqual({"config.db", "config.db-wal", "serve.log"}, {path.name for path in files})
        for path in files:
            self.assertNotIn(planted.encode(), path.read_bytes(), path)

    def test_a_backup_is_waited_for(self):
        status, begun = self.admin("POST", "/config:backup", {})
        self.assertEqual(status, 200, begun)
        _, ended = self.admin("GET", "/operations/" + begun["name"], wait="60s")
        self.assertTrue(ended["done"])
        self.assertTrue(pathlib.Path(ended["result"]).is_file(), ended)


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
