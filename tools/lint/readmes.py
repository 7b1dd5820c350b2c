"""Each module has a README.md of at most 60 lines."""

import os

import tree

LIMIT = 60


def check(root):
    modules = {
        os.path.dirname(path)
        for path in tree.files(root, ["CMakeLists.txt"])
        if any(line.startswith("prism_module(") for line in tree.lines(root, path))
    }
    modules |= {d for d in ("codegen", "conformance", "bench") if os.path.isdir(os.path.join(root, d))}
    problems = []
    for module in sorted(modules):
        readme = os.path.join(module, "README.md")
        if not os.path.exists(os.path.join(root, readme)):
            problems.append(f"{module}: a module has a README.md (purpose, classes, thread rule, how to add one more)")
        elif len(tree.lines(root, readme)) > LIMIT:
            problems.append(f"{readme}: {len(tree.lines(root, readme))} lines, the limit is {LIMIT}")
    return problems
