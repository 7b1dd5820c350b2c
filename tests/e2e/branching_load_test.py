"""Branches that are made of a branch which pgbench writes to: each is whole. usage: branching_load_test.py PROGRAM

A round makes a branch and looks at every page and index entry of it (pg_amcheck, page checksums) and at pgbench's invariant:
what was added to accounts, tellers, branches and history is the same. On each of GROUNDS 3 rounds, 200 with PRISM_SOAK=1.
Needs root: stores are file systems in files, which go with the mounts of this process.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "servers"))
from mounts import own_mounts  # noqa: E402
from postgres import PASSWORD, PROGRAMS, Postgres  # noqa: E402
from prism_gateway import Gateway, wait_for  # noqa: E402

ROUNDS = 200 if os.environ.get("PRISM_SOAK") == "1" else 3
# How a branch is made of one in use: at one moment; while that stands still; most of it before, file by file.
GROUNDS = (("btrfs", "durable"), ("btrfs", "disposable"), ("xfs", "disposable"))
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("PRISM_", "PG"))} | {"PGPASSWORD": PASSWORD}
INVARIANT = """SELECT count(DISTINCT s), max(n) FROM (
  SELECT sum(abalance) s, 0 n FROM pgbench_accounts UNION ALL SELECT sum(tbalance), 0 FROM pgbench_tellers
  UNION ALL SELECT sum(bbalance), 0 FROM pgbench_branches UNION ALL SELECT coalesce(sum(delta), 0), count(*) FROM pgbench_history) sums"""


def run(*command, timeout=120):
    result = subprocess.run(list(map(str, command)), env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout)
    if result.returncode != 0:
        raise RuntimeError(f"{command}\n{result.stdout}{result.stderr}")
    return result.stdout


class Branches:
    def __init__(self, gateway, directory):
        self.host, self.port = json.loads((directory / "ready.json").read_text())["postgres"].rsplit(":", 1)
        self.gateway = gateway

    def conninfo(self, branch):
        return f"host={self.host} port={self.port} user=postgres@{branch} dbname=postgres"

    def ask(self, branch, query):
        return run("psql", "-X", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-c", query, self.conninfo(branch)).strip()

    def create(self, name, parent):
        self.gateway.administer("POST", "branches", {"name": name, "from": parent})

    def delete(self, name):
        self.gateway.administer("DELETE", f"branches/{name}?force=true")


def check(branches, name):
    """The transactions that the branch has."""
    sums, transactions = branches.ask(name, INVARIANT).split("|")
    if sums != "1":
        raise AssertionError(f"{name}: pgbench's sums differ")
    run(PROGRAMS / "pg_amcheck", "--install-missing", "--heapallindexed", "--parent-check", branches.conninfo(name))
    return int(transactions)


def make_store(directory, kind):
    """The store's directory. A btrfs is made by the gateway."""
    store = directory / "store"
    if kind == "xfs":
        with (directory / "xfs").open("wb") as file:
            file.truncate(4 << 30)
        run("mkfs.xfs", "-q", directory / "xfs")
        store.mkdir()
        run("mount", "-o", "loop", directory / "xfs", store)
    return store


def load_and_branch(directory, source, profile, store):
    section = {"source": str(source.data), "listen": "127.0.0.1:0", "control_listen": "", "idle_timeout": "1s",
               "storage": {"path": str(store), "size": "4GiB"}, "warm_pool": 0, "profile": profile}
    (directory / "prism.yaml").write_text(json.dumps({"branching": section}))
    with Gateway(sys.argv[1], "--config", str(directory / "prism.yaml"), data_dir=directory) as gateway:
        branches = Branches(gateway, directory)
        run(PROGRAMS / "pgbench", "-i", "-q", "-s", "2", branches.conninfo("busy"))
        load = subprocess.Popen([PROGRAMS / "pgbench", "-n", "-c", "4", "-T", "36000", branches.conninfo("busy")],
                                env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            seen = [0]
            for number in range(ROUNDS):
                wait_for(lambda: int(branches.ask("busy", "SELECT count(*) FROM pgbench_history")) > seen[-1])
                branches.create(f"child-{number}", "busy")
                seen.append(check(branches, f"child-{number}"))
                branches.delete(f"child-{number}")
            if load.poll() is not None:
                raise AssertionError("pgbench ended")
            if sorted(set(seen)) != seen:
                raise AssertionError(f"a branch has less than one before: {seen}")
            return seen
        finally:
            load.terminate()
            load.wait(30)
            wait_for(lambda: all(branch["state"] not in ("RUNNING", "STOPPING") for branch in
                                 gateway.administer("GET", "branches")["branches"]), 30)


def main():
    own_mounts()
    source = Postgres(checksums=True)
    for kind, profile in GROUNDS:
        with tempfile.TemporaryDirectory(prefix="prism-load-", ignore_cleanup_errors=True) as own:
            directory = pathlib.Path(own)
            store = make_store(directory, kind)
            seen = load_and_branch(directory, source, profile, store)
            print(f"{kind}, {profile}: {ROUNDS} branches of a branch under load, {seen[1]} to {seen[-1]} transactions in each")
            subprocess.run(["umount", str(store)], check=True)


if __name__ == "__main__":
    main()
