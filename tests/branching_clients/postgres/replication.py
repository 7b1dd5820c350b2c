"""Both kinds of replication connection: the protocol itself, a base backup, a stream of the log and one of its changes."""

import pathlib
import tempfile

from steps import check, main, psql, run


SEGMENT = 16 << 20


def end_of_log(url):
    """Receivers end when they see what lies behind it: there is something."""
    end = psql(url, "SELECT pg_current_wal_lsn()")
    psql(url, "DROP TABLE changed")
    return end


def commands(url):
    for kind in ("true", "database"):
        system, timeline, position, database = psql(f"{url}&replication={kind}", "IDENTIFY_SYSTEM").split("|")
        check(int(system) > 0 and timeline.isdigit() and "/" in position, "IDENTIFY_SYSTEM")
        check(database == ("postgres" if kind == "database" else ""), "IDENTIFY_SYSTEM has another database")


def physical_stream(url):
    with tempfile.TemporaryDirectory(prefix="prism-log-") as directory:
        psql(f"{url}&replication=true", "CREATE_REPLICATION_SLOT physical PHYSICAL RESERVE_WAL")
        psql(url, "SELECT pg_switch_wal()", "CREATE TABLE changed(i int)")
        receiver = ["pg_receivewal", "-w", "--no-loop", "-d", url, "--slot=physical"]
        run(*receiver, "-D", directory, "--endpos", end_of_log(url))
        run(*receiver, "--drop-slot")
        sizes = {file.name: file.stat().st_size for file in pathlib.Path(directory).iterdir()}
    whole = [name for name in sizes if not name.endswith(".partial")]
    check(whole and all(sizes[name] == SEGMENT for name in whole), sizes)


def base_backup(url):
    with tempfile.TemporaryDirectory(prefix="prism-backup-") as directory:
        backup = pathlib.Path(directory) / "backup"
        run("pg_basebackup", "-w", "-d", url, "-D", backup, "-c", "fast", "-X", "stream")
        run("/usr/lib/postgresql/15/bin/pg_verifybackup", backup)


def logical_stream(url):
    receiver = ["pg_recvlogical", "-w", "-d", url, "--slot=logical"]
    run(*receiver, "--create-slot", "--plugin=test_decoding")
    psql(url, "CREATE TABLE changed(i int)", "INSERT INTO changed VALUES (7)")
    changes = run(*receiver, "--start", "--no-loop", "--endpos", end_of_log(url), "-f", "-")
    check("table public.changed: INSERT: i[integer]:7" in changes, changes)
    run(*receiver, "--drop-slot")


main(commands, physical_stream, base_backup, logical_stream)
