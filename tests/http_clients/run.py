#!/usr/bin/env python3
"""Runs script.json with an HTTP client that people have at hand: run.py CLIENT PROGRAM [tls]."""

import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".cache"
SCRIPT = HERE / "script.json"
sys.path.insert(0, str(ROOT / "tests" / "support"))

from certificates import Certificates  # noqa: E402
from prism_gateway import Gateway  # noqa: E402

# Shared with tests/polyglot: a JSON library, which Java lacks.
JAVA_LIBRARIES = CACHE / "polyglot-java" / "target" / "dependency" / "*"
PYTHON = CACHE / "python" / "venv" / "bin" / "python"
GRPCURL = CACHE / "grpcurl" / "bin" / "grpcurl"


class Target:
    """Where a gateway listens; `certificates` when it speaks TLS."""

    def __init__(self, gateway, certificates):
        self.address, self.certificates, self.directory = gateway.data, certificates, gateway.directory
        self.url = f"{'https' if certificates else 'http'}://{gateway.data}"


# Each: the command, and what it needs in its environment to trust the authority of the test.


def requests_client(target):
    trust = {"REQUESTS_CA_BUNDLE": target.certificates.authority} if target.certificates else {}
    return [PYTHON, HERE / "python" / "client.py", target.url, SCRIPT], trust


def node_client(target):
    trust = {"NODE_EXTRA_CA_CERTS": target.certificates.authority} if target.certificates else {}
    return ["node", HERE / "fetch" / "node.mjs", target.url, SCRIPT], trust


def java_client(version):
    def command(target):
        trust = []
        if target.certificates:
            store = target.directory / "trusted.p12"
            subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "authority", "-file", target.certificates.authority,
                            "-keystore", store, "-storepass", "changeit"], check=True, capture_output=True, timeout=60)
            trust = [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStorePassword=changeit"]
        return ["java", *trust, "-cp", JAVA_LIBRARIES, HERE / "java" / "Client.java", version, target.url, SCRIPT], {}
    return command


def grpcurl_client(target):
    trust = ["-cacert", target.certificates.authority] if target.certificates else ["-plaintext"]
    return [sys.executable, HERE / "grpcurl" / "client.py", GRPCURL, target.address, SCRIPT, *trust], {}


CLIENTS = {"requests": requests_client, "node_fetch": node_client, "java_http1": java_client("HTTP_1_1"),
           "java_http2": java_client("HTTP_2"), "grpcurl": grpcurl_client}


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in CLIENTS or sys.argv[3:] not in ([], ["tls"]):
        sys.exit(__doc__)
    client, program = sys.argv[1:3]
    with tempfile.TemporaryDirectory(prefix="prism-test-") as directory:
        certificates = Certificates(pathlib.Path(directory)) if sys.argv[3:] else None
        with Gateway(program, *(certificates.serve_options if certificates else [])) as gateway:
            command, environment = CLIENTS[client](Target(gateway, certificates))
            if subprocess.run([*map(str, command)], timeout=100, env={**os.environ, **environment}).returncode != 0:
                raise RuntimeError(f"{client} failed")


if __name__ == "__main__":
    main()
