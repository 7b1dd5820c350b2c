"""clang-tidy-19 with .clang-tidy over every hand-written source of the dev preset.

A source that was clean is not looked at again until its command, .clang-tidy, or a file that it includes changes: the
dependencies are those that ninja recorded, so this works once the dev preset is built, and everything is checked until
then. Marks of clean sources are empty files in ~/.cache/prism-lint, named by a hash of all that.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess

import tree


MARKS = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "prism-lint")


def check(root, jobs=1, changed_since=None):
    commands = _commands(root)
    sources = list(commands)
    if changed_since:
        sources = _affected(root, sources, changed_since)
    keys = _keys(root, {path: commands[path] for path in sources})
    dirty = [path for path in sources if not os.path.exists(os.path.join(MARKS, keys.get(path, "none")))]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = dict(zip(dirty, pool.map(lambda path: _run(root, path), dirty)))
    os.makedirs(MARKS, exist_ok=True)
    for path, findings in results.items():
        if path in keys and not findings:
            open(os.path.join(MARKS, keys[path]), "w", encoding="utf-8").close()
    # A finding in a header is reported by every source that includes it.
    return list(dict.fromkeys(finding for findings in results.values() for finding in findings))


def _run(root, path):
    run = subprocess.run(
        ["clang-tidy-19", "--quiet", "-p", "build/dev", path], cwd=root, capture_output=True, text=True
    )
    findings = [
        line.replace(root + os.sep, "", 1)
        for line in run.stdout.splitlines()
        if re.search(r": (error|warning): ", line)
    ]
    if run.returncode != 0 and not findings:
        return [f"{path}: clang-tidy failed: {run.stderr.strip() or run.stdout.strip()}"]
    return findings


def _commands(root):
    """{source: its entry in compile_commands.json} of the hand-written sources."""
    with open(os.path.join(root, "build/dev/compile_commands.json"), encoding="utf-8") as stream:
        entries = {os.path.relpath(entry["file"], root): entry for entry in json.load(stream)}
    return {path: entries[path] for path in tree.files(root, [".cc"]) if path in entries}


def _keys(root, commands):
    """{source: hash of everything that clang-tidy's answer depends on}, for sources whose object is up to date."""
    build = os.path.join(root, "build/dev")
    recorded = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True)
    includes = {}
    if recorded.returncode == 0:
        for block in recorded.stdout.split("\n\n"):
            head, *paths = block.splitlines() or [""]
            if head.endswith("(VALID)"):
                includes[head.split(":")[0]] = [os.path.join(build, path.strip()) for path in paths]
    with open(os.path.join(root, ".clang-tidy"), encoding="utf-8") as stream:
        config = stream.read()
    hashes = {}
    keys = {}
    for path, entry in commands.items():
        output = re.search(r" -o (\S+\.o) ", entry.get("command", ""))
        files = output and includes.get(output[1])
        if files:
            parts = [config, entry["command"], *(_remembered(hashes, f) for f in files)]
            keys[path] = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return keys


def _remembered(hashes, path):
    if path not in hashes:
        hashes[path] = _file_hash(path)
    return hashes[path]


def _file_hash(path):
    # Headers of packages change only with their package: size and time are enough for them.
    if path.startswith("/usr/"):
        status = os.stat(path)
        return f"{path} {status.st_size} {status.st_mtime_ns}"
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def _affected(root, sources, base):
    """Sources that differ from `base`, and those beside a header that does (x.cc, x_test.cc for x.h)."""
    diff = subprocess.run(
        ["git", "diff", "--name-only", "--merge-base", base], cwd=root, capture_output=True, text=True, check=True
    )
    changed = {re.sub(r"(_test)?\.(h|cc)$", "", path) for path in diff.stdout.split()}
    return [path for path in sources if re.sub(r"(_test)?\.cc$", "", path) in changed]
