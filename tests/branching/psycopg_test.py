#!/usr/bin/env python3
"""psycopg, which brings a newer libpq than Debian's, through the proxy: psycopg_test.py FRONT."""

import pathlib
import sys
import tempfile
import threading
import unittest

import psycopg

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "servers"))
sys.path.insert(0, str(ROOT / "tests" / "support"))

from certificates import Certificates  # noqa: E402
from front import Front  # noqa: E402
from postgres import PASSWORD, Postgres  # noqa: E402

# In clear, over TLS as all clients ask for it, and over TLS at once (PostgreSQL 17).
WAYS = ("sslmode=disable", "sslmode=verify-full channel_binding=require", "sslmode=verify-full sslnegotiation=direct")


class PsycopgTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.own = tempfile.TemporaryDirectory(prefix="prism-")
        cls.addClassCleanup(cls.own.cleanup)
        cls.certificates = Certificates(pathlib.Path(cls.own.name))
        cls.server = cls.enterClassContext(Postgres())
        cls.front = cls.enterClassContext(Front(PROGRAM, cls.server, certificates=cls.certificates))

    def connect(self, way):
        return psycopg.connect(f"host=localhost hostaddr=127.0.0.1 port={self.front.port} user=postgres@dev password={PASSWORD} "
                               f"dbname=postgres sslrootcert={self.certificates.authority} {way}", autocommit=True)

    def each_way(self):
        for way in WAYS:
            with self.subTest(way), self.connect(way) as connection:
                self.assertEqual(connection.pgconn.ssl_in_use, way != WAYS[0])
                yield connection

    def test_queries(self):
        for connection in self.each_way():
            self.assertEqual(connection.execute("SELECT current_database(), %s::int", [7]).fetchone(), ("postgres", 7))
            connection.prepare_threshold = 0
            for number in range(20):
                self.assertEqual(connection.execute("SELECT %s::int", [number]).fetchone(), (number,))
            with connection.pipeline():
                cursors = [connection.execute("SELECT %s::int", [number]) for number in range(200)]
            self.assertEqual([cursor.fetchone()[0] for cursor in cursors], list(range(200)))

    def test_transactions(self):
        for connection in self.each_way():
            with self.assertRaises(psycopg.errors.DivisionByZero), connection.transaction():
                connection.execute("SELECT 1/0")
            self.assertEqual(connection.execute("SELECT 1").fetchone(), (1,))

    def test_copy(self):
        for connection in self.each_way():
            cursor = connection.cursor()
            cursor.execute("CREATE TEMP TABLE numbers(i int, t text)")
            with cursor.copy("COPY numbers FROM STDIN") as copy:
                for number in range(50000):
                    copy.write_row((number, "x" * 50))
            with cursor.copy("COPY numbers TO STDOUT") as copy:
                self.assertEqual(sum(1 for _ in copy.rows()), 50000)
            with self.assertRaises(psycopg.errors.BadCopyFileFormat), cursor.copy("COPY numbers FROM STDIN") as copy:
                copy.write(b"1\ttwo\tthree\n" * 100000)
            self.assertEqual(cursor.execute("SELECT count(*) FROM numbers").fetchone(), (50000,))

    def test_notifications(self):
        for connection in self.each_way():
            connection.execute("LISTEN news")
            with self.connect(WAYS[1]) as other:
                other.execute("SELECT pg_notify('news', 'rain')")
            self.assertEqual([n.payload for n in connection.notifies(timeout=60, stop_after=1)], ["rain"])

    def test_cancel(self):
        for connection in self.each_way():
            for cancel in (connection.cancel, connection.cancel_safe):
                with self.connect(WAYS[0]) as watcher:
                    canceller = threading.Thread(target=self.cancel_when_running, args=(watcher, connection, cancel))
                    canceller.start()
                    with self.assertRaises(psycopg.errors.QueryCanceled):
                        connection.execute("SELECT pg_sleep(600)")
                    canceller.join()
            self.assertEqual(connection.execute("SELECT 1").fetchone(), (1,))

    @staticmethod
    def cancel_when_running(watcher, connection, cancel):
        while watcher.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'").fetchone() == (0,):
            pass
        cancel()

    def test_refusals(self):
        for user, words in (("nobody@dev", "password authentication failed"), ("postgres@missing", "does not exist"),
                            ("postgres", "names no branch")):
            with self.assertRaisesRegex(psycopg.OperationalError, words):
                psycopg.connect(f"host=127.0.0.1 port={self.front.port} user={user} password={PASSWORD} dbname=postgres")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
