"""Sources beside that of the configuration, by the real program: added, logged in to, listed, removed, there after a restart.

usage: branch_sources_test.py PROGRAM [unittest arguments]

As root it makes a file system of its own, which goes with the mounts of this process.
"""

import json
import os
import pathlib
import subprocess
import sys
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from branching_case import CLEAN, PASSWORD, BranchingCase  # noqa: E402
from mounts import own_mounts  # noqa: E402
from postgres import Postgres  # noqa: E402
from prism_gateway import wait_for  # noqa: E402


def run(*words, environment=CLEAN):
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=120)


class BranchSourcesTest(BranchingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.shop = Postgres()
        cls.addClassCleanup(cls.shop._own.cleanup)
        cls.dump = cls.shop.data.parent / "shop.dump"
        cls.shop.start()
        for query in ("CREATE TABLE orders AS SELECT generate_series(1, 7) AS id",
                      "CREATE ROLE clerk LOGIN PASSWORD 'till'", "GRANT SELECT ON orders TO clerk"):
            run("psql", "-XAtq", "-c", query, cls.shop.conninfo)
        run("pg_dump", "-Fc", "-f", str(cls.dump), "-d", cls.shop.conninfo)
        cls.shop.stop()

    def start(self):
        gateway = self.gateway()
        wait_for(lambda: "branches are ready" in gateway.output())
        return gateway

    def prism(self, gateway, *arguments):
        return run(self.program, "--admin-server", gateway.admin, *arguments)

    def fine(self, gateway, *arguments):
        done = self.prism(gateway, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def ask(self, gateway, user, branch, query, password=PASSWORD, options=""):
        host, port = gateway.postgres.rsplit(":", 1)
        return run("psql", "-XAtqw", "-c", query,
                   f"host={host} port={port} user={user}@{branch} dbname=postgres options='{options}'",
                   environment=CLEAN | {"PGPASSWORD": password})

    def test_sources_with_their_own_data_and_roles(self):
        gateway = self.start()
        added = self.fine(gateway, "branch", "source", "add", "shop", str(self.shop.data), "--reason", "a second one")
        self.assertIn("prism branch create NAME --from shop", added)
        orders = "SELECT count(*) FROM orders"
        self.fine(gateway, "branch", "create", "till", "--from", "shop")
        self.assertEqual(self.ask(gateway, "clerk", "till", orders, "till").stdout.strip(), "7")
        by_option = self.ask(gateway, "clerk", "mine", orders, "till", "-c prism.from=shop")
        self.assertEqual(by_option.stdout.strip(), "7", by_option.stderr)
        self.assertIn("created mine from shop", by_option.stderr)
        for branch, options in (("plain", ""), ("source", ""), ("plain", "-c prism.from=source")):
            refused = self.ask(gateway, "clerk", branch, "SELECT 1", "till", options)
            self.assertIn("password authentication failed", refused.stderr)
        self.assertEqual(self.answer(gateway, "plain", "SELECT to_regclass('orders') IS NULL"), "t")
        secret = self.directory / "secret"
        secret.write_text(PASSWORD + "\n")
        self.fine(gateway, "branch", "source", "add", "loaded", "--dump", str(self.dump), "--password", f"${{file:{secret}}}")
        self.assertEqual(self.ask(gateway, "postgres", "of-dump", orders, options="-c prism.from=loaded").stdout.strip(), "7")

        gateway.kill()
        gateway = self.start()
        self.addCleanup(gateway.stop)
        self.assertEqual(self.ask(gateway, "clerk", "mine", orders, "till").stdout.strip(), "7")
        self.assertEqual(self.ask(gateway, "clerk", "other", orders, "till", "-c prism.from=shop").stdout.strip(), "7")
        listed = [json.loads(line) for line in self.fine(gateway, "branch", "source", "list", "-o", "json").splitlines()]
        self.assertEqual([(one["name"], one["kind"], one.get("branches", 0)) for one in listed],
                         [("source", "template", 1), ("loaded", "dump", 1), ("shop", "template", 3)])
        self.assertTrue(listed[0]["default"])
        for one in listed:
            self.assertRegex(one["generation"]["checkpoint_lsn"], r"^[0-9A-F]+/[0-9A-F]+$")
            self.assertEqual(one["generation"]["postgres_version"], 15)
        self.assertIn(str(self.shop.data), self.fine(gateway, "branch", "source", "list"))
        url = f"http://{gateway.admin}/admin/v1/branch-sources"
        with urllib.request.urlopen(url, timeout=10) as reply:
            self.assertEqual([one["name"] for one in json.load(reply)["sources"]], ["source", "loaded", "shop"])
        child = json.loads(self.fine(gateway, "branch", "create", "child", "--from", "till", "-o", "json"))
        self.assertEqual((child["parent"], child["source"]), ("till", "shop"))
        examined = run(self.program, "doctor", "--config", str(self.directory / "prism.yaml"), "--data-dir",
                       str(self.directory / "data"), "-o", "json")
        self.assertEqual(examined.returncode, 0, examined.stdout + examined.stderr)
        said = {one["about"]: one["says"] for one in json.loads(examined.stdout)["findings"]}
        self.assertIn(str(self.shop.data), said["source shop"])
        self.assertIn("a dump", said["source loaded"])

        self.assertIn("SOURCE_IN_USE", self.prism(gateway, "branch", "source", "remove", "loaded", "--yes").stderr)
        self.fine(gateway, "branch", "delete", "of-dump", "--force", "--yes")
        self.assertIn("SOURCE_IN_USE", self.prism(gateway, "branch", "source", "remove", "loaded", "--yes").stderr)
        self.fine(gateway, "branch", "source", "remove", "loaded", "--force", "--yes")
        self.assertIn("DEFAULT_SOURCE", self.prism(gateway, "branch", "source", "remove", "source", "--yes").stderr)
        self.assertIn("SOURCE_NOT_FOUND", self.prism(gateway, "branch", "source", "remove", "loaded", "--yes").stderr)
        self.assertIn("PARENT_NOT_FOUND", self.prism(gateway, "branch", "create", "no", "--from", "loaded").stderr)
        audit = self.fine(gateway, "audit", "list")
        self.assertIn("BranchAdmin/AddSource", audit)
        self.assertIn("BranchAdmin/RemoveSource", audit)

    def test_a_source_is_refreshed_on_demand(self):
        self.configure(refresh_interval="1d")
        gateway = self.start()
        self.addCleanup(gateway.stop)
        self.fine(gateway, "branch", "source", "add", "ops", str(self.directory / "ops"), "--managed")
        password = (self.directory / "data/branches/source-password-ops").read_text().strip()
        first = json.loads(self.fine(gateway, "branch", "source", "refresh", "ops", "-o", "json"))
        again = json.loads(self.fine(gateway, "branch", "source", "refresh", "ops", "-o", "json"))
        self.assertEqual(again["generation"], first["generation"])
        self.assertRegex(first["generation"]["system_identifier"], "^[0-9]{15,20}$")
        self.assertEqual(first["generation"]["timeline"], 1)
        (socket,) = (self.directory / "data/branches").glob("**/.s.PGSQL.*[0-9]")
        made = run("psql", "-XAtqw", "-c", "CREATE TABLE t AS SELECT 7 AS x", f"host={socket.parent} port=5432 user=postgres dbname=postgres",
                   environment=CLEAN | {"PGPASSWORD": password})
        self.assertEqual(made.returncode, 0, made.stderr)
        told = self.fine(gateway, "branch", "source", "refresh", "ops", "--reason", "t is there")
        self.assertIn("source ops: new branches begin with its state of ", told)
        self.assertEqual(self.ask(gateway, "postgres", "new", "SELECT x FROM t", password, "-c prism.from=ops").stdout, "7\n")
        self.fine(gateway, "branch", "source", "refresh")
        self.assertIn("SOURCE_NOT_FOUND", self.prism(gateway, "branch", "source", "refresh", "none").stderr)
        self.assertIn("BranchAdmin/RefreshSource", self.fine(gateway, "audit", "list"))
        self.fine(gateway, "branch", "delete", "new", "--force", "--yes")
        self.fine(gateway, "branch", "source", "remove", "ops", "--force", "--yes")

    def test_what_can_not_be_added_is_told_and_leaves_nothing(self):
        gateway = self.start()
        self.addCleanup(gateway.stop)
        self.answer(gateway, "mine", "SELECT 1")
        for words, reason in ((("mine", str(self.shop.data)), "BRANCH_EXISTS"), (("source", str(self.shop.data)), "RESERVED_BRANCH_NAME"),
                              (("Shop", str(self.shop.data)), "BAD_SOURCE_NAME"), (("shop", "/nowhere"), "BRANCH_SOURCE"),
                              (("shop", "relative"), "SOURCE_PATH_INVALID"), (("shop", str(self.directory)), "NOT_A_DATA_DIRECTORY"),
                              (("shop", "--dump", __file__), "NOT_A_DUMP"), (("shop", "--dump", str(self.dump)), "DUMP_PASSWORD_MISSING"),
                              (("shop", "--dump", str(self.dump), "--password", "literal"), "LITERAL_SECRET"),
                              (("shop",), "BAD_USAGE"), (("shop", str(self.shop.data), "--dump", "/x"), "BAD_USAGE")):
            with self.subTest(words=words):
                self.assertIn(reason, self.prism(gateway, "branch", "source", "add", *words).stderr)
        self.shop.start()
        self.assertIn("SOURCE_RUNNING", self.prism(gateway, "branch", "source", "add", "shop", str(self.shop.data)).stderr)
        self.shop.stop()
        self.assertEqual(len(self.fine(gateway, "branch", "source", "list", "-o", "json").splitlines()), 1)
        self.fine(gateway, "branch", "source", "add", "shop", str(self.shop.data))
        self.assertIn("SOURCE_EXISTS", self.prism(gateway, "branch", "create", "shop").stderr)
        self.assertIn("is the name of a source", self.ask(gateway, "clerk", "shop", "SELECT 1", "till").stderr)
        self.fine(gateway, "branch", "source", "remove", "shop", "--yes")

    def test_a_managed_source_goes_on_and_ends_when_it_is_removed(self):
        self.configure(allow_source=False, refresh_interval="1s")
        gateway = self.start()
        self.fine(gateway, "branch", "source", "add", "ops", str(self.directory / "ops"), "--managed")
        password = (self.directory / "data/branches/source-password-ops").read_text().strip()
        self.assertEqual(len(self.servers()), 1)
        gateway.stop()
        running = self.servers()
        self.assertEqual(len(running), 1)
        gateway = self.start()
        self.addCleanup(gateway.stop)
        made = self.ask(gateway, "postgres", "night", "SELECT 1", password, "-c prism.from=ops")
        self.assertEqual(made.stdout.strip(), "1", made.stderr)
        self.assertEqual(running.items() - self.servers().items(), set())
        self.fine(gateway, "branch", "delete", "night", "--force", "--yes")
        self.fine(gateway, "branch", "source", "remove", "ops", "--force", "--yes")
        self.assertEqual(self.servers(), {})
        self.assertTrue((self.directory / "ops/PG_VERSION").exists())


if __name__ == "__main__":
    BranchingCase.program = sys.argv.pop(1)
    if os.geteuid() == 0:
        own_mounts()
    unittest.main()
