"""Long work on branches, by the real program: it is an operation that tells how far it is, goes on when its caller goes, and is
given up by a stop.

usage: branch_operations_test.py PROGRAM [unittest arguments]

Root becomes nobody for it, who can make no store that clones: each branch is a full copy.
"""

import json
import os
import pathlib
import pty
import pwd
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from branching_case import CLEAN, BranchingCase  # noqa: E402
from postgres import Postgres  # noqa: E402
from prism_gateway import wait_for  # noqa: E402

# A copy of so many files takes seconds, even empty ones, which are removed sooner than others.
FILES = 20_000


class BranchOperationsTest(BranchingCase):
    @classmethod
    def setUpClass(cls):
        cls.source = Postgres()
        cls.addClassCleanup(cls.source._own.cleanup)
        many = cls.source.data / "many"
        many.mkdir(mode=0o700)
        for number in range(FILES):
            (many / str(number)).touch()

    def start(self):
        before = self.log().count("branches are ready")
        gateway = self.gateway()
        wait_for(lambda: self.log().count("branches are ready") > before, 60)
        self.addCleanup(lambda: gateway.process.poll() is None and gateway.stop())
        return gateway

    def log(self):
        file = self.directory / "serve.log"
        return file.read_text() if file.exists() else ""

    def words(self, gateway, *arguments):
        return [self.program, "--admin-server", gateway.admin, *arguments]

    def prism(self, gateway, *arguments):
        return subprocess.run(self.words(gateway, *arguments), env=CLEAN, capture_output=True, text=True, timeout=120)

    def fine(self, gateway, *arguments):
        done = self.prism(gateway, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr + gateway.output()[-2000:])
        return done.stdout

    def operations(self, gateway):
        return gateway.administer("GET", "operations").get("operations", [])

    def on_a_terminal(self, gateway, *arguments, interrupt_at=None):
        """The exit code, standard output, and what somebody saw meanwhile on the terminal that is standard error; who presses Ctrl-C
        when they see `interrupt_at`."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(self.words(gateway, *arguments), env=CLEAN, stdout=subprocess.PIPE, stderr=theirs) as process:
            os.close(theirs)
            seen = b""
            while True:
                try:
                    seen += os.read(ours, 4096)
                except OSError:  # nobody has the other side any more
                    break
                if interrupt_at and interrupt_at in seen:
                    process.send_signal(signal.SIGINT)
                    interrupt_at = None
            os.close(ours)
            told = process.stdout.read().decode()
        return process.returncode, told, seen.decode()

    def test_progress_is_seen_and_nobody_has_to_wait(self):
        gateway = self.start()
        code, told, seen = self.on_a_terminal(gateway, "branch", "create", "big")
        self.assertEqual(code, 0, seen)
        self.assertIn("branch big: made of source", told)
        self.assertRegex(seen, r"branch create branch/big: \d+ files, ")
        self.assertEqual([(one["kind"], one["object"], one["result"], one["done"]) for one in self.operations(gateway)],
                         [("branch create", "branch/big", "big", True)])
        again = self.prism(gateway, "branch", "create", "big")
        self.assertEqual((again.returncode, again.stdout), (1, ""))
        self.assertIn("ALREADY_EXISTS/BRANCH_EXISTS", again.stderr)

        begun = json.loads(self.fine(gateway, "branch", "create", "other", "--no-wait", "-o", "json"))
        self.assertEqual((begun["name"], begun["state"], begun["operation"]), ("other", "making", "2"))
        self.assertEqual(json.loads(self.fine(gateway, "operation", "get", "2", "--wait", "-o", "json"))["result"], "other")
        self.assertEqual(self.answer(gateway, "other", "SELECT 1"), "1")

        self.assertIn("snapshot first: taken", self.fine(gateway, "branch", "snapshot", "big", "--name", "first"))
        self.assertIn("branch big: as of", self.fine(gateway, "branch", "reset", "big", "--yes"))
        self.assertIn("branch big: as of", self.fine(gateway, "branch", "restore", "big", "first", "--yes"))
        self.assertIn("source more: added", self.fine(gateway, "branch", "source", "add", "more", str(self.source.data)))
        self.assertEqual([(one["kind"], one["object"]) for one in reversed(self.operations(gateway)[:-2])],
                         [("branch snapshot", "branch/big"), ("branch reset", "branch/big"), ("branch restore", "branch/big"),
                          ("source add", "source/more")])

        self.assertEqual(self.fine(gateway, "branch", "source", "add", "gone", str(self.source.data), "--no-wait"),
                         "operation 7 goes on: prism operation get 7\n")
        self.fine(gateway, "branch", "source", "remove", "gone", "--yes")
        failed = self.prism(gateway, "operation", "get", "7", "--wait")
        self.assertEqual(failed.returncode, 1)
        self.assertIn("error: CANCELLED/TRANSFER_CANCELLED: ", failed.stderr)
        self.assertIn("BranchAdmin/AddSource", self.fine(gateway, "audit", "list"))

    def test_it_goes_on_when_its_caller_goes(self):
        gateway = self.start()
        code, told, seen = self.on_a_terminal(gateway, "branch", "create", "big", interrupt_at=b"branch create branch/big: ")
        self.assertEqual((code, told), (-signal.SIGINT, ""))
        self.assertIn("operation 1 goes on: prism operation get 1", seen)
        self.fine(gateway, "operation", "get", "1", "--wait")
        self.assertIn("big", self.fine(gateway, "branch", "list"))

        host, port = gateway.admin.rsplit(":", 1)
        body = b'{"name": "left"}'
        with socket.create_connection((host, int(port))) as caller:
            caller.sendall(b"POST /admin/v1/branches HTTP/1.1\r\nHost: " + gateway.admin.encode() +
                           b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            wait_for(lambda: len(self.operations(gateway)) == 2)
        self.assertEqual(json.loads(self.fine(gateway, "operation", "get", "2", "--wait", "-o", "json"))["result"], "left")
        self.assertEqual(self.answer(gateway, "left", "SELECT 1"), "1")

    def test_a_stop_and_a_crash_give_it_up(self):
        gateway = self.start()
        for number, name, end in (("1", "stopped", gateway.stop), ("2", "killed", None)):
            self.fine(gateway, "branch", "create", name, "--no-wait")
            (end or gateway.kill)()
            gateway = self.start()
            told = self.prism(gateway, "operation", "get", number, "--wait")
            self.assertIn("error: ABORTED/INTERRUPTED: ", told.stderr)
            self.assertIn("BRANCH_NOT_FOUND", self.prism(gateway, "branch", "get", name).stderr)
        self.fine(gateway, "branch", "create", "stopped")
        self.assertEqual(self.answer(gateway, "stopped", "SELECT 1"), "1")


if __name__ == "__main__":
    BranchingCase.program = sys.argv.pop(1)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
    unittest.main()
