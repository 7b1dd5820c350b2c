"""What clients of branches get wrong, sent byte by byte to the real program: each is told why, and nothing comes of it.

usage: branching_refusals_test.py PROGRAM [unittest arguments]
"""

import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "servers"))
from branch_servers import end_servers  # noqa: E402
from certificates import Certificates  # noqa: E402
from mounts import own_mounts  # noqa: E402
from postgres import PASSWORD, Postgres  # noqa: E402
from postgres_wire import CANCEL, GSS_REQUEST, SSL_REQUEST, Connection, Refused, packet, startup  # noqa: E402
from prism_gateway import Gateway, wait_for  # noqa: E402

PROGRAM = None
LONG = "a" * 256


def user(name, *more):
    return startup("user", name, "database", "postgres", *more)


def options(text):
    return user("postgres", "options", text)


# Before anybody has logged in: bytes, SQLSTATE, reason, a part of the sentence.
BEFORE = [
    (user("postgres@"), "3D000", "BAD_BRANCH_NAME", '"" can\'t name a branch'),
    (user("postgres@" + LONG), "3D000", "BAD_BRANCH_NAME", 'aaa" can\'t name a branch'),
    (user("postgres@a\nb"), "3D000", "BAD_BRANCH_NAME", '"a?b" can\'t name a branch'),
    (user(b"postgres@\xff\xfe"), "3D000", "BAD_BRANCH_NAME", "can't name a branch"),
    (user("postgres@a@b"), "3D000", "BAD_BRANCH_NAME", '"postgres@a@b" can\'t name a branch'),
    (user("postgres@@a"), "3D000", "NO_BRANCH_NAMED", "the connection names no branch"),
    (user("postgres"), "3D000", "NO_BRANCH_NAMED", "the connection names no branch"),
    (user("@a"), "28000", "NO_USER", "no PostgreSQL user name"),
    (user(""), "28000", "NO_USER", "no PostgreSQL user name"),
    (startup("database", "postgres@a"), "28000", "NO_USER", "no PostgreSQL user name"),
    # The rest of the name becomes a name of its own, and all that follows is out of step.
    (user("postgres@a\0b"), "08P01", "BAD_STARTUP_LAYOUT", "invalid startup packet layout"),
    (startup("user", "postgres@a", "database", "postgres@b"), "08P01", "BRANCH_NAMED_TWICE", '"a" and "b"'),
    (user("postgres@a", "options", "-c prism.branch=b"), "08P01", "BRANCH_NAMED_TWICE", '"a" and "b"'),
    (user("postgres@a", "user", "postgres@b"), "08P01", "REPEATED_PARAMETER", '"user" was sent more than once'),
    (options("-c prism.branch="), "08P01", "BAD_BRANCH_OPTION", '"prism.branch=" can\'t be an option of branches'),
    (options("-c prism.colour=red"), "08P01", "BAD_BRANCH_OPTION", '"prism.colour=red" can\'t be an option of branches'),
    (options("-c prism.branch=a -c prism.ttl=soon"), "08P01", "BAD_BRANCH_OPTION", '"prism.ttl=soon" can\'t be an option'),
    (startup("user", "postgres@a", version=2 << 16), "0A000", "UNSUPPORTED_PROTOCOL", "unsupported frontend protocol 2.0"),
    (startup("user", "postgres@a", version=4 << 16), "0A000", "UNSUPPORTED_PROTOCOL", "unsupported frontend protocol 4.0"),
    ((7).to_bytes(4, "big") + b"\0\3\0", "08P01", "BAD_STARTUP_LENGTH", "invalid length of startup packet"),
    (user("postgres@a", "x", "y" * 10000), "08P01", "BAD_STARTUP_LENGTH", "invalid length of startup packet"),
    (startup("user", "postgres@a")[:-1] + b"x", "08P01", "BAD_STARTUP_LAYOUT", "invalid startup packet layout"),
]

# Of somebody who knows the password. There is no branch pr-9.
AFTER = [
    (user("postgres@source"), "3D000", "RESERVED_BRANCH_NAME", 'the name "source" is reserved'),
    (user("postgres@typo"), "42501", "CREATION_NOT_ALLOWED", 'branch "typo" does not exist, and connecting may not create it'),
    (user("postgres@pr-9", "options", "-c prism.from=nobody"), "3D000", "PARENT_NOT_FOUND", 'no "nobody" to branch from'),
    (user("postgres@pr-9", "options", "-c prism.from=source@yesterday"), "3D000", "PARENT_NOT_FOUND", "to branch from"),
    (user("postgres@pr-9", "options", "-c prism.from=2001-01-01T00:00:00Z"), "3D000", "TIME_BEFORE_OLDEST", "no state as old as"),
    (user("postgres@pr-9", "options", "-c prism.from=yesterday"), "3D000", "PARENT_NOT_FOUND", 'no "yesterday" to branch from'),
]

# Names that are none of ours, and become one: its beginning.
FOLDED = [("PR-A", "pr-a"), ("pr-/../../x", "pr-x"), ("pr- two  words", "pr-two-words"), ("pr-\N{SNOWMAN}\U0001F680", "pr"),
          ("pr-@@home", "pr-home"), ("PR-" + "x" * 252, "pr-" + "x" * 47)]


class RefusalsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # Stopped and never started: what a template is.
        cls.source = Postgres()
        cls.addClassCleanup(cls.source._own.cleanup)
        cls.plain = cls.start()

    @classmethod
    def start(cls, **more):
        own = tempfile.TemporaryDirectory(prefix="prism-refusals-", ignore_cleanup_errors=True)
        cls.addClassCleanup(own.cleanup)
        directory = pathlib.Path(own.name)
        cls.addClassCleanup(end_servers, directory / "data")
        certificates = cls.certify(directory)
        section = {"source": str(cls.source.data), "listen": "127.0.0.1:0", "control_listen": "", "warm_pool": 0,
                   "auto_create": ["pr-*", "source"]} | more
        (directory / "prism.yaml").write_text(json.dumps({"branching": section}))
        tls = certificates.serve_options if more.get("tls_required") else []
        gateway = cls.enterClassContext(Gateway(PROGRAM, "--config", str(directory / "prism.yaml"), *tls, data_dir=directory))
        gateway.postgres = json.loads((directory / "ready.json").read_text())["postgres"]
        gateway.authority = certificates.authority
        wait_for(lambda: cls.branches(gateway) == {})
        return gateway

    @classmethod
    def certify(cls, directory):
        certificates = Certificates(directory)
        if os.geteuid() == 0:
            shutil.chown(certificates.key, os.stat(cls.source.data).st_uid)  # whom the gateway becomes
        return certificates

    @staticmethod
    def branches(gateway):
        """Names and last activities; nothing while the source is being prepared."""
        try:
            with urllib.request.urlopen(f"http://{gateway.admin}/branches", timeout=10) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            return None

    @staticmethod
    def volumes(gateway):
        return sorted(path.name for path in (gateway.directory / "data/branches/store/volumes").iterdir())

    def made(self, gateway):
        return sorted(self.branches(gateway)), self.volumes(gateway)

    def assert_refused(self, gateway, content, row, password=None):
        sqlstate, reason, sentence = row
        with self.subTest(content[:80]), Connection(gateway.postgres) as client:
            client.send(content)
            with self.assertRaises(Refused) as refused:
                client.log_in(password or "nobody gets so far")
            told = refused.exception.fields
            self.assertEqual((told["S"], told["C"]), ("FATAL", sqlstate))
            self.assertEqual(told["R"], reason)
            self.assertIn(sentence, told["M"])
            self.assertTrue(client.ended())

    def served(self, gateway, name):
        """The branch that a connection gets."""
        with Connection(gateway.postgres) as client:
            client.send(user(name))
            client.log_in(PASSWORD)
            return client.ask("SHOW prism.branch")

    def test_strangers_are_told_why(self):
        before = self.made(self.plain)
        for content, *row in BEFORE:
            self.assert_refused(self.plain, content, row)
        for name, password in (("postgres@pr-1", "wrong"), ("nobody@pr-1", PASSWORD)):
            self.assert_refused(self.plain, user(name), ("28P01", "WRONG_PASSWORD", "password authentication failed"), password)
        self.assertEqual(self.made(self.plain), before)

    def test_users_are_told_why(self):
        before = self.made(self.plain)
        for content, *row in AFTER:
            self.assert_refused(self.plain, content, row, PASSWORD)
        self.assertEqual(self.made(self.plain), before)
        self.assertEqual(self.served(self.plain, "postgres@pr-9"), "pr-9")

    def test_other_names_are_folded(self):
        before = self.branches(self.plain)
        for name, beginning in FOLDED:
            with self.subTest(name):
                folded = self.served(self.plain, "postgres@" + name.replace("@", "@@"))
                self.assertRegex(folded, f"^{re.escape(beginning)}-[0-9a-f]{{12}}$")
                self.assertEqual(self.served(self.plain, "postgres@" + folded), folded)
        self.assertEqual(len(self.branches(self.plain)), len(before) + len(FOLDED))
        for volume in self.volumes(self.plain):
            self.assertRegex(volume, "^[bg]-[0-9a-z]{26}$")

    def test_tls_is_demanded_or_not_there(self):
        gateway = self.start(tls_required=True)
        before = self.made(gateway)
        self.assert_refused(gateway, user("postgres@pr-1"), ("28000", "TLS_REQUIRED", "takes encrypted connections only"))
        self.assertEqual(self.made(gateway), before)
        with Connection(gateway.postgres) as client:
            client.start_tls(gateway.authority)
            client.send(user("postgres@pr-1"))
            client.log_in(PASSWORD)
            self.assertEqual(client.ask("SHOW prism.branch"), "pr-1")
        with Connection(self.plain.postgres) as client:
            client.send(packet(SSL_REQUEST))
            self.assertEqual(client.receive(1), b"N")
            client.send(packet(SSL_REQUEST))  # once is enough
            with self.assertRaisesRegex(Refused, "0A000 UNSUPPORTED_PROTOCOL"):
                client.message()

    def test_a_renewed_certificate_is_served_to_those_who_come_then(self):
        gateway = self.start(tls_required=True)
        before = pathlib.Path(shutil.copy(gateway.authority, gateway.directory / "before.pem"))
        with Connection(gateway.postgres) as early:
            early.start_tls(before)
            early.send(user("postgres@pr-1"))
            early.log_in(PASSWORD)
            self.certify(gateway.directory)
            gateway.process.send_signal(signal.SIGHUP)

            def is_served():
                try:
                    with Connection(gateway.postgres) as client:
                        client.start_tls(gateway.authority)
                        return True
                except ssl.SSLCertVerificationError:
                    return False

            wait_for(is_served)
            with Connection(gateway.postgres) as late:
                late.start_tls(gateway.authority)
                late.send(user("postgres@pr-1"))
                late.log_in(PASSWORD)
                self.assertEqual(late.ask("SHOW prism.branch"), "pr-1")
            self.assertEqual(early.ask("SHOW prism.branch"), "pr-1")
            # What is no certificate leaves the one that is served.
            (gateway.directory / "server.pem").write_text("none")
            gateway.process.send_signal(signal.SIGHUP)
            wait_for(lambda: gateway.output().count("TLS_") > 0)
            self.assertTrue(is_served())

    def test_gss_is_declined_and_other_versions_are_negotiated(self):
        with Connection(self.plain.postgres) as client:
            client.send(packet(GSS_REQUEST))
            self.assertEqual(client.receive(1), b"N")
            client.send(startup("user", "postgres@pr-1", "database", "postgres", "_pq_.magic", "on", version=(3 << 16) + 99))
            offered = ((3 << 16) + 2).to_bytes(4, "big") + (1).to_bytes(4, "big") + b"_pq_.magic\0"
            self.assertEqual(client.message(), (b"v", offered))
            _, key = client.log_in(PASSWORD)
            self.assertGreater(len(key), 4)  # what 3.2 allows
            self.assertEqual(client.ask("SHOW prism.branch"), "pr-1")

    def test_what_is_no_client_gets_no_answer(self):
        before = self.made(self.plain)
        for content in (b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n", packet(CANCEL, b"\0" * 4), packet(CANCEL, b"\0" * 300)):
            with self.subTest(content[:20]), Connection(self.plain.postgres) as client:
                client.send(content)
                self.assertTrue(client.ended())
        self.assertEqual(self.made(self.plain), before)

    def test_a_cancel_request_needs_the_key(self):
        with Connection(self.plain.postgres) as sleeper, Connection(self.plain.postgres) as other:
            keys = []
            for client in (sleeper, other):
                client.send(user("postgres@pr-1"))
                keys.append(client.log_in(PASSWORD))
            (process, key), (_, other_key) = keys
            sleeper.tell(b"Q", b"SELECT pg_sleep(600)\0")
            asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            wait_for(lambda: other.ask(asleep) == "1")
            for guess in ((process, other_key), (process, bytes(len(key))), (process + 1, key), (0, key)):
                self.cancel(*guess)
            self.assertEqual(other.ask(asleep), "1")
            self.cancel(process, key)
            with self.assertRaises(Refused) as refused:
                while True:
                    sleeper.message()
            self.assertEqual(refused.exception.fields["C"], "57014")

    def cancel(self, process, key):
        """Returns when the connection has been closed: whoever it reaches has been told."""
        with Connection(self.plain.postgres) as client:
            client.send(packet(CANCEL, process.to_bytes(4, "big") + key))
            self.assertTrue(client.ended())


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    if os.geteuid() == 0:
        own_mounts()
    unittest.main()
