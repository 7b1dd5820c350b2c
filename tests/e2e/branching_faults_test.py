"""What branches need fails: clients are told so, nothing is lost, and all goes on by itself when it is there again.

usage: branching_faults_test.py PROGRAM [unittest arguments]

As root: it makes file systems and cgroups of its own.
"""

import errno
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from branching_case import CLEAN, PASSWORD, BranchingCase, psql  # noqa: E402
from mounts import own_mounts  # noqa: E402
from postgres import Postgres  # noqa: E402
from postgres_wire import Connection, Ended, Refused, startup  # noqa: E402
from prism_gateway import wait_for  # noqa: E402

FILL = "CREATE TABLE IF NOT EXISTS filler AS SELECT md5(i::text) || md5((-i)::text) AS t FROM generate_series(1, {}) AS i"


class MemoryCgroup:
    """A cgroup of a test, of version 1, below that of the test. The processes in it have ended when it goes."""

    def __init__(self):
        for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if "memory" in controllers.split(","):
                self.path = pathlib.Path("/sys/fs/cgroup/memory" + path) / f"test-{os.getpid()}"
        self.path.mkdir()

    @property
    def prefix(self):
        """Runs a command in it."""
        return ["sh", "-c", f'echo 0 > {self.path}/cgroup.procs && exec "$@"', "sh"]

    def limit_servers(self, size):
        [servers] = self.path.glob("prism-*")
        (servers / "memory.limit_in_bytes").write_text(size)

    def remove(self):
        wait_for(self._is_removed)

    def _is_removed(self):
        """Processes that were killed may still be ending."""
        try:
            for path in sorted(self.path.glob("**/"), reverse=True):
                path.rmdir()
        except OSError:
            return False
        return True


def fill(path):
    """A file that takes all space that is left."""
    with open(path, "wb") as file:
        size = 0
        for step in (1 << 24, 1 << 20, 1 << 16):
            try:
                while True:
                    os.posix_fallocate(file.fileno(), size, step)
                    size += step
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
        os.fsync(file.fileno())


class FaultsTest(BranchingCase):
    def ready(self, gateway):
        wait_for(lambda: "branches are ready" in gateway.output())

    def told(self, gateway, branch, query="SELECT 1"):
        """The SQLSTATE and the sentence of what is refused."""
        with Connection(gateway.postgres) as client:
            client.send(startup("user", f"postgres@{branch}", "database", "postgres"))
            with self.assertRaises(Refused) as refused:
                client.log_in(PASSWORD)
                client.ask(query)
        return refused.exception.fields["C"], refused.exception.fields["M"]

    def is_told_of_a_full_disk(self, gateway, branch):
        try:
            return self.told(gateway, branch, FILL.format(100000))[0] == "53100"
        except Ended:  # a process of the server that has no client found it first, and the server begins again
            return False

    def is_ended(self, client):
        try:
            client.ask("SELECT 1")
        except (Refused, Ended):
            return True
        return False

    def make_source(self):
        """One of its own, stopped."""
        source = Postgres()
        self.addCleanup(source._own.cleanup)
        return source

    def test_little_memory_is_said_and_taken_when_it_is_there(self):
        cgroup = MemoryCgroup()
        self.addCleanup(cgroup.remove)
        self.addCleanup(self.end_servers_only)
        gateway = self.gateway(prefix=cgroup.prefix)
        self.addCleanup(gateway.stop)
        self.answer(gateway, "kept", "CREATE TABLE t AS SELECT 7 AS x")
        self.end_servers_only()
        wait_for(lambda: "branch_server_ended" in gateway.output())
        cgroup.limit_servers("1M")
        for branch in ("kept", "new"):
            self.assertEqual(self.told(gateway, branch), ("53200", "there is not enough memory to run another branch"))
        cgroup.limit_servers("-1")
        self.assertEqual(self.answer(gateway, "kept", "SELECT x FROM t"), "7")
        self.assertEqual(self.answer(gateway, "new", "SELECT 1"), "1")

    def test_a_query_that_wants_too_much_ends_its_own_server_alone(self):
        self.configure(memory_limit="64MiB")
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.answer(gateway, "kept", "CREATE TABLE t AS SELECT 7 AS x")
        self.answer(gateway, "other", "SELECT 1")
        with Connection(gateway.postgres) as beside, Connection(gateway.postgres) as elsewhere:
            for client, branch in ((beside, "kept"), (elsewhere, "other")):
                client.send(startup("user", f"postgres@{branch}", "database", "postgres"))
                client.log_in(PASSWORD)
            greedy = psql(gateway.postgres, "kept", "SELECT length(repeat('x', 200 * 1024 * 1024))")
            self.assertIn("server closed the connection unexpectedly", greedy.stderr)
            wait_for(lambda: self.is_ended(beside))  # who wanted too much has gone some moments before the others are told
            self.assertTrue(any(b"C57P02" in notice for notice in beside.notices), beside.notices)
            self.assertEqual(elsewhere.ask("SELECT 1"), "1")
        wait_for(lambda: psql(gateway.postgres, "kept", "SELECT x FROM t").stdout.strip() == "7")
        self.assertIn("it had reached the limit of its memory", gateway.output())

    def test_a_server_that_prints_without_end_does_not_fill_the_disk(self):
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        loud = "DO $$ BEGIN FOR i IN 1..2500 LOOP RAISE LOG '% %', i, repeat('x', 8000); END LOOP; END $$; SELECT 1"
        self.answer(gateway, "loud", loud)
        [(name, server)] = self.servers().items()
        log = self.directory / "data/branches/run" / name / "log"
        wait_for(lambda: log.stat().st_size < 1 << 20)
        before = log.with_name("log.1")
        wait_for(lambda: before.exists() and before.stat().st_size == 1 << 20)
        self.answer(gateway, "loud", "DO $$ BEGIN RAISE LOG 'still here'; END $$; SELECT 1")
        self.assertIn("still here", log.read_text())
        self.assertEqual(self.servers(), {name: server})

    def fill_store(self):
        """By what one of three branches takes up, `greedy`. The gateway."""
        self.configure(storage={"size": "256MiB"})
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.answer(gateway, "kept", "CREATE TABLE t AS SELECT 7 AS x")
        self.answer(gateway, "rests", "CREATE TABLE t AS SELECT 8 AS x")
        volumes = set(self.volumes())
        self.answer(gateway, "greedy", "SELECT 1")
        [greedy] = set(self.volumes()) - volumes
        fill(greedy / "ballast")
        wait_for(lambda: self.is_told_of_a_full_disk(gateway, "kept"))
        return gateway

    def volumes(self):
        return [path for path in self.store.glob("volumes/*") if path.is_dir()]

    @property
    def store(self):
        return self.directory / "data/branches/store"

    def prism(self, *arguments):
        subprocess.run([self.program, *map(str, arguments)], env=CLEAN, check=True, stdout=subprocess.DEVNULL)

    def check_repaired(self, gateway):
        # The file system frees what was deleted when it has the time.
        wait_for(lambda: psql(gateway.postgres, "kept", FILL.format(10000)).returncode == 0, seconds=60)
        for branch, kept in (("kept", "7"), ("rests", "8")):
            self.assertEqual(self.answer(gateway, branch, "SELECT x FROM t"), kept)
        self.assertEqual(self.answer(gateway, "new", "SELECT 1"), "1")

    def test_a_full_disk_is_said_and_a_branch_that_is_purged_makes_room(self):
        gateway = self.fill_store()
        # XX000: its server has started, and can't write a file for the session.
        self.assertIn(self.told(gateway, "new"), (("53100", "the branch store has no room"),
                                                  ("XX000", "could not write init file")))
        delete = ("--admin-server", gateway.admin, "branch", "delete", "greedy", "--force", "--yes")
        self.prism(*delete)
        # It can be had back, so its room is not free.
        wait_for(lambda: self.is_told_of_a_full_disk(gateway, "kept"))
        self.prism(*delete, "--purge")
        self.check_repaired(gateway)

    def test_a_full_disk_that_is_made_larger_is_used_at_once(self):
        gateway = self.fill_store()
        self.prism("branch", "init", "--data-dir", self.directory / "data", "--size", "512MiB")
        self.check_repaired(gateway)

    def test_a_source_that_does_not_start_is_told_and_used_when_it_is_repaired(self):
        for setting, reason in (("no_such_setting = 1", "INSTANCE_START_FAILED"),
                                ("shared_preload_libraries = 'no_such_library'", "PRELOAD_LIBRARY_MISSING")):
            with self.subTest(reason):
                source = self.make_source()
                settings = source.data / "postgresql.conf"
                whole = settings.read_bytes()
                settings.write_bytes(whole + setting.encode() + b"\n")
                self.configure(source=str(source.data))
                gateway = self.gateway()
                try:
                    wait_for(lambda: reason in gateway.output())
                    refused = psql(gateway.postgres, "a", "SELECT 1")
                    self.assertNotEqual(refused.returncode, 0)
                    settings.write_bytes(whole)
                    wait_for(lambda: psql(gateway.postgres, "a", "SELECT 1").returncode == 0)
                finally:
                    gateway.stop()
                    self.end_servers_only()

    def test_a_new_state_that_does_not_start_leaves_the_one_before(self):
        source = self.make_source()
        settings = source.data / "postgresql.conf"
        whole = settings.read_bytes()
        self.configure(source=str(source.data), refresh_interval="1s")
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.answer(gateway, "before", "CREATE TABLE t AS SELECT 7 AS x")
        source.start()
        subprocess.run(["psql", "-XAtq", "-c", "CREATE TABLE things AS SELECT 42 AS id", source.conninfo], check=True)
        source.stop()
        settings.write_bytes(whole + b"no_such_setting = 1\n")
        wait_for(lambda: "generation_not_refreshed" in gateway.output())
        self.assertEqual(self.answer(gateway, "before", "SELECT x FROM t"), "7")
        self.assertEqual(self.answer(gateway, "meanwhile", "SELECT 1"), "1")
        settings.write_bytes(whole)
        tries = iter(range(1000))
        wait_for(lambda: psql(gateway.postgres, f"after-{next(tries)}", "SELECT id FROM things").stdout.strip() == "42")

    def check_damage(self, damage):
        """Of what new branches begin with."""
        gateway = self.gateway()
        self.addCleanup(gateway.stop)
        self.answer(gateway, "before", "CREATE TABLE t AS SELECT 7 AS x")
        generation = max((self.directory / "data/branches/store/volumes").glob("g-*"))
        subprocess.run(["btrfs", "property", "set", "-ts", generation, "ro", "false"], check=True, timeout=60)
        damage(generation)
        sqlstate, sentence = self.told(gateway, "new")
        self.assertEqual(sqlstate, "XX001")
        self.assertRegex(sentence, "are damaged|invalid page")
        wait_for(lambda: psql(gateway.postgres, "new", "SELECT 1").returncode == 0)
        self.assertEqual(self.answer(gateway, "another", "SELECT 1"), "1")
        self.assertEqual(self.answer(gateway, "before", "SELECT x FROM t"), "7")
        self.assertEqual(gateway.output().count("generation_damaged"), 1)

    def test_a_damaged_control_file_is_told_and_the_source_copied_again(self):
        def damage(generation):
            path = generation / "global/pg_control"
            content = bytearray(path.read_bytes())
            content[100] ^= 0xFF
            path.write_bytes(content)

        self.check_damage(damage)

    def test_a_truncated_log_is_told_and_the_source_copied_again(self):
        def damage(generation):
            for path in (generation / "pg_wal").glob("0*"):
                os.truncate(path, 0)

        self.check_damage(damage)

    def test_broken_pages_are_told_and_the_source_copied_again(self):
        # The first of pg_database.
        self.check_damage(lambda generation: (generation / "global/1262").write_bytes(b"\xff" * 8192))


if __name__ == "__main__":
    BranchingCase.program = sys.argv.pop(1)
    own_mounts()
    unittest.main()
