"""psql, typed into as a user does."""

import signal
import subprocess

from steps import check, main, psql, run

ASLEEP = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


def interactive(url, *commands):
    return run("psql", "-XAtqw", "-v", "ON_ERROR_STOP=1", url, give="\n".join(commands) + "\n")


def prepared_statements(url):
    check(interactive(url, "PREPARE twice(int) AS SELECT 2 * $1;", "EXECUTE twice(1);", "EXECUTE twice(21);") == "2\n42", "EXECUTE")


def transactions(url):
    check(interactive(url, "CREATE TEMP TABLE t(i int);", "BEGIN;", "INSERT INTO t VALUES (1);", "ROLLBACK;", "BEGIN;",
                      "INSERT INTO t VALUES (2);", "COMMIT;", "SELECT i FROM t;") == "2", "a transaction")


def copy(url):
    rows = [f"{number}\t{'x' * 50}" for number in range(20000)]
    check(interactive(url, "CREATE TEMP TABLE t(i int, x text);", "COPY t FROM STDIN;", *rows, "\\.", "SELECT count(*) FROM t;")
          == "20000", "COPY FROM")
    check(run("psql", "-XAtqw", "-c", "\\copy (SELECT generate_series(1, 20000)) TO STDOUT", url).count("\n") == 19999, "\\copy")


def notifications(url):
    told = interactive(url, "LISTEN news;", "NOTIFY news, 'rain';", "SELECT 1;")
    check('Asynchronous notification "news" with payload "rain" received' in told, told)


def cancel(url):
    with subprocess.Popen(["psql", "-XAtqw", "-c", "SELECT pg_sleep(600)", url], stderr=subprocess.PIPE, text=True) as sleeper:
        while psql(url, ASLEEP) == "0":
            check(sleeper.poll() is None, "it does not sleep")
        sleeper.send_signal(signal.SIGINT)
        check("canceling statement due to user request" in sleeper.stderr.read(), "it was not cancelled")
    check(psql(url, ASLEEP) == "0", "it sleeps on")


main(prepared_statements, transactions, copy, notifications, cancel)
