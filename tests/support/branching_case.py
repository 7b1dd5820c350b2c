"""A gateway with branches of a PostgreSQL of its own, and what is left of its servers ended with the test."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "servers"))
from postgres import PASSWORD, Postgres  # noqa: E402
from prism_gateway import Gateway, wait_for  # noqa: E402

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
        self.addCleanup(self.end_servers)
        self.directory = pathlib.Path(self.own.name)
        self.control = f"127.0.0.1:{free_port()}"
        self.configure()

    def configure(self, **more):
        section = {"source": str(self.source.data), "listen": "127.0.0.1:0", "control_listen": self.control,
                   "storage": {"size": "1GiB"}, "warm_pool": 0} | more
        (self.directory / "prism.yaml").write_text(json.dumps({"branching": section}))

    def gateway(self):
        gateway = Gateway(self.program, "--config", str(self.directory / "prism.yaml"), data_dir=self.directory)
        gateway.start()
        gateway.postgres = json.loads((self.directory / "ready.json").read_text())["postgres"]
        return gateway

    def servers(self):
        """The postmasters of the branches that run, by the directories that they run in."""
        found = {}
        for lock in (self.directory / "data/branches/run").glob("*/lock"):
            number = lock.read_text().strip()
            # A number stays in the file when its process has gone, and the system gives it to another one.
            if number and os.path.exists(f"/proc/{number}/cmdline"):
                command = pathlib.Path(f"/proc/{number}/cmdline").read_bytes()
                if b"postgres" in command:
                    found[lock.parent.name] = int(number)
        return found

    def end_servers_only(self):
        for number in self.servers().values():
            os.kill(number, signal.SIGQUIT)
        wait_for(lambda: not self.servers())

    def end_servers(self):
        self.end_servers_only()
        subprocess.run(["umount", str(self.directory / "data/branches/store")], capture_output=True, check=False)

    def answer(self, gateway, branch, query):
        result = psql(gateway.postgres, branch, query)
        self.assertEqual(result.returncode, 0, result.stderr + gateway.output())
        return result.stdout.strip().splitlines()[-1]
