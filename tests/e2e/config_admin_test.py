"""The configuration of the real program, changed while it runs: what is made is served, told, kept and undone.

usage: config_admin_test.py PROGRAM [unittest arguments]
"""

import json
import pathlib
import sys
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway  # noqa: E402

PROGRAM = None


class ConfigAdmin(unittest.TestCase):
    def setUp(self):
        self.gateway = self.enterContext(Gateway(PROGRAM))

    def ask(self, method, path, body=None, port=None, **query):
        """Status and JSON; the reason in place of an error's details."""
        url = f"http://{port or self.gateway.admin}{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        kind = "application/json" if isinstance(body, dict) else "application/octet-stream"
        request = urllib.request.Request(url, data=data, method=method, headers={"content-type": kind} if data else {})
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                text = reply.read()
                return reply.status, json.loads(text) if reply.headers.get_content_type() == "application/json" else text
        except urllib.error.HTTPError as error:
            answer = json.loads(error.read())
            return error.code, answer["details"][0]["debug"]["reason"]

    def admin(self, method, path, body=None, **query):
        return self.ask(method, "/admin/v1" + path, body, **query)

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

    def refusal(self, path, body, **query):
        """The error's reason, message and fields."""
        request = urllib.request.Request(f"http://{self.gateway.admin}/admin/v1{path}?" + urllib.parse.urlencode(query),
                                         data=json.dumps(body).encode(), method="POST", headers={"content-type": "application/json"})
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
        text = self.admin("GET", "/config")[1]["yaml"]
        status, same = self.admin("POST", "/config:import", {"yaml": text, "replace": True})
        self.assertEqual((status, same.get("differences", [])), (200, []))
        status, dropped = self.admin("POST", "/config:import", {"yaml": "namespaces: []\n", "replace": True, "dryRun": True})
        self.assertEqual(status, 200, dropped)
        self.assertEqual(self.admin("GET", "/config")[1]["yaml"], text)

    def test_a_backup_is_waited_for(self):
        status, begun = self.admin("POST", "/config:backup", {})
        self.assertEqual(status, 200, begun)
        _, ended = self.admin("GET", "/operations/" + begun["name"], wait="60s")
        self.assertTrue(ended["done"])
        self.assertTrue(pathlib.Path(ended["result"]).is_file(), ended)


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
