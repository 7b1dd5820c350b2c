"""A headless Chromium for a test, and the pages that it loads. Nothing of it outlives the context managers."""

import contextlib
import http.server
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import threading

from prism_gateway import wait_for

# Without a window, a network of its own, or anything that talks to somebody else than the pages do.
OPTIONS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-default-browser-check",
           "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic", "--disable-breakpad",
           "--disable-extensions", "--no-proxy-server", "--disable-crash-reporter"]


class Pages(contextlib.AbstractContextManager):
    """An origin of its own: `files` by path, and POST /report, whose JSON `reports` collects."""

    def __init__(self):
        self.files, self.reports = {}, []
        self._reported = threading.Condition()
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                kind, body = pages.files.get(self.path, ("text/plain", None))
                self.send_response(404 if body is None else 200)
                self.send_header("content-type", kind)
                self.end_headers()
                self.wfile.write(body or b"")

            def do_POST(self):
                report = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with pages._reported:
                    pages.reports.append(report)
                    pages._reported.notify_all()
                # Not before: the page sends its next report once this one was answered.
                self.send_response(204)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, path, content):
        kinds = {".html": "text/html; charset=utf-8", ".mjs": "text/javascript", ".json": "application/json"}
        self.files[path] = (kinds[pathlib.PurePath(path).suffix], content.encode() if isinstance(content, str) else content)

    def wait_for_report(self, seconds):
        with self._reported:
            if not self._reported.wait_for(lambda: self.reports, seconds):
                raise AssertionError(f"{self.origin} reported nothing in {seconds} s")
            return self.reports.pop(0)


def processes_of(session, profile):
    """Processes of a session and all that have the profile in their command line; zombies aside."""
    found = []
    for directory in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            state, _, _, member = (directory / "stat").read_text().rpartition(")")[2].split()[:4]
            if state != "Z" and (int(member) == session or profile.encode() in (directory / "cmdline").read_bytes()):
                found.append(int(directory.name))
    return found


@contextlib.contextmanager
def chromium(url, *options):
    """Chromium with one page and a profile of its own. All of its processes are gone afterwards; it ends also when this one does."""
    with tempfile.TemporaryDirectory(prefix="prism-chromium-", ignore_cleanup_errors=True) as profile:
        log = open(os.path.join(profile, "chromium.log"), "w+")
        process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "chromium", *OPTIONS, *options, f"--user-data-dir={profile}", url],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                   env={**os.environ, "HOME": profile, "XDG_CONFIG_HOME": profile})
        try:
            yield
        except BaseException:
            log.seek(0)
            print(log.read()[-4000:])
            raise
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            log.close()
            wait_for(lambda: not processes_of(process.pid, profile))
