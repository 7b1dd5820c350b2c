"""Runs the commands of docs/guides/tls.md: every block, in order, in one shell. Only addresses and directories differ.

usage: tls_guide_test.py PROGRAM
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXPECTED = ["fsynced", '"value":"aGVsbG8="', "hello", "hello", '"value":"aGVsbG8="', "no certificate, no answer"]
ADDRESS = """$(/usr/bin/python3 -c 'import json; print(json.load(open("ready"))["data"])')"""


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    guide = (ROOT / "docs" / "guides" / "tls.md").read_text()
    with tempfile.TemporaryDirectory(prefix="prism-test-") as directory:
        script = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
        script += "".join(re.findall(r"^```sh\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL))
        script = script.replace("127.0.0.1:8980", ADDRESS).replace("/tmp/prism-tls", f"{directory}/guide")
        environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "PRISM_SOURCE": str(ROOT),
                       "PRISM_LISTEN": "127.0.0.1:0", "PRISM_ADMIN_LISTEN": "127.0.0.1:0"}
        run = subprocess.run(["bash", "-c", script], env=environment, text=True, timeout=100, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
    print(run.stdout)
    if run.returncode != 0:
        sys.exit(f"the guide failed with code {run.returncode}")
    position = 0
    for wanted in EXPECTED:
        position = run.stdout.find(wanted, position)
        if position < 0:
            sys.exit(f"the guide does not show '{wanted}' where it should")
        position += len(wanted)
    if "configuration reloaded" not in run.stdout:
        sys.exit("the renewed certificate was not taken")


if __name__ == "__main__":
    main()
