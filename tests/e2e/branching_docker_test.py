"""Branches whose servers run in containers: all that branching_test.py asks of branches, and what only containers have.

usage: docker.py branching_docker_test.py PROGRAM [unittest arguments]

tests/servers/docker.py runs it beside an engine of its own.
"""

import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import branching_test  # noqa: E402
from branching_test import wait_for  # noqa: E402

DOCKER = {"runtime": "docker", "docker_socket": os.environ["PRISM_TEST_DOCKER"], "image": os.environ["PRISM_TEST_IMAGE"]}


def docker(*arguments):
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True, timeout=60).stdout


def containers():
    """Those of Prism, ended ones too."""
    return docker("ps", "--all", "--quiet", "--filter", "label=prism.home").split()


class BranchingDockerTest(branching_test.BranchingTest):
    def configure(self, **more):
        super().configure(**(DOCKER | more))

    def end_servers(self):
        super().end_servers()
        wait_for(lambda: not containers())

    def test_a_restart_finds_the_containers(self):
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.answer(gateway, "kept", "CREATE TABLE t(x int); INSERT INTO t VALUES (7)")
        begun = self.answer(gateway, "kept", "SELECT pg_postmaster_start_time()")
        container = containers()
        self.assertEqual(len(container), 1)
        self.assertEqual(docker("inspect", "--format", "{{.HostConfig.NetworkMode}}", *container), "none\n")
        for end in ("stop", "kill"):
            getattr(gateway, end)()
            self.assertIn(container[0], containers())
            gateway = self.gateway()
            self.addCleanup(gateway.stop)
            self.assertEqual(self.answer(gateway, "kept", "SELECT pg_postmaster_start_time()"), begun)
        self.assertEqual(self.answer(gateway, "kept", "SELECT x FROM t"), "7")
        # A look at the source, which the kill may have cut short, leaves nothing.
        wait_for(lambda: containers() == container)

    def test_somebody_removes_a_container(self):
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.answer(gateway, "one", "CREATE TABLE t(x int); INSERT INTO t VALUES (1)")
        docker("rm", "--force", *containers())
        wait_for(lambda: 'prism_branches{state="running"} 0' in branching_test.read_metrics(gateway))
        self.assertEqual(self.answer(gateway, "one", "SELECT x FROM t"), "1")

    def test_mistakes_are_told_at_the_start(self):
        for more, reason in (({"image": "postgres:0"}, "IMAGE_NOT_FOUND"), ({"network": "far"}, "NETWORK_NOT_FOUND"),
                             ({"docker_socket": "/nowhere.sock"}, "DOCKER_UNREACHABLE"),
                             ({"pg_bin_dirs": ["/usr"]}, "BRANCHING_OPTIONS")):
            self.configure(**more)
            with self.subTest(reason=reason), self.assertRaisesRegex(RuntimeError, reason):
                self.gateway()

    def refuses(self, source):
        self.configure(source=source)
        with self.assertRaisesRegex(RuntimeError, "BRANCHING_OPTIONS: branching.runtime: docker needs a stopped data directory"):
            self.gateway()

    # What programs of this machine would have to load or run.
    def test_a_dump_is_a_source(self):
        self.refuses({"dump": str(self.directory / "all.sql")})

    def test_a_restart_serves_what_there_is_while_the_source_is_copied(self):
        self.refuses({"dump": str(self.directory / "all.sql")})

    def test_who_comes_before_there_is_a_first_state_is_told(self):
        self.refuses({"dump": str(self.directory / "all.sql")})

    def test_a_managed_source_is_made_and_followed(self):
        self.refuses({"managed": str(self.directory / "source")})

    def doctor(self):
        """What it finds of the engine."""
        done = subprocess.run(
            [self.program, "doctor", "--config", str(self.directory / "prism.yaml"), "--data-dir", str(self.directory / "data"),
             "-o", "json"], env=branching_test.CLEAN, capture_output=True, text=True, timeout=60, check=False)
        findings = {finding["about"]: finding for finding in json.loads(done.stdout)["findings"]}
        self.assertNotIn("walls", findings)
        return findings["docker"]

    def test_the_doctor_looks_at_the_engine(self):
        found = self.doctor()
        self.assertEqual(found["health"], "fine", found)
        self.assertIn("sha256:", found["says"])
        self.configure(image="postgres:0")
        found = self.doctor()
        self.assertEqual(found["health"], "unwell", found)
        self.assertIn("docker pull postgres:0", found["says"])

    def test_data_of_another_major_are_refused(self):
        version = self.source.data / "PG_VERSION"
        self.addCleanup(version.write_text, version.read_text())
        version.write_text("14\n")
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        wait_for(lambda: "POSTGRES_MAJOR_MISSING" in gateway.output())
        self.assertIn("name an image of PostgreSQL 14", gateway.output())


if __name__ == "__main__":
    BranchingDockerTest.program = sys.argv.pop(1)
    unittest.main()
