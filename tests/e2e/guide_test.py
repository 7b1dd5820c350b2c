"""Runs the commands of a guide as a reader would, in one shell, against a fresh gateway. What a ```text block shows must be
what the ```sh block before it prints; "..." stands for anything within a line.

usage: guide_test.py PROGRAM GUIDE [--own-server]

--own-server: the guide starts its server itself.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway  # noqa: E402

MARK = "----- block ends -----"


def blocks_of(guide):
    """[(commands, what they print or None)]"""
    found = re.findall(r"^```(sh|text)\n(.*?)^```$", guide.read_text(), re.MULTILINE | re.DOTALL)
    blocks = []
    for i, (kind, text) in enumerate(found):
        if kind == "sh":
            shown = found[i + 1][1] if i + 1 < len(found) and found[i + 1][0] == "text" else None
            blocks.append((text, shown))
    return blocks


def matches(printed, shown):
    pattern = ".*".join(re.escape(part) for part in shown.split("..."))
    return re.fullmatch(pattern, printed) is not None


def missing_lines(printed, shown):
    """The lines that are shown and not printed, in this order; others may stand between them."""
    lines, missing = iter(printed.splitlines()), []
    for wanted in shown.splitlines():
        if not any(matches(line, wanted) for line in lines):
            missing.append(wanted)
    return missing


def shell(program, script, directory=None, **environment):
    """What the commands print, all in one shell."""
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", **environment}
    result = subprocess.run(["bash", "-c", "set -euo pipefail\n" + script], env=environment, text=True, timeout=100,
                            cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(result.stdout)
    if result.returncode != 0:
        raise RuntimeError(f"the commands failed with code {result.returncode}")
    return result.stdout


def run_beside_a_server(program, commands):
    with Gateway(str(program)) as gateway:
        script = commands.replace("127.0.0.1:8980", gateway.data).replace("127.0.0.1:8981", gateway.admin)
        return shell(program, script.replace("/tmp/prism-tour", str(gateway.directory / "tour")))


def run_with_its_own_server(program, commands):
    """The guide starts servers with the ready file "ready"."""
    script = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + commands
    for shown, port in (("127.0.0.1:8980", "data"), ("127.0.0.1:8981", "admin")):
        script = script.replace(shown, f"""$(/usr/bin/python3 -c 'import json; print(json.load(open("ready"))["{port}"])')""")
    with tempfile.TemporaryDirectory(prefix="prism-test-") as directory:
        return shell(program, script, directory, PRISM_LISTEN="127.0.0.1:0", PRISM_ADMIN_LISTEN="127.0.0.1:0")


def main():
    program, guide = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    blocks = blocks_of(guide)
    if not any(shown for _, shown in blocks):
        raise RuntimeError(f"{guide} shows no output that could be compared")
    run = run_with_its_own_server if "--own-server" in sys.argv[3:] else run_beside_a_server
    output = run(program, "".join(f"{commands}echo; echo '{MARK}'\n" for commands, _ in blocks))
    for (commands, shown), printed in zip(blocks, output.split(MARK + "\n"), strict=False):
        missing = missing_lines(printed.replace("\r", ""), shown or "")
        if missing:
            raise RuntimeError(f"{guide.name} shows what these commands do not print:\n{commands}" + "\n".join(missing))


if __name__ == "__main__":
    main()
