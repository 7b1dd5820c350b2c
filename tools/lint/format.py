"""Every C++ file is as clang-format-19 writes it."""

import re
import subprocess

import tree


def check(root):
    paths = tree.files(root, tree.CODE)
    if not paths:
        return []
    command = ["clang-format-19", "--dry-run", "--ferror-limit=1", "-Werror", *paths]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True)
    wrong = sorted(set(re.findall(r"^([^:\s]+):\d+:\d+: error: code should be clang-formatted", run.stderr, re.M)))
    if run.returncode != 0 and not wrong:
        return [run.stderr.strip()]
    return [f"{path}: not formatted, run ./dev format" for path in wrong]
