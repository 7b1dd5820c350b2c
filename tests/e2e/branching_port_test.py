"""The PostgreSQL port as operators meet it: how it is drained, and who stands in front of it, who is let in, and
names of hosts that stand for branches.

usage: branching_port_test.py PROGRAM [unittest arguments]
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from branching_case import CLEAN, PASSWORD, BranchingCase, psql  # noqa: E402
from mounts import own_mounts  # noqa: E402
from postgres import Postgres  # noqa: E402
from postgres_wire import Connection, Refused, startup  # noqa: E402
from prism_gateway import wait_for  # noqa: E402
from tls_files import Authority  # noqa: E402

# For a client at 192.0.2.1:12345 (PROXY protocol, section 2.2).
INTRODUCTION = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes([192, 0, 2, 1, 127, 0, 0, 1, 0x30, 0x39, 0x15, 0x38])


class Psql:
    """A psql that is typed into."""

    def __init__(self, case, gateway, branch, name):
        host, port = gateway.postgres.rsplit(":", 1)
        self.output = case.directory / f"{name}.log"
        with open(self.output, "wb") as log:
            self.process = subprocess.Popen(
                ["psql", "-XAtw", "-v", "VERBOSITY=verbose", f"host={host} port={port} user=postgres@{branch} dbname=postgres"],
                env=CLEAN | {"PGPASSWORD": PASSWORD}, stdin=subprocess.PIPE, stdout=log, stderr=log)
        case.addCleanup(self.finish)

    def type(self, line, answer=None):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        if answer is not None:
            wait_for(lambda: re.search(answer, self.said(), re.MULTILINE))

    def said(self):
        return self.output.read_text()

    def finish(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(30)
        return self.said()


class DrainTest(BranchingCase):
    def clients(self, gateway):
        with urllib.request.urlopen(f"http://{gateway.admin}/metrics", timeout=10) as reply:
            return int(re.search(r"^prism_branch_clients (\d+)$", reply.read().decode(), re.MULTILINE)[1])

    def test_transactions_go_on_to_their_end(self):
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.answer(gateway, "kept", "CREATE TABLE t(x int)")
        idle, opened, running = (Psql(self, gateway, "kept", name) for name in ("idle", "opened", "running"))
        idle.type("SELECT 'here';", "here")
        opened.type("BEGIN; INSERT INTO t SELECT 1 FROM pg_advisory_xact_lock(1);", "^INSERT 0 1$")
        running.type("INSERT INTO t SELECT 2 FROM pg_advisory_lock(1);")
        wait_for(lambda: self.answer(gateway, "kept", "SELECT count(*) FROM pg_locks WHERE NOT granted") == "1")
        gateway.process.send_signal(signal.SIGTERM)
        wait_for(lambda: self.clients(gateway) == 2)
        self.assertIn("refused", psql(gateway.postgres, "kept", "SELECT 1").stderr)
        idle.type("SELECT 'still';")
        told = idle.finish()
        self.assertIn("FATAL:  57P01: terminating connection due to administrator command", told)
        self.assertNotIn("still", told)
        opened.type("INSERT INTO t VALUES (4); COMMIT;", "^COMMIT$")
        self.assertEqual(gateway.process.wait(30), 0)
        self.assertIn("INSERT 0 1", running.finish())
        self.assertNotIn("in flight", gateway.output())
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.assertEqual(self.answer(gateway, "kept", "SELECT sum(x) FROM t"), "7")

    def test_a_transaction_without_an_end_is_ended(self):
        gateway = self.gateway("--drain-timeout", "200ms")
        self.addCleanup(gateway.stop)
        opened = Psql(self, gateway, "kept", "opened")
        opened.type("BEGIN; CREATE TABLE t(x int);", "^CREATE TABLE$")
        gateway.process.send_signal(signal.SIGTERM)
        self.assertEqual(gateway.process.wait(30), 0)
        self.assertIn("stopping with calls in flight", gateway.output())
        opened.type("COMMIT;")
        self.assertIn("FATAL:  57P01: terminating connection due to administrator command", opened.finish())


class BalancerTest(BranchingCase):
    def test_a_trusted_one_says_who_its_client_is(self):
        self.configure(trusted_proxies=["2001:db8::/32", "127.0.0.0/8"])
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        hello = INTRODUCTION + startup("user", "postgres@dev", "database", "postgres")
        with Connection(gateway.postgres) as client:
            client.send(hello)
            client.log_in(PASSWORD)
            self.assertEqual(client.ask("SHOW prism.branch"), "dev")
        with Connection(gateway.postgres) as client:
            client.send(hello)
            with self.assertRaises(Refused):
                client.log_in("wrong")
        wait_for(lambda: '"peer":"192.0.2.1:12345","reason":"WRONG_PASSWORD"' in gateway.output())
        self.assertNotIn('"peer":"127.0.0.1', gateway.output())

    def test_nobody_else_does(self):
        self.configure(trusted_proxies=["10.0.0.0/8"])
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        with Connection(gateway.postgres) as client:
            client.send(INTRODUCTION + startup("user", "postgres@dev", "database", "postgres"))
            self.assertTrue(client.ended())
        wait_for(lambda: "BAD_PROXY_HEADER" in gateway.output())
        self.assertRegex(gateway.output(), '"peer":"127.0.0.1:[0-9]+","reason":"BAD_PROXY_HEADER"')
        self.assertNotIn("192.0.2.1", gateway.output())
        self.assertEqual(self.answer(gateway, "dev", "SHOW prism.branch"), "dev")

    def test_a_network_that_is_none_is_told_at_the_start(self):
        self.configure(trusted_proxies=["10.0.0.1/8"])
        with self.assertRaisesRegex(RuntimeError, 'trusted_proxies: "10.0.0.1/8" is no network'):
            self.gateway()


class LoginTest(BranchingCase):
    def test_the_password_that_the_source_has_counts(self):
        with Postgres() as source:
            for query in ("CREATE ROLE old LOGIN", "SET password_encryption = 'md5'; ALTER ROLE old PASSWORD 'hers'",
                          "CREATE ROLE bare LOGIN", "CREATE ROLE crew NOLOGIN PASSWORD 'theirs'"):
                subprocess.run(["psql", "-XAtq", "-c", query, source.conninfo], env=CLEAN, check=True, timeout=60)
            source.stop()
            self.configure(source=str(source.data))
            gateway = self.gateway()
            self.addCleanup(gateway.stop)
            host, port = gateway.postgres.rsplit(":", 1)

            def ask(user, password, database="postgres@dev"):
                return subprocess.run(
                    ["psql", "-XAtqw", "-c", "SELECT current_user", f"host={host} port={port} user={user} dbname={database}"],
                    env=CLEAN | {"PGPASSWORD": password}, capture_output=True, text=True, timeout=60)

            self.assertEqual(ask("old", "hers").stdout, "old\n", gateway.output())
            self.assertIn("name the branch in the database", ask("old@dev", "hers", "postgres").stderr)
            refusals = [ask(user, password).stderr.replace(user, "USER") for user, password in (
                ("old", "wrong"), ("postgres", "wrong"), ("bare", "x"), ("crew", "theirs"), ("nobody", "x"))]
            self.assertIn('FATAL:  password authentication failed for user "USER"', refusals[0])
            self.assertEqual(set(refusals), {refusals[0]})
            said = "1 of 3 roles can't log in, having no password: bare"
            self.assertRegex(gateway.output(), f'"event":"roles_without_password","source":"source",.*{said}')
            doctor = subprocess.run([self.program, "doctor", "--config", str(self.directory / "prism.yaml"), "--data-dir",
                                     str(self.directory / "data"), "-o", "json"],
                                    env=CLEAN, capture_output=True, text=True, timeout=60)
            (logins,) = [finding for finding in json.loads(doctor.stdout)["findings"] if finding["about"] == "logins"]
            self.assertEqual((logins["health"], logins["says"]), ("note", said))
            self.assertIn("ALTER ROLE", logins["advice"])


class HostNameTest(BranchingCase):
    def test_a_host_names_a_branch_over_tls(self):
        authority = Authority(self.directory)
        certificate, key = authority.make("server", "DNS:*.db.example.com")
        if os.geteuid() == 0:
            shutil.chown(key, os.stat(self.source.data).st_uid)  # whom the gateway becomes
        self.configure(domain="db.example.com")
        gateway = self.gateway("--tls-certificate", certificate, "--tls-key", key)
        self.addCleanup(gateway.stop)
        port = gateway.postgres.rsplit(":", 1)[1]

        def ask(host, more=""):
            return subprocess.run(
                ["psql", "-XAtqw", "-v", "VERBOSITY=verbose", "-c", "SHOW prism.branch",
                 f"host={host} hostaddr=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=verify-full "
                 f"sslrootcert={authority.ca} {more}"],
                env=CLEAN | {"PGPASSWORD": PASSWORD}, capture_output=True, text=True, timeout=60)

        for host, branch in (("pr-7.db.example.com", "pr-7"), ("Shop.DB.example.com", "shop")):
            named = ask(host)
            self.assertEqual((named.returncode, named.stdout), (0, branch + "\n"), named.stderr)
        self.assertIn("names no branch", ask("pr-7.db.example.com", "sslsni=0").stderr)


if __name__ == "__main__":
    BranchingCase.program = sys.argv.pop(1)
    if os.geteuid() == 0:
        own_mounts()
    unittest.main()
