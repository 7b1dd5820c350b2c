"""The servers of branches, which outlive the gateway that started them."""

import os
import pathlib
import signal
import subprocess

from prism_gateway import wait_for


def servers(data):
    """The postmasters that run, by the directories that they run in; `data` is the gateway's data directory."""
    found = {}
    branches = pathlib.Path(data) / "branches"
    for lock in (*branches.glob("run/*/lock"), *branches.glob("source-*/lock")):
        number = lock.read_text().strip()
        # A number stays in the file when its process has gone, and the system gives it to another one.
        if number and os.path.exists(f"/proc/{number}/cmdline"):
            command = pathlib.Path(f"/proc/{number}/cmdline").read_bytes()
            if b"postgres" in command:
                found[lock.parent.name] = int(number)
    return found


def kill_servers(data):
    for number in servers(data).values():
        os.kill(number, signal.SIGQUIT)
    wait_for(lambda: not servers(data))


def end_servers(data):
    """Kills them and takes off the file system that the gateway may have mounted, so that the directory can go."""
    kill_servers(data)
    subprocess.run(["umount", str(pathlib.Path(data) / "branches/store")], capture_output=True, check=False)
