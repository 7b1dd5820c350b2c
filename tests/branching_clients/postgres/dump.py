"""pg_dump and pg_restore, each with several connections."""

import pathlib
import tempfile

from steps import check, main, psql, run

TABLES = [f"shop.part{number}" for number in range(4)]
SUM = " UNION ALL ".join(f"SELECT sum(i), count(v) FROM {table}" for table in TABLES)


def dump_and_restore(url):
    psql(url, "CREATE SCHEMA shop", *[
        f"CREATE TABLE {table} AS SELECT i, repeat('v', 100) v FROM generate_series(1, 2000) i" for table in TABLES])
    with tempfile.TemporaryDirectory(prefix="prism-dump-") as directory:
        dump = pathlib.Path(directory) / "dump"
        run("pg_dump", "-w", "-n", "shop", "-Fd", "-j2", "-f", dump, "-d", url)
        psql(url, "SET client_min_messages = warning", "DROP SCHEMA shop CASCADE")
        run("pg_restore", "-w", "-e", "-j2", "-d", url, dump)
    check(psql(url, SUM) == "\n".join(["2001000|2000"] * len(TABLES)), "other data came back")
    psql(url, "SET client_min_messages = warning", "DROP SCHEMA shop CASCADE")


main(dump_and_restore)
