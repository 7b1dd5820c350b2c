"""prism namespace, backend and config against a real server: every verb, mistakes, editors, stale revisions, many pages.

usage: admin_cli_test.py PROGRAM [unittest arguments]
"""

import json
import os
import pathlib
import pty
import re
import select
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
    assert code == 0, f"the gateway ended with code {code}:\n{GATEWAY.output()}"


def environment(**more):
    return CLEAN | {"PRISM_SERVER": GATEWAY.data, "PRISM_ADMIN_SERVER": GATEWAY.admin} | more


def prism(*arguments, stdin="", **more):
    return subprocess.run([PROGRAM, *arguments], input=stdin, capture_output=True, text=True, timeout=60,
                          env=environment(**more))


def on_a_terminal(answers, *arguments, **more):
    """Runs the program on a terminal and types an answer at each question: (exit code, what was shown)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(PROGRAM, [PROGRAM, *arguments], environment(TERM="xterm", **more))
    shown, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            data = os.read(terminal, 4096)
        except OSError:
            break
        if not data:
            break
        shown += data
        if answers and re.search(rb"\[[^\]]*N\][^ ]* $", shown):
            os.write(terminal, answers.pop(0).encode() + b"\n")
            shown += b"\n"
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode().replace("\r", "")


class LargeConfigTest(unittest.TestCase):
    def test_ten_thousand_namespaces_go_out_and_in_again(self):
        with Gateway(PROGRAM) as gateway, tempfile.TemporaryDirectory() as directory:
            def prism(*arguments, code=0):
                done = subprocess.run([PROGRAM, "config", *arguments], capture_output=True, text=True, timeout=240,
                                      env=CLEAN | {"PRISM_ADMIN_SERVER": gateway.admin})
                self.assertEqual(done.returncode, code, done.stderr)
                return done.stdout

            large, empty, back = (str(pathlib.Path(directory, name)) for name in ("large.yaml", "empty.yaml", "back.yaml"))
            owner = "Zo\xeb-" + 320 * "x"
            pathlib.Path(large).write_text("namespaces:\n" + "".join(
                f"  - {{name: team-{i:05}, backend: memory, owner: {owner}, tags: [production]}}\n" for i in range(10_000)))
            self.assertGreater(pathlib.Path(large).stat().st_size, 3 << 20)
            self.assertIn("10000 differences", prism("diff", large, code=2))
            self.assertIn("done, revision 2", prism("import", large))
            self.assertIn("no difference", prism("diff", large))
            exported = prism("export")
            pathlib.Path(back).write_text(exported)
            pathlib.Path(empty).write_text("namespaces: []\n")
            prism("import", "--replace", "--yes", empty)
            prism("import", "--replace", "--yes", back)
            self.assertEqual(prism("export"), exported)
            pathlib.Path(large).write_text("#" * ((16 << 20) + 1))
            prism("import", large, code=1)


class AdminCliTest(unittest.TestCase):
    number = 0

    def setUp(self):
        AdminCliTest.number += 1
        self.name = f"t{AdminCliTest.number}"
        own = tempfile.TemporaryDirectory(prefix="prism-admin-cli-")
        self.addCleanup(own.cleanup)
        self.directory = pathlib.Path(own.name)

    def ok(self, *arguments, stdin="", code=0, **more):
        done = prism(*arguments, stdin=stdin, **more)
        self.assertEqual(done.returncode, code, done)
        return done.stdout

    def json(self, *arguments, **more):
        return [json.loads(line) for line in self.ok(*arguments, "-o", "json", **more).splitlines()]

    def fails(self, code, *arguments, stdin="", **more):
        """What is on standard error of a command that ends with this code and says nothing else."""
        done = prism(*arguments, stdin=stdin, **more)
        self.assertEqual(done.returncode, code, done)
        self.assertEqual(done.stdout, "", done)
        self.assertTrue(done.stderr.startswith(("error: ", "{")), done.stderr)
        return done.stderr

    def create(self, *arguments, name=None):
        (made,) = self.json("namespace", "create", name or self.name, "--backend", "memory", *arguments)
        return made

    def get(self, name=None):
        (found,) = self.json("namespace", "get", name or self.name)
        return found

    def editor(self, script):
        """An editor that does something to the file of its last argument."""
        path = self.directory / "editor.py"
        path.write_text("import pathlib, re, sys\nfile = pathlib.Path(sys.argv[-1])\ntext = file.read_text()\n"
                        f"state = pathlib.Path({str(self.directory / 'state')!r})\n"
                        "turn = int(state.read_text()) + 1 if state.exists() else 1\nstate.write_text(str(turn))\n"
                        f"pathlib.Path({str(self.directory)!r}, f'seen{{turn}}').write_text(text)\n{script}\n"
                        "file.write_text(text)\n")
        return f"/usr/bin/python3 {path}"

    def seen(self, turn):
        return (self.directory / f"seen{turn}").read_text()


class Namespaces(AdminCliTest):
    def test_what_it_declares_goes_out_and_in_again(self):
        text = self.ok("ns", "create", self.name, "--backend", "memory", "--set", "needs.latency_p99_ms=8",
                       "--set", "needs.retention=90d", "--set", "needs.data_size=5GiB", "--set", "needs.durability=fsynced",
                       "--set", "needs.enable_cache=false")
        for line in ("needs:", "  durability: fsynced", "  latency_p99_ms: 8", "  data_size: 5GiB", '  retention: "90d"', "  enable_cache: false"):
            self.assertIn(f"+{line}\n", text)
        needs = {"durability": "fsynced", "latency_p99_ms": 8, "data_size": 5 << 30, "retention": "90d", "enable_cache": False}
        self.assertEqual(self.get()["needs"], needs)
        for filtered, found in (("needs.latency_p99_ms < 10", True), ("latency_p99_ms < 8", False), ("retention >= 7776000s", True)):
            names = self.ok("ns", "list", "--names", "--filter", f"name = {self.name} AND {filtered}").split()
            self.assertEqual(names, [self.name] if found else [], filtered)
        self.assertIn("needs.latency_p99_ms", self.fails(1, "ns", "list", "--filter", "needs.latency_p99 < 10"))
        self.assertIn('did you mean "write_rps"?', self.fails(2, "ns", "update", self.name, "--set", "needs.writes_rps=1"))
        self.assertIn("1 to 3600000", self.fails(1, "ns", "update", self.name, "--set", "needs.latency_p99_ms=0"))

        self.ok("backend", "create", self.name + "-other", "--type", "memory")
        shadow = ("--set", f"shadow.backend={self.name}-other", "--set", "shadow.sample_percent=10")
        self.assertIn("INTERFACES_WOULD_SHRINK", self.fails(1, "ns", "update", self.name, *shadow))
        self.ok("ns", "update", self.name, *shadow, "--force")
        found = self.get()
        self.assertEqual(found["shadow"], {"backend": self.name + "-other", "sample_percent": 10, "reads": True, "writes": True,
                                           "keep_differences": 1000})
        self.assertTrue(found["problem"].startswith("PATTERN_NOT_INSTALLED"), found)
        self.assertIn("PATTERN_NOT_INSTALLED", self.fails(1, "kv", "get", self.name, "a"))
        self.assertIn("BACKEND_NOT_FOUND", self.fails(1, "backend", "delete", self.name + "-other", "--yes"))

        exported = self.ok("config", "export")
        for line in ("latency_p99_ms: 8", "retention: 90d", "data_size: 5GiB", f"backend: {self.name}-other", "sample_percent: 10"):
            self.assertIn(f"      {line}\n", exported)
        before = self.directory / "before.yaml"
        before.write_text(exported)
        self.ok("ns", "update", self.name, "--unset", "shadow", "--unset", "needs.retention", "--set", "needs.latency_p99_ms=80")
        self.assertNotIn("retention", self.get()["needs"])
        difference = self.ok("config", "diff", str(before), code=2)
        for line in ("-needs.latency_p99_ms: 80", "+needs.latency_p99_ms: 8", '+needs.retention: "90d"', "+shadow.sample_percent: 10"):
            self.assertIn(line + "\n", difference)
        revision = [change["revision"] for change in self.json("ns", "history", self.name)][-1]
        self.ok("ns", "rollback", self.name, "--to", str(revision), "--yes")
        self.assertEqual(self.get()["needs"], needs)

    def test_made_read_changed_and_served(self):
        text = self.ok("ns", "create", self.name, "--backend", "memory", "--owner", "ann", "--tag", "a", "--tag", "b",
                       "--set", "rate_limit_rps=500", "--set", "access.read=ben,unix:cy", "--set", "max_value_bytes=64KiB",
                       "--reason", "a test")
        self.assertRegex(text, rf"\+owner: ann\n(.*\n)*namespace {self.name}: created, revision \d+\n$")
        found = self.get()
        self.assertEqual(found["rate_limit_rps"], 500)
        self.assertEqual(found["tags"], ["a", "b"])
        self.assertEqual(found["access"]["read"], ["ben", "unix:cy"])
        self.assertEqual(found["max_value_bytes"], 65536)
        self.assertEqual(found["status"], "active")
        self.ok("kv", "set", self.name, "k", "v")
        text = self.ok("ns", "update", self.name, "--set", "rate_limit_rps=600", "--unset", "owner", "--add-tag", "c",
                       "--remove-tag", "a")
        self.assertIn("-rate_limit_rps: 500\n", text)
        self.assertIn("+rate_limit_rps: 600\n", text)
        found = self.get()
        self.assertEqual((found["owner"], found["tags"], found["rate_limit_rps"]), ("", ["b", "c"], 600))
        self.assertEqual(found["access"]["read"], ["ben", "unix:cy"])
        self.assertIn("access.read     ", self.ok("ns", "get", self.name))
        self.assertIn("nothing to change", self.ok("ns", "update", self.name, "--set", "rate_limit_rps=600"))

    def test_what_was_printed_as_yaml_makes_the_same(self):
        made = self.create("--set", "features.beta=true", "--set", "default_timeout=5s", "--tag", "12", "--tag", "a: b")
        text = self.ok("ns", "get", self.name, "-o", "yaml")
        self.ok("ns", "delete", self.name, "-y")
        file = self.directory / "n.yaml"
        file.write_text(text)
        again = self.create("-f", str(file))
        changing = {"id", "revision", "create_time", "update_time"}
        self.assertEqual({k: v for k, v in made.items() if k not in changing},
                         {k: v for k, v in again.items() if k not in changing})
        self.ok("ns", "update", self.name, "-f", "-", stdin="rate_limit_rps: 7\ntags: []\n")
        self.assertEqual((self.get()["rate_limit_rps"], self.get()["tags"]), (7, []))

    def test_short_forms_make_what_an_import_makes(self):
        short = ("pattern: multicast-registry\nslots:\n  registry: {backend: memory, interface: keyvalue_basic}\n"
                 "  durability: {backend: sqlite}\n")
        file, whole = self.directory / "n.yaml", self.directory / "all.yaml"
        file.write_text(short)
        whole.write_text(f"namespaces:\n  - name: {self.name}-b\n" + "".join(f"    {line}\n" for line in short.splitlines()))
        self.ok("ns", "create", self.name, "-f", str(file))
        self.ok("config", "import", str(whole))
        own = {"id", "name", "revision", "create_time", "update_time", "created_by", "problem"}
        made, imported = ({k: v for k, v in self.get(name).items() if k not in own} for name in (self.name, self.name + "-b"))
        self.assertEqual(made, imported)
        self.assertEqual(made["backend"], "memory")
        self.create(name=self.name + "-c")
        self.ok("ns", "update", self.name + "-c", "-f", str(file), "--force")
        self.assertEqual(self.get(self.name + "-c")["patterns"], made["patterns"])
        refused = self.fails(2, "ns", "create", self.name + "-d", "-f", "-", stdin="backend: redis\nconnection_string: redis://h\n")
        self.assertIn("NEEDS_IMPORT", refused)
        self.assertIn("prism config import", refused)
        text = self.directory / "edited.yaml"
        text.write_text(short)
        editor = self.editor(f"text = pathlib.Path({str(text)!r}).read_text()")
        self.create(name=self.name + "-e")
        self.ok("ns", "edit", self.name + "-e", "--force", "-y", EDITOR=editor)
        self.assertEqual(self.get(self.name + "-e")["patterns"], made["patterns"])

    def test_a_dry_run_changes_nothing(self):
        self.ok("ns", "create", self.name, "--backend", "memory", "--dry-run")
        self.assertIn("NAMESPACE_NOT_FOUND", self.fails(1, "ns", "get", self.name))
        made = self.create()
        self.assertIn("a dry run", self.ok("ns", "update", self.name, "--set", "rate_limit_rps=5", "--dry-run"))
        self.assertIn("a dry run", self.ok("ns", "disable", self.name, "--dry-run"))
        self.assertIn("a dry run", self.ok("ns", "delete", self.name, "--dry-run"))
        self.assertEqual(self.get(), made)

    def test_who_is_late_is_told(self):
        made = self.create()
        self.ok("ns", "update", self.name, "--set", "rate_limit_rps=5")
        late = ["--revision", str(made["revision"])]
        for change in (["update", self.name, "--set", "rate_limit_rps=6"], ["delete", self.name, "-y"],
                       ["disable", self.name], ["features", self.name, "set", "a", "on"]):
            self.assertIn("ABORTED/REVISION_MISMATCH", self.fails(1, "ns", *change, *late))
        self.assertEqual(self.get()["rate_limit_rps"], 5)
        self.assertIn("REVISION_MISMATCH", self.fails(1, "ns", "create", self.name, "--backend", "memory"))

    def test_many_writers_lose_nothing(self):
        self.create()
        running = [subprocess.Popen([PROGRAM, "ns", "update", self.name, "--add-tag", f"w{i}"], env=environment(),
                                    stdout=subprocess.DEVNULL) for i in range(4)]
        self.assertEqual([process.wait(60) for process in running], [0] * 4)
        self.assertEqual(sorted(self.get()["tags"]), ["w0", "w1", "w2", "w3"])

    def test_disabled_and_enabled(self):
        self.create()
        self.assertIn("disabled, revision", self.ok("ns", "disable", self.name))
        self.assertIn("NAMESPACE_DISABLED", self.fails(1, "kv", "set", self.name, "k", "v"))
        self.assertIn("active, revision", self.ok("ns", "enable", self.name))
        self.ok("kv", "set", self.name, "k", "v")

    def test_features(self):
        self.create()
        self.ok("ns", "features", self.name, "set", "beta", "on")
        self.ok("ns", "features", self.name, "set", "alpha", "off", "--reason", "why")
        self.assertEqual(self.ok("ns", "features", self.name), "FEATURE  STATE\nalpha    off\nbeta     on\n")
        self.assertEqual(self.json("ns", "features", self.name), [{"alpha": False, "beta": True}])
        self.ok("ns", "features", self.name, "remove", "beta")
        self.assertIn("FEATURE_NOT_FOUND", self.fails(1, "ns", "features", self.name, "remove", "beta"))
        for wrong in (["set", "beta"], ["remove"], ["set"], ["remove", "alpha", "on"], ["drop", "alpha"]):
            self.fails(2, "ns", "features", self.name, *wrong)

    def test_history_difference_and_rollback(self):
        first = self.create("--set", "rate_limit_rps=100")["revision"]
        self.ok("ns", "update", self.name, "--set", "rate_limit_rps=500", "--reason", "launch")
        self.ok("ns", "update", self.name, "--set", "owner=ann")
        table = self.ok("ns", "history", self.name).splitlines()
        self.assertEqual(len(table), 4)
        self.assertIn("rate_limit_rps: 100 -> 500", table[2])
        self.assertIn("launch", table[2])
        self.assertEqual([change["operation"] for change in self.json("ns", "history", self.name, "--limit", "2")],
                         ["update", "update"])
        self.assertIn("-rate_limit_rps: 100\n+rate_limit_rps: 500\n", self.ok("ns", "history", self.name, "--diff"))
        self.assertIn("+owner: ann\n", self.ok("ns", "diff", self.name))
        difference = self.ok("ns", "diff", self.name, str(first), "--exit-code", code=2)
        self.assertIn("-rate_limit_rps: 100\n", difference)
        self.assertEqual(self.ok("ns", "diff", self.name, str(first), str(first), "--exit-code"), "")

        refused = prism("ns", "rollback", self.name, "--to", str(first))
        self.assertEqual(refused.returncode, 2)
        self.assertIn("CONFIRMATION_REQUIRED", refused.stderr)
        self.assertIn("--yes", refused.stderr)
        self.assertIn("a dry run", self.ok("ns", "rollback", self.name, "--to", str(first), "--dry-run"))
        self.assertEqual(self.get()["rate_limit_rps"], 500)
        self.assertIn("-owner: ann\n", self.ok("ns", "rollback", self.name, "--to", str(first), "-y"))
        self.assertEqual(self.get()["rate_limit_rps"], 100)
        self.assertIn("OUT_OF_RANGE/REVISION_UNKNOWN", self.fails(1, "ns", "rollback", self.name, "--to", "99999999", "-y"))

    def test_a_purge_has_a_question_of_its_own(self):
        self.create()
        code, shown = on_a_terminal(["n"], "ns", "delete", self.name, "--purge")
        self.assertEqual(code, 1, shown)
        self.assertIn(f"Delete the namespace {self.name} AND DESTROY ITS DATA on memory? The data can't come back.", shown)
        self.get()
        code, shown = on_a_terminal(["y"], "ns", "delete", self.name, "--purge")
        self.assertEqual(code, 0, shown)
        self.assertRegex(shown, r"deleted, revision \d+; operation \d+ destroys its data on memory\n")

    def test_what_was_deleted_comes_back_as_it_was(self):
        (made,) = self.json("ns", "create", self.name, "--backend", "sqlite")
        self.ok("kv", "set", self.name, "k", "kept")
        self.fails(2, "ns", "delete", self.name)
        self.assertIn("deleted, revision", self.ok("ns", "delete", self.name, "--yes"))
        self.assertIn("NAMESPACE_NOT_FOUND", self.fails(1, "ns", "get", self.name))
        self.assertIn("NAMESPACE_NOT_FOUND", self.fails(1, "ns", "delete", self.name, "--yes"))
        self.assertEqual(len(self.json("ns", "history", self.name)), 2)
        self.ok("ns", "rollback", self.name, "--to", str(made["revision"]), "-y")
        self.assertEqual(self.get()["id"], made["id"])
        self.assertEqual(self.ok("kv", "get", self.name, "k"), "kept")

    def test_lists_filters_and_counts(self):
        for i in range(3):
            self.create("--tag", self.name, "--set", f"rate_limit_rps={i + 1}", name=f"{self.name}-{i}")
        mine = f'tags:"{self.name}"'
        names = [f"{self.name}-{i}" for i in range(3)]
        self.assertEqual(self.ok("ns", "list", "--filter", mine, "--names").split(), names)
        self.assertEqual(self.ok("ns", "list", "--filter", mine, "--names", "--page-size", "1").split(), names)
        self.assertEqual(self.ok("ns", "list", "--filter", mine, "--names", "--limit", "2").split(), names[:2])
        self.assertEqual([n["rate_limit_rps"] for n in self.json("ns", "list", "--filter", f"{mine} AND rate_limit_rps > 1")],
                         [2, 3])
        self.assertEqual(self.ok("ns", "count", "--filter", mine), "3\n")
        self.assertIn("active  3", self.ok("ns", "count", "--filter", mine, "--by", "status"))
        listed = self.ok("ns", "list", "--filter", mine, "-o", "yaml")
        self.assertEqual(listed.count("\n- name: ") + listed.startswith("- name: "), 3)
        self.assertIn("INVALID_ARGUMENT/", self.fails(1, "ns", "list", "--filter", "rate_limit_rps >"))
        self.fails(2, "ns", "count", "--by", "weather")

    def test_a_watcher_is_told(self):
        self.create()
        watcher = subprocess.Popen([PROGRAM, "ns", "watch", "--filter", f'name = "{self.name}"', "-o", "json", "--timeout", "60s"],
                                   env=environment(), stdout=subprocess.PIPE, text=True)
        self.addCleanup(watcher.stdout.close)
        self.addCleanup(watcher.wait)
        self.addCleanup(watcher.kill)
        self.assertEqual(json.loads(watcher.stdout.readline())["namespace"]["name"], self.name)
        self.assertEqual(json.loads(watcher.stdout.readline())["name"], "")
        self.ok("ns", "update", self.name, "--set", "rate_limit_rps=9")
        self.assertEqual(json.loads(watcher.stdout.readline())["namespace"]["rate_limit_rps"], 9)
        self.ok("ns", "delete", self.name, "-y")
        self.assertNotIn("namespace", json.loads(watcher.stdout.readline()))


class Editing(AdminCliTest):
    def test_shows_asks_and_changes(self):
        self.create("--set", "rate_limit_rps=100")
        editor = self.editor("text = text.replace('rate_limit_rps: 100', 'rate_limit_rps: 500')")
        code, shown = on_a_terminal(["y"], "ns", "edit", self.name, EDITOR=editor)
        self.assertEqual(code, 0, shown)
        self.assertIn("\x1b[31m-rate_limit_rps: 100\x1b[0m", shown)
        self.assertIn("\x1b[32m+rate_limit_rps: 500\x1b[0m", shown)
        self.assertEqual(self.get()["rate_limit_rps"], 500)
        self.assertTrue(self.seen(1).startswith(f"# The namespace {self.name} at revision "))
        code, shown = on_a_terminal(["y"], "ns", "edit", self.name, NO_COLOR="1",
                                    EDITOR=self.editor("text = text.replace('500', '600')"))
        self.assertNotIn("\x1b[3", shown)
        self.assertEqual(self.get()["rate_limit_rps"], 600)

    def test_no_is_no(self):
        made = self.create("--set", "rate_limit_rps=100")
        editor = self.editor("text = text.replace('100', '500')")
        code, shown = on_a_terminal(["n"], "ns", "edit", self.name, EDITOR=editor)
        self.assertEqual(code, 1, shown)
        self.assertEqual(self.get(), made)

    def test_once_more(self):
        self.create("--set", "rate_limit_rps=100")
        editor = self.editor("text = text.replace('100', '500') if turn == 1 else text.replace('500', '600')")
        code, shown = on_a_terminal(["e", "y"], "ns", "edit", self.name, EDITOR=editor)
        self.assertEqual(code, 0, shown)
        self.assertEqual(self.get()["rate_limit_rps"], 600)

    def test_a_mistake_is_told_where_it_is_and_mended(self):
        self.create("--set", "rate_limit_rps=100")
        editor = self.editor("text = text.replace('rate_limit_rps: 100', 'rate_limit: 1\\nmax_keys: many') if turn == 1 else "
                             "text.replace('rate_limit: 1\\nmax_keys: many\\n', '').replace('backend: memory', 'backend: absent') if turn == 2 else "
                             "re.sub('backend: .*', 'backend: memory', text) + 'rate_limit_rps: 200\\n'")
        text = self.ok("ns", "edit", self.name, "--yes", VISUAL=editor, EDITOR="false")
        self.assertIn("+rate_limit_rps: 200", text)
        told = self.seen(2)
        wrong = re.search(r"#!   line (\d+), column 1: UNKNOWN_KEY: there is no \"rate_limit\"; did you mean \"rate_limit_rps\"", told)
        self.assertIsNotNone(wrong, told)
        self.assertEqual(told.splitlines()[int(wrong[1]) - 1], "rate_limit: 1")
        self.assertIn("BAD_VALUE: max_keys must be a whole number", told)
        self.assertIn("#! ", self.seen(3))
        self.assertNotIn("rate_limit\"", self.seen(3))
        self.assertEqual(self.get()["rate_limit_rps"], 200)

    def test_without_a_change_nothing_happens(self):
        made = self.create()
        self.assertIn("nothing to change", self.ok("ns", "edit", self.name, "-y", EDITOR="true"))
        self.assertEqual(self.get(), made)

    def test_mistakes_that_stay_lose_no_work(self):
        made = self.create()
        editor = self.editor("text = text if turn > 1 else text + 'wrong: 1\\n'")
        refused = self.fails(1, "ns", "edit", self.name, "-y", EDITOR=editor)
        self.assertIn("EDIT_GIVEN_UP", refused)
        self.assertIn("UNKNOWN_KEY", refused)
        kept = pathlib.Path(re.search(r"is in (\S+):", refused)[1])
        self.addCleanup(kept.unlink)
        self.assertIn("wrong: 1", kept.read_text())
        self.assertEqual(self.get(), made)

    def test_an_editor_that_makes_new_mistakes_for_ever_is_given_up(self):
        made = self.create()
        refused = self.fails(1, "ns", "edit", self.name, "-y", EDITOR=self.editor("text = text + f'wrong_{turn}: 1\\n'"))
        self.assertIn("EDIT_GIVEN_UP", refused)
        pathlib.Path(re.search(r"is in (\S+):", refused)[1]).unlink()
        self.assertEqual(self.get(), made)

    def test_who_was_overtaken_is_told_and_keeps_the_text(self):
        self.create("--set", "rate_limit_rps=100")
        other = f"{PROGRAM} ns update {self.name} --set rate_limit_rps=300 > {self.directory / 'other'}"
        editor = self.editor(f"import os; os.system({other!r}); text = text.replace('100', '500')")
        refused = self.fails(1, "ns", "edit", self.name, "-y", EDITOR=editor)
        self.assertIn("REVISION_MISMATCH", refused)
        pathlib.Path(re.search(r"is in (\S+):", refused)[1]).unlink()
        self.assertEqual(self.get()["rate_limit_rps"], 300)

    def test_editors_that_fail_and_names_that_change(self):
        made = self.create()
        refused = self.fails(1, "ns", "edit", self.name, "-y", EDITOR="false")
        self.assertIn("EDITOR_FAILED", refused)
        pathlib.Path(re.search(r"is in (\S+):", refused)[1]).unlink()
        self.assertIn("CONFIRMATION_REQUIRED", self.fails(2, "ns", "edit", self.name, EDITOR="true"))
        editor = self.editor(f"text = text.replace('{self.name}', 'other') if turn == 1 else "
                             f"text.replace('name: other', 'name: {self.name}')")
        self.assertIn("nothing to change", self.ok("ns", "edit", self.name, "-y", EDITOR=editor))
        self.assertIn("NAME_IMMUTABLE", self.seen(2))
        self.assertEqual(self.get(), made)

    def test_a_dry_run_needs_no_answer(self):
        made = self.create("--set", "rate_limit_rps=100")
        editor = self.editor("text = text.replace('100', '500')")
        text = self.ok("ns", "edit", self.name, "--dry-run", EDITOR=editor)
        self.assertIn("+rate_limit_rps: 500", text)
        self.assertIn("a dry run", text)
        self.assertEqual(self.get(), made)


class Backends(AdminCliTest):
    def test_made_changed_and_deleted(self):
        self.ok("backend", "create", self.name, "--type", "sqlite", "--connection", str(self.directory / "one"))
        (found,) = self.json("backend", "get", self.name)
        self.assertEqual((found["type"], found["namespaces"]), ("sqlite", 0))
        self.assertIn("keyvalue_basic", found["interfaces"])
        self.assertIn(self.name, self.ok("backend", "list", "--filter", 'type = "sqlite"', "--names").split())
        self.ok("namespace", "create", self.name, "--backend", self.name)
        self.assertEqual(prism("backend", "delete", self.name, "-y").returncode, 1)
        self.ok("namespace", "delete", self.name, "-y")
        self.assertIn("-connection: ", self.ok("backend", "update", self.name, "--connection", str(self.directory / "two")))
        self.assertEqual(len(self.json("backend", "history", self.name)), 2)
        self.fails(2, "backend", "delete", self.name)
        self.ok("backend", "delete", self.name, "-y")
        self.assertIn("NOT_FOUND/", self.fails(1, "backend", "get", self.name))

    def test_passwords_are_references(self):
        refused = self.fails(1, "backend", "create", self.name, "--type", "postgres", "--password", "hunter2-very-secret")
        self.assertIn("LITERAL_SECRET", refused)
        self.assertNotIn("hunter2", refused)
        # A variable that the server has.
        self.ok("backend", "create", self.name, "--type", "postgres", "--password", "${env:PATH}")
        (found,) = self.json("backend", "get", self.name)
        self.assertEqual(found["password"], "${env:PATH}")
        self.assertIn("DRIVER_NOT_INSTALLED", found["problem"])
        self.ok("backend", "delete", self.name, "-y")


class Configuration(AdminCliTest):
    def test_shown_exported_and_imported(self):
        self.create("--set", "rate_limit_rps=5")
        shown = self.ok("config", "show")
        self.assertIn(f"name: {self.name}\n", shown)
        self.assertNotIn("admin_listen", shown)
        (effective,) = self.json("config", "show", "--effective")
        self.assertEqual(effective["server"]["admin_listen"], "127.0.0.1:0")
        file = self.directory / "all.yaml"
        file.write_text(self.ok("config", "export"))
        self.assertEqual(prism("validate", str(file)).returncode, 0)
        self.assertEqual(self.ok("config", "diff", str(file)), "no difference\n")

        more = self.directory / "more.yaml"
        more.write_text(f"namespaces: [{{name: {self.name}, backend: memory, rate_limit_rps: 6}},"
                        f" {{name: {self.name}-new, backend: memory}}]")
        difference = self.ok("config", "diff", str(more), code=2)
        self.assertIn(f"@@ namespace {self.name}: update @@\n-rate_limit_rps: 5\n+rate_limit_rps: 6\n", difference)
        self.assertIn(f"@@ namespace {self.name}-new: create @@\n", difference)
        self.assertIn("a dry run", self.ok("config", "import", str(more), "--dry-run"))
        self.assertEqual(self.get()["rate_limit_rps"], 5)
        self.assertIn("done, revision", self.ok("config", "import", str(more), "--reason", "why not"))
        self.assertEqual(self.get()["rate_limit_rps"], 6)

        # Exactly what the file says: what was made since goes.
        self.assertIn("CONFIRMATION_REQUIRED", prism("config", "import", str(file), "--replace").stderr)
        text = self.ok("config", "import", str(file), "--replace", "-y")
        self.assertIn(f"@@ namespace {self.name}-new: delete @@\n", text)
        self.assertEqual(self.get()["rate_limit_rps"], 5)
        self.assertIn("nothing to change", self.ok("config", "import", str(file), "--replace", "-y"))

    def test_mistakes_of_a_file_are_all_told(self):
        wrong = self.directory / "wrong.yaml"
        wrong.write_text("namespaces:\n  - {name: a, backend: nowhere}\n  - {name: b, backend: memory, rate: 1}\n")
        for verb in ("import", "diff"):
            refused = self.fails(1, "config", verb, str(wrong))
            self.assertIn("CONFIG_INVALID", refused)
            self.assertIn("nowhere", refused)
            self.assertIn(":3:", refused)
        self.assertIn("FILE_UNREADABLE", self.fails(1, "config", "import", str(self.directory / "absent")))

    def test_all_that_can_not_be_bound_is_told(self):
        wrong = self.directory / "wrong.yaml"
        wrong.write_text("backends: {m: {type: memory, username: '${env:PRISM_TEST_NONE}', password: '${env:PRISM_TEST_ABSENT}'}, "
                         "s: {type: memory, password: '${file:/nowhere}'}}\nnamespaces: [{name: a, backend: m}, {name: b, backend: s}]\n")
        refused = self.fails(1, "config", "import", str(wrong))
        self.assertIn("CONFIG_UNBINDABLE", refused)
        self.assertRegex(refused, r"\n  backends\.m\.username: SECRET_UNAVAILABLE: .*PRISM_TEST_NONE")
        self.assertRegex(refused, r"\n  backends\.m\.password: SECRET_UNAVAILABLE: .*PRISM_TEST_ABSENT")
        self.assertRegex(refused, r"\n  backends\.s\.password: SECRET_UNAVAILABLE: .*/nowhere")
        told = json.loads(self.fails(1, "config", "import", str(wrong), "-o", "json"))["error"]["problems"]
        self.assertEqual([problem["at"] for problem in told], ["backends.m.username", "backends.m.password", "backends.s.password"])

    def test_revisions_and_rollback_of_everything(self):
        was = self.create()["revision"]
        self.create(name=self.name + "-b")
        self.ok("ns", "update", self.name, "--set", "owner=ann", "--reason", "tell me")
        newest = self.json("config", "revisions", "--limit", "2")
        self.assertEqual((newest[0]["objects"], newest[0]["reason"]), ([f"namespace/{self.name}"], "tell me"))
        self.assertEqual(newest[1]["revision"], newest[0]["revision"] - 1)
        self.assertIn("tell me", self.ok("config", "revisions"))
        difference = self.ok("config", "diff", str(was), str(newest[0]["revision"]), code=2)
        self.assertIn(f"@@ namespace {self.name}-b: create @@", difference)
        self.assertEqual(prism("config", "rollback", "--to", str(was)).returncode, 2)
        code, shown = on_a_terminal(["n"], "config", "rollback", "--to", str(was))
        self.assertEqual(code, 1, shown)
        self.assertEqual(self.get()["owner"], "ann")
        text = self.ok("config", "rollback", "--to", str(was), "-y", "--reason", "undo")
        self.assertIn(f"@@ namespace {self.name}-b: delete @@", text)
        self.assertEqual(self.get()["owner"], "")
        self.assertIn("no difference", self.ok("config", "diff", str(was)))
        self.fails(2, "config", "diff", "1", "prism.yaml")

    def test_verified_and_backed_up(self):
        self.create()
        self.assertRegex(self.ok("config", "verify"), r"^the histories are whole up to revision \d+\n$")
        file = self.ok("config", "backup").strip()
        self.assertIn(": good, revision", self.ok("config", "check", file))
        (operation,) = self.json("config", "backup", "--no-wait")
        self.assertEqual(operation["kind"], "config backup")


class Usage(AdminCliTest):
    def test_bad_usage_is_2_and_says_where_help_is(self):
        for arguments in (["namespace"], ["namespace", "get"], ["ns", "lits"], ["ns", "list", "--page-size", "1001"],
                          ["ns", "update", "a", "--revision", "0", "--set", "owner=x"], ["ns", "rollback", "a"],
                          ["ns", "rollback", "a", "--to", "0"], ["config", "import"], ["backend", "create"],
                          ["ns", "get", "a", "-o", "xml"], ["kv", "get", "a", "b", "-o", "yaml"],
                          ["ns", "diff", "a", "now"]):
            done = prism(*arguments)
            self.assertEqual(done.returncode, 2, (arguments, done))
            self.assertIn("--help", done.stderr)
        self.create()
        for setting in ("rate_limit=1", "rate_limit_rps=many", "revision=3", "name=x", "owner", "=1", "status=odd"):
            self.assertIn("BAD_SETTING", self.fails(2, "ns", "update", self.name, "--set", setting))
        self.assertIn("nothing to change", self.fails(2, "ns", "update", self.name))

    def test_help_says_bounds_and_defaults(self):
        text = self.ok("namespace", "list", "--help")
        self.assertIn("1..1000", text)
        self.assertIn("4096 bytes", text)
        for family in ("namespace", "backend", "config"):
            for verb in re.findall(r"^  ([a-z]+) ", self.ok(family, "--help").split("Subcommands:")[1], re.MULTILINE):
                self.assertIn("Example", self.ok(family, verb, "--help"), verb)

    def test_what_comes_from_the_server_can_not_command_the_terminal(self):
        for arguments in (["create", "hostile", "--backend", "memory", "--owner", "a\x1b[2Jb"], ["get", "a\x1b[2Jb"],
                          ["create", "a\x1b[2Jb", "--backend", "memory"], ["list", "--filter", 'name = "a\x1b[2Jb" x']):
            for output in ([], ["-o", "json"]):
                self.assertNotIn("\x1b", self.fails(1, "ns", *arguments, *output))

    def test_no_server(self):
        refused = self.fails(1, "ns", "list", PRISM_ADMIN_SERVER="127.0.0.1:1", PRISM_TIMEOUT="5s")
        self.assertIn("UNAVAILABLE/SERVER_UNREACHABLE", refused)
        self.assertIn("--admin-server", refused)
        self.assertEqual(json.loads(self.fails(1, "ns", "get", "a", "-o", "json", PRISM_ADMIN_SERVER="127.0.0.1:1"))
                         ["error"]["reason"], "SERVER_UNREACHABLE")


class Many(unittest.TestCase):
    def test_a_list_of_thousands_is_paged(self):
        with tempfile.TemporaryDirectory(prefix="prism-admin-cli-") as directory:
            config = pathlib.Path(directory) / "prism.yaml"
            names = [f"n{i:04}" for i in range(2500)]
            config.write_text("namespaces:\n" + "".join(f"  - {{name: {name}, backend: memory}}\n" for name in names))
            with Gateway(PROGRAM, "--config", str(config)) as gateway:
                server = {"PRISM_ADMIN_SERVER": gateway.admin}
                self.assertEqual(prism("ns", "list", "--names", **server).stdout.split(), names)
                self.assertEqual(prism("ns", "list", "--names", "--limit", "1001", **server).stdout.split(), names[:1001])
                self.assertEqual(prism("ns", "list", "--names", "--page-size", "333", **server).stdout.split(), names)
                table = prism("ns", "list", **server).stdout.splitlines()
                self.assertEqual(len(table), 2501)
                self.assertTrue(table[0].startswith("NAME "))
                self.assertEqual(prism("ns", "count", **server).stdout, "2500\n")


    def test_ten_thousand_are_exported_and_imported_again(self):
        with tempfile.TemporaryDirectory(prefix="prism-admin-cli-") as directory:
            config = pathlib.Path(directory) / "prism.yaml"
            # Each with so much that all are more than a message may have.
            config.write_text("namespaces:\n" + "".join(
                f"  - {{name: n{i:04}, backend: memory, owner: {'x' * 400}, rate_limit_rps: {i}}}\n" for i in range(10_000)))
            exported = []
            for _ in range(2):
                with Gateway(PROGRAM, "--config", str(config)) as gateway:
                    done = prism("config", "export", PRISM_ADMIN_SERVER=gateway.admin)
                self.assertEqual(done.returncode, 0, done.stderr)
                exported.append(done.stdout)
                config.write_text(done.stdout)
            self.assertGreater(len(exported[0]), 4 << 20)
            self.assertEqual(exported[0].count("- name: "), 10_000)
            self.assertEqual(*exported)


class Branches(AdminCliTest):
    def test_a_server_without_them_says_how_to_have_them(self):
        for verb in (("list",), ("get", "b"), ("create", "b"), ("delete", "b", "--yes"), ("undelete", "b")):
            shown = self.fails(1, "branch", *verb)
            self.assertIn("FAILED_PRECONDITION/BRANCHING_OFF", shown)
            self.assertIn("branching.source", shown)
        shown = self.fails(2, "branch", "delete", "b")
        self.assertIn("CONFIRMATION_REQUIRED", shown)

    def test_urls_and_psql_name_the_branch_behind_the_user(self):
        self.assertEqual(self.ok("branch", "url", "pr-12"), "postgresql://postgres%40pr-12@127.0.0.1:5432/postgres\n")
        self.assertEqual(self.ok("branch", "url", "feature/X", "--user", "ann", "--database", "shop", "--host", "::1", "--port", "6432"),
                         "postgresql://ann%40feature%2FX@[::1]:6432/shop\n")
        psql = self.directory / "psql"
        psql.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nexit 7\n')
        psql.chmod(0o700)
        path = f"{self.directory}:{os.environ['PATH']}"
        self.assertEqual(self.ok("branch", "psql", "b", "--port", "6432", "--", "-c", "SELECT 1", code=7, PATH=path).splitlines(),
                         ["-d", "postgresql://postgres%40b@127.0.0.1:6432/postgres", "-c", "SELECT 1"])
        self.assertIn("PSQL_NOT_STARTED", self.fails(1, "branch", "psql", "b", PATH=str(self.directory / "none")))


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
