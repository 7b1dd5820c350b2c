"""What postgres.py promises to the tests that use it."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from certificates import Certificates  # noqa: E402
from postgres import Postgres  # noqa: E402


def ask(conninfo, sql):
    """What psql prints; its complaint when it fails."""
    run = subprocess.run(["psql", "-XAtc", sql, conninfo], capture_output=True, text=True, timeout=60)
    return run.stdout.strip() if run.returncode == 0 else run.stderr.strip()


class PostgresTest(unittest.TestCase):
    def test_it_lives_from_its_object_to_its_end(self):
        with Postgres(settings=["work_mem=3MB"]) as server:
            self.assertEqual(ask(server.conninfo, "SHOW work_mem"), "3MB")
            self.assertIn("password authentication failed", ask(server.conninfo + " password=wrong", "SELECT 1"))
            ask(server.conninfo, "CREATE TABLE kept AS SELECT 7 AS n")
            server.stop()
            self.assertIn("No such file", ask(server.conninfo, "SELECT 1"))
            server.start()
            self.assertEqual(ask(server.conninfo, "SELECT n FROM kept"), "7")
        self.assertFalse(server.directory.exists())

    def test_it_speaks_tls(self):
        with tempfile.TemporaryDirectory(prefix="prism-") as directory:
            files = Certificates(pathlib.Path(directory))
            with Postgres(certificate=files.certificate, key=files.key) as server:
                conninfo = f"{server.conninfo} host=127.0.0.1 sslmode=verify-full sslrootcert={files.authority}"
                self.assertEqual(ask(conninfo + " channel_binding=require", "SELECT 7"), "7")


if __name__ == "__main__":
    unittest.main()
