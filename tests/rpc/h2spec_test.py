"""Runs all cases of h2spec against `prism serve` and demands that every one passes.

usage: h2spec_test.py PROGRAM [--tls]
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from prism_gateway import Gateway  # noqa: E402
from tls_files import Authority  # noqa: E402

H2SPEC = ROOT / ".cache" / "h2spec" / "bin" / "h2spec"
MIN_CASES = 140


def h2spec(how, *options):
    with Gateway(sys.argv[1], *options) as gateway:
        host, port = gateway.data.rsplit(":", 1)
        # Seconds that a case waits for a frame; a failure takes as long, a success does not.
        return subprocess.run([H2SPEC, *how, "-h", host, "-p", port, "-o", "10"], capture_output=True, text=True, timeout=280)


def main():
    if not H2SPEC.exists():
        sys.exit(f"{H2SPEC} is missing: run ./dev deps --test")
    with tempfile.TemporaryDirectory(prefix="prism-tls-") as directory:
        if "--tls" in sys.argv:
            certificate, key = Authority(directory).make("server")
            run = h2spec(["-t", "-k"], "--tls-certificate", certificate, "--tls-key", key)
        else:
            run = h2spec([])
    print(run.stdout[-6000:])
    total = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", run.stdout)
    if not total:
        sys.exit(f"h2spec printed no summary:\n{run.stderr}")
    cases, passed, skipped, failed = map(int, total.groups())
    if run.returncode != 0 or failed or skipped or passed != cases or cases < MIN_CASES:
        sys.exit("not every case passed")


if __name__ == "__main__":
    main()
