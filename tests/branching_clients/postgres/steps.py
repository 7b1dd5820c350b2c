"""What the programs of PostgreSQL have in common: SCRIPT URL BRANCH VISITS."""

import subprocess
import sys

TIMEOUT = 50  # seconds; for what takes a second or two


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def run(*command, give=None):
    """What it prints. It must succeed."""
    result = subprocess.run(list(map(str, command)), input=give, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    check(result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}")
    return result.stdout.strip()


def psql(url, *statements):
    """Each by itself; the answers, unaligned."""
    return run("psql", "-XAtqw", "-v", "ON_ERROR_STOP=1", *[word for text in statements for word in ("-c", text)], url)


def visit(url, branch, visits):
    """The branch is that of the URL, and has what was written into it before, and nothing else."""
    check(psql(url, "SHOW prism.branch") == branch, "this is another branch")
    psql(url, "SET client_min_messages = warning", "CREATE TABLE IF NOT EXISTS visits(id serial PRIMARY KEY, client text NOT NULL)",
         f"INSERT INTO visits(client) VALUES ('{branch}')")
    check(psql(url, "SELECT count(*), min(client) FROM visits") == f"{visits}|{branch}", "the visits differ")


def main(*steps):
    url, branch, visits = sys.argv[1:]
    visit(url, branch, visits)
    for step in steps:
        step(url)
        print("ok", step.__name__)
