"""Runs the tour of README.md as a newcomer would: every block, in order, in one shell, against a fresh gateway.

usage: tour_test.py PROGRAM
Only the addresses differ: the gateway of the test listens on ports that the system chose.
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))
from prism_gateway import Gateway  # noqa: E402

# What a reader must see, in this order.
EXPECTED = ["fsynced", "hello", "59m", "device=phone", "committed, fsynced", "salut", "c2FsdXQ=", "KEY_EMPTY", "# Prism", '"key":"readme"',
            "keyvalue_cas               pass", "8 connections x 32 streams", "SERVING", "[+] backend sqlite ok", "2 namespaces"]


def tour_blocks():
    text = (ROOT / "README.md").read_text()
    tour = text.split("## A five-minute tour", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^```sh\n(.*?)^```$", tour, re.MULTILINE | re.DOTALL)


def main():
    program = pathlib.Path(sys.argv[1])
    with Gateway(str(program)) as gateway:
        script = "set -euo pipefail\n" + "".join(tour_blocks())
        script = script.replace("127.0.0.1:8980", gateway.data).replace("127.0.0.1:8981", gateway.admin)
        script = script.replace("/tmp/prism-tour", str(gateway.directory / "tour"))
        script = script.replace("$PWD/build/release", str(program.parent))
        environment = {**os.environ, "PRISM_SERVER": gateway.data, "PRISM_ADMIN_SERVER": gateway.admin}
        run = subprocess.run(["bash", "-c", script], cwd=ROOT, env=environment, text=True, timeout=100,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        print(run.stdout)
        if run.returncode != 0:
            raise RuntimeError(f"the tour failed with code {run.returncode}")
        position = 0
        for wanted in EXPECTED:
            position = run.stdout.find(wanted, position)
            if position < 0:
                raise RuntimeError(f"the tour does not show '{wanted}' where it should")
        for reason in ("DURABILITY_UNAVAILABLE", "NAMESPACE_NOT_FOUND"):
            if reason not in run.stdout:
                raise RuntimeError(f"the tour does not show {reason}")


if __name__ == "__main__":
    main()
