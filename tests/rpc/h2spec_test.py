"""Runs all cases of h2spec against `prism serve` and demands that every one passes."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
from prism_gateway import Gateway  # noqa: E402

H2SPEC = ROOT / ".cache" / "h2spec" / "bin" / "h2spec"
MIN_CASES = 140


def main():
    if not H2SPEC.exists():
        sys.exit(f"{H2SPEC} is missing: run ./dev deps --test")
    with Gateway(sys.argv[1]) as gateway:
        host, port = gateway.data.rsplit(":", 1)
        # Seconds that a case waits for a frame; a failure takes as long, a success does not.
        run = subprocess.run([H2SPEC, "-h", host, "-p", port, "-o", "10"], capture_output=True, text=True, timeout=280)
    print(run.stdout[-6000:])
    total = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", run.stdout)
    if not total:
        sys.exit(f"h2spec printed no summary:\n{run.stderr}")
    cases, passed, skipped, failed = map(int, total.groups())
    if run.returncode != 0 or failed or skipped or passed != cases or cases < MIN_CASES:
        sys.exit("not every case passed")


if __name__ == "__main__":
    main()
