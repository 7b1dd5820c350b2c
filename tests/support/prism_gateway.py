"""Starts a real `prism serve` for a test, on ports that the system chose, with a data directory of its own."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.request


def wait_for(condition, seconds=20, interval=0.005):
    """Returns when the condition holds. It is asked again and again: other processes tell nobody here when they change."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not happen in time")
        time.sleep(interval)


class Gateway:
    """Context manager. `data` and `admin` are "127.0.0.1:PORT" once it is entered."""

    def __init__(self, program, *options, data_dir=None, start_timeout=30, prefix=(), pass_fds=()):
        """`prefix`: a command that runs the program, like taskset. `pass_fds`: descriptors that it inherits."""
        self.program, self.options, self.start_timeout = program, options, start_timeout
        self.prefix, self.pass_fds = prefix, pass_fds
        self._own = tempfile.TemporaryDirectory(prefix="prism-test-") if data_dir is None else None
        self.directory = pathlib.Path(data_dir or self._own.name)
        self.process = None

    def start(self):
        return self.launch().await_ready()

    def launch(self):
        """Starts the program without waiting for it."""
        ready = self.directory / "ready.json"
        ready.unlink(missing_ok=True)
        if os.geteuid() == 0:
            self._let_others_in()
        self.log = open(self.directory / "serve.log", "ab")
        self.process = subprocess.Popen(
            [*self.prefix, self.program, "serve", "--data-dir", str(self.directory / "data"), "--listen", "127.0.0.1:0",
             "--admin-listen", "127.0.0.1:0", "--ready-file", str(ready), *self.options],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, pass_fds=self.pass_fds)
        return self

    def _let_others_in(self):
        """A gateway that root starts may become another user, and makes files here."""
        self.directory.chmod(0o777)
        top = pathlib.Path(tempfile.gettempdir())
        for above in self.directory.parents:
            if top in above.parents:
                above.chmod(above.stat().st_mode | 0o011)

    def await_ready(self):
        ready = self.directory / "ready.json"
        try:
            wait_for(lambda: ready.exists() or self.process.poll() is not None, self.start_timeout)
            addresses = json.loads(ready.read_text())  # renamed into place: what is there is complete
        except (AssertionError, FileNotFoundError):
            self.stop()
            raise RuntimeError("the gateway did not start:\n" + self.output()) from None
        self.data, self.admin = addresses["data"], addresses["admin"]
        return self

    def administer(self, method, path, body=None):
        """A call of the admin API over HTTP; what it answers."""
        request = urllib.request.Request(f"http://{self.admin}/admin/v1/{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)

    def output(self):
        return (self.directory / "serve.log").read_text(errors="replace")

    def kill(self):
        """SIGKILL: what a crash leaves behind."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def stop(self, timeout=30):
        """SIGTERM and the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        self.log.close()
        return code

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        code = self.stop()
        output = self.output()
        if self._own is not None:
            self._own.cleanup()
        if kind is None and code != 0:
            raise RuntimeError(f"the gateway ended with code {code}:\n{output}")
        if kind is not None:
            print(output)
