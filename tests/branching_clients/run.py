#!/usr/bin/env python3
"""Runs one client of PostgreSQL against a gateway with branches: run.py CLIENT PROGRAM.

Four times: over TLS, which is demanded, and as it connects by itself where there is none, each on a branch that does not
exist yet and on the same branch after it was stopped.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CACHE = ROOT / ".cache"
sys.path.insert(0, str(ROOT / "tests" / "servers"))
sys.path.insert(0, str(ROOT / "tests" / "support"))

from branch_servers import end_servers  # noqa: E402
from certificates import Certificates  # noqa: E402
from mounts import own_mounts  # noqa: E402
from postgres import PASSWORD, Postgres  # noqa: E402
from prism_gateway import Gateway, wait_for  # noqa: E402

SYSTEM_PYTHON, PYTHON = "/usr/bin/python3", CACHE / "python" / "venv" / "bin" / "python"
NODE_MODULES = CACHE / "branching-node" / "node_modules"
JAVA = CACHE / "branching-java" / "target"

CLIENTS = {
    "psql": [SYSTEM_PYTHON, HERE / "postgres" / "psql.py"],
    "dump": [SYSTEM_PYTHON, HERE / "postgres" / "dump.py"],
    "pgbench": [SYSTEM_PYTHON, HERE / "postgres" / "bench.py"],
    "replication": [SYSTEM_PYTHON, HERE / "postgres" / "replication.py"],
    "psycopg": [PYTHON, HERE / "psycopg" / "client.py"],
    "jdbc": ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{JAVA / 'classes'}:{JAVA / 'dependency'}/*", "prism.Client"],
    "node": ["node", HERE / "node" / "pg.js"],
    "typeorm": ["node", HERE / "node" / "typeorm.js"],
    "prisma": ["node", HERE / "node" / "prisma.js"],
    "pgx": [CACHE / "branching-pgx" / "client"],
}
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PRISM_", "PG"))}


class Branches:
    """Those of one gateway; `way`: "tls" demands it, "clear" offers none."""

    def __init__(self, client, program, directory, source, way):
        self.client, self.way, self.directory = client, way, directory / way
        self.directory.mkdir()
        section = {"source": str(source.data), "listen": "127.0.0.1:0", "control_listen": "", "storage": {"size": "1GiB"},
                   "idle_timeout": "1s", "warm_pool": 0, "tls_required": way == "tls"}
        configuration = self.directory / "prism.yaml"
        configuration.write_text(json.dumps({"branching": section}))
        certificates = Certificates(self.directory) if way == "tls" else None
        if certificates and os.geteuid() == 0:
            shutil.chown(certificates.key, os.stat(source.data).st_uid)  # whom the gateway becomes
        self.parameters = {"sslmode": "verify-full", "sslrootcert": certificates.authority} if certificates else {}
        self.gateway = Gateway(program, "--config", str(configuration), *(certificates.serve_options if certificates else []),
                               data_dir=self.directory)

    def __enter__(self):
        self.gateway.start()
        self.address = json.loads((self.directory / "ready.json").read_text())["postgres"]
        wait_for(self.there)
        return self

    def __exit__(self, *error):
        self.gateway.__exit__(*error)

    def there(self):
        """Whether the source has been prepared, so that branches can be made."""
        try:
            return urllib.request.urlopen(f"http://{self.gateway.admin}/branches", timeout=10).status == 200
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            return False

    def url(self, name, state):
        """The branch is named in the user, then in the database, for programs that choose that themselves in the options."""
        user, database, parameters = "postgres", "postgres", {"application_name": self.client, **self.parameters}
        if state == "new":
            user += f"@{name}"
        elif self.client == "replication":
            parameters["options"] = f"-c prism.branch={name}"
        else:
            database += f"@{name}"
        more = urllib.parse.urlencode(parameters, quote_via=urllib.parse.quote, safe="/")
        return f"postgres://{urllib.parse.quote(user)}:{PASSWORD}@{self.address}/{database}?{more}"

    def states(self):
        return {branch["name"]: branch["state"] for branch in self.gateway.administer("GET", "branches").get("branches", [])}

    def visit(self, state, visits):
        name = f"{self.client}-{self.way}"
        print(f"{name}, {state}", flush=True)
        before = self.states().get(name)
        if before != {"new": None, "stopped": "STOPPED"}[state]:
            raise RuntimeError(f"{name} is {before}")
        command = [*CLIENTS[self.client], self.url(name, state), name, visits]
        result = subprocess.run(list(map(str, command)), env=CLEAN | {"NODE_PATH": str(NODE_MODULES)}, timeout=60, check=False)
        if result.returncode != 0:
            raise RuntimeError(f"{self.client} failed on {name}")

    def rest(self):
        """Returns when the branch has been stopped, its clients having left."""
        wait_for(lambda: set(self.states().values()) == {"STOPPED"})


def visit_all(*all_branches):
    for visits, state in enumerate(("new", "stopped"), 1):
        for branches in all_branches:
            branches.visit(state, visits)
        for branches in all_branches:
            branches.rest()


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in CLIENTS:
        sys.exit(__doc__)
    if os.geteuid() == 0:
        own_mounts()
    source = Postgres()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="prism-clients-"))
    try:
        with (Branches(*sys.argv[1:], directory, source, "tls") as tls,
              Branches(*sys.argv[1:], directory, source, "clear") as clear):
            visit_all(tls, clear)
    finally:
        for data in directory.glob("*/data"):
            end_servers(data)
        shutil.rmtree(directory, ignore_errors=True)
        source._own.cleanup()


if __name__ == "__main__":
    main()
