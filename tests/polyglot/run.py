#!/usr/bin/env python3
"""Runs script.json with the official gRPC client of one language: run.py python|go|java|node PROGRAM."""

import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".cache"
sys.path.insert(0, str(ROOT / "tests" / "support"))

from prism_gateway import Gateway  # noqa: E402

PROTOS = ["prism/contract/v1/method.proto", "prism/keyvalue/v1/keyvalue.proto", "google/rpc/status.proto",
          "google/rpc/error_details.proto"]


def python_client(build):
    python = CACHE / "python" / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "grpc_tools.protoc", "-I", ROOT / "api", f"--python_out={build}",
                    f"--grpc_python_out={build}", *PROTOS], check=True)
    return [python, HERE / "python" / "client.py"], {"PYTHONPATH": str(build)}


def go_client(build):
    return [CACHE / "polyglot-go" / "client"], {}


def java_client(build):
    target = CACHE / "polyglot-java" / "target"
    return ["java", "-cp", f"{target / 'classes'}:{target / 'dependency'}/*", "prism.Client"], {}


def node_client(build):
    return ["node", HERE / "node" / "client.js", ROOT / "api"], {"NODE_PATH": str(CACHE / "polyglot-node" / "node_modules")}


CLIENTS = {"python": python_client, "go": go_client, "java": java_client, "node": node_client}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in CLIENTS:
        sys.exit(__doc__)
    language, program = sys.argv[1:]
    with Gateway(program) as gateway:
        build = gateway.directory / "generated"
        build.mkdir()
        command, environment = CLIENTS[language](build)
        result = subprocess.run([*map(str, command), gateway.data, str(HERE / "script.json")], timeout=100,
                                env={**os.environ, **environment})
        if result.returncode != 0:
            raise RuntimeError(f"the {language} client failed")


if __name__ == "__main__":
    main()
