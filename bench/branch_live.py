#!/usr/bin/env python3
"""Branches of a branch that is written to: how long they take, and what its clients notice.

  bench/branch_live.py --program build/release/prism [--rounds 50] [--gib 1] [--seconds 120] [--check]

On btrfs and on XFS, each in a file: pgbench writes to a branch, 200 transactions a second, and a round connects to a new branch
of it and asks for one row (budgets: 300 and 120 ms, p50). Then pgbench runs for --seconds without and with a branch made every
30 s (a quarter of --seconds if that is less), and its latency's p99 over each whole run is compared (budget: 2x). With --check
the exit code is 1 when a budget is missed. Needs root, and the Python of the tests (./dev deps --test).
"""
import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from branch_ground import PROGRAMS, Served, filled_source, mount_xfs, wait_for
from mounts import own_mounts

BUDGETS = {"btrfs": 300.0, "xfs": 120.0}  # ms, p50
RATE = 200
MAX_RATIO = 2.0


class Load:
    """pgbench on a branch."""

    def __init__(self, served, branch, directory, seconds):
        self.prefix = directory / f"log-{time.monotonic_ns()}"
        self.process = subprocess.Popen(
            [PROGRAMS / "pgbench", "-n", "-c", "4", "-R", str(RATE), "-T", str(seconds), "-l", f"--log-prefix={self.prefix}",
             served.conninfo(branch)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def transactions(self):
        return sum(1 for log in self.prefix.parent.glob(self.prefix.name + ".*") for _ in log.open())

    def stop(self):
        self.process.terminate()
        self.process.communicate()

    def p99(self):
        """Milliseconds, of all transactions; when it has ended."""
        _, said = self.process.communicate()
        if self.process.returncode != 0:
            raise RuntimeError(said.decode())
        times = sorted(int(line.split()[2]) for log in self.prefix.parent.glob(self.prefix.name + ".*") for line in log.open())
        return times[len(times) * 99 // 100] / 1000


def connect_times(served, directory, rounds):
    load = Load(served, "busy", directory, 36000)
    try:
        wait_for(lambda: load.transactions() > RATE)
        times = []
        for number in range(rounds):
            times.append(served.time(f"live-{number}", "busy"))
        if load.process.poll() is not None:
            raise RuntimeError("pgbench ended")
        return sorted(times)
    finally:
        load.stop()


def p99_beside_branches(served, directory, seconds):
    """Without branches, and with."""
    quiet = Load(served, "busy", directory, seconds).p99()
    load = Load(served, "busy", directory, seconds)
    pause, number = min(30, seconds / 4), 0
    while True:
        try:
            load.process.wait(pause)
            return quiet, load.p99()
        except subprocess.TimeoutExpired:
            number += 1
            served.time(f"beside-{number}", "busy")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--gib", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=120)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    own_mounts()
    over = []
    with filled_source(options.gib) as source, tempfile.TemporaryDirectory(prefix="prism-") as own:
        for kind, budget in BUDGETS.items():
            directory = pathlib.Path(own)
            store = mount_xfs(directory, 8 * options.gib + 4) if kind == "xfs" else None
            served = Served(options.program, source, directory / kind, 8 * options.gib + 4, store=store)
            try:
                wait_for(served.ready, 1800)
                served.time("busy")
                times = connect_times(served, directory, options.rounds)
                p50 = statistics.median(times)
                print(f"{kind:6} new branch of a live one: p50 {p50:7.2f} ms   p90 {times[len(times) * 9 // 10]:7.2f} ms   "
                      f"max {times[-1]:7.2f} ms   budget {budget:.0f} ms", flush=True)
                quiet, beside = p99_beside_branches(served, directory, options.seconds)
                print(f"{kind:6} clients of that: p99 {quiet:7.2f} ms alone, {beside:7.2f} ms beside branches "
                      f"({beside / quiet:.2f}x)   budget {MAX_RATIO:.0f}x", flush=True)
                over += [f"{kind}: {p50:.2f} ms, not {budget:.0f} ms"] if p50 > budget else []
                over += [f"{kind}: p99 {beside / quiet:.2f}x, not {MAX_RATIO}x"] if beside > MAX_RATIO * quiet else []
            finally:
                served.stop()
    for line in over:
        print("missed:", line)
    sys.exit(1 if over and options.check else 0)


if __name__ == "__main__":
    main()
