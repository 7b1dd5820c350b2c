"""The command line against a real `prism serve`: every verb of kv, bad usage, absence, strange bytes, no server.

usage: cli_test.py PROGRAM [unittest arguments]
"""

import base64
import json
import os
import pathlib
import pty
import re
import select
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway  # noqa: E402

PROGRAM = None
GATEWAY = None
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PRISM_")}


def setUpModule():
    global GATEWAY
    GATEWAY = Gateway(PROGRAM).start()


def tearDownModule():
    code = GATEWAY.stop()
    output = GATEWAY.output()
    assert code == 0, f"the gateway ended with code {code}:\n{output}"


def prism(*arguments, stdin=b"", env=None, addresses=True):
    """Runs the program; what it printed is bytes."""
    environment = dict(CLEAN)
    if addresses:
        environment |= {"PRISM_SERVER": GATEWAY.data, "PRISM_ADMIN_SERVER": GATEWAY.admin}
    return subprocess.run([PROGRAM, *arguments], input=stdin, capture_output=True, timeout=60,
                          env=environment | (env or {}))


def free_address():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


class CliTest(unittest.TestCase):
    number = 0

    def setUp(self):
        CliTest.number += 1
        self.prefix = f"cli{CliTest.number}:"

    def key(self, name="key"):
        return self.prefix + name

    def ok(self, *arguments, stdin=b"", **options):
        done = prism(*arguments, stdin=stdin, **options)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return done.stdout

    def fails(self, code, *arguments, stdin=b"", **options):
        """The standard error of a command that must end with this code and print nothing on standard output."""
        done = prism(*arguments, stdin=stdin, **options)
        self.assertEqual(done.returncode, code, done)
        self.assertEqual(done.stdout, b"")
        return done.stderr.decode(errors="replace")

    def json(self, *arguments, **options):
        return [json.loads(line) for line in self.ok(*arguments, "-o", "json", **options).splitlines()]


class Basic(CliTest):
    def test_says_what_a_namespace_is(self):
        shown = prism("capabilities", "scratch")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(shown.stdout.decode(), r"interfaces +keyvalue_basic, keyvalue_batch")
        everything = json.loads(prism("capabilities", "default", "-o", "json").stdout)
        self.assertEqual((everything["durability"], everything["consistency"], everything["status"]), ("fsynced", "strong", "active"))
        self.assertEqual((everything["max_value_bytes"], everything["default_timeout"]), (4 << 20, "30s"))
        flags = json.loads(prism("features", "scratch", "-o", "json").stdout)
        self.assertEqual((flags["features"], flags["revision"] > 0), ({}, True))
        for verb in ("capabilities", "features"):
            absent = prism(verb, "nowhere")
            self.assertEqual((absent.returncode, absent.stdout), (1, b""))
            self.assertIn(b"NAMESPACE_NOT_FOUND", absent.stderr)

    def test_set_and_get_on_both_namespaces(self):
        for namespace, durability in (("default", "fsynced"), ("scratch", "memory")):
            written = self.ok("kv", "set", namespace, self.key(), "hello").decode()
            self.assertRegex(written, r"^VERSION +DURABILITY\n\S+ +" + durability + "\n$")
            self.assertEqual(self.ok("kv", "get", namespace, self.key()), b"hello")

    def test_set_prints_json(self):
        (written,) = self.json("kv", "set", "default", self.key(), "x")
        self.assertEqual(written["durability"], "fsynced")
        (entry,) = self.json("kv", "get", "default", self.key())
        self.assertEqual(entry, {"key": self.key(), "value": "eA==", "version": written["version"]})

    def test_values_are_bytes(self):
        every = bytes(range(256)) * 3
        self.ok("kv", "set", "scratch", self.key(), "-", stdin=every)
        self.assertEqual(self.ok("kv", "get", "scratch", self.key()), every)
        self.ok("kv", "set", "scratch", self.key(), "")
        self.assertEqual(self.ok("kv", "get", "scratch", self.key()), b"")
        self.ok("kv", "exists", "scratch", self.key())

    def test_values_from_files(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "value"
            path.write_bytes(b"from\0file\n")
            self.ok("kv", "set", "scratch", self.key(), f"@{path}")
            self.assertEqual(self.ok("kv", "get", "scratch", self.key()), b"from\0file\n")
        self.ok("kv", "set", "scratch", self.key(), "@@mention")
        self.assertEqual(self.ok("kv", "get", "scratch", self.key()), b"@mention")
        error = self.fails(1, "kv", "set", "scratch", self.key(), "@/does/not/exist")
        self.assertIn("FAILED_PRECONDITION/FILE_UNREADABLE", error)

    def test_large_values_and_the_limit(self):
        large = os.urandom(4 << 20)
        self.ok("kv", "set", "scratch", self.key(), "-", stdin=large)
        self.assertEqual(self.ok("kv", "get", "scratch", self.key()), large)
        error = self.fails(1, "kv", "set", "scratch", self.key(), "-", stdin=large + b"x")
        self.assertIn("RESOURCE_EXHAUSTED/VALUE_TOO_LARGE", error)
        error = self.fails(1, "kv", "set", "scratch", self.key(), "-", stdin=b"x" * (20 << 20))
        self.assertIn("RESOURCE_EXHAUSTED/", error)

    def test_weird_keys(self):
        for name in ("a b", "a/../b", "%2F", "ä\u0308", "😀", "line\nbreak", "tab\t", "\x1b[31m", "\\", '"', "-dash"):
            key = self.key(name) if name != "-dash" else "-dash" + self.prefix
            self.ok("kv", "set", "scratch", "--", key, name)
            self.assertEqual(self.ok("kv", "get", "scratch", "--", key), name.encode())
        table = self.ok("kv", "scan", "scratch", self.prefix).decode()
        self.assertNotIn("\x1b", table)
        self.assertIn("\\x1b[31m", table)
        self.assertIn("line\\nbreak", table)
        keys = {entry["key"] for entry in self.json("kv", "scan", "scratch", self.prefix)}
        self.assertIn(self.key("line\nbreak"), keys)

    def test_bad_keys(self):
        self.assertIn("INVALID_ARGUMENT/", self.fails(1, "kv", "set", "scratch", "", "x"))
        self.assertIn("INVALID_ARGUMENT/", self.fails(1, "kv", "set", "scratch", "k" * 1025, "x"))
        self.ok("kv", "set", "scratch", "k" * 1024, "x")
        error = self.fails(1, "kv", "get", "scratch", b"\xff\xfe")
        self.assertTrue(error.startswith("error: INVALID_ARGUMENT/MALFORMED_MESSAGE: "), error)

    def test_absence(self):
        for verb in ("get", "exists", "ttl", "persist"):
            self.assertEqual(self.fails(1, "kv", verb, "default", self.key("nothing")), "", verb)
        self.assertEqual(self.fails(1, "kv", "get", "default", self.key("nothing"), "-o", "json"), "")
        self.assertEqual(self.fails(1, "kv", "expire", "default", self.key("nothing"), "1s"), "")
        self.assertEqual(self.ok("kv", "delete", "default", self.key("nothing")), b"was not there\n")

    def test_delete_and_delete_prefix(self):
        self.ok("kv", "set", "default", self.key("a"), "1")
        self.assertEqual(self.ok("kv", "delete", "default", self.key("a")), b"deleted\n")
        self.fails(1, "kv", "get", "default", self.key("a"))
        for name in "bcd":
            self.ok("kv", "set", "default", self.key(name), "1")
        self.assertEqual(self.json("kv", "delete", "default", "--prefix", self.prefix), [{"deleted": 3}])
        self.assertEqual(self.ok("kv", "count", "default", self.prefix), b"0\n")

    def test_unknown_namespace(self):
        error = self.fails(1, "kv", "get", "nowhere", "k")
        self.assertTrue(error.startswith("error: NOT_FOUND/NAMESPACE_NOT_FOUND: "), error)
        error = self.fails(1, "kv", "get", "nowhere", "k", "-o", "json")
        self.assertEqual(json.loads(error)["error"]["reason"], "NAMESPACE_NOT_FOUND")

    def test_request_id_makes_a_repetition_harmless(self):
        for _ in range(3):
            self.assertEqual(self.ok("kv", "incr", "default", self.key(), "--request-id", self.prefix), b"1\n")
        error = self.fails(1, "kv", "incr", "default", self.key(), "2", "--request-id", self.prefix)
        self.assertIn("INVALID_ARGUMENT/REQUEST_ID_REUSED", error)

    def test_min_durability(self):
        self.ok("kv", "set", "default", self.key(), "x", "--min-durability", "fsynced")
        error = self.fails(1, "kv", "set", "scratch", self.key(), "x", "--min-durability", "fsynced")
        self.assertIn("FAILED_PRECONDITION/DURABILITY_UNAVAILABLE", error)
        self.fails(1, "kv", "get", "scratch", self.key())


class Expiry(CliTest):
    def test_ttl_expire_and_persist(self):
        key = self.key()
        self.ok("kv", "set", "default", key, "x", "--ttl", "1h")
        left = self.ok("kv", "ttl", "default", key).decode()
        self.assertRegex(left, r"^(1h|59m59s.*)\n$")
        (state,) = self.json("kv", "ttl", "default", key)
        self.assertEqual(state["state"], "EXPIRING")
        self.assertEqual(self.ok("kv", "persist", "default", key), b"persistent\n")
        self.assertEqual(self.ok("kv", "ttl", "default", key), b"persistent\n")
        self.fails(1, "kv", "persist", "default", key)
        self.assertEqual(self.ok("kv", "expire", "default", key, "1m30s"), b"expires in 1m30s\n")
        (entry,) = self.json("kv", "get", "default", key)
        self.assertRegex(entry["expire_time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*Z$")

    def test_a_short_ttl_ends(self):
        self.ok("kv", "set", "scratch", self.key(), "x", "--ttl", "50ms")
        deadline = time.monotonic() + 20
        while prism("kv", "exists", "scratch", self.key()).returncode == 0:
            self.assertLess(time.monotonic(), deadline)
        self.fails(1, "kv", "get", "scratch", self.key())

    def test_tags(self):
        self.ok("kv", "set", "default", self.key(), "x", "--tag", "owner=web", "--tag", "a=b=c", "--tag", "empty=")
        (entry,) = self.json("kv", "get", "default", self.key())
        self.assertEqual(entry["tags"], {"owner": "web", "a": "b=c", "empty": ""})
        self.assertIn(b"a=b=c empty= owner=web", self.ok("kv", "scan", "default", self.prefix))
        self.assertIn("BAD_TAG", self.fails(1, "kv", "set", "default", self.key(), "x", "--tag", "owner"))

    def test_a_ttl_of_nothing_is_refused(self):
        self.assertIn("INVALID_ARGUMENT/", self.fails(1, "kv", "set", "default", self.key(), "x", "--ttl", "0"))
        self.assertIn("INVALID_ARGUMENT/", self.fails(1, "kv", "set", "default", self.key(), "x", "--ttl=-1s"))


class Scan(CliTest):
    def setUp(self):
        super().setUp()
        lines = [json.dumps({"key": self.key(f"{i:04}"), "text": str(i)}) for i in range(1200)]
        imported = self.ok("kv", "import", "scratch", "-", stdin="\n".join(lines).encode())
        self.assertEqual(imported, b"imported 1200 keys\n")

    def test_scan_in_order_and_count(self):
        self.assertEqual(self.ok("kv", "count", "scratch", self.prefix), b"1200\n")
        self.assertEqual(self.json("kv", "count", "scratch", self.prefix), [{"count": 1200}])
        entries = self.json("kv", "scan", "scratch", self.prefix)
        self.assertEqual([entry["key"] for entry in entries], [self.key(f"{i:04}") for i in range(1200)])
        self.assertEqual(base64.b64decode(entries[7]["value"]), b"7")
        table = self.ok("kv", "scan", "scratch", self.prefix).decode().splitlines()
        self.assertEqual(len(table), 1201)
        self.assertRegex(table[0], r"^KEY +VALUE +EXPIRES +TAGS$")
        self.assertRegex(table[8], r"0007 +7 +-")

    def test_pages(self):
        seen = []
        token = []
        pages = 0
        while True:
            lines = self.json("kv", "scan", "scratch", self.prefix, "--limit", "500", "--keys-only", *token)
            pages += 1
            more = lines.pop() if "page_token" in lines[-1] else None
            self.assertTrue(all("value" not in line for line in lines))
            seen += [line["key"] for line in lines]
            if more is None:
                break
            token = ["--page-token", more["page_token"]]
        self.assertEqual(seen, [self.key(f"{i:04}") for i in range(1200)])
        self.assertGreaterEqual(pages, 3)

    def test_the_table_says_where_to_go_on(self):
        done = prism("kv", "scan", "scratch", self.prefix, "--limit", "2")
        self.assertEqual(len(done.stdout.splitlines()), 3)
        token = re.match(r"more: --page-token (\S+)\n", done.stderr.decode())[1]
        self.assertIn(b"0002", self.ok("kv", "scan", "scratch", self.prefix, "--limit", "1", "--page-token", token))
        error = self.fails(1, "kv", "scan", "scratch", "other", "--page-token", token, "-o", "json")
        self.assertIn("PAGE_TOKEN_MISMATCH", error)

    def test_a_reader_that_stops_early_is_no_hang(self):
        scan = subprocess.Popen([PROGRAM, "kv", "scan", "scratch", self.prefix, "--server", GATEWAY.data],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLEAN)
        scan.stdout.readline()
        scan.stdout.close()
        scan.wait(30)
        scan.stderr.close()


class Conditional(CliTest):
    def test_cas(self):
        key = self.key()
        self.ok("kv", "cas", "default", key, "one", "--absent")
        self.assertIn("not swapped: the current version is ", self.fails(1, "kv", "cas", "default", key, "x", "--absent"))
        (swapped,) = self.json("kv", "cas", "default", key, "two", "--expect-value", "one")
        self.assertTrue(swapped["swapped"])
        self.ok("kv", "cas", "default", key, "three", "--expect-version", swapped["version"])
        done = prism("kv", "cas", "default", key, "x", "--expect-value", "two", "-o", "json")
        answer = json.loads(done.stdout)
        self.assertEqual((done.returncode, answer["swapped"]), (1, False))
        self.assertEqual(base64.b64decode(answer["current"]["value"]), b"three")
        self.assertIn("the key is absent", self.fails(1, "kv", "cas", "default", self.key("no"), "x", "--expect-value", ""))

    def test_incr(self):
        self.assertEqual(self.ok("kv", "incr", "default", self.key()), b"1\n")
        self.assertEqual(self.ok("kv", "incr", "default", self.key(), "41"), b"42\n")
        self.assertEqual(self.ok("kv", "incr", "default", self.key(), "-50"), b"-8\n")
        (answer,) = self.json("kv", "incr", "default", self.key(), "8")
        self.assertEqual(answer["value"], 0)
        self.ok("kv", "set", "default", self.key(), str(2**63 - 1))
        self.assertIn("OUT_OF_RANGE/INTEGER_OVERFLOW", self.fails(1, "kv", "incr", "default", self.key()))
        self.ok("kv", "set", "default", self.key(), "word")
        self.assertIn("FAILED_PRECONDITION/NOT_AN_INTEGER", self.fails(1, "kv", "incr", "default", self.key()))
        self.assertEqual(prism("kv", "incr", "default", self.key(), "much").returncode, 2)


class Transactions(CliTest):
    def test_a_script_is_applied_as_a_whole(self):
        self.ok("kv", "set", "default", self.key("stock"), "42")
        self.ok("kv", "set", "default", self.key("old"), "x")
        script = (f"# take one\nget {self.key('stock')}\nset {self.key('stock')} 41\nget {self.key('stock')}\n\n"
                  f"set \"{self.key('a key')}\" two words\ndelete {self.key('old')}\nget {self.key('old')}\n"
                  + json.dumps({"op": "set", "key": self.key("json"), "value": "AAE=", "ttl": "1h"}) + "\n")
        table = self.ok("kv", "txn", "default", stdin=script.encode()).decode()
        self.assertRegex(table, r"get +\S+stock +42\nset +\S+stock +version \S+\nget +\S+stock +41\n")
        self.assertIn("(absent)", table)
        self.assertTrue(table.endswith("committed, fsynced\n"), table)
        self.assertEqual(self.ok("kv", "get", "default", self.key("stock")), b"41")
        self.assertEqual(self.ok("kv", "get", "default", self.key("a key")), b"two words")
        self.assertEqual(self.ok("kv", "get", "default", self.key("json")), b"\0\1")
        self.fails(1, "kv", "get", "default", self.key("old"))

    def test_json_output(self):
        with tempfile.NamedTemporaryFile() as script:
            script.write(f"get {self.key()}\nset {self.key()} v\n".encode())
            script.flush()
            get, put, end = self.json("kv", "txn", "default", script.name)
        self.assertEqual(get, {"op": "get", "key": self.key(), "found": False})
        self.assertEqual(put["op"], "set")
        self.assertTrue(end["committed"])
        self.assertEqual(list(end["versions"]), [self.key()])

    def test_a_mistake_in_the_script_applies_nothing(self):
        error = self.fails(1, "kv", "txn", "default", stdin=f"set {self.key()} v\nput x y\n".encode())
        self.assertIn("INVALID_ARGUMENT/BAD_LINE: line 2: ", error)
        self.fails(1, "kv", "get", "default", self.key())
        error = self.fails(1, "kv", "txn", "default", stdin=f"set {self.key()} v\nget {'k' * 1025}\n".encode())
        self.assertIn("line 2: ", error)
        self.fails(1, "kv", "get", "default", self.key())

    def test_a_conflict_is_exit_code_1(self):
        # Scripts that read a counter, then much else, then write it, run at once until two have overlapped. Whoever
        # commits must have seen the newest value, so each round adds exactly one.
        key = self.key("counter")
        self.ok("kv", "set", "default", key, "0")
        fill = "".join(f"get {self.key(str(i))}\n" for i in range(200))
        rounds = conflicts = 0
        deadline = time.monotonic() + 60
        while conflicts == 0:
            self.assertLess(time.monotonic(), deadline, "no two scripts ever overlapped")
            script = f"get {key}\n{fill}set {key} {rounds + 1}\n"
            running = [subprocess.Popen([PROGRAM, "kv", "txn", "default", "--server", GATEWAY.data],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLEAN)
                       for _ in range(4)]
            for one in running:
                one.stdin.write(script.encode())
                one.stdin.close()
            for one in running:
                output, error = one.stdout.read(), one.stderr.read().decode()
                code = one.wait(30)
                one.stdout.close()
                one.stderr.close()
                if code == 0:
                    self.assertTrue(output.endswith(b"committed, fsynced\n"), output)
                else:
                    self.assertEqual((code, output), (1, b""))
                    self.assertIn("ABORTED/TRANSACTION_CONFLICT", error)
                    self.assertIn("nothing was applied", error)
                    conflicts += 1
            rounds += 1
            self.assertEqual(self.ok("kv", "get", "default", key), str(rounds).encode())


class Transfer(CliTest):
    def test_export_and_import_round_trip(self):
        self.ok("kv", "set", "scratch", self.key("bytes"), "-", stdin=bytes(range(256)))
        self.ok("kv", "set", "scratch", self.key("empty"), "")
        self.ok("kv", "set", "scratch", self.key("line\nbreak 😀"), "x", "--ttl", "1h", "--tag", "a=ä")
        exported = self.ok("kv", "export", "scratch", self.prefix)
        self.assertEqual(len(exported.splitlines()), 3)
        self.assertEqual(self.ok("kv", "import", "default", "-", stdin=exported), b"imported 3 keys\n")
        again = self.ok("kv", "export", "default", self.prefix)

        def comparable(lines):
            entries = [json.loads(line) for line in lines.splitlines()]
            for entry in entries:
                del entry["version"]
                if "expire_time" in entry:
                    entry["expire_time"] = entry["expire_time"][:16]
            return entries

        self.assertEqual(comparable(again), comparable(exported))

    def test_many_and_large_values(self):
        with tempfile.NamedTemporaryFile() as file:
            for i in range(3000):
                file.write(json.dumps({"key": self.key(f"{i:05}"), "text": "v" * (i % 50)}).encode() + b"\n")
            for i in range(3):
                value = base64.b64encode(bytes([i]) * (3 << 20)).decode()
                file.write(json.dumps({"key": self.key(f"large{i}"), "value": value}).encode() + b"\n")
            file.flush()
            self.assertEqual(self.json("kv", "import", "scratch", file.name), [{"imported": 3003, "expired": 0}])
        self.assertEqual(self.ok("kv", "count", "scratch", self.prefix), b"3003\n")
        self.assertEqual(self.ok("kv", "get", "scratch", self.key("large2")), b"\2" * (3 << 20))
        self.ok("kv", "delete", "scratch", "--prefix", self.prefix)

    def test_expired_lines_are_left_out(self):
        line = {"key": self.key(), "text": "x", "expire_time": "2001-01-01T00:00:00Z"}
        imported = self.ok("kv", "import", "scratch", "-", stdin=json.dumps(line).encode())
        self.assertEqual(imported, b"imported 0 keys, left out 1 that have expired\n")
        self.fails(1, "kv", "get", "scratch", self.key())

    def test_an_error_says_the_line_and_how_to_go_on(self):
        lines = [json.dumps({"key": self.key(f"{i:03}"), "text": "x"}) for i in range(700)]
        lines[600] = '{"key": 5}'
        bad = "\n".join(lines).encode()
        error = self.fails(1, "kv", "import", "scratch", "-", stdin=bad)
        self.assertIn("INVALID_ARGUMENT/BAD_LINE: line 601: ", error)
        self.assertIn("--from-line 601", error)
        self.assertEqual(self.ok("kv", "count", "scratch", self.prefix), b"600\n")
        lines[600] = json.dumps({"key": self.key("600"), "text": "mended"})
        mended = "\n".join(lines).encode()
        self.assertEqual(self.ok("kv", "import", "scratch", "-", "--from-line", "601", stdin=mended),
                         b"imported 100 keys\n")
        self.assertEqual(self.ok("kv", "count", "scratch", self.prefix), b"700\n")

    def test_an_item_that_the_server_refuses_has_its_line(self):
        lines = [json.dumps({"key": self.key(f"{i}"), "text": "x"}) for i in range(10)]
        lines[4] = json.dumps({"key": "k" * 2000, "text": "x"})
        error = self.fails(1, "kv", "import", "scratch", "-", stdin="\n".join(lines).encode())
        self.assertIn("INVALID_ARGUMENT/", error)
        self.assertIn("line 5: ", error)

    def test_missing_files(self):
        self.assertIn("FILE_UNREADABLE", self.fails(1, "kv", "import", "scratch", "/does/not/exist"))
        self.assertIn("FILE_UNREADABLE", self.fails(1, "kv", "import", "scratch", "/tmp"))


class Usage(CliTest):
    def test_bad_usage_is_exit_code_2(self):
        for arguments, told in [
            (["kv", "gte", "default", "k"], 'did you mean "prism kv get"?'),
            (["kv"], "needs a verb"),
            (["kv", "get"], "NAMESPACE is required"),
            (["kv", "get", "default", "k", "extra"], "extra"),
            (["kv", "get", "default", "k", "--nope"], "--nope"),
            (["kv", "set", "default", "k", "v", "--ttl", "10"], "a unit is missing"),
            (["kv", "cas", "default", "k", "v"], "--absent"),
            (["kv", "cas", "default", "k", "v", "--absent", "--expect-value", "x"], "--absent"),
            (["kv", "delete", "default"], "KEY or --prefix"),
            (["kv", "delete", "default", "--prefix", ""], "empty prefix"),
            (["kv", "scan", "default", "--limit", "-1"], "0 (no limit) or more"),
            (["kv", "get", "default", "k", "-o", "yaml"], "table and json"),
            (["kv", "get", "default", "k", "--server", "nowhere"], "host:port"),
            (["kv", "get", "default", "k", "--timeout", "0"], "more than 0"),
            (["kv", "set", "default", "k", "v", "--min-durability", "good"], "fsynced"),
            (["completion", "tcsh"], "tcsh"),
            (["frobnicate"], 'no verb "prism frobnicate"'),
        ]:
            error = self.fails(2, *arguments)
            self.assertIn("error: INVALID_ARGUMENT/BAD_USAGE: ", error, arguments)
            self.assertIn(told, error, arguments)
            self.assertIn("--help", error, arguments)
        self.assertIn("SUBCOMMAND", self.fails(2))

    def test_help_of_every_verb(self):
        self.assertIn(b"PRISM_SERVER", self.ok("--help"))
        for verb in ("set get delete exists scan count expire ttl persist cas incr txn import export").split():
            text = self.ok("kv", verb, "--help").decode()
            self.assertIn("Example", text, verb)
        for verb in ("status", "version", "validate", "completion"):
            self.ok(verb, "--help")

    def test_a_token_never_appears(self):
        token = "s3cr3t-token"
        for arguments in (["--help"], ["kv", "get", "nowhere", "k"], ["kv", "--nope"], ["status"]):
            done = prism(*arguments, env={"PRISM_TOKEN": token})
            self.assertNotIn(token.encode(), done.stdout + done.stderr, arguments)

    def test_options_may_stand_anywhere(self):
        self.ok("kv", "set", "scratch", self.key(), "x")
        for arguments in (["--server", GATEWAY.data, "kv", "get", "scratch", self.key()],
                          ["kv", "--server", GATEWAY.data, "get", "scratch", self.key()],
                          ["kv", "get", "scratch", self.key(), "--server", GATEWAY.data]):
            self.assertEqual(self.ok(*arguments, addresses=False), b"x")

    def test_no_server(self):
        address = free_address()
        error = self.fails(1, "kv", "get", "default", "k", "--server", address)
        self.assertTrue(error.startswith("error: UNAVAILABLE/SERVER_UNREACHABLE: "), error)
        self.assertIn("prism serve", error)
        self.assertIn("PRISM_SERVER", error)
        self.assertEqual(prism("status", "--server", address).returncode, 1)

    def test_a_server_that_never_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"127.0.0.1:{silent.getsockname()[1]}"
            error = self.fails(1, "kv", "get", "default", "k", "--server", address, "--timeout", "200ms")
        self.assertIn("DEADLINE_EXCEEDED/DEADLINE_EXCEEDED", error)
        self.assertIn("--timeout", error)

    def test_the_admin_port_is_no_data_port(self):
        error = self.fails(1, "kv", "get", "default", "k", "--server", GATEWAY.admin)
        self.assertTrue(error.startswith("error: UN"), error)

    def test_output_that_can_not_be_written(self):
        self.ok("kv", "set", "scratch", self.key(), "x")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "kv", "get", "scratch", self.key(), "--server", GATEWAY.data],
                                  stdout=full, stderr=subprocess.PIPE, env=CLEAN, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"OUTPUT_INCOMPLETE", done.stderr)


class Others(CliTest):
    def test_status(self):
        self.ok("kv", "set", "scratch", self.key(), "x")
        prism("kv", "get", "scratch", "")
        table = self.ok("status").decode()
        self.assertRegex(table, r"data +" + GATEWAY.data + r" +SERVING\n")
        self.assertRegex(table, r"admin +" + GATEWAY.admin + r" +ready\n")
        self.assertRegex(table, r"\nversion \d+\.\d+\.\d+")
        self.assertRegex(table, r"NAMESPACE +REQUESTS +ERRORS\n")
        (status,) = self.json("status")
        self.assertTrue(status["data"]["well"] and status["admin"]["well"])
        self.assertGreaterEqual(status["namespaces"]["scratch"]["requests"], 2)
        self.assertGreaterEqual(status["namespaces"]["scratch"]["errors"], 1)

    def test_version(self):
        version = self.ok("version").decode()
        self.assertRegex(version, r"^prism \d+\.\d+\.\d+\n$")
        self.assertEqual(self.json("version"), [{"version": version.split()[1]}])
        self.assertEqual(self.ok("--version").decode(), version)

    def test_validate(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "prism.yaml"
            path.write_text("namespaces:\n  - {name: cache, backend: memory, pattern: keyvalue}\n")
            self.assertIn(b"right", self.ok("validate", str(path)))
            path.write_text("namespaces:\n  - {name: cache, backend: memory, patern: keyvalue}\n")
            error = self.fails(1, "validate", str(path))
            self.assertIn("INVALID_ARGUMENT/", error)
            self.assertRegex(error, r":2:\d+")
            self.assertIn("pattern", error)
            path.write_text("namespaces:\n  - {name: cache, patern: keyvalue}\nfoo: 1\n")
            first, *mistakes = self.fails(1, "validate", str(path)).splitlines()
            self.assertEqual(first, f"error: INVALID_ARGUMENT/CONFIG_INVALID: {path} has 3 problems:")
            self.assertEqual([re.match(rf"  {path}:(\d+:\d+): ([A-Z_]+): .+", line).groups() for line in mistakes],
                             [("2:5", "MISSING_KEY"), ("2:19", "UNKNOWN_KEY"), ("3:1", "UNKNOWN_KEY")])
            listed = json.loads(self.fails(1, "validate", str(path), "-o", "json"))["error"]["problems"]
            self.assertEqual([problem["at"] for problem in listed], [f"{path}:2:5", f"{path}:2:19", f"{path}:3:1"])
        self.assertIn("CONFIG_NOT_FOUND", self.fails(1, "validate", "/does/not/exist.yaml"))

    def offered_by_zsh(self):
        """What "prism kv ex<TAB>" offers, both ways of loading the script: they must agree."""
        offers = []
        with tempfile.TemporaryDirectory() as directory:
            (pathlib.Path(directory) / "_prism").write_bytes(self.ok("completion", "zsh"))
            for load in ("source $1/_prism", "fpath=($1 $fpath); compinit -u -D"):
                # compadd works only while a line is edited; the words that it is given are what counts.
                probe = f"""autoload -Uz compinit && compinit -u -D; {load}
                            compadd() {{ shift; print -rl -- ${{(M)@:#ex*}} }}
                            words=(prism kv ex) CURRENT=3; ${{_comps[prism]}}"""
                done = subprocess.run(["zsh", "-f", "-c", probe, "zsh", directory], capture_output=True, text=True, timeout=30)
                self.assertEqual(done.stderr, "")
                offers.append(done.stdout.split())
        self.assertEqual(offers[0], offers[1])
        return offers[0]

    def test_completion_scripts_load(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.ok("completion", shell)
            self.assertIn(b"persist", script)
            self.assertIn(b"serve", script)
        self.assertEqual(self.offered_by_zsh(), ["exists", "expire", "export"])
        script = self.ok("completion", "fish")
        with tempfile.NamedTemporaryFile() as file:
            file.write(script)
            file.flush()
            done = subprocess.run(["fish", "--no-config", "-c", f"source {file.name}; complete -C 'prism kv ex'"],
                                  capture_output=True, text=True, timeout=30)
        self.assertEqual([line.split("\t")[0] for line in done.stdout.splitlines()], ["exists", "expire", "export"], done.stderr)
        script = self.ok("completion", "bash").decode()
        probe = script + '\nCOMP_WORDS=(prism kv ex); COMP_CWORD=2; _prism; echo "${COMPREPLY[*]}"; complete -p prism'
        done = subprocess.run(["bash", "-c", probe], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.stdout, "exists expire export\ncomplete -F _prism prism\n", done.stderr)


class Terminal(CliTest):
    """What a person sees: the program on a pseudo terminal."""

    def on_terminal(self, *arguments, env=None):
        pid, terminal = pty.fork()
        if pid == 0:
            environment = CLEAN | {"PRISM_SERVER": GATEWAY.data, "TERM": "xterm"} | (env or {})
            os.execve(PROGRAM, [PROGRAM, *arguments], environment)
        output = b""
        while True:
            readable, _, _ = select.select([terminal], [], [], 30)
            self.assertTrue(readable, "the program says nothing and does not end")
            try:
                chunk = os.read(terminal, 65536)
            except OSError:  # the terminal's end: Linux says EIO
                break
            if not chunk:
                break
            output += chunk
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status), output.decode()

    def test_colour_only_when_wanted(self):
        self.ok("kv", "set", "scratch", self.key(), "x")
        self.assertIn("\x1b[1m", self.on_terminal("kv", "scan", "scratch", self.prefix)[1])
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            self.assertNotIn("\x1b", self.on_terminal("kv", "scan", "scratch", self.prefix, env=env)[1])

    def test_long_values_are_cut_and_absence_is_told(self):
        self.ok("kv", "set", "scratch", self.key(), "v" * 5000)
        self.assertIn("v... (5000 bytes)", self.on_terminal("kv", "scan", "scratch", self.prefix)[1])
        code, output = self.on_terminal("kv", "get", "scratch", self.key("nothing"))
        self.assertEqual((code, output), (1, "not found\r\n"))

    def test_progress_shows_and_goes(self):
        with tempfile.NamedTemporaryFile() as file:
            for i in range(2000):
                file.write(json.dumps({"key": self.key(str(i)), "text": "x"}).encode() + b"\n")
            file.flush()
            code, output = self.on_terminal("kv", "import", "scratch", file.name)
        self.assertEqual(code, 0)
        self.assertIn("keys imported: ", output)
        code, bench = self.on_terminal("bench", "scratch", "-d", "500ms", "--warmup", "0s", "--keys", "100")
        self.assertEqual(code, 0, bench)
        self.assertRegex(bench, r"loading: 0\.\ds of 500ms\x1b\[K.*\r\x1b\[K8 connections")
        self.assertTrue(output.endswith("\r\x1b[Kimported 2000 keys\r\n"), repr(output[-200:]))


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
