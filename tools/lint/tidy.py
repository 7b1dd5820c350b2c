"""clang-tidy-19 with .clang-tidy over every hand-written source of the dev preset.

Most of clang-tidy's time goes to the headers of the library, so sources with the same options are first looked at in
batches: one translation unit that includes several of them. A batch can only acquit. Whatever it finds may come of the
company (two sources may use one name), so then each source that could have caused it is looked at by itself.

A source that was clean is not looked at again until its command, .clang-tidy, or a file that it includes changes: the
dependencies are those that ninja recorded, so this works once the dev preset is built, and everything is checked until
then. Marks of clean sources are empty files in ~/.cache/prism-lint, named by a hash of all that; each is left as soon as
it is known, so that an interrupted run is not lost.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import tempfile

import tree


MARKS = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "prism-lint")
# More save little, and cost more when one of them has to be looked at by itself.
BATCH = 8


def check(root, jobs=1, changed_since=None):
    commands = _commands(root)
    sources = list(commands)
    if changed_since:
        sources = _affected(root, sources, changed_since)
    keys = _keys(root, {path: commands[path] for path in sources})
    dirty = [path for path in sources if not os.path.exists(os.path.join(MARKS, keys.get(path, "none")))]
    os.makedirs(MARKS, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        batches = _batches(commands, dirty, jobs)
        suspects = pool.map(lambda batch: _check_batch(root, commands, batch, keys), batches)
        alone = sorted(path for paths in suspects for path in paths)
        results = pool.map(lambda path: _check_alone(root, path, keys), alone)
        # A finding in a header is reported by every source that includes it.
        return list(dict.fromkeys(finding for findings in results for finding in findings))


def _batches(commands, sources, jobs):
    """Lists of sources with the same options. Neighbours in the tree, which share names most often, are kept apart."""
    groups = {}
    for path in sources:
        groups.setdefault(tuple(_options(commands[path])), []).append(path)
    size = max(1, min(BATCH, len(sources) // jobs))
    batches = []
    for group in groups.values():
        count = -(-len(group) // size)
        batches += [group[first::count] for first in range(count)]
    return sorted(batches, key=len, reverse=True)


def _check_batch(root, commands, batch, keys):
    """The sources of the batch that have to be looked at by themselves; the others are marked as clean."""
    if len(batch) == 1:
        return batch
    # Below the root, where its .clang-tidy is found. With --config-file, names in headers of the library would be held
    # against it too, which takes as long as all else.
    with tempfile.TemporaryDirectory(dir=os.path.join(root, "build")) as directory:
        unit = os.path.join(directory, "batch.cc")
        with open(unit, "w", encoding="utf-8") as stream:
            stream.writelines(f'#include "{os.path.join(root, path)}"\n' for path in batch)
        findings = _run(root, [unit, "--", *_options(commands[batch[0]])])
    suspects = {finding.split(":")[0] for finding in findings}
    if not suspects <= set(batch):
        return batch
    for path in set(batch) - suspects:
        _mark(path, keys)
    return [path for path in batch if path in suspects]


def _check_alone(root, path, keys):
    findings = _run(root, ["-p", "build/dev", path])
    if not findings:
        _mark(path, keys)
    return findings


def _mark(path, keys):
    if path in keys:
        open(os.path.join(MARKS, keys[path]), "w", encoding="utf-8").close()


def _run(root, arguments):
    run = subprocess.run(["clang-tidy-19", "--quiet", *arguments], cwd=root, capture_output=True, text=True)
    findings = [
        line.replace(root + os.sep, "", 1)
        for line in run.stdout.splitlines()
        if re.search(r": (error|warning): ", line)
    ]
    if run.returncode != 0 and not findings:
        return [f"{arguments[-1]}: clang-tidy failed: {run.stderr.strip() or run.stdout.strip()}"]
    return findings


def _options(entry):
    """What the command says of the language, without its input, its output, and what only code generation asks for."""
    words = iter(entry.get("arguments") or shlex.split(entry["command"]))
    next(words)
    options = []
    for word in words:
        if word == "-o":
            next(words)
        elif word not in ("-c", "-fPIC", "-fPIE", entry["file"]) and not word.endswith(".cc"):
            options.append(word)
    return options


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
        # A file that is gone: the object is older than the source.
        if files and all(map(os.path.exists, files)):
            # Without the place of the checkout, so that all checkouts share their marks.
            parts = [config, entry["command"].replace(root, ""), *(_remembered(hashes, f) for f in files)]
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
