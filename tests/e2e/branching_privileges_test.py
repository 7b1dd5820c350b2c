"""Prism started as root, with branches: who it is then, and what is left of root.

usage: branching_privileges_test.py PROGRAM [unittest arguments]

Makes file systems of its own, which go with the mounts of this process. Needs root.
"""

import os
import pathlib
import pwd
import signal
import subprocess
import sys
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from branching_case import CLEAN, BranchingCase, psql  # noqa: E402
from mounts import own_mounts  # noqa: E402
from prism_gateway import wait_for  # noqa: E402

NOBODY = pwd.getpwnam("nobody").pw_uid  # whom the source of these tests belongs to
# Of linux/capability.h: SETGID, SETUID, NET_ADMIN, SYS_ADMIN.
KEPT = 1 << 6 | 1 << 7 | 1 << 12 | 1 << 21


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, value in (line.split(":", 1) for line in lines)}


def capabilities(pid, kind):
    return int(status(pid)[kind][0], 16)


def ready_page(gateway):
    try:
        with urllib.request.urlopen(f"http://{gateway.admin}/readyz?verbose", timeout=10) as reply:
            return reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


class PrivilegesTest(BranchingCase):
    def file_system(self, kind, *options):
        """A fresh one; the directory that it is mounted on."""
        image, point = self.directory / f"{kind}.image", self.directory / kind
        with image.open("wb") as file:
            file.truncate(1 << 30)
        subprocess.run([f"mkfs.{kind}", "-q", *options, str(image)], check=True)
        point.mkdir()
        subprocess.run(["mount", "-o", "loop", str(image), str(point)], check=True)
        self.addCleanup(subprocess.run, ["umount", "--lazy", str(point)], check=True)
        return point

    def helper(self, gateway):
        children = pathlib.Path(f"/proc/{gateway.process.pid}/task/{gateway.process.pid}/children").read_text().split()
        for pid in children:
            if b"privileged-helper" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
        raise AssertionError("no helper: " + gateway.output())

    def prism(self, gateway, *arguments):
        done = subprocess.run([self.program, "--admin-server", gateway.admin, *arguments], env=CLEAN,
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr + gateway.output())
        return done.stdout

    def wait_until_stopped(self, gateway, branch):
        wait_for(lambda: "stopped" in self.prism(gateway, "branch", "get", branch))
        self.assertEqual(self.servers(), {})

    def live(self, store):
        """All that is done with branches, by a Prism that is not root."""
        self.configure(storage={"path": str(store), "size": "1GiB"}, idle_timeout="1s")
        gateway = self.gateway()
        self.answer(gateway, "kept", "CREATE TABLE t(x int); INSERT INTO t VALUES (7)")
        self.assertEqual(status(gateway.process.pid)["Uid"], [str(NOBODY)] * 4)
        taken = psql(gateway.postgres, "kept", "SELECT pg_sleep(0)")
        self.assertEqual(taken.returncode, 0, taken.stderr)
        self.wait_until_stopped(gateway, "kept")
        self.prism(gateway, "branch", "create", "child", "--from", "kept")
        self.assertEqual(self.answer(gateway, "child", "SELECT x FROM t"), "7")
        self.wait_until_stopped(gateway, "child")
        volumes = store / "volumes"
        before = len(list(volumes.iterdir()))
        self.prism(gateway, "branch", "reset", "child", "--force", "--yes")
        kept = self.prism(gateway, "branch", "snapshots", "child").split()
        kept = next(word for word in kept if word.startswith("before-reset-"))
        self.prism(gateway, "branch", "delete-snapshot", "child", kept, "--yes")
        wait_for(lambda: len(list(volumes.iterdir())) <= before)
        self.assertEqual(self.answer(gateway, "child", "SELECT x FROM t"), "7")
        gateway.kill()
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.assertEqual(self.answer(gateway, "kept", "SELECT x FROM t"), "7")
        return gateway

    def test_prism_and_its_servers_have_nothing_of_root(self):
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.answer(gateway, "one", "SELECT 1")
        [server] = self.servers().values()
        for pid in (gateway.process.pid, server):
            with self.subTest(pid=pid):
                self.assertEqual(status(pid)["Uid"], [str(NOBODY)] * 4)
                for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                    self.assertEqual(capabilities(pid, kind), 0, kind)
        # The walls stand without a user namespace.
        for kind in ("pid", "mnt", "net", "ipc"):
            self.assertNotEqual(os.readlink(f"/proc/{server}/ns/{kind}"), os.readlink(f"/proc/self/ns/{kind}"), kind)
        self.assertEqual(os.readlink(f"/proc/{server}/ns/user"), os.readlink("/proc/self/ns/user"))
        helper = self.helper(gateway)
        self.assertEqual(status(helper)["Uid"], ["0"] * 4)
        for kind in ("CapEff", "CapPrm", "CapBnd"):
            self.assertEqual(capabilities(helper, kind), KEPT, kind)
        self.assertEqual(status(helper)["NoNewPrivs"], ["1"])

    def test_a_superuser_of_a_branch_sees_nothing_of_prism(self):
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        secret = self.directory / "data/branches/branches.db"
        wait_for(secret.exists)  # the first state of the source is noted there
        self.assertEqual(secret.stat().st_uid, NOBODY)
        shell = "CREATE TEMP TABLE o (line text); COPY o FROM PROGRAM '%s'; SELECT string_agg(line, ',') FROM o"
        look = f"ls {secret} 2>&1; kill -0 {gateway.process.pid} 2>&1; ls /proc | grep -c ^[0-9]; true".replace("'", "''")
        seen = self.answer(gateway, "one", shell % look)
        self.assertIn("No such file", seen)
        self.assertIn("No such process", seen)

    def test_its_user_limits_servers(self):
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.answer(gateway, "one", "SELECT 1")
        runs = self.directory.glob("data/branches/run/*/cgroup")
        cgroups = [pathlib.Path(line) for run in runs for line in run.read_text().splitlines()]
        cgroups = [cgroup for cgroup in cgroups if cgroup.exists()]
        self.assertNotEqual(cgroups, [])
        for cgroup in cgroups:
            self.assertEqual(cgroup.stat().st_uid, NOBODY)
            self.assertEqual(cgroup.parent.name, f"prism-{NOBODY}")
            self.assertEqual(cgroup.parent.parent.stat().st_uid, 0)
        [server] = self.servers().values()
        for cgroup in cgroups:
            self.assertIn(str(server), (cgroup / "cgroup.procs").read_text().split())
        self.end_servers_only()
        wait_for(lambda: not any(cgroup.exists() for cgroup in cgroups))

    def test_btrfs(self):
        self.live(self.file_system("btrfs"))

    def test_reflinks(self):
        self.live(self.file_system("xfs"))

    def test_overlays(self):
        store = self.file_system("ext4") / "store"
        store.mkdir()
        (store / "taken").touch()  # so that no image can be mounted here
        os.chown(store, NOBODY, -1)
        gateway = self.live(store)
        self.assertIn('"driver":"overlay"', gateway.output())

    def test_without_its_helper_prism_says_so_and_branches_go_on(self):
        gateway = self.gateway()
        self.answer(gateway, "one", "CREATE TABLE t(x int); INSERT INTO t VALUES (7)")
        running = self.servers()
        os.kill(self.helper(gateway), signal.SIGKILL)
        wait_for(lambda: "the privileged helper has ended" in ready_page(gateway))
        self.assertEqual(self.answer(gateway, "one", "SELECT x FROM t"), "7")
        refused = psql(gateway.postgres, "two", "SELECT 1")
        self.assertIn("PRIVILEGED_HELPER_GONE", refused.stderr + gateway.output())
        self.assertEqual(gateway.stop(), 0, gateway.output())
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.assertEqual(self.servers(), running)
        self.assertEqual(self.answer(gateway, "two", "SELECT 2"), "2")

    def test_the_helper_ends_with_prism(self):
        for end in ("stop", "kill"):
            gateway = self.gateway()
            helper = self.helper(gateway)
            getattr(gateway, end)()
            wait_for(lambda: not pathlib.Path(f"/proc/{helper}").exists())

    def test_what_root_left_is_refused_until_it_is_given(self):
        data = self.directory / "data"
        data.mkdir()
        (data / "prism.db").touch()
        with self.assertRaisesRegex(RuntimeError, "DATA_DIR_OWNER") as refused:
            self.gateway()
        command = str(refused.exception).split("serves as nobody: ")[1].splitlines()[0]
        (data / "prism.db").rename(data / "other")
        subprocess.run(command, shell=True, check=True)
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.assertEqual(self.answer(gateway, "one", "SELECT 1"), "1")

    def test_mistakes_are_told_at_the_start(self):
        self.configure(user="postgres")
        with self.assertRaisesRegex(RuntimeError, "BRANCH_USER_DIFFERS"):
            self.gateway("--user", "nobody")
        self.configure()
        closed = self.directory / "closed"
        closed.mkdir()
        closed.chmod(0o700)
        with self.assertRaisesRegex(RuntimeError, "DATA_DIR_UNREACHABLE"):
            self.gateway("--data-dir", str(closed / "data"))


if __name__ == "__main__":
    BranchingCase.program = sys.argv.pop(1)
    own_mounts()
    unittest.main()
