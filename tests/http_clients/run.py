#!/usr/bin/env python3
"""Runs script.json with an HTTP client that people have at hand: run.py CLIENT PROGRAM."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".cache"
SCRIPT = HERE / "script.json"
sys.path.insert(0, str(ROOT / "tests" / "support"))

from prism_gateway import Gateway  # noqa: E402

# Shared with tests/polyglot: a JSON library, which Java lacks.
JAVA_LIBRARIES = CACHE / "polyglot-java" / "target" / "dependency" / "*"
GRPCURL = CACHE / "grpcurl" / "bin" / "grpcurl"


def java(version):
    return lambda address: ["java", "-cp", JAVA_LIBRARIES, HERE / "java" / "Client.java", version, address, SCRIPT]


CLIENTS = {
    "requests": lambda address: [CACHE / "python" / "venv" / "bin" / "python", HERE / "python" / "client.py", address, SCRIPT],
    "node_fetch": lambda address: ["node", HERE / "fetch" / "node.mjs", address, SCRIPT],
    "java_http1": java("HTTP_1_1"),
    "java_http2": java("HTTP_2"),
    "grpcurl": lambda address: [sys.executable, HERE / "grpcurl" / "client.py", GRPCURL, address, SCRIPT],
}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in CLIENTS:
        sys.exit(__doc__)
    client, program = sys.argv[1:]
    with Gateway(program) as gateway:
        command = CLIENTS[client](gateway.data)
        if subprocess.run([*map(str, command)], timeout=100, env={**os.environ, "NO_PROXY": "*"}).returncode != 0:
            raise RuntimeError(f"{client} failed")


if __name__ == "__main__":
    main()
