"""Runs a command beside a Docker engine of its own, with one image in it: PostgreSQL 15 of this machine.

usage: docker.py COMMAND [ARGUMENTS]

Needs root. The engine is Debian's, of .cache/docker (./dev deps --test). It and all that it starts live in namespaces of
processes and mounts that end with the command, however that ends: no service, no network, no firewall rule, no file
outside of memory. The command finds the engine's socket in PRISM_TEST_DOCKER and the image in PRISM_TEST_IMAGE; `docker` is in
its path, and DOCKER_HOST names the engine.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / ".cache" / "docker"
IMAGE = "prism-test-postgres:15"
POSTGRES = pathlib.Path("/usr/lib/postgresql/15")
START_SECONDS = 60  # generous: busy machines
INSIDE = "PRISM_TEST_DOCKER"  # set in the namespaces

# What an image of a distribution has that servers of branches need.
FILES = ["/bin/sh", "/usr/bin/flock", "/bin/cat", "/bin/ls", "/usr/bin/id", "/usr/bin/tr"]
TREES = [POSTGRES / "lib", pathlib.Path("/usr/share/postgresql/15"), pathlib.Path("/usr/share/zoneinfo/Etc")]
SERVER = [POSTGRES / "bin" / name for name in ("postgres", "pg_controldata")]
LEFT_OUT = re.compile(r"llvmjit|/bitcode|/pgxs|/man\b|/extension/(?!plpgsql)")
EMPTY = ["tmp", "proc", "sys", "dev", "run", "var/tmp"]


def libraries(files):
    """The shared libraries that these programs and modules load."""
    found = set()
    for file in files:
        listed = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=False).stdout
        found.update(re.findall(r"(/\S+) \(0x", listed))
    return sorted(found)


def write_image(path):
    """A tree with the server and little else, as a tar file."""
    modules = [file for tree in TREES for file in tree.rglob("*") if file.is_file() and not LEFT_OUT.search(str(file))]
    programs = [pathlib.Path(file) for file in FILES] + SERVER
    shared = libraries(programs + [file for file in modules if file.suffix == ".so"])
    with tarfile.open(path, "w") as image:
        for directory in EMPTY:
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777
            image.addfile(entry)
        for file in [*programs, *modules, *map(pathlib.Path, shared)]:
            # Links are followed: every path is a file of its own, except where directories are links themselves.
            image.add(file.resolve(), arcname=str(file).lstrip("/"), recursive=False)
        for name, text in (("passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"),
                           ("group", "root:x:0:\nnogroup:x:65534:\n")):
            own = path.parent / name
            own.write_text(text)
            image.add(own, arcname=f"etc/{name}")


def start_engine(directory, path):
    """Returns when it answers."""
    engine = subprocess.Popen(
        ["dockerd", "--data-root", directory / "data", "--exec-root", directory / "exec", "--pidfile", directory / "pid",
         "-H", f"unix://{path}", "--iptables=false", "--ip6tables=false", "--bridge=none", "--ip-forward=false",
         "--storage-driver=overlay2", "--cgroup-parent", f"/prism-test-{os.path.basename(directory)}",
         "--exec-opt", "native.cgroupdriver=cgroupfs"],
        stdin=subprocess.DEVNULL, stdout=open(directory / "log", "wb"), stderr=subprocess.STDOUT)
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        if engine.poll() is not None or time.monotonic() > deadline:
            sys.exit("the engine did not start:\n" + (directory / "log").read_text(errors="replace"))
        time.sleep(0.02)  # it tells nobody when it is ready
    return engine


def remove_cgroups(directory):
    """Those of the engine, empty by now, are the one thing that does not go with the namespaces."""
    own, root = f"prism-test-{os.path.basename(directory)}", pathlib.Path("/sys/fs/cgroup")
    for top in [*root.glob(own), *root.glob("*/" + own)]:
        for below in sorted(top.rglob("*"), reverse=True):
            if below.is_dir():
                below.rmdir()
        top.rmdir()


def run_inside(command):
    with tempfile.TemporaryDirectory(prefix="prism-docker-", ignore_cleanup_errors=True) as name:
        directory = pathlib.Path(name)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=711", "tmpfs", name], check=True)
        try:
            path = directory / "docker.sock"
            os.environ |= {INSIDE: str(path), "DOCKER_HOST": f"unix://{path}", "PRISM_TEST_IMAGE": IMAGE}
            engine = start_engine(directory, path)
            write_image(directory / "image.tar")
            subprocess.run(["docker", "import", directory / "image.tar", IMAGE], check=True, stdout=subprocess.DEVNULL)
            (directory / "image.tar").unlink()
            code = subprocess.run(command, check=False).returncode
            if code != 0:
                print((directory / "log").read_text(errors="replace")[-4000:], file=sys.stderr)
            engine.terminate()
            engine.wait(START_SECONDS)
            remove_cgroups(directory)
        finally:
            subprocess.run(["umount", "--lazy", name], check=False)
    return code


def main():
    if INSIDE in os.environ:
        return run_inside(sys.argv[1:])
    if shutil.which("dockerd", path=PROGRAMS / "usr/sbin") is None:
        sys.exit(f"there is no Docker engine in {PROGRAMS}: run ./dev deps --test")
    path = ":".join([str(PROGRAMS / "usr/sbin"), str(PROGRAMS / "usr/bin"), os.environ["PATH"]])
    # docker-init is the first process: it reaps what is left by others, and all end with it.
    os.execve("/usr/bin/unshare",
              ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", PROGRAMS / "usr/bin/docker-init", "--",
               sys.executable, *sys.argv], os.environ | {"PATH": path, INSIDE: ""})
    return None


if __name__ == "__main__":
    sys.exit(main())
