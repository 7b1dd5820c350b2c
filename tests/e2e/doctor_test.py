"""`prism doctor`: what it says of branches that are well, of leftovers and of losses, and what it puts right.

usage: doctor_test.py PROGRAM [unittest arguments]

As root it makes a file system of its own, which goes with the mounts of this process.
"""

import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from branching_case import CLEAN, BranchingCase  # noqa: E402
from mounts import own_mounts  # noqa: E402
from postgres import Postgres  # noqa: E402
from prism_gateway import wait_for  # noqa: E402


class DoctorTest(BranchingCase):
    def doctor(self, *arguments, code=0, prefix=()):
        done = subprocess.run([*prefix, self.program, "doctor", "--config", str(self.directory / "prism.yaml"), "--data-dir",
                               str(self.directory / "data"), "-o", "json", *arguments],
                              env=CLEAN, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr if not done.stdout else {
            finding["about"]: finding for finding in json.loads(done.stdout)["findings"]}

    def branch(self, gateway, *arguments):
        return subprocess.run([self.program, "--admin-server", gateway.admin, "branch", *arguments], env=CLEAN,
                              capture_output=True, text=True, timeout=60)

    def unwell(self, findings):
        return sorted(about for about, finding in findings.items() if finding["health"] == "unwell")

    def volume(self, branch):
        with sqlite3.connect(self.directory / "data/branches/branches.db") as journal:
            (name,) = journal.execute("SELECT volume FROM branches WHERE name = ?", [branch]).fetchone()
        return name

    def test_what_keeps_servers_apart(self):
        findings = self.doctor()
        self.assertIn("their own files, processes and network", findings["walls"]["says"])
        self.assertEqual(findings["limits"]["says"], "each server may have 1.00 GiB of memory and 1024 processes")
        if os.geteuid() != 0:
            return
        self.directory.chmod(0o755)
        findings = self.doctor(prefix=("setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"))
        self.assertEqual(findings["limits"]["health"], "note")
        self.assertRegex(findings["limits"]["says"], r"can't limit its servers: memory: making .*/probe-\d+: Permission denied")
        self.assertIn("branches.conf", findings["limits"]["advice"])

    def test_before_the_first_start(self):
        findings = self.doctor()
        self.assertIn(f"{self.source.data}: PostgreSQL 15, stopped", findings["source"]["says"])
        self.assertIn("is not there yet", findings["store"]["says"])
        self.assertEqual(findings["journal"]["says"], "there are no branches yet")
        self.assertFalse((self.directory / "data").exists(), "it made something")

    def test_what_the_machine_lacks(self):
        self.configure(source=str(self.directory))
        self.assertIn("NOT_A_DATA_DIRECTORY", self.doctor(code=1)["source"]["says"])
        self.configure(source={"dump": str(self.directory / "prism.yaml"), "password": "${env:A}"})
        self.assertIn("NOT_A_DUMP", self.doctor(code=1)["source"]["says"])
        self.configure(source={"managed": str(self.directory / "none")})
        self.assertIn("there is none yet", self.doctor()["source"]["says"])
        self.configure(pg_bin_dirs=[str(self.directory)])
        self.assertIn("POSTGRES_NOT_FOUND", self.doctor(code=1)["postgres"]["says"])

    def test_text_that_sorts_otherwise_here(self):
        with Postgres() as source:
            made_elsewhere = "UPDATE pg_database SET datcollversion = '2.0' WHERE datname IN ('postgres', 'template1')"
            subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", made_elsewhere, source.conninfo], env=CLEAN,
                           check=True, timeout=60)
            source.stop()
            self.configure(source=str(source.data))
            gateway = self.gateway()
            self.addCleanup(gateway.stop)
            self.assertEqual(self.answer(gateway, "a", "SELECT 1"), "1")
            warned = [line for line in gateway.output().splitlines() if "collation_version_differs" in line]
            self.assertEqual(len(warned), 1)
            self.assertLessEqual({"source": "source", "databases": 2, "database": "postgres", "recorded": "2.0"}.items(),
                                 json.loads(warned[0]).items())
            told = self.doctor()["collations of source"]
            self.assertEqual(told["health"], "note")
            self.assertIn('database "postgres" and 1 more had version 2.0', told["says"])
            self.assertIn("REFRESH COLLATION VERSION", told["advice"])

    def test_beside_a_server_and_after_its_death(self):
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.answer(gateway, "a", "CREATE TABLE mine AS SELECT 7 AS x")
        findings = self.doctor()
        self.assertIn("1 branch, 0 deleted ones, 0 snapshots, 1 generation, 0 spares", findings["journal"]["says"])
        self.assertIn("a server works with them", findings["journal"]["says"])
        self.assertEqual((findings["logins"]["health"], findings["logins"]["says"]), ("fine", "1 role can log in"))
        self.assertIn("STORE_LOCKED", self.doctor("--repair", code=1))
        servers = self.servers()
        gateway.kill()
        self.doctor("--repair")
        self.assertEqual(self.servers(), servers)  # they are nobody's leftovers
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.assertEqual(self.answer(gateway, "a", "SELECT x FROM mine"), "7")

    def test_servers_in_advance_are_no_news(self):
        self.configure(warm_pool=2)
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        if os.geteuid() == 0:  # else branches are copies, and none are made in advance
            wait_for(lambda: len(self.servers()) == 2)
        kinds = {about.split(" ")[0] for about in self.doctor()}
        self.assertNotIn("spare", kinds)
        self.assertEqual(gateway.stop(), 0)
        self.assertEqual(self.servers(), {})
        self.assertIn(", 0 spares", self.doctor()["journal"]["says"])

    def test_leftovers_and_losses(self):
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.answer(gateway, "kept", "CREATE TABLE mine AS SELECT 7 AS x")
        self.answer(gateway, "bare", "CREATE TABLE mine AS SELECT 8 AS x")
        volumes = self.directory / "data/branches/store/volumes"
        gateway.stop()
        self.end_servers_only()
        kept, bare = self.volume("kept"), self.volume("bare")
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        wait_for(lambda: self.branch(gateway, "snapshot", "kept", "--name", "monday").returncode == 0)  # when it is ready
        gateway.kill()
        for lost in (kept, bare):
            subprocess.run(["rm", "-r", str(volumes / lost)], check=True)
        (volumes / "stray").mkdir()
        (volumes / ".prism-tmp-1-x").mkdir()
        (self.directory / "data/branches/run/b-gone").mkdir()
        findings = self.doctor(code=1)
        self.assertEqual(self.unwell(findings), ["branch bare", "branch kept", "run directory b-gone", "store"])
        self.assertIn("newest snapshot", findings["branch kept"]["advice"])
        self.assertEqual(self.unwell(self.doctor(code=1)), self.unwell(findings))  # looking changes nothing
        repaired = self.doctor("--repair")
        self.assertEqual(repaired["volume stray"]["health"], "note")
        self.assertTrue((volumes / "stray").is_dir())
        self.assertFalse((volumes / ".prism-tmp-1-x").exists())
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.assertEqual(self.answer(gateway, "kept", "SELECT x FROM mine"), "7")
        self.assertEqual(self.answer(gateway, "bare", "SELECT to_regclass('mine') IS NULL"), "t")


if __name__ == "__main__":
    BranchingCase.program = sys.argv.pop(1)
    if os.geteuid() == 0:
        own_mounts()
    unittest.main()
