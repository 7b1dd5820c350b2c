"""Namespaces of the real program that are deleted, with and without their data.

usage: purge_test.py PROGRAM [unittest arguments]
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

import grpc

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway, wait_for  # noqa: E402
from protobuf_bytes import field  # noqa: E402

PROGRAM = None
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PRISM_")}
CONFIG = """
server: {rebind_grace: %s}
namespaces:
  - {name: orders, backend: sqlite}
  - {name: orders-2, backend: sqlite}
  - {name: fast, backend: memory}
"""


class PurgeTest(unittest.TestCase):
    def setUp(self):
        own = tempfile.TemporaryDirectory(prefix="prism-purge-")
        self.addCleanup(own.cleanup)
        self.directory = pathlib.Path(own.name)
        self.files = self.directory / "data/namespaces"

    def gateway(self, grace="30s"):
        config = self.directory / "prism.yaml"
        config.write_text(CONFIG % grace)
        return Gateway(PROGRAM, "--config", str(config), data_dir=str(self.directory))

    def prism(self, gateway, *arguments):
        return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                              env=CLEAN | {"PRISM_SERVER": gateway.data, "PRISM_ADMIN_SERVER": gateway.admin})

    def put(self, gateway, namespace, key="k", value="v"):
        done = self.prism(gateway, "kv", "set", namespace, key, value)
        self.assertEqual(done.returncode, 0, done.stderr)

    def has(self, gateway, namespace):
        return self.prism(gateway, "kv", "get", namespace, "k").stdout == "v"

    def refusal(self, gateway, method, path, body=None):
        with self.assertRaises(urllib.error.HTTPError) as refused:
            gateway.administer(method, path, body)
        return refused.exception.read().decode()

    def await_end(self, gateway, operation):
        ended = gateway.administer("GET", f"operations/{operation}?wait=60s")
        self.assertTrue(ended["done"], ended)
        self.assertNotIn("error", ended)
        return ended

    def files_of(self, namespace):
        return sorted(path.name for path in self.files.glob(f"{namespace}.db*"))

    def hold(self, gateway, namespace):
        """A scan that the client does not read to its end, which keeps the namespace in use; what ends it."""
        channel = grpc.insecure_channel(gateway.data, options=[("grpc.http2.bdp_probe", 0)])
        call = channel.unary_stream("/prism.keyvalue.v1.KeyValueScan/Scan")(field(1, namespace.encode()))
        next(call)

        def end():
            call.cancel()  # a call that nothing names any more ends by itself
            channel.close()

        return end

    def test_data_stays_unless_it_is_purged(self):
        with self.gateway() as gateway:
            for namespace in ("orders", "orders-2", "fast"):
                self.put(gateway, namespace)
            for namespace in ("orders", "fast"):
                gateway.administer("DELETE", f"namespaces/{namespace}")
            gateway.administer("POST", "namespaces", {"name": "orders", "backend": "sqlite"})
            gateway.administer("POST", "namespaces", {"name": "fast", "backend": "memory"})
            for namespace, backend in (("orders", "sqlite"), ("fast", "memory")):
                self.assertTrue(self.has(gateway, namespace))
                dry = gateway.administer("DELETE", f"namespaces/{namespace}?purge=true&dry_run=true")
                self.assertEqual(dry["purgedBackends"], [backend])
                self.assertTrue(self.has(gateway, namespace))
                deleted = gateway.administer("DELETE", f"namespaces/{namespace}?purge=true")
                ended = self.await_end(gateway, deleted["operation"])
                self.assertEqual((ended["kind"], ended["object"]), ("namespace purge", f"namespace/{namespace}"))
                gateway.administer("POST", "namespaces", {"name": namespace, "backend": backend})
                self.assertFalse(self.has(gateway, namespace))
            self.assertEqual(self.files_of("orders"), [])
            self.assertTrue(self.has(gateway, "orders-2"))
            operations = [entry["operation"] for entry in gateway.administer("GET", "namespaces/orders/history")["changes"]]
            self.assertEqual(operations, ["create", "purge", "create", "delete", "create"])
            gateway.administer("POST", "namespaces/orders:rollback", {"toRevision": 1})
            self.assertFalse(self.has(gateway, "orders"))

    def test_a_stream_is_waited_for_and_the_name_with_it(self):
        with self.gateway("3s") as gateway:
            self.fill(gateway)
            end = self.hold(gateway, "orders")
            self.addCleanup(end)
            deleted = gateway.administer("DELETE", "namespaces/orders?purge=true")
            self.assertFalse(gateway.administer("GET", f"operations/{deleted['operation']}").get("done"))
            for method, path, body in (("POST", "namespaces", {"name": "orders", "backend": "memory"}),
                                       ("POST", "namespaces/orders:rollback", {"toRevision": 1}),
                                       ("POST", "config:import", {"yaml": "namespaces: [{name: orders, backend: sqlite}]"}),
                                       ("POST", "config:rollback", {"toRevision": 1})):
                self.assertIn("PURGE_PENDING", self.refusal(gateway, method, path, body), path)
            self.assertIn("orders.db", self.files_of("orders"))
            self.await_end(gateway, deleted["operation"])
            end()
            self.assertEqual(self.files_of("orders"), [])
            gateway.administer("POST", "namespaces", {"name": "orders", "backend": "sqlite"})
            self.assertFalse(self.has(gateway, "orders"))

    def fill(self, gateway):
        """More than any connection holds of it by itself."""
        self.put(gateway, "orders")
        for number in range(12):
            done = subprocess.run([PROGRAM, "kv", "set", "orders", f"large{number}", "-", "--server", gateway.data],
                                  input=b"x" * 3_000_000, capture_output=True, timeout=60, env=CLEAN)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_purge_survives_the_process(self):
        gateway = self.gateway("10m").start()  # longer than the test
        self.fill(gateway)
        end = self.hold(gateway, "orders")
        self.addCleanup(end)
        deleted = gateway.administer("DELETE", "namespaces/orders?purge=true")
        self.assertFalse(gateway.administer("GET", f"operations/{deleted['operation']}").get("done"))
        gateway.kill()
        self.assertIn("orders.db", self.files_of("orders"))
        with self.gateway() as gateway:
            self.await_end(gateway, deleted["operation"])
            self.assertEqual(self.files_of("orders"), [])
            (entry,) = [entry for entry in gateway.administer("GET", "audit")["entries"]
                        if entry["action"] == "purge of a deleted namespace"]
            self.assertEqual(entry["object"], "namespace/orders")
            with urllib.request.urlopen(f"http://{gateway.admin}/metrics", timeout=20) as metrics:
                self.assertIn("\nprism_namespace_purges_pending 0\n", metrics.read().decode())

    def test_a_restored_store_destroys_nothing(self):
        gateway = self.gateway("10m").start()  # longer than the test
        self.fill(gateway)
        self.addCleanup(self.hold(gateway, "orders"))
        deleted = gateway.administer("DELETE", "namespaces/orders?purge=true")
        backup = self.prism(gateway, "config", "backup").stdout.strip()
        gateway.kill()
        restored = self.prism(gateway, "config", "restore", backup, "--data-dir", str(self.directory / "data"))
        self.assertEqual(restored.returncode, 0, restored.stderr)
        self.assertRegex(restored.stderr, "(?s)warning: .*namespace orders .*sqlite")
        with self.gateway() as gateway:
            gateway.administer("POST", "namespaces", {"name": "orders", "backend": "sqlite"})
            self.assertTrue(self.has(gateway, "orders"))
            self.assertIn("INTERRUPTED", gateway.administer("GET", f"operations/{deleted['operation']}")["error"])

    def test_the_command_line_asks_about_the_data(self):
        with self.gateway() as gateway:
            self.put(gateway, "orders")
            refused = self.prism(gateway, "namespace", "delete", "orders", "--purge")
            self.assertEqual(refused.returncode, 2, refused)
            self.assertIn("CONFIRMATION_REQUIRED", refused.stderr)
            dry = self.prism(gateway, "namespace", "delete", "orders", "--purge", "--dry-run")
            self.assertIn("its data on sqlite would go", dry.stdout)
            self.assertTrue(self.has(gateway, "orders"))
            old = self.prism(gateway, "namespace", "delete", "orders", "--purge", "--yes", "--revision", "77")
            self.assertIn("REVISION_MISMATCH", old.stderr)
            done = self.prism(gateway, "namespace", "delete", "orders", "--purge", "--yes", "-o", "json")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.await_end(gateway, json.loads(done.stdout)["operation"])
            self.assertEqual(self.files_of("orders"), [])


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
