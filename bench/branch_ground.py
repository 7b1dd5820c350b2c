"""What the benchmarks of branches share: a source that pgbench filled, and a Prism that makes branches of it."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psycopg

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "servers"))
sys.path.insert(0, str(ROOT / "tests" / "support"))

from postgres import PASSWORD, PROGRAMS, Postgres  # noqa: E402
from prism_gateway import Gateway, wait_for  # noqa: E402

SCALE_PER_GIB = 67  # of pgbench: some 15 MiB each
QUERY = "SELECT abalance FROM pgbench_accounts WHERE aid = 4711"


def first_answer(host, port, user, options=""):
    """Milliseconds until the row is there."""
    begin = time.perf_counter()
    with psycopg.connect(host=host, port=port, user=user, password=PASSWORD, dbname="postgres", options=options) as connection:
        connection.execute(QUERY).fetchone()
        return (time.perf_counter() - begin) * 1000


class Served:
    """Prism with a warm pool of `spares`, in a directory of its own."""

    def __init__(self, program, source, directory, size_gib, spares=0, store=None, idle_timeout="1s",
                 runtime="process"):
        self.directory = directory
        self.store = store or directory / "data/branches/store"
        directory.mkdir()
        section = {"source": str(source.data), "listen": "127.0.0.1:0", "control_listen": "", "warm_pool": spares,
                   "idle_timeout": idle_timeout, "max_branches": 100000, "max_branches_per_owner": 100000,
                   "storage": {"path": str(self.store), "size": f"{size_gib}GiB"}}
        if runtime == "docker":
            section |= {"runtime": runtime, "docker_socket": os.environ["PRISM_TEST_DOCKER"],
                        "image": os.environ["PRISM_TEST_IMAGE"]}
        (directory / "prism.yaml").write_text(json.dumps({"branching": section}))
        self.gateway = Gateway(program, "--config", str(directory / "prism.yaml"), data_dir=directory, start_timeout=1800)
        self.gateway.start()
        self.host, self.port = json.loads((directory / "ready.json").read_text())["postgres"].rsplit(":", 1)

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.gateway.admin}/readyz?verbose", timeout=10) as reply:
                return "[+] branches ok" in reply.read().decode()
        except urllib.error.HTTPError:
            return False

    def metric(self, name):
        with urllib.request.urlopen(f"http://{self.gateway.admin}/metrics", timeout=10) as reply:
            for line in reply.read().decode().splitlines():
                if line.startswith(name):
                    return int(line.split()[-1])
        return None

    def time(self, branch, parent=None):
        return first_answer(self.host, self.port, f"postgres@{branch}", f"-c prism.from={parent}" if parent else "")

    def conninfo(self, branch):
        return f"host={self.host} port={self.port} user=postgres@{branch} password={PASSWORD} dbname=postgres"

    def await_spare(self):
        wait_for(lambda: self.metric("prism_branch_spares") == 1)

    def await_rest(self):
        wait_for(lambda: self.metric('prism_branches{state="running"}') == 0)

    def stop(self):
        wait_for(lambda: self.metric('prism_branches{state="running"}') in (0, None))
        self.gateway.stop()
        subprocess.run(["umount", str(self.store)], check=True)


@contextlib.contextmanager
def filled_source(gib):
    """A stopped source of that size; `du` of it is printed."""
    source = Postgres(settings=["max_wal_size=4GB"])
    with source:
        fill = [PROGRAMS / "pgbench", "-i", "-q", "-s", str(gib * SCALE_PER_GIB), source.conninfo]
        subprocess.run(list(map(str, fill)), check=True, capture_output=True)
        source.stop()
        size = subprocess.run(["du", "-sh", source.data], check=True, capture_output=True, text=True).stdout.split()[0]
        print(f"source: {size} (du)", flush=True)
        yield source


def mount_xfs(directory, gib):
    """A fresh XFS in a file, which goes with the mounts of this process."""
    image, point = directory / "xfs.image", directory / "xfs-store"
    with image.open("wb") as file:
        file.truncate(gib << 30)
    subprocess.run(["mkfs.xfs", "-q", str(image)], check=True)
    point.mkdir()
    # As Prism's own images: not each page in memory twice, and written when it is written.
    device = subprocess.run(["losetup", "--direct-io=on", "--show", "-f", image], check=True, capture_output=True, text=True)
    subprocess.run(["mount", device.stdout.strip(), point], check=True)
    subprocess.run(["losetup", "-d", device.stdout.strip()], check=True)  # goes with the mount
    return point
