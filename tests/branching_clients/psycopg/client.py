"""psycopg, with the libpq that it brings: client.py URL BRANCH VISITS."""

import sys
import threading

import psycopg


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Client:
    def __init__(self, url):
        self.url = url
        self.connection = self.connect()

    def connect(self):
        return psycopg.connect(self.url, autocommit=True)

    def ask(self, query, *values):
        return self.connection.execute(query, values or None).fetchone()

    def visit(self, branch, visits):
        check(self.ask("SHOW prism.branch") == (branch,), "this is another branch")
        self.connection.execute("CREATE TABLE IF NOT EXISTS visits(id serial PRIMARY KEY, client text NOT NULL)")
        self.connection.execute("INSERT INTO visits(client) VALUES (%s)", [branch])
        check(self.ask("SELECT count(*), min(client) FROM visits") == (int(visits), branch), "the visits differ")

    def prepared_statements(self):
        for number in range(10):
            cursor = self.connection.execute("SELECT 2 * %s::int", [number], prepare=True)
            check(cursor.fetchone() == (2 * number,), "another answer")
        with self.connection.pipeline():
            cursors = [self.connection.execute("SELECT %s::int", [number]) for number in range(100)]
        check([cursor.fetchone()[0] for cursor in cursors] == list(range(100)), "the pipeline's answers")

    def transactions(self):
        self.connection.execute("CREATE TEMP TABLE t(i int)")
        for end in (True, False):
            with self.connection.transaction(force_rollback=end):
                self.connection.execute("INSERT INTO t VALUES (1)")
        check(self.ask("SELECT count(*) FROM t") == (1,), "rolled back and committed")

    def copy(self):
        cursor = self.connection.cursor()
        cursor.execute("CREATE TEMP TABLE rows(i int, x text)")
        with cursor.copy("COPY rows FROM STDIN (FORMAT binary)") as into:
            into.set_types(["int4", "text"])
            for number in range(20000):
                into.write_row((number, "x" * 50))
        with cursor.copy("COPY rows TO STDOUT") as out:
            check(sum(1 for _ in out.rows()) == 20000, "rows are missing")

    def notifications(self):
        self.connection.execute("LISTEN news")
        with self.connect() as other:
            other.execute("SELECT pg_notify('news', 'rain')")
        check([told.payload for told in self.connection.notifies(timeout=20, stop_after=1)] == ["rain"], "no notification")

    def cancel(self):
        canceller = threading.Thread(target=self._cancel_when_asleep)
        canceller.start()
        try:
            self.connection.execute("SELECT pg_sleep(600)")
            check(False, "it was not cancelled")
        except psycopg.errors.QueryCanceled:
            pass
        canceller.join()

    def _cancel_when_asleep(self):
        with self.connect() as other:
            asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            while other.execute(asleep).fetchone() == (0,):
                pass
        self.connection.cancel_safe(timeout=20)


def main():
    url, branch, visits = sys.argv[1:]
    client = Client(url)
    client.visit(branch, visits)
    for step in (client.prepared_statements, client.transactions, client.copy, client.notifications, client.cancel):
        step()
        print("ok", step.__name__)
    client.connection.close()


main()
