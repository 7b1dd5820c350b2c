"""The configuration store behind the real program: what is noticed when it starts, and how a backup is put back.

usage: store_test.py PROGRAM [unittest arguments]
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway, wait_for  # noqa: E402

PROGRAM = None
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PRISM_")}
CONFIG = "namespaces:\n  - {name: orders, backend: memory, rate_limit_rps: %d}\n"
SECRET = "correct-horse-battery"


def prism(*arguments, **environment):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60, env={**CLEAN, **environment})


class StoreTest(unittest.TestCase):
    def setUp(self):
        own = tempfile.TemporaryDirectory(prefix="prism-store-")
        self.addCleanup(own.cleanup)
        self.directory = pathlib.Path(own.name)
        self.data = self.directory / "data"
        self.config = self.directory / "prism.yaml"

    def gateway(self, rate=None):
        options = []
        if rate is not None:
            self.config.write_text(CONFIG % rate)
            options = ["--config", str(self.config)]
        return Gateway(PROGRAM, *options, data_dir=str(self.directory))

    def page(self, gateway, path):
        with urllib.request.urlopen(f"http://{gateway.admin}{path}", timeout=20) as reply:
            return reply.read().decode()

    def rate(self, gateway):
        return json.loads(self.page(gateway, "/config"))["namespaces"][0]["rate_limit_rps"]

    def backup_of(self, gateway):
        wait_for(lambda: re.search(r"^prism_config_backup_timestamp_seconds [1-9]", self.page(gateway, "/metrics"), re.MULTILINE))
        (backup,) = (self.data / "backups").glob("config-*.db")
        return backup

    def refusal(self):
        result = prism("serve", "--data-dir", str(self.data), "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0")
        self.assertEqual(result.returncode, 1, result.stdout)
        return result.stderr

    def test_a_damaged_store_names_the_backup_that_mends_it(self):
        with self.gateway(100) as gateway:
            backup = self.backup_of(gateway)
        store = self.data / "config.db"
        content = store.read_bytes()
        store.write_bytes(content.replace(b"orders", b"odrers"))
        refusal = self.refusal()
        self.assertIn("CONFIG_STORE_DAMAGED", refusal)
        advice = re.search(r"(prism config restore .*)", refusal)
        self.assertIsNotNone(advice, refusal)
        self.assertIn(str(backup), advice[1])
        restored = prism(*advice[1].split()[1:])
        self.assertEqual(restored.returncode, 0, restored.stderr)
        with self.gateway() as gateway:
            self.assertEqual(self.rate(gateway), 100)

    def test_a_store_that_is_gone_or_old_is_not_begun_anew(self):
        with self.gateway(100) as gateway:
            backup = self.backup_of(gateway)
            gateway.administer("PATCH", "namespaces/orders", {"rateLimitRps": 200})
            self.assertEqual(self.rate(gateway), 200)
        store = self.data / "config.db"
        store.rename(self.directory / "kept")
        self.assertIn("CONFIG_STORE_MISSING", self.refusal())
        shutil.copy(backup, store)
        refusal = self.refusal()
        self.assertIn("CONFIG_STORE_BEHIND", refusal)
        self.assertIn(str(backup), refusal)
        (self.directory / "kept").rename(store)
        with self.gateway() as gateway:
            self.assertEqual(self.rate(gateway), 200)

    def test_a_backup_is_restored_on_a_new_machine(self):
        with self.gateway(100) as gateway:
            backup = self.backup_of(gateway)
            was = json.loads(self.page(gateway, "/config"))["namespaces"]
        new = self.directory / "new"
        restore = ["config", "restore", str(backup), "--data-dir", str(new / "data")]
        slip = prism(*restore)
        self.assertEqual(slip.returncode, 1)
        self.assertIn("DATA_DIRECTORY_NOT_FOUND", slip.stderr)
        self.assertIn("--create", slip.stderr)
        self.assertFalse(new.exists())
        result = prism(*restore, "--create", "-o", "json")
        self.assertEqual(json.loads(result.stdout), {"file": str(backup), "revision": 1, "tokens_revoked": []}, result.stderr)
        self.assertIn("may count again", result.stderr)
        with Gateway(PROGRAM, data_dir=str(new)) as gateway:
            self.assertEqual(json.loads(self.page(gateway, "/config"))["namespaces"], was)

    def test_what_is_no_backup_or_in_use_changes_nothing(self):
        with self.gateway(100) as gateway:
            backup = self.backup_of(gateway)
            busy = prism("config", "restore", str(backup), "--data-dir", str(self.data))
            self.assertEqual(busy.returncode, 1)
            self.assertIn("DATA_DIRECTORY_LOCKED", busy.stderr)
        wrong = prism("config", "restore", str(self.config), "--data-dir", str(self.data))
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("NOT_A_CONFIG_STORE", wrong.stderr)
        broken = self.directory / "config-20200101.db"
        broken.write_bytes(backup.read_bytes()[:-5000])
        self.assertEqual(prism("config", "check", str(broken)).returncode, 1)
        absent = str(self.directory / "absent.db")
        for verb in (["check", absent], ["restore", absent, "--data-dir", str(self.data)]):
            result = prism("config", *verb)
            self.assertEqual(result.returncode, 1)
            self.assertIn("FILE_NOT_FOUND", result.stderr)
            self.assertIn(absent, result.stderr)
        with self.gateway() as gateway:
            self.assertEqual(self.rate(gateway), 100)

    def test_the_files_are_for_the_servers_user_alone(self):
        self.data.mkdir()
        self.data.chmod(0o755)
        self.addCleanup(os.umask, os.umask(0))
        with self.gateway(100) as gateway:
            backup = self.backup_of(gateway)
            names = {path.name for path in self.data.rglob("*") if path.is_file()}
            self.assertLessEqual({"config.db", "config.db-wal", "config.db-shm", "config.db.revision", backup.name}, names)
            for path in self.data.rglob("*"):
                self.assertEqual(path.stat().st_mode & 0o077, 0, path)
        self.assertEqual(prism("config", "restore", str(backup), "--data-dir", str(self.data)).returncode, 0)
        for path in self.data.rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def test_no_secret_is_in_the_store_its_backup_or_the_log(self):
        secret = self.directory / "password"
        secret.write_text(SECRET)
        self.config.write_text("backends:\n  db: {type: postgres, connection: 'postgresql://db/x', password: '${file:%s}'}\n"
                               "  m: {type: memory, connection: 'x${env:TOKEN}'}\n"
                               "namespaces:\n  - {name: a, backend: db}\n  - {name: b, backend: m}\n" % secret)
        os.environ["TOKEN"] = SECRET
        self.addCleanup(os.environ.pop, "TOKEN")
        with Gateway(PROGRAM, "--config", str(self.config), data_dir=str(self.directory)) as gateway:
            self.backup_of(gateway)
            for page in ("/config", "/metrics", "/readyz?verbose"):
                self.assertNotIn(SECRET, self.page(gateway, page))
            self.assertNotIn(SECRET, gateway.output())
        files = [path for path in self.data.rglob("*") if path.is_file()]
        self.assertGreater(len(files), 3)
        for path in files:
            self.assertNotIn(SECRET.encode(), path.read_bytes(), path)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
