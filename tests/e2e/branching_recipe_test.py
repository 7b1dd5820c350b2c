"""The recipe for pull requests in docs/guides/branching.md: its configuration, and its job as a CI would run it.

usage: branching_recipe_test.py PROGRAM [unittest arguments]

As root it makes a file system of its own, which goes with the mounts of this process.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from branching_case import CLEAN, PASSWORD, BranchingCase  # noqa: E402
from mounts import own_mounts  # noqa: E402
from postgres import USER  # noqa: E402
from tls_files import Authority  # noqa: E402

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs/guides/branching.md"
SECRET = "of the job"


def block(kind):
    section = GUIDE.read_text().split("## A branch for each pull request\n")[1].split("\n## ")[0]
    [text] = re.findall(rf"^```{kind}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return text


class RecipeTest(BranchingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source.start()
        for command in (f"CREATE ROLE ci LOGIN PASSWORD '{SECRET}'", "CREATE DATABASE shop OWNER ci"):
            subprocess.run(["psql", "-Xqc", command, cls.source.conninfo], env=CLEAN, check=True, timeout=60)
        cls.source.stop()

    def setUp(self):
        super().setUp()
        authority = Authority(self.directory)
        certificate, key = authority.make("server", "DNS:db.example.com")
        if os.geteuid() == 0:
            shutil.chown(key, USER)  # who reads it when it is renewed
        config = block("yaml")
        for shown, here in (("/etc/prism/tls.crt", certificate), ("/etc/prism/tls.key", key),
                            ("/srv/postgres/shop", str(self.source.data))):
            self.assertIn(shown, config)
            config = config.replace(shown, here)
        (self.directory / "prism.yaml").write_text(config)
        self.prism = self.gateway(prefix=("env", "PRISM_BRANCH_LISTEN=127.0.0.1:0"))
        self.addCleanup(self.prism.stop)
        self.work = self.directory / "work"
        self.work.mkdir()
        shutil.copy(authority.ca, self.work / "ca.pem")
        (self.work / "migrations.sql").write_text("CREATE TABLE orders AS SELECT 7 AS number;")
        # What is tested; it knows its database by the URL alone.
        (self.work / "make").write_text('#!/bin/sh\nunset PGOPTIONS PGUSER PGDATABASE PGHOST\n'
                                        'psql "$DATABASE_URL" -XAtc "SELECT current_user, number, current_setting(\'prism.branch\') FROM orders"\n')
        (self.work / "make").chmod(0o755)

    def environment(self, **more):
        """Of a job that finds Prism at the name that its certificate has."""
        host, port = self.prism.postgres.rsplit(":", 1)
        return CLEAN | {"PATH": f"{self.work}:{CLEAN['PATH']}", "PGHOSTADDR": host, "PGPORT": port, "PGPASSWORD": SECRET,
                        "PGSSLROOTCERT": "ca.pem"} | more

    def job(self, number, run):
        done = subprocess.run(["bash", "-euc", block("bash")], cwd=self.work, text=True, timeout=60, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=self.environment(PR=str(number), RUN=str(run)))
        self.assertEqual(done.returncode, 0, done.stdout + self.prism.output())
        return done.stdout

    def refused(self, conninfo, **more):
        done = subprocess.run(["psql", "-Xc", "SELECT 1", conninfo], cwd=self.work, text=True, capture_output=True,
                              timeout=60, env=self.environment(**more))
        self.assertNotEqual(done.returncode, 0, done.stdout)
        return done.stderr

    def test_each_run_has_a_branch_of_its_own(self):
        told = self.job(17, 1)
        self.assertIn("NOTICE:  created pr-17-1 from source as of ", told)
        self.assertIn("\nci|7|pr-17-1\n", told)
        self.assertIn("\nci|7|pr-17-2\n", self.job(17, 2))  # its migrations met no table

    def test_nobody_else_makes_one_and_no_other_name(self):
        server = "host=db.example.com sslmode=verify-full dbname=postgres"
        self.assertIn("connecting may not create it", self.refused(f"{server} user=ci@main"))
        self.assertIn("connecting may not create it", self.refused(f"{server} user=postgres@pr-1-1", PGPASSWORD=PASSWORD))
        self.assertIn("password authentication failed", self.refused(f"{server} user=ci@pr-1-1", PGPASSWORD="another"))
        self.assertIn("encrypted connections only", self.refused(f"{server} user=ci@pr-1-1 sslmode=disable"))


if __name__ == "__main__":
    BranchingCase.program = sys.argv.pop(1)
    if os.geteuid() == 0:
        own_mounts()
    unittest.main()
