"""What the checks know about the repository: its files and its layers."""

import os
import re

# Never ours: built, downloaded or brought along.
SKIPPED = {"build", "node_modules", "__pycache__", "third_party"}
CODE = (".h", ".cc")


def files(root, endings, under=""):
    """Paths relative to `root`, sorted, of files whose names end like one of `endings`."""
    found = []
    for directory, names, leaves in os.walk(os.path.join(root, under)):
        names[:] = [n for n in names if n not in SKIPPED and not (n.startswith(".") and n != ".ci")]
        found += [
            os.path.relpath(os.path.join(directory, leaf), root) for leaf in leaves if leaf.endswith(tuple(endings))
        ]
    return sorted(found)


def lines(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as stream:
        return stream.read().splitlines()


def layers(root):
    """{module: layer} from src/layers.txt, which the build reads too."""
    table = {}
    for line in lines(root, "src/layers.txt"):
        match = re.match(r"([a-z_]+) +(\d+)", line)
        if match:
            table[match[1]] = int(match[2])
    return table


def module_of(path, table):
    """The module that a file belongs to, or None outside of src/ and the modules at the root."""
    parts = path.split(os.sep)
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    return parts[0] if parts[0] in table else None
