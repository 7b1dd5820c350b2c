"""Runs docs/guides/branching.md as an ordinary user would, in one shell, and compares what it shows.

usage: branching_guide_test.py PROGRAM

Root becomes nobody for it, since PostgreSQL refuses root. Only ports and the directory differ from what the guide says.
"""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

from guide_test import MARK, blocks_of, missing_lines

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs/guides/branching.md"
SHOWN_DIRECTORY = "/tmp/prism-branches"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def ordinary_user(directory):
    """The command that runs another one as an ordinary user, who owns the directory from then on."""
    if os.geteuid() != 0:
        return []
    shutil.chown(directory, "nobody", "nogroup")
    return ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]


def servers_of(directory):
    """A pattern of their commands, which does not find itself by the brackets."""
    return "[" + directory[0] + "]" + directory[1:] + ".*/store/"


def end_servers(directory):
    """Those of branches outlive everybody, unless the guide has ended them, which it should."""
    pattern, left = servers_of(directory), False
    while subprocess.run(["pkill", "-QUIT", "-f", pattern], check=False).returncode == 0:
        left = True
        subprocess.run(["pidwait", "-f", pattern], check=False, timeout=30)
    return left


def main():
    blocks = blocks_of(GUIDE)
    branches, admin = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="prism-test-") as directory:
        own = pathlib.Path(directory)
        own.chmod(0o755)
        shutil.copy(sys.argv[1], own / "prism")  # where everybody may read it
        script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
        script += "".join(f"{commands}echo; echo '{MARK}'\n" for commands, _ in blocks)
        script = script.replace(SHOWN_DIRECTORY, f"{directory}/guide").replace("5432", branches).replace("8981", admin)
        environment = {"PATH": f"{directory}:{os.environ['PATH']}", "HOME": directory, "LANG": "C.UTF-8",
                       "PRISM_LISTEN": "127.0.0.1:0", "PRISM_ADMIN_LISTEN": f"127.0.0.1:{admin}",
                       "PRISM_ADMIN_SERVER": f"127.0.0.1:{admin}", "PRISM_BRANCH_LISTEN": f"127.0.0.1:{branches}"}
        try:
            run = subprocess.run(ordinary_user(own) + ["bash", "-c", script], env=environment, cwd=directory, text=True,
                                 timeout=200, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        finally:
            left = end_servers(directory)
        print(run.stdout)
        log = own / "guide/log"
        if run.returncode != 0:
            raise RuntimeError(f"the commands failed with code {run.returncode}\n" + (log.read_text() if log.exists() else ""))
        if left:
            raise RuntimeError("the commands leave servers behind")
        for (commands, shown), printed in zip(blocks, run.stdout.split(MARK + "\n"), strict=False):
            missing = missing_lines(printed.replace("\r", ""), shown or "")
            if missing:
                raise RuntimeError(f"the guide shows what these commands do not print:\n{commands}" + "\n".join(missing))


if __name__ == "__main__":
    main()
