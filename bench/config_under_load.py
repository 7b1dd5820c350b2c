#!/usr/bin/env python3
"""Requests at a steady rate while the configuration changes all the time, beside the same load without changes.

  bench/config_under_load.py --program build/release/prism [--rate 50000] [--changes 100] [--seconds 10] [--check]

Changes are made to the namespace that is loaded, through the admin API, over four connections that take turns. The load is
an open loop: latency counts from when a request should have been sent. The exit code is 1 when a request or a change fails,
or when a change is lost; with --check also when less than 95% of a rate was reached.
"""
import argparse
import http.client
import itertools
import json
import subprocess
import sys
import threading
import time

from e2e import BenchGateway, Table, machine

NAMESPACE = "scratch"
CONNECTIONS = 4
REACHED = 0.95


class Changes:
    """Makes changes at a rate, from `with` to its end."""

    def __init__(self, gateway, rate):
        self.gateway, self.rate = gateway, rate
        self.numbers, self.lock = itertools.count(1), threading.Lock()
        self.stopping = threading.Event()
        self.seconds, self.revisions, self.failures = [], [], []
        self.threads = [threading.Thread(target=self.run) for _ in range(CONNECTIONS)]

    def __enter__(self):
        self.begin = time.monotonic()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        self.lasted = time.monotonic() - self.begin

    def run(self):
        connection = http.client.HTTPConnection(self.gateway.admin, timeout=60)
        while not self.failures:
            with self.lock:
                number = next(self.numbers)
            if self.stopping.wait(max(0, self.begin + number / self.rate - time.monotonic())):
                break
            self.change(connection, number)
        connection.close()

    def change(self, connection, number):
        start = time.perf_counter()
        try:
            connection.request("PATCH", f"/admin/v1/namespaces/{NAMESPACE}", json.dumps({"maxKeys": 1_000_000 + number}),
                               {"Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read()
        except (OSError, http.client.HTTPException) as error:
            self.failures.append(repr(error))
            return
        if reply.status != 200:
            self.failures.append(f"{reply.status}: {text[:300].decode(errors='replace')}")
            return
        self.seconds.append(time.perf_counter() - start)
        self.revisions.append(int(json.loads(text)["revision"]))


def load(gateway, options):
    """What the load has found; any request that fails, or that is answered wrong, ends it."""
    run = subprocess.run([gateway.program, "bench", NAMESPACE, "--server", gateway.data, "-c", "8", "-m", "32", "-r",
                          str(options.rate), "-d", f"{options.seconds}s", "--warmup", "0s", "--keys", "1000", "--set-percent", "10",
                          "-o", "json"], capture_output=True, text=True, timeout=options.seconds + 60)
    return (json.loads(run.stdout), "") if run.returncode == 0 else (None, run.stderr)


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def tell(table, floor, loaded, changes, options):
    reached = REACHED if options.check else None
    table.add("requests answered, none failed", loaded["done"], "", floor=floor["done"])
    table.add("requests", loaded["rate"], "/s", reached and reached * options.rate, at_most=False, floor=floor["rate"])
    table.add("request p50", loaded["p50_us"], "us", floor=floor["p50_us"])
    table.add("request p99", loaded["p99_us"], "us", floor=floor["p99_us"])
    table.add("changes, none failed", len(changes.seconds), "")
    table.add("changes", len(changes.seconds) / changes.lasted, "/s", reached and reached * options.changes, at_most=False)
    table.add("change p50", quantile(changes.seconds, 0.5) * 1000, "ms")
    table.add("change p99", quantile(changes.seconds, 0.99) * 1000, "ms")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--rate", type=int, default=50_000, help="requests a second")
    arguments.add_argument("--changes", type=int, default=100, help="changes a second")
    arguments.add_argument("--seconds", type=int, default=10)
    arguments.add_argument("--check", action="store_true", help="exit 1 when less than 95%% of a rate was reached")
    options = arguments.parse_args()
    print(f"{machine()}; floor: without changes\n")
    with BenchGateway(options.program) as gateway:
        floor, mistake = load(gateway, options)
        if floor is None:
            sys.exit(f"a request failed, without any change:\n{mistake}")
        before = int(gateway.administer("GET", f"namespaces/{NAMESPACE}")["revision"])
        with Changes(gateway, options.changes) as changes:
            loaded, mistake = load(gateway, options)
        after = int(gateway.administer("GET", f"namespaces/{NAMESPACE}")["revision"])
    if loaded is None:
        sys.exit(f"a request failed while the configuration was changed:\n{mistake}")
    if changes.failures:
        sys.exit(f"{len(changes.failures)} changes failed: {changes.failures[0]}")
    if sorted(changes.revisions) != list(range(before + 1, after + 1)):
        sys.exit(f"changes were lost: {len(changes.revisions)} were answered, from revision {before} to {after}")
    table = Table(slack=1)
    tell(table, floor, loaded, changes, options)
    return 0 if all(row["met"] for row in table.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
