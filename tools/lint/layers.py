"""A module may include headers of lower layers, its own, and those of contract/ on its own layer."""

import re

import tree

# What the list of all backends may include besides what its module may: the embedded backends.
THE_LISTS_NAME = ("engine", "sqlite")

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')

# Top directories of api/: what is generated from them belongs to contract/.
GENERATED = {"prism", "grpc"}


def check(root):
    table = tree.layers(root)
    problems = []
    for path in tree.files(root, tree.CODE):
        module = tree.module_of(path, table)
        if module is None:
            continue
        if module not in table:
            problems.append(f"{path}: module {module} is not in src/layers.txt")
            continue
        for number, line in enumerate(tree.lines(root, path), 1):
            match = INCLUDE.match(line)
            problem = match and _problem(path, module, match[1], match[2], table)
            if problem:
                problems.append(f"{path}:{number}: {problem}")
    return problems


def _problem(path, module, bracket, header, table):
    target = header.split("/")[0]
    if bracket == "<":
        return f'own header <{header}> wants quotes' if "/" in header and target in table else None
    if "/" not in header:
        return f'"{header}" is not a full path from src/'
    if target == "tests" and path.endswith("_test.cc"):
        return None
    if target in GENERATED or header.startswith("google/rpc/"):
        target = "contract"
    if target not in table:
        return f'"{header}" is no module of src/layers.txt'
    if module == "app" or target == module:
        return None
    if path.startswith("src/backends/builtin_") and target in THE_LISTS_NAME:
        return None
    if target == "backends" and header.count("/") > 1:
        return f'"{header}": only app/ may name a backend'
    if table[target] < table[module] or (target == "contract" and table[target] == table[module]):
        return None
    return f'"{header}": {module} (layer {table[module]}) may not include {target} (layer {table[target]})'
