"""`prism branch init`: the store of branches on file systems of its own, which go with the mounts of this process.

usage: branch_init_test.py PROGRAM [unittest arguments]

Needs root, loop devices, btrfs, XFS, overlayfs and zfs-fuse.
"""

import ctypes
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
NOBODY = 65534
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PRISM_")}


def own_mounts():
    """Mounts of this process and its children are theirs alone from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    new_namespace, private = 0x20000, 0x40000 | 0x4000  # CLONE_NEWNS; MS_PRIVATE | MS_REC
    if libc.unshare(new_namespace) != 0 or libc.mount(b"none", b"/", None, private, None) != 0:
        raise OSError(ctypes.get_errno(), "no mounts of our own")


class BranchInitTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        own_mounts()

    def setUp(self):
        own = tempfile.TemporaryDirectory(prefix="prism-init-")
        self.addCleanup(own.cleanup)
        self.directory = pathlib.Path(own.name)
        self.directory.chmod(0o755)

    def mount(self, kind):
        """A fresh file system; its loop device goes with the mount."""
        image, point = self.directory / f"{kind}.image", self.directory / kind
        with image.open("wb") as file:
            file.truncate(1 << 30)
        subprocess.run([f"mkfs.{kind}", "-q", str(image)], check=True, stdout=subprocess.DEVNULL)
        point.mkdir()
        subprocess.run(["mount", "-o", "loop", str(image), str(point)], check=True)
        self.addCleanup(subprocess.run, ["umount", "--recursive", "--lazy", str(point)], check=False)
        return point

    def run_init(self, *arguments, user=None):
        return subprocess.run([PROGRAM, "branch", "init", *map(str, arguments)], env=CLEAN, text=True,
                              capture_output=True, timeout=60, user=user, group=user,
                              extra_groups=None if user is None else [])

    def ok(self, *arguments):
        done = self.run_init(*arguments, "-o", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_makes_a_file_system_where_none_can_clone_and_mounts_it_again(self):
        place = self.mount("ext4")
        store = place / "branches/store"
        first = self.ok("--path", store, "--size", "300MiB", "--user", "nobody")
        self.assertEqual((first["path"], first["driver"], first["image"]), (str(store), "btrfs", f"{store}.btrfs"))
        self.assertEqual({driver["name"]: driver["usable"] for driver in first["drivers"]},
                         {"btrfs": False, "zfs": False, "reflink": False, "overlay": True, "copy": True})
        self.assertIn("is not on btrfs", first["drivers"][0]["why_not"])
        self.assertEqual((store / "volumes").stat().st_uid, NOBODY)
        self.assertEqual(self.ok("--path", store, "--user", "nobody"), first)

        subprocess.run(["umount", str(store)], check=True)
        refused = self.run_init("--path", store, user=NOBODY)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("STORE_NEEDS_ROOT", refused.stderr)
        # What it says to do, helps.
        advice = refused.stderr.split("sudo prism branch init ")[1].splitlines()[0]
        self.assertEqual(self.run_init(*advice.split()).returncode, 0)
        self.assertTrue(store.is_mount())
        usable = self.run_init("--path", store, user=NOBODY)
        self.assertEqual(usable.returncode, 0, usable.stderr)
        self.assertIn("driver  btrfs: each branch takes a few milliseconds", usable.stdout)

    def test_what_it_makes_is_the_users_unless_root_serves_there(self):
        place = self.mount("xfs")
        self.ok("--data-dir", place / "data", "--user", "nobody")
        for made in ("data", "data/branches", "data/branches/run", "data/branches/store"):
            self.assertEqual((place / made).stat().st_uid, NOBODY, made)
        (place / "roots").mkdir()
        (place / "roots/config.db").write_text("")
        self.ok("--data-dir", place / "roots", "--user", "nobody")
        self.assertEqual((place / "roots").stat().st_uid, 0)
        self.assertEqual((place / "roots/branches/store/volumes").stat().st_uid, NOBODY)

    def test_makes_a_store_larger_that_is_used(self):
        store = self.mount("ext4") / "branches/store"
        self.ok("--path", store, "--size", "300MiB", "--user", "nobody")
        (store / "volumes/kept").write_text("k")
        with (store / "volumes/kept").open("a"):
            self.assertEqual(shutil.disk_usage(store).total, 300 << 20)
            refused = self.run_init("--path", store, "--size", "500MiB", user=NOBODY)
            self.assertEqual(refused.returncode, 1)
            advice = refused.stderr.split("sudo prism branch init ")[1].splitlines()[0]
            self.assertEqual(self.run_init(*advice.split()).returncode, 0)
            self.assertEqual(shutil.disk_usage(store).total, 500 << 20)
        self.ok("--path", store)  # with no size it stays, and whose it is too
        self.ok("--path", store, "--size", "300MiB")
        self.assertEqual((shutil.disk_usage(store).total, store.stat().st_uid), (500 << 20, NOBODY))
        self.assertIn("STORE_IMAGE_SIZE", self.run_init("--path", store, "--size", "2GiB").stderr)
        subprocess.run(["umount", str(store)], check=True)
        self.ok("--path", store, "--size", "600MiB", "--user", "nobody")
        self.assertEqual(shutil.disk_usage(store).total, 600 << 20)
        self.assertEqual((store / "volumes/kept").read_text(), "k")

    def test_uses_a_directory_where_files_can_share_blocks(self):
        place = self.mount("xfs")
        made = self.ok("--path", place / "store")
        self.assertEqual((made["driver"], made.get("image")), ("reflink", None))
        self.assertEqual(sorted(path.name for path in place.iterdir()), ["store"])

    def zfs_pool(self):
        """A fresh pool, mounted; its daemon goes with this process."""
        for own in ("/run/zfs", "/run/lock/zfs", "/var/lib/zfs"):
            pathlib.Path(own).mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "none", own], check=True)
        daemon = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "zfs-fuse", "--no-daemon", "--no-kstat-mount"])
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)
        while subprocess.run(["zfs", "list"], capture_output=True, check=False).returncode != 0:
            self.assertIsNone(daemon.poll(), "zfs-fuse has ended")
        image, point = self.directory / "zfs.image", self.directory / "zfs"
        with image.open("wb") as file:
            file.truncate(256 << 20)
        subprocess.run(["zpool", "create", "-o", "cachefile=none", "-O", f"mountpoint={point}", "prismtest", str(image)],
                       check=True)
        self.addCleanup(subprocess.run, ["umount", "--recursive", "--lazy", str(point)], check=False)
        return point

    def test_uses_a_directory_on_zfs_as_root(self):
        place = self.zfs_pool()
        place.chmod(0o755)
        made = self.ok("--path", place / "store", "--user", "nobody")
        self.assertEqual((made["driver"], made.get("image")), ("zfs", None))
        self.assertEqual({driver["name"]: driver["usable"] for driver in made["drivers"]},
                         {"btrfs": False, "zfs": True, "reflink": False, "overlay": False, "copy": True})
        self.assertEqual(sorted(path.name for path in place.iterdir()), ["store"])
        asked = self.run_init("--path", place / "store", user=NOBODY)
        self.assertIn("only root can make datasets of ZFS", asked.stdout + asked.stderr)

    def test_takes_overlays_where_no_image_can_be_made_and_stays_with_them(self):
        place = self.mount("ext4")
        mkfs = shutil.which("mkfs.btrfs", path="/usr/sbin:/sbin:/usr/bin")
        subprocess.run(["mount", "--bind", "/dev/null", mkfs], check=True)
        try:
            done = self.run_init("--path", place / "store", "--size", "300MiB")
        finally:
            subprocess.run(["umount", mkfs], check=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("driver  overlay: ", done.stdout)
        self.assertIn("image   none: can't run mkfs.btrfs", done.stdout)
        self.assertEqual(sorted(path.name for path in place.iterdir()), ["lost+found", "store"])
        self.assertEqual(self.ok("--path", place / "store")["driver"], "overlay")

    def test_says_that_a_server_is_using_it(self):
        store = self.mount("xfs") / "store"
        self.assertFalse(self.ok("--path", store)["in_use"])
        with (store / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertTrue(self.ok("--path", store)["in_use"])

    def test_makes_nothing_of_a_mistake(self):
        place = self.directory / "place"
        for arguments, reason in ((("--size", "1MiB"), "BAD_SIZE"), (("--size", "many"), "BAD_SIZE"),
                                  (("--user", "nobody-at-all"), "USER_NOT_FOUND")):
            failed = self.run_init("--path", place / "store", *arguments)
            self.assertEqual(failed.returncode, 1, failed.stdout)
            self.assertIn(reason, failed.stderr)
            self.assertFalse(place.exists())


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
