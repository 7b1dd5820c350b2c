"""Branches of PostgreSQL by the real program: psql makes them, a restart keeps them running, idle ones stop and wake.

usage: branching_test.py PROGRAM [unittest arguments]

As root it makes a file system of its own, which goes with the mounts of this process.
"""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from branching_case import CLEAN, PASSWORD, BranchingCase, psql  # noqa: E402
from mounts import own_mounts  # noqa: E402
from postgres import Postgres  # noqa: E402
from prism_gateway import Gateway, wait_for  # noqa: E402

def read_json(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:
            return reply.status, reply.headers["content-type"], json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, error.headers["content-type"], json.load(error)


def readiness(gateway):
    try:
        with urllib.request.urlopen(f"http://{gateway.admin}/readyz?verbose", timeout=10) as reply:
            return reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


def ping(gateway):
    host, port = gateway.postgres.rsplit(":", 1)
    done = subprocess.run(["pg_isready", "-h", host, "-p", port], env=CLEAN, capture_output=True, text=True, timeout=60)
    return done.stdout.strip().split(" - ")[-1]


def read_metrics(gateway):
    with urllib.request.urlopen(f"http://{gateway.admin}/metrics", timeout=10) as reply:
        return reply.read().decode()


class BranchingTest(BranchingCase):
    def test_a_warm_server_takes_the_name(self):
        self.configure(warm_pool=1)
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        wait_for(lambda: "prism_branch_spares 1\n" in read_metrics(gateway))
        spare = self.servers()
        self.assertEqual(len(spare), 1)
        self.assertEqual(self.answer(gateway, "named", "SHOW prism.branch"), "named")
        self.assertEqual(spare.items() - self.servers().items(), set())
        wait_for(lambda: "prism_branch_spares 1\n" in read_metrics(gateway))
        gateway.stop()
        self.assertEqual(self.servers(), spare)  # its branch has a name by now; the next spare has none, and ends

    def test_two_branches_are_isolated_and_listed(self):
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.answer(gateway, "one", "CREATE TABLE t(x int); INSERT INTO t VALUES (1)")
        self.answer(gateway, "two", "CREATE TABLE t(x int); INSERT INTO t VALUES (2)")
        self.assertEqual(self.answer(gateway, "one", "SELECT sum(x) FROM t"), "1")
        self.assertEqual(self.answer(gateway, "two", "SELECT sum(x) FROM t"), "2")
        self.assertEqual(self.answer(gateway, "one", "SHOW prism.branch"), "one")
        for address in (gateway.admin, self.control):
            status, kind, page = read_json(f"http://{address}/branches")
            self.assertEqual((status, kind, sorted(page)), (200, "application/json", ["one", "two"]))
            for moment in page.values():
                self.assertRegex(moment, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(read_json(f"http://{self.control}/config")[0], 404)
        metrics = read_metrics(gateway)
        self.assertIn('prism_branches{state="running"} 2', metrics)
        guide = (pathlib.Path(__file__).resolve().parents[2] / "docs/guides/observing.md").read_text()
        told = set(re.findall(r"^\| `(prism_branch[a-z_]*)` \|", guide, re.MULTILINE))
        self.assertEqual(told, set(re.findall(r"^# TYPE (prism_branch[a-z_]*) ", metrics, re.MULTILINE)))
        for line in ('prism_branch_entry_duration_seconds_count{way="new"} 2',
                     'prism_branch_entry_duration_seconds_count{way="running"} 3',
                     'prism_branch_source_failing{source="source"} 0'):
            self.assertIn(line + "\n", metrics)
        copied = float(re.search(r'prism_branch_source_timestamp_seconds\{source="source"\} (\S+)', metrics)[1])
        self.assertLess(abs(time.time() - copied), 60)
        for of in ("store", "disk"):
            self.assertGreater(int(re.search(rf'prism_branch_store_free_bytes\{{of="{of}"\}} (\d+)', metrics)[1]), 1 << 20)
        self.assertGreaterEqual(int(re.search(r"prism_branch_connections_accepted_total (\d+)", metrics)[1]), 5)
        with urllib.request.urlopen(f"http://{gateway.admin}/readyz?verbose", timeout=10) as reply:
            self.assertIn("[+] branches ok", reply.read().decode())
        self.assertIn("user=postgres@my-branch", gateway.output())

    def test_a_stranger_makes_no_branch(self):
        self.configure(auto_create=["pr-*", {"users": ["ci"], "names": ["ci-*"]}, {"users": ["post*"], "names": ["own-*"]}])
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        wrong = psql(gateway.postgres, "pr-1", "SELECT 1", password="wrong")
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("password authentication failed", wrong.stderr)
        for name in ("typo", "ci-1"):
            other = psql(gateway.postgres, name, "SELECT 1")
            self.assertIn("connecting may not create it", other.stderr)
        self.assertEqual(read_json(f"http://{self.control}/branches")[2], {})
        self.assertEqual(self.answer(gateway, "pr-1", "SELECT 1"), "1")
        self.assertEqual(self.answer(gateway, "own-1", "SELECT 1"), "1")
        self.assertEqual(sorted(read_json(f"http://{self.control}/branches")[2]), ["own-1", "pr-1"])

    def test_branches_are_administered_on_the_command_line(self):
        gateway = self.gateway()
        self.addCleanup(gateway.stop)

        def prism(*arguments):
            return subprocess.run([self.program, "--admin-server", gateway.admin, *arguments], env=CLEAN,
                                  capture_output=True, text=True, timeout=60)

        wait_for(lambda: read_json(f"http://{self.control}/branches")[0] == 200)
        made = prism("branch", "create", "staged")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn("BRANCH_EXISTS", prism("branch", "create", "staged").stderr)
        host, port = gateway.postgres.rsplit(":", 1)
        url = prism("branch", "url", "staged", "--host", host, "--port", port).stdout.strip()
        asked = subprocess.run(["psql", "-XAtqw", "-c", "CREATE TABLE t AS SELECT 7 AS x", url],
                               env=CLEAN | {"PGPASSWORD": PASSWORD}, capture_output=True, text=True, timeout=60)
        self.assertEqual(asked.returncode, 0, asked.stderr)
        listed = prism("branch", "list", "-o", "json").stdout
        self.assertEqual([json.loads(line)["name"] for line in listed.splitlines()], ["staged"])

        child = prism("branch", "create", "child", "--from", "staged")
        self.assertIn("made of staged", child.stdout, child.stderr)
        self.assertEqual(self.answer(gateway, "child", "SELECT x FROM t"), "7")
        self.assertIn("BRANCH_HAS_CHILDREN", prism("branch", "delete", "staged", "--force", "--yes").stderr)
        self.assertEqual(prism("branch", "delete", "child", "--force", "--yes").returncode, 0)
        self.assertIn("PARENT_NOT_FOUND", prism("branch", "create", "orphan", "--from", "nobody").stderr)
        taken = prism("branch", "snapshot", "staged", "--name", "first")
        self.assertEqual(taken.returncode, 0, taken.stderr)
        self.answer(gateway, "staged", "UPDATE t SET x = 8")
        self.assertEqual(prism("branch", "create", "old", "--from", "staged@first").returncode, 0)
        self.assertEqual(self.answer(gateway, "old", "SELECT x FROM t"), "7")
        self.assertIn("SNAPSHOT_EXISTS", prism("branch", "snapshot", "staged", "--name", "first").stderr)
        self.assertIn("TIME_BEFORE_OLDEST",
                      prism("branch", "create", "older", "--from", "2001-01-01T00:00:00Z").stderr)
        self.assertEqual(prism("branch", "reset", "old", "--force", "--yes").returncode, 0)
        self.assertEqual(self.answer(gateway, "old", "SELECT x FROM t"), "8")
        kept = json.loads(prism("branch", "snapshots", "old", "-o", "json").stdout.splitlines()[0])
        self.assertTrue(kept["name"].startswith("before-reset-") and kept["automatic"], kept)
        self.assertEqual(prism("branch", "restore", "old", kept["name"], "--force", "--yes").returncode, 0)
        self.assertEqual(self.answer(gateway, "old", "SELECT x FROM t"), "7")
        self.assertEqual(prism("branch", "delete-snapshot", "old", kept["name"], "--yes").returncode, 0)
        self.assertEqual(prism("branch", "restore", "staged", "first", "--force", "--yes").returncode, 0)
        self.assertEqual(prism("branch", "delete", "old", "--force", "--yes").returncode, 0)
        self.assertEqual(self.answer(gateway, "staged", "SELECT x FROM t"), "7")
        self.assertIn("database system is ready", prism("branch", "logs", "staged").stdout)
        renamed = prism("branch", "rename", "staged", "shop")
        self.assertEqual(renamed.returncode, 0, renamed.stderr)
        self.assertEqual(prism("branch", "rename", "shop", "staged").returncode, 0)
        self.assertEqual(prism("branch", "stop", "staged", "--force").stdout, "branch staged: stopped\n")
        self.assertEqual(self.answer(gateway, "staged", "SELECT x FROM t"), "7")
        stopped = prism("branch", "stop", "--all", "--force")
        self.assertEqual((stopped.returncode, self.servers()), (0, {}), stopped.stderr)
        self.assertIn("branch staged: stopped", stopped.stdout)
        self.assertIn("BAD_USAGE", prism("branch", "stop").stderr)
        self.assertIn("protected", prism("branch", "protect", "staged").stdout)
        self.assertIn("BRANCH_PROTECTED", prism("branch", "delete", "staged", "--force", "--yes").stderr)
        self.assertEqual(prism("branch", "unprotect", "staged").returncode, 0)
        self.assertRegex(prism("branch", "expire", "staged", "2h").stdout, r"expires at \d{4}-")
        self.assertIn("expire_time", json.loads(prism("branch", "get", "staged", "-o", "json").stdout))
        self.assertIn("does not expire", prism("branch", "expire", "staged", "never").stdout)
        self.assertEqual(prism("branch", "expire", "staged", "soon").returncode, 2)

        deleted = prism("branch", "delete", "staged", "--force", "--yes")
        self.assertEqual(deleted.returncode, 0, deleted.stderr)
        refused = psql(gateway.postgres, "staged", "SELECT 1")
        self.assertIn("deleted", refused.stderr)
        self.assertEqual(read_json(f"http://{self.control}/branches")[2], {})
        back = prism("branch", "undelete", "staged")
        self.assertEqual(back.returncode, 0, back.stderr)
        self.assertEqual(self.answer(gateway, "staged", "SELECT x FROM t"), "7")
        audit = prism("audit", "list").stdout
        for method in ("Create", "Delete", "Undelete", "Rename", "Update"):
            self.assertIn(f"BranchAdmin/{method}", audit)

    def test_servers_go_on_when_prism_ends_in_any_way(self):
        gateway = self.gateway()
        self.answer(gateway, "kept", "CREATE TABLE t(x int); INSERT INTO t VALUES (7)")
        before = self.servers()
        self.assertEqual(len(before), 1)
        self.assertEqual(gateway.stop(), 0, gateway.output())
        gateway = self.gateway()
        self.assertEqual(self.answer(gateway, "kept", "SELECT x FROM t"), "7")
        self.assertEqual(self.servers(), before)
        gateway.kill()
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.assertEqual(self.answer(gateway, "kept", "SELECT x FROM t"), "7")
        self.assertEqual(self.servers(), before)

    def test_an_idle_branch_stops_and_wakes(self):
        self.configure(idle_timeout="1s")
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.answer(gateway, "naps", "CREATE TABLE t(x int); INSERT INTO t VALUES (3)")
        wait_for(lambda: not self.servers())
        self.assertEqual(list(read_json(f"http://{self.control}/branches")[2]), ["naps"])
        self.assertEqual(self.answer(gateway, "naps", "SELECT x FROM t"), "3")

    def test_a_control_port_that_is_taken_is_a_warning(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            self.configure(control_listen=f"127.0.0.1:{other.getsockname()[1]}")
            gateway = self.gateway()
            self.addCleanup(gateway.stop)
            self.assertIn("branching.control_listen is taken", gateway.output())
            wait_for(lambda: read_json(f"http://{gateway.admin}/branches")[0] == 200)
            self.assertEqual(read_json(f"http://{gateway.admin}/branches")[2], {})

    def test_a_dump_is_a_source(self):
        with Postgres() as server:
            for query in ("CREATE ROLE ann LOGIN PASSWORD 'hers'", "CREATE TABLE things AS SELECT 42 AS id",
                          "ALTER TABLE things OWNER TO ann"):
                subprocess.run(["psql", "-XAtq", "-c", query, server.conninfo], env=CLEAN, check=True, timeout=60)
            whole, one = self.directory / "all.sql", self.directory / "one.dump"
            environment = CLEAN | {"PGPASSWORD": PASSWORD}
            subprocess.run(["pg_dumpall", "-f", whole, "-d", server.conninfo], env=environment, check=True, timeout=60)
            subprocess.run(["pg_dump", "-Fc", "-f", one, "-d", server.conninfo], env=environment, check=True, timeout=60)
        secret = self.directory / "secret"
        secret.write_text(PASSWORD + "\n")
        owned = "SELECT tableowner FROM pg_tables WHERE tablename = 'things'"
        for source, owner in (({"dump": str(whole)}, "ann"),
                              ({"dump": str(one), "password": f"${{file:{secret}}}"}, "postgres")):
            with self.subTest(source=source):
                self.configure(source=source)
                gateway = self.gateway()
                try:
                    self.assertEqual(self.answer(gateway, f"of-{owner}", "SELECT id FROM things"), "42")
                    self.assertEqual(self.answer(gateway, f"of-{owner}", owned), owner)
                    with urllib.request.urlopen(f"http://{gateway.admin}/config", timeout=10) as reply:
                        self.assertNotIn(PASSWORD + "\"", reply.read().decode())
                finally:
                    gateway.stop()

    def test_a_restart_serves_what_there_is_while_the_source_is_copied(self):
        secret = self.directory / "secret"
        secret.write_text(PASSWORD + "\n")
        dump = self.directory / "shop.sql"
        script = "-- PostgreSQL database dump\n\n{}\n-- PostgreSQL database dump complete\n"
        dump.write_text(script.format("CREATE TABLE things AS SELECT 42 AS id;"))
        self.configure(source={"dump": str(dump), "password": f"${{file:{secret}}}"}, warm_pool=1)
        gateway = self.gateway()
        self.answer(gateway, "kept", "CREATE TABLE t AS SELECT 7 AS x")
        gateway.stop()

        dump.write_text(script.format("SELECT pg_sleep(10);\nCREATE TABLE things AS SELECT 43 AS id;"))
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        wait_for(lambda: gateway.output().count("generation_begins") == 2)
        self.assertEqual(self.answer(gateway, "kept", "SELECT x FROM t"), "7")
        self.assertEqual(self.answer(gateway, "of-before", "SELECT id FROM things"), "42")
        self.assertIn("[+] branches ok", readiness(gateway))
        self.assertEqual(gateway.output().count("generation_ready"), 1)
        tries = iter(range(1000))
        wait_for(lambda: self.answer(gateway, f"after-{next(tries)}", "SELECT id FROM things") == "43", 60, 0.5)
        self.assertEqual(self.answer(gateway, "of-before", "SELECT id FROM things"), "42")

    def test_who_comes_before_there_is_a_first_state_is_told(self):
        secret = self.directory / "secret"
        secret.write_text(PASSWORD + "\n")
        dump = self.directory / "slow.sql"
        dump.write_text("-- PostgreSQL database dump\n\nSELECT pg_sleep(60);\n-- PostgreSQL database dump complete\n")
        self.configure(source={"dump": str(dump), "password": f"${{file:{secret}}}"}, hold_timeout="1s")
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        told = psql(gateway.postgres, "a", "SELECT 1").stderr
        self.assertIn("FATAL:  the database system is starting up\nHINT:  ", told)
        self.assertNotIn("branches are ready", gateway.output())
        self.assertIn("preparing the first state", readiness(gateway))

    def test_a_managed_source_is_made_and_followed(self):
        self.configure(source={"managed": str(self.directory / "source")}, allow_source=True, refresh_interval="1s")
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        file = self.directory / "data/branches/source-password"
        wait_for(lambda: "branches are ready" in gateway.output())
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertIn(str(file), gateway.output())
        password = file.read_text().strip()
        host, port = gateway.postgres.rsplit(":", 1)

        def ask(user, query):
            return subprocess.run(["psql", "-XAtqw", "-c", query, f"host={host} port={port} user={user} dbname=postgres"],
                                  env=CLEAN | {"PGPASSWORD": password}, capture_output=True, text=True, timeout=60)

        # Who names no branch is in the source.
        made = ask("postgres", "CREATE TABLE ideas AS SELECT 7 AS id")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual(ask("postgres@source", "SELECT id FROM ideas").stdout.strip(), "7")
        tries = iter(range(1000))
        wait_for(lambda: ask(f"postgres@try-{next(tries)}", "SELECT id FROM ideas").stdout.strip() == "7")

    def test_a_source_that_runs_is_tried_again(self):
        with Postgres() as source:
            self.configure(source=str(source.data))
            gateway = self.gateway()
            self.addCleanup(gateway.stop)
            wait_for(lambda: "SOURCE_RUNNING" in readiness(gateway))
            told = psql(gateway.postgres, "a", "SELECT 1", password="wrong").stderr
            self.assertIn("nothing yet that branches could begin with (SOURCE_RUNNING)", told)
            self.assertNotIn(str(source.data), told)
            self.assertEqual(ping(gateway), "rejecting connections")
            source.stop()
            wait_for(lambda: psql(gateway.postgres, "a", "SELECT 1").returncode == 0)
            self.assertEqual(gateway.output().count("no branches can be made"), 1)

    def test_mistakes_are_told_at_the_start(self):
        for more, reason in (({"source": "/nowhere"}, "BRANCH_SOURCE"), ({"source": {"dump": "/nowhere"}}, "BRANCH_SOURCE"),
                             ({"source": {"dump": __file__, "password": "${env:NOT_SET}"}}, "SECRET_UNAVAILABLE"),
                             ({"allow_source": True}, "BRANCHING_OPTIONS"), ({"user": "no-such-user"}, "USER_NOT_FOUND"),
                             ({"pg_bin_dirs": [str(self.directory)]}, "POSTGRES_NOT_FOUND")):
            self.configure(**more)
            with self.subTest(reason=reason), self.assertRaisesRegex(RuntimeError, reason):
                self.gateway()


if __name__ == "__main__":
    BranchingCase.program = sys.argv.pop(1)
    if os.geteuid() == 0:
        own_mounts()
    unittest.main()
