"""A gateway with branches of a PostgreSQL of its own, and what is left of its servers ended with the test."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "servers"))
from branch_servers import end_servers, kill_servers, servers  # noqa: E402
from postgres import PASSWORD, Postgres  # noqa: E402
from prism_gateway import Gateway  # noqa: E402

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PRISM_", "PG"))}


def psql(address, branch, query, password=PASSWORD):
    host, port = address.rsplit(":", 1)
    return subprocess.run(
        ["psql", "-X", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-c", query,
         f"host={host} port={port} user=postgres@{branch} dbname=postgres"],
        env=CLEAN | {"PGPASSWORD": password}, capture_output=True, text=True, timeout=60)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class BranchingCase(unittest.TestCase):
    program = None  # of the command line

    @classmethod
    def setUpClass(cls):
        # Stopped and never started: what a template is.
        cls.source = Postgres()
        cls.addClassCleanup(cls.source._own.cleanup)

    def setUp(self):
        self.own = tempfile.TemporaryDirectory(prefix="prism-branching-", ignore_cleanup_errors=True)
        self.addCleanup(self.own.cleanup)
        self.directory = pathlib.Path(self.own.name)
        self.addCleanup(end_servers, self.directory / "data")
        self.control = f"127.0.0.1:{free_port()}"
        self.configure()

    def configure(self, **more):
        section = {"source": str(self.source.data), "listen": "127.0.0.1:0", "control_listen": self.control,
                   "storage": {"size": "1GiB"}, "warm_pool": 0} | more
        (self.directory / "prism.yaml").write_text(json.dumps({"branching": section}))

    def gateway(self, *options, prefix=()):
        gateway = Gateway(self.program, "--config", str(self.directory / "prism.yaml"), *options, data_dir=self.directory,
                          prefix=prefix)
        gateway.start()
        gateway.postgres = json.loads((self.directory / "ready.json").read_text())["postgres"]
        return gateway

    def servers(self):
        return servers(self.directory / "data")

    def end_servers_only(self):
        kill_servers(self.directory / "data")

    def answer(self, gateway, branch, query):
        result = psql(gateway.postgres, branch, query)
        self.assertEqual(result.returncode, 0, result.stderr + gateway.output())
        return result.stdout.strip().splitlines()[-1]
