"""`prism conformance` against a real gateway: both stores keep every promise, in every output format.

usage: conformance_test.py PROGRAM
"""

import json
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway  # noqa: E402

INTERFACES = {"keyvalue_basic", "keyvalue_scan", "keyvalue_ttl", "keyvalue_transactional", "keyvalue_batch", "keyvalue_cas"}


def check(condition, what):
    if not condition:
        raise RuntimeError(what)


def main():
    program = sys.argv[1]
    with Gateway(program) as gateway:
        for namespace in ("scratch", "default"):
            junit = gateway.directory / "junit.xml"
            run = subprocess.run([program, "conformance", "--namespace", namespace, "--server", gateway.data, "-o", "json",
                                  "--junit", str(junit)], capture_output=True, text=True, timeout=250)
            check(run.stdout, run.stderr)
            report = json.loads(run.stdout)
            broken = [case for case in report["cases"] if case["verdict"] != "pass"]
            check(not broken and run.returncode == 0, f"{namespace}: {json.dumps(broken, indent=1)}")
            check(set(report["interfaces"]) == INTERFACES, f"{namespace}: suites {report['interfaces']}")
            suites = xml.etree.ElementTree.parse(junit).getroot()
            check(sum(int(suite.get("tests")) for suite in suites) == len(report["cases"]), "JUnit has other cases")
            print(f"{namespace}: {len(report['cases'])} cases kept")
        unknown = subprocess.run([program, "conformance", "--namespace", "nowhere", "--server", gateway.data, "--filter", "DS-08"],
                                 capture_output=True, text=True, timeout=60)
        check(unknown.returncode == 1 and "NOT_FOUND/NAMESPACE_NOT_FOUND" in unknown.stderr and not unknown.stdout, unknown.stdout + unknown.stderr)


if __name__ == "__main__":
    main()
