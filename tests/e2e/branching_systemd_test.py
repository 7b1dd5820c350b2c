"""Branches under systemd: the units of deploy/systemd, with this test in the place of the service manager.

usage: branching_systemd_test.py PROGRAM [unittest arguments]

Makes a file system of its own, which goes with the mounts of this process. Needs root.
"""

import configparser
import fcntl
import pathlib
import shlex
import shutil
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from branching_case import CLEAN, PASSWORD, BranchingCase  # noqa: E402
from mounts import own_mounts  # noqa: E402
from postgres import USER  # noqa: E402
from prism_gateway import Gateway  # noqa: E402

UNITS = pathlib.Path(__file__).resolve().parents[2] / "deploy/systemd"


def unit(name, section):
    parsed = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parsed.optionxform = str
    parsed.read(UNITS / name)
    return parsed[section]


class BranchingSystemdTest(BranchingCase):
    def socket(self, name, host="127.0.0.1"):
        """A listening socket of the service manager, and who it is for."""
        made = socket.create_server((host, 0), backlog=4096)
        self.addCleanup(made.close)
        above = socket.socket(fileno=fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, 10))  # what the program gets
        self.addCleanup(above.close)
        return name, above

    def launch(self, *sockets, prefix=()):
        """The program with these sockets as its descriptors from 3 on (sd_listen_fds(3))."""
        names, made = zip(*sockets, strict=True)
        move = " ".join(f"{3 + i}<&{one.fileno()}" for i, one in enumerate(made))
        script = f"exec {move}; LISTEN_PID=$$ LISTEN_FDS={len(made)} LISTEN_FDNAMES={':'.join(names)} exec \"$@\""
        gateway = Gateway(self.program, "--config", str(self.directory / "prism.yaml"), data_dir=self.directory,
                          prefix=(*prefix, "bash", "-c", script, "bash"), pass_fds=[one.fileno() for one in made])
        self.addCleanup(lambda: gateway.process and gateway.stop())
        return gateway.launch()

    def ask(self, listening, branch, query):
        """psql, which has connected at once and has its answer when somebody serves the socket."""
        asked = subprocess.Popen(
            ["psql", "-XAtqw", "-c", query, f"host=127.0.0.1 port={listening.getsockname()[1]} user=postgres@{branch} dbname=postgres"],
            env=CLEAN | {"PGPASSWORD": PASSWORD}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(asked.kill)
        return asked

    def told(self, asked):
        printed = asked.communicate(timeout=60)[0]
        self.assertEqual(asked.returncode, 0, printed)
        return printed.strip().splitlines()[-1]

    def test_a_restart_loses_neither_clients_nor_servers(self):
        # Only Prism itself is told to end.
        self.assertEqual(unit("prism.service", "Service")["KillMode"], "process")
        clients = self.socket(unit("prism.socket", "Socket")["FileDescriptorName"])
        postgres = self.socket(unit("prism-postgres.socket", "Socket")["FileDescriptorName"])
        gateway = self.launch(postgres, clients).await_ready()
        self.assertEqual(gateway.data, "127.0.0.1:%d" % clients[1].getsockname()[1])
        self.assertEqual(self.told(self.ask(postgres[1], "one", "SELECT 7")), "7")
        before = self.servers()
        self.assertEqual(len(before), 1)
        self.assertEqual(gateway.stop(), 0)
        asked = self.ask(postgres[1], "one", "SHOW prism.branch")
        self.launch(postgres, clients).await_ready()
        self.assertEqual(self.told(asked), "one")
        self.assertEqual(self.servers(), before)

    def test_the_store_is_made_and_mounted_for_a_user_without_root(self):
        added = unit("branches.conf", "Service")
        before = added["ExecStartPre"]
        self.assertTrue(before.startswith("+/usr/bin/prism "), before)
        self.assertEqual((added["User"], added["DynamicUser"]), ("prism", "no"))
        data = self.directory / "data"
        data.mkdir()  # StateDirectory=
        shutil.chown(data, USER)
        changed = {"/usr/bin/prism": self.program, "/var/lib/prism": str(data), "prism": USER}
        command = [changed.get(word, word) for word in shlex.split(before[1:])] + ["--size", "1GiB"]
        unprivileged = ("setpriv", "--reuid", USER, "--regid", "nogroup", "--clear-groups", "--no-new-privs", "--bounding-set=-all")
        postgres = self.socket("postgres")
        for _ in range(2):
            self.assertEqual(subprocess.run(command, env=CLEAN, capture_output=True, timeout=60).returncode, 0)
            gateway = self.launch(postgres, prefix=unprivileged).await_ready()
            self.assertEqual(self.told(self.ask(postgres[1], "one", "SELECT 7")), "7", gateway.output())
            self.assertEqual(gateway.stop(), 0)
            self.assertTrue((data / "branches/store").is_mount())
            self.end_servers_only()
            subprocess.run(["umount", str(data / "branches/store")], check=True)  # the machine starts again

    def refused(self, *sockets):
        with self.assertRaises(RuntimeError) as refused:
            self.launch(*sockets).await_ready()
        return str(refused.exception)

    def test_sockets_that_can_not_be_served_are_refused(self):
        self.assertIn("INSECURE_LISTENER", self.refused(self.socket("postgres", host="0.0.0.0")))
        self.assertIn("TWO_POSTGRES_SOCKETS", self.refused(self.socket("postgres"), self.socket("postgres")))
        (self.directory / "prism.yaml").write_text("{}")
        self.assertIn("NO_BRANCHES_TO_SERVE", self.refused(self.socket("postgres")))


if __name__ == "__main__":
    BranchingCase.program = sys.argv.pop(1)
    own_mounts()
    unittest.main()
