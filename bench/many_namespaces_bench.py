#!/usr/bin/env python3
"""What 10,000 namespaces cost: Get on one hot namespace among them, beside a server that has only that one; and their memory.

  bench/many_namespaces_bench.py --program build/release/prism [--pairs 21] [--namespaces 10000] [--check]

Two servers run side by side and are loaded in turns. CPU per request is the server's own, user and system, from /proc. With
--check the exit code is 1 when the median of the ratios is above 1.05.
"""
import argparse
import http.client
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "support"))
from prism_gateway import Gateway  # noqa: E402

HOT = "ns-0"
ALLOWED = 1.05


class Server(Gateway):
    """A gateway with so many namespaces in memory; the first of them is the hot one."""

    def __init__(self, program, namespaces, directory):
        config = pathlib.Path(directory) / f"prism-{namespaces}.yaml"
        lines = "".join(f"  - {{name: ns-{i}, backend: memory}}\n" for i in range(namespaces))
        config.write_text(f"namespaces:\n{lines}")
        super().__init__(program, "--log-level", "error", "--config", str(config), "--shards", "1")

    def resident(self):
        """VmRSS in MiB."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no VmRSS")

    def load(self, seconds, *options):
        """Microseconds of the server's CPU for each Get."""
        result = subprocess.run(
            [self.program, "bench", HOT, "--server", self.data, "-c", "4", "-m", "16", "-d", f"{seconds}s", "--warmup", "100ms",
             "--keys", "1000", "--set-percent", "0", "--pid", str(self.process.pid), "-o", "json", *options],
            capture_output=True, text=True, check=True)
        return json.loads(result.stdout)["server_cpu_us"]

    def touch(self, namespaces):
        """One Set in each."""
        connection = http.client.HTTPConnection(self.data, timeout=60)
        for i in range(namespaces):
            connection.request("PUT", f"/v1/ns-{i}/keyvalue/touched", body=b"x")
            answer = connection.getresponse()
            answer.read()
            if answer.status != 204:
                raise RuntimeError(f"ns-{i} answers {answer.status}")
        connection.close()


def compare(one, many, pairs, seconds):
    """[(CPU of one, CPU of many)]"""
    measured = []
    for pair in range(pairs):
        first, second = (one, many) if pair % 2 == 0 else (many, one)
        figures = {server: server.load(seconds, "--no-prefill") for server in (first, second)}
        measured.append((figures[one], figures[many]))
        print(f"pair {pair + 1:2}: {figures[one]:6.2f} us with 1, {figures[many]:6.2f} us with many", flush=True)
    return measured


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--pairs", type=int, default=21)
    arguments.add_argument("--namespaces", type=int, default=10_000)
    arguments.add_argument("--seconds", type=float, default=2)
    arguments.add_argument("--check", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="prism-bench-") as directory, \
            Server(options.program, 1, directory) as one, Server(options.program, options.namespaces, directory) as many:
        started = many.resident()
        for server in (one, many):
            server.load(1)  # with the keys
        hot = many.resident()
        pairs = compare(one, many, options.pairs, options.seconds)
        many.touch(options.namespaces)
        touched = many.resident()
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"CPU for a Get, median of {options.pairs} pairs: {statistics.median(a for a, _ in pairs):.2f} us with 1 namespace, "
          f"{statistics.median(b for _, b in pairs):.2f} us with {options.namespaces}; median of the ratios {ratio:.3f}")
    print(f"RSS with {options.namespaces}: {started:.1f} MiB at the start, {hot:.1f} MiB with one of them hot, "
          f"{touched:.1f} MiB after a write in each ({1024 * (touched - hot) / options.namespaces:.1f} KiB a namespace)")
    if options.check and ratio > ALLOWED:
        sys.exit(f"the median of the ratios is above {ALLOWED}")


if __name__ == "__main__":
    main()
