#!/usr/bin/env python3
"""Calls a gateway from pages of other origins in headless Chromium, with the blocks of docs/guides/browsers.md: run.py PROGRAM [tls].

Over TLS Chromium speaks HTTP/2, without it HTTP/1.1.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
NODE_MODULES = ROOT / ".cache" / "http-clients" / "node_modules"
GUIDE = (ROOT / "docs" / "guides" / "browsers.md").read_text()
SCRIPT = json.loads((HERE.parent / "script.json").read_text())
sys.path.insert(0, str(ROOT / "tests" / "support"))

from certificates import Certificates  # noqa: E402
from chromium import Pages, chromium  # noqa: E402
from prism_gateway import Gateway  # noqa: E402

# Chromium starts slowly on a busy machine, and under sanitizers so does everything.
REPORT_SECONDS = 60


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def shell(script, directory, **environment):
    return subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=directory, env={**os.environ, **environment}, capture_output=True,
                          text=True, timeout=60)


def bundle(directory, source):
    """The Connect client of the guide as one module, made by the commands of the guide."""
    _, generate = blocks("sh")
    command = re.search(r"`npx (esbuild [^`]*)`", GUIDE)[1]
    directory.mkdir(exist_ok=True)
    for name, target in (("api", ROOT / "api"), ("node_modules", NODE_MODULES)):
        if not (directory / name).exists():
            (directory / name).symlink_to(target)
    (directory / "app.js").write_text(source)
    without_install = re.sub(r"^npm install .*\n", "", generate, flags=re.MULTILINE)
    run = shell(f"{without_install}\nnode_modules/.bin/{command}", directory)
    check(run.returncode == 0, run.stderr)
    return (directory / "bundle.js").read_text()


def modules(directory, prism):
    """What the pages load, by path, with the lines that it must print."""
    by_hand, connect = (block.replace("https://prism.example.com", prism) for block in blocks("js"))
    by_hand_prints, connect_prints = (block.splitlines() for block in blocks("text"))
    grpc_web = connect.replace("createConnectTransport", "createGrpcWebTransport")
    binary = connect.replace("baseUrl:", "useBinaryFormat: true, baseUrl:")
    by_get = connect.replace("baseUrl:", "useHttpGet: true, baseUrl:")
    check(len({connect, grpc_web, binary, by_get}) == 4, "the guide makes its transport in another way")
    return {"/fetch.mjs": (by_hand, by_hand_prints),
            "/connect.mjs": (bundle(directory, connect), connect_prints),
            "/connect_binary.mjs": (bundle(directory, binary), connect_prints),
            "/connect_get.mjs": (bundle(directory, by_get), connect_prints),
            "/grpc_web.mjs": (bundle(directory, grpc_web), connect_prints)}


def fill(pages, prism, sources, tasks, next_page=None):
    pages.add("/index.html", (HERE / "index.html").read_text())
    pages.add("/page.mjs", (HERE / "page.mjs").read_text())
    pages.add("/steps.mjs", (HERE.parent / "fetch" / "steps.mjs").read_text())
    for path, (source, _) in sources.items():
        pages.add(path, source)
    config = {"prism": prism, "script": SCRIPT, "tasks": tasks, "modules": list(sources), "next": next_page}
    pages.add("/config.json", json.dumps(config))


def expect(pages, task, lines):
    report = pages.wait_for_report(REPORT_SECONDS)
    check(report == {"task": task, "lines": lines}, f"{report} in place of {lines} from {task}")
    print("ok", task)


def refused_preflight(prism, certificates):
    """The curl command of the guide."""
    command, _ = blocks("sh")
    trust = {"CURL_CA_BUNDLE": str(certificates.authority)} if certificates else {}
    run = shell(command.replace("https://prism.example.com", prism), ROOT, **trust)
    check(" 403 " in run.stdout and "CORS_ORIGIN_NOT_ALLOWED" in run.stdout, run.stdout + run.stderr)


def call_from_pages(prism, certificates, directory, allowed, denied):
    sources = modules(directory, prism)
    fill(allowed, prism, sources, ["script", "headers", "cancel", *sources], denied.origin + "/index.html")
    fill(denied, prism, {}, ["denied"])
    # A profile has no authorities of its own: the key of the server is pinned.
    trust = [f"--ignore-certificate-errors-spki-list={certificates.key_hash()}"] if certificates else []
    with chromium(allowed.origin + "/index.html", *trust):
        expect(allowed, "script", ["ok " + json.dumps(step, ensure_ascii=False, separators=(",", ":")) for step in SCRIPT["steps"] + SCRIPT["resources"]])
        expect(allowed, "headers", ["200 from-a-page memory"])
        expect(allowed, "cancel", ["10"])
        for path, (_, lines) in sources.items():
            expect(allowed, path, lines)
        expect(denied, "denied", ["TypeError: Failed to fetch"])


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["tls"]):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="prism-test-") as name, Pages() as allowed, Pages() as denied:
        directory = pathlib.Path(name)
        config = blocks("yaml")[0].replace("https://app.example.com", allowed.origin)
        check(allowed.origin in config, "the guide allows another origin")
        (directory / "prism.yaml").write_text(config)
        certificates = Certificates(directory) if sys.argv[2:] else None
        options = certificates.serve_options if certificates else []
        with Gateway(sys.argv[1], "--config", str(directory / "prism.yaml"), *options) as gateway:
            prism = f"{'https' if certificates else 'http'}://{gateway.data}"
            refused_preflight(prism, certificates)
            call_from_pages(prism, certificates, directory / "page", allowed, denied)


if __name__ == "__main__":
    main()
