"""Words that do not belong where they stand. A line is excused by a reason on it or on the line above:

    // lint-allow(sleep): the kernel gives no event for this
"""

import re

import tree

PROSE = (".md", ".txt", ".py", ".sh", ".cmake", ".proto", ".yaml", ".yml", ".json", ".h", ".cc")
TESTS = r"^(tests|bench|tools)/|_test\.cc$"

# name, pattern, where it is fine, kinds of files, what to do instead. Comments of C++ are not searched.
RULES = [
    (
        "thread",
        r"std::(jthread|thread|async|(recursive_|shared_|timed_)*mutex|condition_variable\w*)\b(?!::hardware)",
        r"^src/((runtime|sqlite|engine/memory|cli)/|models/keyvalue/transaction_table\.)|" + TESTS,
        tree.CODE,
        "threads and locks live in runtime/, sqlite/, engine/memory/ and the table of open transactions: use a Shard or the "
        "BlockingPool",
    ),
    ("detached", r"\.detach\(|\bdetached\b", None, tree.CODE, "what Start spawned, Stop joins: use a TaskGroup"),
    (
        "sleep",
        r"\b(sleep_for|sleep_until|usleep|nanosleep)\b",
        None,
        tree.CODE,
        "wait for the condition itself, with a deadline",
    ),
    (
        "skip",
        r"\bGTEST_SKIP\b|\bDISABLED_|unittest\.skip|pytest\.skip|@pytest\.mark\.skip",
        r"^tools/lint/",
        (".cc", ".py"),
        "a test that does not run protects nothing",
    ),
    ("format", r"#include <(format|print)>", None, tree.CODE, "libstdc++ 12 has none: use fmt"),
    ("marks", r"\b(TODO|FIXME|XXX|HACK)\b", r"^tools/lint/", PROSE, "do it now, or write down what is left in an issue"),
]


def check(root):
    problems = []
    for name, pattern, allowed, endings, advice in RULES:
        for path in tree.files(root, endings):
            if allowed and re.search(allowed, path):
                continue
            lines = tree.lines(root, path)
            for number, line in enumerate(lines, 1):
                text = line if name == "marks" or not path.endswith(tree.CODE) else line.split("//")[0]
                match = re.search(pattern, text)
                if match and not _excused(name, lines, number):
                    problems.append(f"{path}:{number}: '{match[0]}' ({name}): {advice}")
    return problems


def _excused(name, lines, number):
    reason = re.compile(r"lint-allow\(" + name + r"\): \w+")
    return any(reason.search(line) for line in lines[max(0, number - 2) : number])
