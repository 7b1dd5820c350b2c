#!/usr/bin/env python3
"""From connecting to the answer of the first query: new branches, warm ones, stopped ones, in turns.

  bench/branch_connect.py --program build/release/prism [--rounds 50] [--gib 1] [--check]

`prism serve` has a source that pgbench filled to --gib GiB (its size on disk is printed) and makes branches of it on btrfs in a
file. A round connects to a branch that is not there (`new`: cloned and started), to one that is not there while a warm server
waits (`warm`), to one whose server has been stopped (`stopped`), and to one that runs (`running`), each time with SCRAM, and
asks for one row. The floor beside them is the same client and the same query on the source's own server, without Prism. With
--check the exit code is 1 when a median is above its budget. Needs root, and the Python of the tests (./dev deps --test).
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import psycopg

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "servers"))
sys.path.insert(0, str(ROOT / "tests" / "support"))

from mounts import own_mounts  # noqa: E402
from postgres import PASSWORD, PROGRAMS, Postgres  # noqa: E402
from prism_gateway import Gateway, wait_for  # noqa: E402

BUDGETS = {"new": 50.0, "warm": 15.0, "stopped": 50.0}  # ms, p50
SCALE_PER_GIB = 67  # of pgbench: some 15 MiB each
QUERY = "SELECT abalance FROM pgbench_accounts WHERE aid = 4711"


def first_answer(host, port, user):
    """Milliseconds until the row is there."""
    begin = time.perf_counter()
    with psycopg.connect(host=host, port=port, user=user, password=PASSWORD, dbname="postgres") as connection:
        connection.execute(QUERY).fetchone()
        return (time.perf_counter() - begin) * 1000


class Served:
    """Prism with a warm pool of `spares`, in a directory of its own."""

    def __init__(self, program, source, directory, spares, size_gib):
        self.directory = directory
        directory.mkdir()
        section = {"source": str(source.data), "listen": "127.0.0.1:0", "control_listen": "", "warm_pool": spares,
                   "idle_timeout": "1s", "max_branches": 100000, "storage": {"size": f"{size_gib}GiB"}}
        (directory / "prism.yaml").write_text(json.dumps({"branching": section}))
        self.gateway = Gateway(program, "--config", str(directory / "prism.yaml"), data_dir=directory, start_timeout=1800)
        self.gateway.start()
        self.host, self.port = json.loads((directory / "ready.json").read_text())["postgres"].rsplit(":", 1)

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.gateway.admin}/readyz?verbose", timeout=10) as reply:
                return "[+] branches ok" in reply.read().decode()
        except urllib.error.HTTPError:
            return False

    def metric(self, name):
        with urllib.request.urlopen(f"http://{self.gateway.admin}/metrics", timeout=10) as reply:
            for line in reply.read().decode().splitlines():
                if line.startswith(name):
                    return int(line.split()[-1])
        return None

    def time(self, branch):
        return first_answer(self.host, self.port, f"postgres@{branch}")

    def await_spare(self):
        wait_for(lambda: self.metric("prism_branch_spares") == 1)

    def await_rest(self):
        wait_for(lambda: self.metric('prism_branches{state="running"}') == 0)

    def stop(self):
        wait_for(lambda: self.metric('prism_branches{state="running"}') in (0, None))
        self.gateway.stop()
        subprocess.run(["umount", str(self.directory / "data/branches/store")], check=True)


def measure(plain, warm, source, rounds):
    """A round's times by way."""
    for number in range(rounds):
        times = {"new": plain.time(f"new-{number}"), "running": plain.time(f"new-{number}")}
        warm.await_spare()
        times["warm"] = warm.time(f"warm-{number}")
        plain.await_rest()
        times["stopped"] = plain.time(f"new-{number}")
        times["no Prism"] = first_answer(str(source.directory), source.port, "postgres")
        yield times


def report(rounds):
    """Prints a line for each way; those above their budget."""
    over = []
    for way in ("new", "warm", "stopped", "running", "no Prism"):
        times = sorted(times[way] for times in rounds)
        p50, budget = statistics.median(times), BUDGETS.get(way)
        print(f"{way:9} p50 {p50:7.2f} ms   p90 {times[len(times) * 9 // 10]:7.2f} ms   max {times[-1]:7.2f} ms"
              + (f"   budget {budget:.0f} ms" if budget else ""), flush=True)
        if budget and p50 > budget:
            over.append(f"{way}: {p50:.2f} ms, not {budget:.0f} ms")
    return over


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--gib", type=int, default=1)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    own_mounts()
    source = Postgres(settings=["max_wal_size=4GB"])
    with source:
        fill = [PROGRAMS / "pgbench", "-i", "-q", "-s", str(options.gib * SCALE_PER_GIB), source.conninfo]
        subprocess.run(list(map(str, fill)), check=True, capture_output=True)
        source.stop()
        size = subprocess.run(["du", "-sh", source.data], check=True, capture_output=True, text=True).stdout.split()[0]
        print(f"source: {size} (du)", flush=True)
        with tempfile.TemporaryDirectory(prefix="prism-") as directory:
            served = []
            try:
                for name, spares in (("plain", 0), ("warm", 1)):
                    place = pathlib.Path(directory) / name
                    served.append(Served(options.program, source, place, spares, 4 * options.gib + 4))
                    wait_for(served[-1].ready, 1800)
                source.start()
                over = report(list(measure(*served, source, options.rounds)))
            finally:
                for one in served:
                    one.stop()
    for line in over:
        print("missed:", line)
    sys.exit(1 if over and options.check else 0)


if __name__ == "__main__":
    main()
