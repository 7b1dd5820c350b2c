#!/usr/bin/env python3
"""pgbench -S through the PostgreSQL proxy, through pgbouncer in session mode, and without either, taking turns.

  bench/branch_proxy.py --program build/release/prism [--rounds 11] [--seconds 2] [--scale 10] [--clients 8] [--shards 2]
                        [--check]

The proxy is that of prism_branching_front beside the program. All three go over TCP to the same running server, with
everything in its cache. Each round measures each way once, in an
order that turns, so that what else the machine does weighs on all alike; what is printed are medians of the rounds, and of the
ratios within a round. With --check the exit code is 1 when the proxy does less than pgbouncer with simple queries, or less
than 0.97 of it with prepared ones.
"""
import argparse
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "branching"))
sys.path.insert(0, str(ROOT / "tests" / "servers"))
sys.path.insert(0, str(ROOT / "tests" / "support"))

from certificates import Certificates  # noqa: E402
from front import Front  # noqa: E402
from postgres import PASSWORD, PROGRAMS, USER, Postgres  # noqa: E402

AT_LEAST = {"simple": 1.0, "prepared": 0.97}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port, process):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.01)  # pgbouncer tells nobody when it listens
    raise RuntimeError("nobody listens")


class Pgbouncer:
    def __init__(self, directory, server):
        self.port = free_port()
        users, config = directory / "users.txt", directory / "pgbouncer.ini"
        users.write_text(f'"postgres" "{PASSWORD}"\n')
        config.write_text(f"""[databases]
postgres = host={server.directory} port={server.port} user=postgres password={PASSWORD}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = session
max_client_conn = 1000
default_pool_size = 200
""")
        for path in (directory, users, config):
            Postgres._hand_over(path, 0o700)
        self.process = subprocess.Popen(["setpriv", "--reuid", USER, "--regid", "nogroup", "--clear-groups", "pgbouncer", "-q",
                                         config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_port(self.port, self.process)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


class Direct:
    def __init__(self, server):
        self.port = server.port

    def stop(self):
        pass


def pgbench(way, mode, options):
    """Transactions a second, and their p99 in milliseconds."""
    user = "postgres@dev" if isinstance(way, Front) else "postgres"
    with tempfile.TemporaryDirectory() as logs:
        command = [PROGRAMS / "pgbench", "-n", "-S", "-M", mode, "-c", options.clients, "-j", min(2, options.clients), "-T",
                   options.seconds, "-l", "--sampling-rate=0.1",
                   f"host=127.0.0.1 port={way.port} user={user} password={PASSWORD} dbname=postgres sslmode=disable"]
        run = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=logs, timeout=options.seconds + 60)
        found = re.search(r"^tps = ([0-9.]+) ", run.stdout, re.MULTILINE)
        if run.returncode != 0 or found is None:
            raise RuntimeError("pgbench failed:\n" + run.stderr)
        times = sorted(int(line.split()[2]) for log in pathlib.Path(logs).iterdir() for line in open(log))
        return float(found[1]), times[len(times) * 99 // 100] / 1000 if times else 0.0


def measure(ways, mode, options):
    rounds = []
    for number in range(options.rounds):
        names = list(ways)
        turn = number % len(names)
        rounds.append({name: pgbench(ways[name], mode, options) for name in names[turn:] + names[:turn]})
    return rounds


def report(mode, rounds):
    """Prints a line for each way; the median of proxy to pgbouncer."""
    for name in rounds[0]:
        tps, p99 = (statistics.median(r[name][i] for r in rounds) for i in (0, 1))
        share = statistics.median(r[name][0] / r["direct"][0] for r in rounds)
        print(f"{mode:9} {name:10} {tps:9.0f} tps {share:6.2f} of direct   p99 {p99:6.2f} ms", flush=True)
    ratio = statistics.median(r["prism"][0] / r["pgbouncer"][0] for r in rounds)
    slow = statistics.median(r["prism"][1] / max(r["pgbouncer"][1], 0.001) for r in rounds)
    print(f"{mode:9} prism / pgbouncer: {ratio:.3f} of its tps, {slow:.2f} of its p99", flush=True)
    return ratio


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--scale", type=int, default=10)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    missed = []
    with tempfile.TemporaryDirectory(prefix="prism-") as directory:
        own = pathlib.Path(directory)
        certificates = Certificates(own)
        with Postgres(certificate=certificates.certificate, key=certificates.key, settings=["shared_buffers=256MB"]) as server:
            fill = [PROGRAMS / "pgbench", "-i", "-q", "-s", str(options.scale), server.conninfo]
            subprocess.run(fill, check=True, capture_output=True)
            bouncer_files = own / "pgbouncer"
            bouncer_files.mkdir()
            own.chmod(0o755)
            front = Front(options.program.parent / "prism_branching_front", server, options.shards)
            ways = {"direct": Direct(server), "prism": front,
                    "pgbouncer": Pgbouncer(bouncer_files, server)}
            try:
                for mode, least in AT_LEAST.items():
                    ratio = report(mode, measure(ways, mode, options))
                    if ratio < least:
                        missed.append(f"{mode}: {ratio:.3f} of pgbouncer, not {least}")
            finally:
                for way in ways.values():
                    way.stop()
    for line in missed:
        print("missed:", line)
    sys.exit(1 if missed and options.check else 0)


if __name__ == "__main__":
    main()
