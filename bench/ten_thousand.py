#!/usr/bin/env python3
"""What administrators wait for with 10,000 namespaces: the start, lists, one namespace, a change.

  bench/ten_thousand.py --program build/release/prism [--namespaces 10000] [--check]

With --check the exit code is 1 when a figure misses its budget. Times of calls are those of a client in Python over HTTP/1.1:
beside them stands what the same client needs for a page that says nothing (/livez). The time of a change ends when clients
that wait for it on eight connections of the data port, spread over all shards, have been answered; what the disk needs to
sync as many bytes is its floor.
"""
import argparse
import http.client
import json
import os
import pathlib
import sys
import tempfile
import time
import urllib.parse

from e2e import BenchGateway, Table, machine

CALLS = 201
CHANGES = 51
STARTS = 5
WATCHERS = 8
SYNCED_BYTES = 32 * 1024
FILTER = 'backend = "memory" AND tags:"production" AND rate_limit_rps > 500'


def name(i):
    return f"team-{i}-orders"


def write_config(path, count):
    lines = (f"  - {{name: {name(i)}, backend: m, pattern: keyvalue, owner: team-{i % 100}, rate_limit_rps: {i % 1000}, "
             f"tags: [{'production' if i % 2 else 'test'}, high-traffic]}}\n" for i in range(count))
    path.write_text("backends: {m: {type: memory}}\nnamespaces:\n" + "".join(lines))


def seconds(action):
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def median(values):
    return sorted(values)[len(values) // 2]


def p50(action, calls=CALLS):
    action()  # what is done once is not counted
    return median([seconds(action) for _ in range(calls)])


class Client:
    """One connection that is kept."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address, timeout=60)

    def begin(self, method, path, body=None):
        headers = {} if body is None else {"Content-Type": "application/json"}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)

    def end(self):
        reply = self.connection.getresponse()
        text = reply.read()
        if reply.status != 200:
            sys.exit(f"{reply.status}: {text[:300].decode(errors='replace')}")
        return text

    def call(self, method, path, body=None):
        self.begin(method, path, body)
        return self.end()


class Bench:
    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.table = Table(slack=1)

    def start(self, *flags):
        gateway = BenchGateway(self.options.program, *flags, data_dir=self.directory)
        return gateway, seconds(gateway.start) * 1000

    def starts(self):
        """The last of the gateways, running."""
        config = pathlib.Path(self.directory, "prism.yaml")
        write_config(config, self.options.namespaces)
        gateway, took = self.start("--config", str(config))
        self.table.add("first start, which imports the file", took, "ms")
        times = []
        for _ in range(STARTS):
            gateway.stop()
            gateway, took = self.start()
            times.append(took)
        self.table.add(f"start until it is ready, best of {STARTS}", min(times), "ms", 500)
        store = sum(file.stat().st_size for file in pathlib.Path(self.directory, "data").glob("config.db*"))
        self.table.add("store of a namespace", store / self.options.namespaces / 1e3, "KB", 10)
        return gateway

    def calls(self, client):
        nothing = p50(lambda: client.call("GET", "/livez")) * 1000
        one = p50(lambda: client.call("GET", f"/admin/v1/namespaces/{name(77)}")) * 1000
        self.table.add("Get of one namespace, p50", one, "ms", floor=nothing)
        self.table.add("Get of one namespace, beyond the floor", max(0.0, one - nothing), "ms", 0.1)
        filtered = "/admin/v1/namespaces?filter=" + urllib.parse.quote(FILTER)
        self.table.add("filtered list, a page of 100, p50", p50(lambda: client.call("GET", filtered)) * 1000, "ms", 20, floor=nothing)
        page = p50(lambda: client.call("GET", "/admin/v1/namespaces")) * 1000
        self.table.add("list, a page of 100, p50", page, "ms", 20, floor=nothing)

    def changes(self, client, data):
        floor = p50(self.sync, CHANGES) * 1000
        watchers = [Client(data) for _ in range(WATCHERS)]
        acknowledged, visible = zip(*(self.change(client, watchers, number) for number in range(CHANGES)))
        self.table.add("change until it is acknowledged, p50", median(acknowledged) * 1000, "ms", floor=floor)
        seen = median(visible) * 1000
        self.table.add(f"change until {WATCHERS} watchers are told, p50", seen, "ms", floor=floor)
        self.table.add("change until they are told, behind its sync", max(0.0, seen - floor), "ms", 10)

    def change(self, client, watchers, number):
        """How long until it was acknowledged, and until all watchers were told."""
        features = f"/v1/{name(77)}/features"
        revision = int(json.loads(watchers[0].call("GET", features))["revision"])
        for watcher in watchers:
            watcher.begin("GET", f"{features}?index={revision}&wait=60s")
        begin = time.perf_counter()
        client.call("PUT", f"/admin/v1/namespaces/{name(77)}/features/flag", {"enabled": number % 2 == 0})
        acknowledged = time.perf_counter() - begin
        told = [int(json.loads(watcher.end())["revision"]) for watcher in watchers]
        if min(told) <= revision:
            sys.exit(f"a watcher was told of revision {min(told)}, and {revision} was known")
        return acknowledged, time.perf_counter() - begin

    def sync(self):
        with open(pathlib.Path(self.directory, "synced"), "ab") as file:
            file.write(b"x" * SYNCED_BYTES)
            file.flush()
            os.fdatasync(file.fileno())

    def run(self):
        gateway = self.starts()
        try:
            client = Client(gateway.admin)
            self.calls(client)
            self.changes(client, gateway.data)
        finally:
            gateway.stop()
        missed = [row["what"] for row in self.table.rows if not row["met"]]
        if missed:
            print("\nmissed: " + "; ".join(missed))
        return 1 if missed and self.options.check else 0


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--program", required=True)
    arguments.add_argument("--namespaces", type=int, default=10_000)
    arguments.add_argument("--check", action="store_true", help="exit 1 when a budget is missed")
    options = arguments.parse_args()
    print(f"{machine()}; {options.namespaces:,} namespaces\n")
    with tempfile.TemporaryDirectory(prefix="prism-bench-") as directory:
        return Bench(options, directory).run()


if __name__ == "__main__":
    sys.exit(main())
