"""Headers stay below 400 lines, sources below 800."""

import tree

LIMITS = {".h": 400, ".cc": 800, ".py": 800, ".sh": 800, ".ts": 800, ".tsx": 800, ".cmake": 400}


def check(root):
    problems = []
    for path in tree.files(root, LIMITS):
        limit = LIMITS[path[path.rindex(".") :]]
        length = len(tree.lines(root, path))
        if length >= limit:
            problems.append(f"{path}: {length} lines, the limit is {limit}: split it by what changes together")
    return problems
