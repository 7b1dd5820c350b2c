"""A real PostgreSQL server for tests: a cluster of its own in a temporary directory. See postgres.h, its twin in C++."""

import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
PASSWORD = "secret"  # of the superuser `postgres`
USER = "nobody"  # whom it runs as when the test is root, as whom it refuses to run
START_SECONDS = 60  # generous: busy machines


class Postgres:
    """Context manager. The server ends with the test, even when that crashes."""

    def __init__(self, authentication="scram-sha-256", certificate=None, key=None, settings=(), checksums=False):
        """`authentication`: of pg_hba.conf, for every connection. With `certificate` and `key`, files, it listens on
        127.0.0.1, too, and speaks TLS there. `settings`: "work_mem=1MB". `checksums`: of all pages."""
        self._own = tempfile.TemporaryDirectory(prefix="prism-", ignore_cleanup_errors=True)
        self.directory = pathlib.Path(self._own.name)  # has the unix socket: the host of libpq
        self.data = self.directory / "data"
        self.port = 5432  # also of the unix socket's name
        self.settings, self.tls = list(settings), certificate is not None
        self.process = None
        self._hand_over(self.directory, 0o700)
        self._init(authentication, ["--data-checksums"] if checksums else [])
        if self.tls:
            for source, name in ((certificate, "server.crt"), (key, "server.key")):
                shutil.copyfile(source, self.data / name)
                self._hand_over(self.data / name, 0o600)

    def start(self):
        """Returns when connections are accepted."""
        settings = ["fsync=off", "listen_addresses="]
        if self.tls:
            self.port = _free_port()
            settings = ["fsync=off", "listen_addresses=127.0.0.1", "ssl=on"]
        options = [word for setting in settings + self.settings for word in ("-c", setting)]
        # sd_notify(3): Debian's server tells whoever it finds in NOTIFY_SOCKET what it is about.
        path = self.directory / "notify"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
            notices.bind(str(path))
            self._hand_over(path, 0o600)
            self.process = self._launch("postgres", "-D", self.data, "-k", self.directory, "-p", self.port, *options,
                                        env={**os.environ, "NOTIFY_SOCKET": str(path)})
            self._await_ready(notices)
        return self

    def stop(self):
        """A fast shutdown: sessions are ended, the next start recovers nothing."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(START_SECONDS)

    @property
    def socket_path(self):
        return self.directory / f".s.PGSQL.{self.port}"

    @property
    def conninfo(self):
        """For libpq, over the unix socket."""
        return f"host={self.directory} port={self.port} user=postgres password={PASSWORD} dbname=postgres"

    def output(self):
        return (self.directory / "log").read_text(errors="replace")

    def _init(self, authentication, more):
        password = self.directory / "password"
        password.write_text(PASSWORD)
        self._hand_over(password, 0o600)
        init = self._launch("initdb", "--pgdata", self.data, "--username", "postgres", "--pwfile", password, "--auth",
                            authentication, "--encoding", "UTF8", "--locale", "C", "--no-sync", *more)
        if init.wait(START_SECONDS) != 0:
            raise RuntimeError("initdb failed:\n" + self.output())

    def _launch(self, program, *arguments, env=None):
        drop = ["--reuid", USER, "--regid", "nogroup", "--clear-groups"] if os.geteuid() == 0 else []
        with open(self.directory / "log", "ab") as log:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "QUIT", *drop, "--", PROGRAMS / program, *map(str, arguments)],
                cwd=self.directory, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _await_ready(self, notices):
        ended = os.pidfd_open(self.process.pid)
        try:
            while True:
                events, _, _ = select.select([notices, ended], [], [], START_SECONDS)
                if notices in events:
                    if b"READY=1" in notices.recv(1024):
                        return
                elif ended in events or not events:
                    raise RuntimeError("PostgreSQL did not start:\n" + self.output())
        finally:
            os.close(ended)

    @staticmethod
    def _hand_over(path, mode):
        if os.geteuid() == 0:
            shutil.chown(path, USER, "nogroup")
        os.chmod(path, mode)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        self._own.cleanup()


def _free_port():
    """Nobody else has it now, and in such a short time nobody takes it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
