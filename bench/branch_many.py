#!/usr/bin/env python3
"""Many branches, some of them running: what each takes of disk and memory, and what lists and starts take then.

  bench/branch_many.py --program build/release/prism [--branches 500] [--running 20] [--check]

On btrfs and on XFS, each in a file, branches of a source of 1 GiB are made; --running of them are connected to and left. Disk: what
the file system uses more, divided by the branches. Memory: the sum of PSS of a server's processes, median of those that run.
With --check the exit code is 1 when a budget is missed. Needs root, and the Python of the tests (./dev deps --test).
"""
import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

from branch_ground import Served, filled_source, mount_xfs, wait_for
from mounts import own_mounts

MIB = 1 << 20
BUDGETS = {"disk": 1.0, "memory": 12.0, "list": 50.0, "ready": 1000.0}  # MB, MiB, ms, ms


def used(directory):
    subprocess.run(["sync", "-f", str(directory)], check=True)
    space = os.statvfs(directory)
    return (space.f_blocks - space.f_bfree) * space.f_frsize


def children(pid):
    path = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()]


def pss(pid):
    """Bytes, with what is below it."""
    rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss: +(\d+) kB", rollup, re.M)[1]) * 1024 + sum(pss(child) for child in children(pid))


def servers(served):
    found = []
    for lock in (served.directory / "data/branches/run").glob("*/lock"):
        number = lock.read_text().strip()
        command = pathlib.Path(f"/proc/{number}/cmdline")
        if number and command.exists() and b"postgres" in command.read_bytes():
            found.append(int(number))
    return found


def list_time(served):
    times = []
    for _ in range(21):
        begin = time.perf_counter()
        served.gateway.administer("GET", "branches?page_size=1000")
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times)


def restart_time(served):
    served.gateway.stop()
    begin = time.perf_counter()
    served.gateway.start()
    wait_for(served.ready, 60)
    return (time.perf_counter() - begin) * 1000


def measure(served, branches, running):
    before = used(served.store)
    for number in range(branches):
        served.gateway.administer("POST", "branches", {"name": f"b{number}"})
    yield "disk", (used(served.store) - before) / branches / 1e6, "MB of disk for a branch"
    for number in range(running):
        served.time(f"b{number}")
    found = servers(served)
    if len(found) != running:
        raise RuntimeError(f"{len(found)} servers run, not {running}")
    yield "memory", statistics.median(map(pss, found)) / MIB, "MiB (PSS) for an idle server"
    yield "list", list_time(served), "ms for the list"
    yield "ready", restart_time(served), "ms until a restart is ready for clients of branches"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--branches", type=int, default=500)
    parser.add_argument("--running", type=int, default=20)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    own_mounts()
    over = []
    with filled_source(1) as source, tempfile.TemporaryDirectory(prefix="prism-") as own:
        for kind in ("btrfs", "xfs"):
            directory = pathlib.Path(own)
            store = mount_xfs(directory, 12) if kind == "xfs" else None
            served = Served(options.program, source, directory / kind, 12, store=store, idle_timeout="1h")
            try:
                wait_for(served.ready, 1800)
                for what, value, words in measure(served, options.branches, options.running):
                    print(f"{kind:6} {value:9.2f} {words}   budget {BUDGETS[what]:.0f}", flush=True)
                    over += [f"{kind}: {value:.2f} {words}, not {BUDGETS[what]:.0f}"] if value > BUDGETS[what] else []
            finally:
                for pid in servers(served):
                    os.kill(pid, 3)  # SIGQUIT: at once
                served.gateway.stop()
                wait_for(lambda served=served: not servers(served))
                subprocess.run(["umount", str(served.store)], check=True)
    for line in over:
        print("missed:", line)
    sys.exit(1 if over and options.check else 0)


if __name__ == "__main__":
    main()
