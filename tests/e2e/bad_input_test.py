"""Everything that is refused, as one table: what is wrong, its code and reason, the advice, and that nothing changed.

usage: bad_input_test.py PROGRAM [unittest arguments]

Messages are written byte by byte: generated classes would refuse to send most of them.
"""

import base64
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import unittest
import urllib.request

import grpc
import hpack

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import http2_bytes  # noqa: E402
from protobuf_bytes import Refusal, field, refusal_of_status, varint  # noqa: E402
from prism_gateway import Gateway, wait_for  # noqa: E402

PROGRAM = None
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("PRISM_")}
CONFIG = """namespaces:
  - {name: default, backend: sqlite}
  - {name: scratch, backend: memory}
"""
MAX_VALUE_BYTES = 4 << 20
DURABLE = "namespaces/default.db"


def set_request(namespace, key=b"k", value=b"changed", ttl_seconds=None):
    ttl = b"" if ttl_seconds is None else field(4, b"\x08" + varint(ttl_seconds))
    return field(1, namespace.encode()) + field(2, key) + field(3, value) + ttl


# --- the world that must not change -------------------------------------------------------------------------------------

def prism(*arguments, timeout=60):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, timeout=timeout, env=CLEAN)


class World:
    """A running gateway with data, and beside it the data directory of one that was stopped."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.config = self.directory / "prism.yaml"
        self.config.write_text(CONFIG)
        self.stopped = self.directory / "stopped" / "data"
        (self.directory / "stopped").mkdir()
        with Gateway(PROGRAM, data_dir=self.stopped.parent) as gateway:
            self.fill(gateway)
        self.gateway = Gateway(PROGRAM, "--config", str(self.config))

    def __enter__(self):
        self.gateway.__enter__()
        self.fill(self.gateway)
        return self

    def __exit__(self, *error):
        self.gateway.__exit__(*error)

    @staticmethod
    def fill(gateway):
        for namespace in ("default", "scratch"):
            done = prism("kv", "set", namespace, "k", "kept", "--server", gateway.data)
            assert done.returncode == 0, done.stderr

    def metric(self, name):
        with urllib.request.urlopen(f"http://{self.gateway.admin}/metrics", timeout=10) as page:
            return float(re.search(rf"^{name} (\S+)$", page.read().decode(), re.MULTILINE)[1])

    def state(self):
        """All data, the configuration in effect, and every byte of the directory that nobody serves."""
        exports = [prism("kv", "export", namespace, "--server", self.gateway.data) for namespace in ("default", "scratch")]
        assert all(done.returncode == 0 for done in exports), exports
        with urllib.request.urlopen(f"http://{self.gateway.admin}/config", timeout=10) as page:
            config = page.read()
        return [done.stdout for done in exports], config, self.metric("prism_config_revision"), digests(self.stopped)

    def copy_of_stopped(self, name):
        copy = self.directory / name / "data"
        shutil.copytree(self.stopped, copy)
        return copy


def digests(directory):
    """Every byte that lasts. The lock files name who tried last; a -shm and an empty -wal hold nothing, see docs/file-format.md."""
    kept = (path for path in sorted(directory.rglob("*")) if path.is_file() and path.name not in ("lock", "config.lock"))
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept
            if not path.name.endswith("-shm") and (path.stat().st_size > 0 or not path.name.endswith("-wal"))}


# --- ways to be refused: each takes the world and gives a Refusal --------------------------------------------------------

def send(address, path, message):
    """The refusal of a unary call with these bytes as its message, as the official client understands it."""
    with grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)]) as channel:
        try:
            answer = channel.unary_unary(path)(message, timeout=60)
        except grpc.RpcError as error:
            details = dict(error.trailing_metadata()).get("grpc-status-details-bin")
            assert details is not None, error
            refusal = refusal_of_status(details)
            assert (error.code().name, error.details()) == (refusal.code, refusal.message), error
            return refusal
    raise AssertionError(f"answered: {answer}")


def expired(world):
    """A call whose deadline is over when it comes: clients don't even send those."""
    with http2_bytes.open_connection(world.gateway.data) as connection:
        connection.sendall(http2_bytes.request("/prism.keyvalue.v1.KeyValueBasic/Set", set_request("default"),
                                               [(b"grpc-timeout", b"1n")]))
        decoder = hpack.Decoder()
        for kind, flags, _, payload in http2_bytes.frames(connection):
            if kind == http2_bytes.HEADERS:
                headers = dict(decoder.decode(payload))
                if flags & http2_bytes.END_STREAM:
                    details = headers["grpc-status-details-bin"]
                    return refusal_of_status(base64.b64decode(details + "=" * (-len(details) % 4)))
    raise AssertionError("no answer")


def call(message, method="KeyValueBasic/Set"):
    return lambda world: send(world.gateway.data, "/prism.keyvalue.v1." + method, message)


def in_both(**request):
    """The same request to the durable and the volatile namespace must be refused in the same words."""
    def provoke(world):
        first, second = (call(set_request(namespace, **request))(world) for namespace in ("default", "scratch"))
        assert first == second, (first, second)
        return first
    return provoke


def refusal_of_start(done):
    found = re.search(r"^error: ([A-Z_]+)/([A-Z_]+): (.*)", done.stderr.decode(), re.DOTALL | re.MULTILINE)
    assert done.returncode == 1 and found, done
    return Refusal(*found.groups())


def start(*options, listen="127.0.0.1:0", prefix=()):
    command = [*prefix, PROGRAM, "serve", "--listen", listen, "--admin-listen", "127.0.0.1:0", *options]
    return refusal_of_start(subprocess.run(command, capture_output=True, timeout=60, env=CLEAN))


def port_in_use(world):
    data = world.directory / "never-made"
    refusal = start("--data-dir", str(data), listen=world.gateway.data)
    assert not data.exists()
    return refusal


def locked(world):
    return start("--data-dir", str(world.gateway.directory / "data"))


def without_superpowers():
    """Root reads what it may not; this takes that away, and leaves others as they are."""
    return ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


def unreadable_directory(world):
    data = world.copy_of_stopped("unreadable-directory")
    data.chmod(0o000)
    try:
        return start("--data-dir", str(data), prefix=without_superpowers())
    finally:
        data.chmod(0o700)
        assert digests(data) == digests(world.stopped)


def file_of(prepare):
    """A server over a file that it can't use starts, serves what is well, and refuses calls that need the file."""
    def provoke(world):
        data = world.copy_of_stopped(prepare.__name__)
        file = data / DURABLE
        prepare(file)
        before = digests(data)
        with Gateway(PROGRAM, data_dir=data.parent, prefix=without_superpowers()) as gateway:
            write = send(gateway.data, "/prism.keyvalue.v1.KeyValueBasic/Set", set_request("default"))
            read = send(gateway.data, "/prism.keyvalue.v1.KeyValueBasic/Get", field(1, b"default") + field(2, b"k"))
            other = prism("kv", "set", "scratch", "k", "served", "--server", gateway.data)
            assert other.returncode == 0, other
        file.chmod(0o600)
        assert (write.code, write.reason) == (read.code, read.reason), (write, read)
        assert digests(data) == before, "the file was touched"
        return write
    return provoke


def unreadable(file):
    file.chmod(0o000)


def damaged(file):
    content = file.read_bytes()
    file.write_bytes(b"\xff" * 100 + content[100:])


def newer(file):
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version = 1000")
    database.close()


def config(text):
    """A file with this mistake must neither be started with nor replace the configuration in effect."""
    def provoke(world):
        path = world.directory / "bad.yaml"
        path.write_text(text)
        data = world.directory / "never-made"
        refusal = start("--config", str(path), "--data-dir", str(data))
        assert not data.exists()
        validated = refusal_of_start(prism("validate", str(path)))
        assert validated == refusal, (validated, refusal)
        reloads = world.metric("prism_config_reloads_total")
        world.config.write_text(text)
        try:
            world.gateway.process.send_signal(signal.SIGHUP)
            wait_for(lambda: world.metric("prism_config_reloads_total") > reloads)
        finally:
            world.config.write_text(CONFIG)
        assert world.metric("prism_config_last_reload_failed") == 1
        assert re.search(rf"{refusal.reason}", world.gateway.output())
        return refusal
    return provoke


# --- the table ----------------------------------------------------------------------------------------------------------

@dataclasses.dataclass
class Row:
    what: str
    provoke: object
    code: str
    reason: str
    advice: str  # found in the message


ROWS = [
    Row("unknown namespace", call(set_request("nowhere")), "NOT_FOUND", "NAMESPACE_NOT_FOUND", "add it to the configuration"),
    Row("unknown namespace, nearly right", call(set_request("defualt")), "NOT_FOUND", "NAMESPACE_NOT_FOUND",
        'did you mean "default"'),
    Row("empty key", in_both(key=b""), "INVALID_ARGUMENT", "KEY_EMPTY", "1 to 1024 bytes"),
    Row("over-long key", in_both(key=b"k" * 1025), "INVALID_ARGUMENT", "KEY_TOO_LONG", "1 to 1024 bytes"),
    Row("NUL", in_both(key=b"a\0b"), "INVALID_ARGUMENT", "KEY_HAS_NUL", "any other is allowed"),
    Row("bad UTF-8", in_both(key=b"\xff\xfe"), "INVALID_ARGUMENT", "MALFORMED_MESSAGE", "send what the .proto"),
    Row("oversized value", in_both(value=bytes(MAX_VALUE_BYTES + 1)), "RESOURCE_EXHAUSTED", "VALUE_TOO_LARGE", "max_value_bytes"),
    Row("oversized message", in_both(value=bytes(MAX_VALUE_BYTES * 2)), "RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE",
        "send less"),
    Row("negative ttl", in_both(ttl_seconds=-1), "INVALID_ARGUMENT", "TTL_NOT_POSITIVE", "leave it out"),
    Row("expired deadline", expired, "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "allow more time"),
    Row("malformed message", call(set_request("default") + b"\x1a\x7fcut"), "INVALID_ARGUMENT", "MALFORMED_MESSAGE",
        "generate the client from the .proto files"),
    Row("unknown method", call(set_request("default"), "KeyValueBasic/Sett"), "UNIMPLEMENTED", "METHOD_NOT_FOUND", "reflection"),
    Row("unknown service", call(set_request("default"), "KeyValueBsic/Set"), "UNIMPLEMENTED", "METHOD_NOT_FOUND", "reflection"),
    Row("port in use", port_in_use, "UNAVAILABLE", "ADDRESS_IN_USE", "choose another port"),
    Row("data directory locked", locked, "FAILED_PRECONDITION", "DATA_DIRECTORY_LOCKED", "Stop that one"),
    Row("data directory unreadable", unreadable_directory, "FAILED_PRECONDITION", "DATA_DIRECTORY_UNUSABLE",
        "change the rights"),
    Row("file unreadable", file_of(unreadable), "FAILED_PRECONDITION", "FILE_UNREADABLE", "belong to the server's user"),
    Row("file damaged", file_of(damaged), "DATA_LOSS", "FILE_DAMAGED", "put a backup in its place"),
    Row("file newer", file_of(newer), "FAILED_PRECONDITION", "FILE_TOO_NEW", "Use the version that wrote the file"),
    Row("literal password", config('backends: {p: {type: postgres, password: "hunter2"}}\n'), "INVALID_ARGUMENT",
        "LITERAL_SECRET", "${env:NAME}"),
    Row("literal password in a connection", config('backends: {p: {type: postgres, connection: "postgresql://u:hunter2@h/d"}}\n'),
        "INVALID_ARGUMENT", "LITERAL_SECRET", "${file:PATH}"),
    Row("unknown configuration key", config("namespacs: []\n"), "INVALID_ARGUMENT", "UNKNOWN_KEY", 'did you mean "namespaces"'),
    Row("duplicate YAML key", config("memory: {}\nserver: {shards: 1}\nmemory: {}\n"), "INVALID_ARGUMENT", "DUPLICATE_KEY",
        "keep one of them"),
]


class BadInput(unittest.TestCase):
    maxDiff = None

    def test_every_row_is_refused_with_advice_and_changes_nothing(self):
        with tempfile.TemporaryDirectory(prefix="prism-bad-input-") as directory, World(directory) as world:
            before = world.state()
            for row in ROWS:
                with self.subTest(row.what):
                    refusal = row.provoke(world)
                    print(f"{row.what}: {refusal.code}/{refusal.reason}: {refusal.message.strip()}", flush=True)
                    self.assertEqual((refusal.code, refusal.reason), (row.code, row.reason))
                    self.assertIn(row.advice.lower(), refusal.message.lower())
                    self.assertNotIn("hunter2", refusal.message)
                    self.assertEqual(world.state(), before)
            self.assertNotIn("hunter2", world.gateway.output())


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
