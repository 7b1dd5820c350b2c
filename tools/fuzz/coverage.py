"""Prints which lines of the parsers the corpora of the fuzzers reach, and fails when a source has too few of them.

usage: coverage.py LEAST ROOT NAME=EXPORT...

LEAST is a percentage, ROOT what is left off the names of sources, EXPORT a file that `llvm-cov export -summary-only`
wrote for the fuzzer NAME.
"""

import json
import os
import sys


def rows(arguments, root):
    for argument in arguments:
        name, export = argument.split("=", 1)
        with open(export, encoding="utf-8") as file:
            files = json.load(file)["data"][0]["files"]
        if not files:
            sys.exit(f"coverage.py: {name} covers no source: name some under COVERS in tests/fuzz/CMakeLists.txt")
        for source in files:
            lines = source["summary"]["lines"]
            yield name, os.path.relpath(source["filename"], root), lines["count"], lines["covered"]


def main():
    least, root = float(sys.argv[1]), sys.argv[2]
    low = []
    all_lines = all_covered = 0
    print(f"{'fuzzer':<12} {'source':<44} {'lines':>6} {'missed':>7} {'reached':>8}")
    for name, source, lines, covered in rows(sys.argv[3:], root):
        percent = 100 * covered / lines
        if percent < least:
            low.append(source)
        all_lines += lines
        all_covered += covered
        print(f"{name:<12} {source:<44} {lines:>6} {lines - covered:>7} {percent:>7.1f}%")
    print(f"{'all':<57} {all_lines:>6} {all_lines - all_covered:>7} {100 * all_covered / all_lines:>7.1f}%")
    if low:
        sys.exit(f"coverage.py: below {least:g}%: {', '.join(low)}; add inputs to tests/fuzz/corpus that reach more")


if __name__ == "__main__":
    main()
