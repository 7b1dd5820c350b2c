#!/usr/bin/env python3
"""From connecting to the answer of the first query: new branches, warm ones, stopped ones, in turns.

  bench/branch_connect.py --program build/release/prism [--rounds 50] [--gib 1] [--runtime process] [--check]
  tests/servers/docker.py bench/branch_connect.py ... --runtime docker    (beside an engine of its own)

`prism serve` has a source that pgbench filled to --gib GiB (its size on disk is printed) and makes branches of it on btrfs in a
file. A round connects to a branch that is not there (`new`: cloned and started), to one that is not there while a warm server
waits (`warm`), to one whose server has been stopped (`stopped`), and to one that runs (`running`), each time with SCRAM, and
asks for one row. The floor beside them is the same client and the same query on the source's own server, without Prism. With
--check the exit code is 1 when a median is above its budget. Needs root, and the Python of the tests (./dev deps --test).
"""
import argparse
import pathlib
import statistics
import sys
import tempfile

from branch_ground import Served, filled_source, first_answer, wait_for
from mounts import own_mounts

BUDGETS = {"process": {"new": 50.0, "warm": 15.0, "stopped": 50.0},
           "docker": {"new": 300.0, "warm": 15.0, "stopped": 300.0}}  # ms, p50


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


def report(rounds, budgets):
    """Prints a line for each way; those above their budget."""
    over = []
    for way in ("new", "warm", "stopped", "running", "no Prism"):
        times = sorted(times[way] for times in rounds)
        p50, budget = statistics.median(times), budgets.get(way)
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
    parser.add_argument("--runtime", choices=sorted(BUDGETS), default="process")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.runtime == "process":
        own_mounts()  # docker.py has seen to it, and the engine has to see the same
    with filled_source(options.gib) as source, tempfile.TemporaryDirectory(prefix="prism-") as directory:
        served = []
        try:
            for name, spares in (("plain", 0), ("warm", 1)):
                place = pathlib.Path(directory) / name
                served.append(Served(options.program, source, place, 4 * options.gib + 4, spares, runtime=options.runtime))
                wait_for(served[-1].ready, 1800)
            source.start()
            over = report(list(measure(*served, source, options.rounds)), BUDGETS[options.runtime])
        finally:
            for one in served:
                one.stop()
    for line in over:
        print("missed:", line)
    sys.exit(1 if over and options.check else 0)


if __name__ == "__main__":
    main()
