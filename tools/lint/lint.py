"""Runs the checks of this directory over the repository; ./dev lint is the way to call it."""

import argparse
import os
import sys
import time

import format
import layers
import readmes
import sizes
import tidy
import words


def main():
    parser = argparse.ArgumentParser(prog="./dev lint")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--changed", nargs="?", const="main", metavar="BASE")
    parser.add_argument("checks", nargs="*", metavar="CHECK")
    arguments = parser.parse_args()
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

    checks = {
        "format": format.check,
        "layers": layers.check,
        "sizes": sizes.check,
        "words": words.check,
        "readmes": readmes.check,
        "tidy": lambda path: tidy.check(path, arguments.jobs, arguments.changed),
    }
    names = arguments.checks or list(checks)
    unknown = [name for name in names if name not in checks]
    if unknown:
        parser.error(f"there is no check {unknown[0]} (there are: {', '.join(checks)})")

    failed = 0
    for name in names:
        start = time.monotonic()
        problems = checks[name](root)
        for problem in problems:
            print(problem)
        print(f"{name:8} {len(problems):4} problems  {time.monotonic() - start:6.1f} s", flush=True)
        failed += len(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
