"""Runs the Connect conformance suite against our server and demands that every case passes."""

import os
import pathlib
import re
import signal
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
RUNNER = HERE.parents[1] / ".cache" / "connectconformance" / "bin" / "connectconformance"
TIME_LIMIT_S = 560
# Fewer cases than this: the suite or its configuration has lost some.
MIN_CASES = 3790
# known_failing.txt stands for this many; the runner itself minds when one of them passes.
KNOWN_FAILING = 6


def main():
    if not RUNNER.exists():
        sys.exit(f"{RUNNER} is missing: run ./dev deps --test")
    command = [RUNNER, "--mode", "server", "--conf", HERE / "conformance.yaml"]
    command += ["--known-failing", f"@{HERE / 'known_failing.txt'}", "--", sys.argv[1]]
    # A group of its own: the runner's servers must not outlive it.
    runner = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        output, _ = runner.communicate(timeout=TIME_LIMIT_S)
    finally:
        try:
            os.killpg(runner.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    print(output[-20000:])
    total = re.search(r"Total cases: (\d+)\n(\d+) passed, (\d+) failed", output)
    if not total:
        sys.exit("the runner printed no summary")
    cases, passed, failed = map(int, total.groups())
    if runner.returncode != 0 or failed or cases - passed != KNOWN_FAILING or cases < MIN_CASES:
        sys.exit("not every case passed")


if __name__ == "__main__":
    main()
