"""clang-tidy-19 with .clang-tidy over every hand-written source of the dev preset."""

import concurrent.futures
import json
import os
import re
import subprocess

import tree


def check(root, jobs=1, changed_since=None):
    sources = _sources(root)
    if changed_since:
        sources = _affected(root, sources, changed_since)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        outputs = pool.map(lambda path: run_one(root, path), sources)
    # A finding in a header is reported by every source that includes it.
    return list(dict.fromkeys(problem for output in outputs for problem in output))


def run_one(root, path, build="build/dev"):
    run = subprocess.run(
        ["clang-tidy-19", "--quiet", "-p", build, path], cwd=root, capture_output=True, text=True
    )
    findings = [
        line.replace(root + os.sep, "", 1)
        for line in run.stdout.splitlines()
        if re.search(r": (error|warning): ", line)
    ]
    if run.returncode != 0 and not findings:
        return [f"{path}: clang-tidy failed: {run.stderr.strip() or run.stdout.strip()}"]
    return findings


def _sources(root):
    with open(os.path.join(root, "build/dev/compile_commands.json"), encoding="utf-8") as stream:
        commands = json.load(stream)
    known = {os.path.relpath(entry["file"], root) for entry in commands}
    return [path for path in tree.files(root, [".cc"]) if path in known]


def _affected(root, sources, base):
    """Sources that differ from `base`, and those beside a header that does (x.cc, x_test.cc for x.h)."""
    diff = subprocess.run(
        ["git", "diff", "--name-only", "--merge-base", base], cwd=root, capture_output=True, text=True, check=True
    )
    changed = {re.sub(r"(_test)?\.(h|cc)$", "", path) for path in diff.stdout.split()}
    return [path for path in sources if re.sub(r"(_test)?\.cc$", "", path) in changed]
