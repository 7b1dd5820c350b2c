"""The script with grpcurl, which knows the interfaces by reflection: client.py GRPCURL ADDRESS SCRIPT OPTION..., the
options being those for grpcurl to connect by."""

import base64
import json
import re
import subprocess
import sys


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def encode(text):
    return base64.b64encode(text.encode()).decode()


class Client:
    def __init__(self, program, address, namespace, options):
        self.program, self.address, self.ns, self.options = program, address, namespace, options

    def run(self, *arguments, data=None):
        given = [] if data is None else ["-d", "@"]
        return subprocess.run([self.program, *self.options, "-max-msg-sz", str(64 << 20), "-max-time", "20", *given, self.address, *arguments],
                              input=data, capture_output=True, text=True, timeout=30)

    def ask(self, *arguments):
        run = self.run(*arguments)
        check(run.returncode == 0, run.stderr)
        return run.stdout

    def call(self, method, **request):
        """The messages of the answer."""
        run = self.run("prism.keyvalue.v1." + method, data=json.dumps({"namespace": self.ns, **request}))
        check(run.returncode == 0, run.stderr)
        # One JSON object after the other, each ending at a brace in the first column.
        return [json.loads(text) for text in re.findall(r"^\{.*?^\}$|^\{\}$", run.stdout, re.MULTILINE | re.DOTALL)]

    def fails(self, method, code, reason, **request):
        run = self.run("prism.keyvalue.v1." + method, data=json.dumps(request))
        name = "".join(word.capitalize() for word in code.split("_"))
        check(run.returncode != 0 and f"Code: {name}\n" in run.stderr, run.stderr)
        check(re.search(rf'"reason": *"{reason}"', run.stderr), run.stderr)

    def reflection(self):
        services = self.ask("list").split()
        check({"prism.keyvalue.v1.KeyValueBasic", "prism.keyvalue.v1.KeyValueScan", "grpc.health.v1.Health"} <= set(services), services)
        methods = self.ask("list", "prism.keyvalue.v1.KeyValueBasic").split()
        check("prism.keyvalue.v1.KeyValueBasic.Get" in methods, methods)
        check("rpc Scan ( .prism.keyvalue.v1.ScanRequest ) returns ( stream .prism.keyvalue.v1.ScanResponse )" in
              self.ask("describe", "prism.keyvalue.v1.KeyValueScan"), "Scan is described otherwise")
        check("string namespace = 1" in self.ask("describe", "prism.keyvalue.v1.GetRequest"), "GetRequest is described otherwise")
        check('"SERVING"' in self.ask("grpc.health.v1.Health/Check"), "not serving")

    def set(self, key, value):
        check("version" in self.call("KeyValueBasic/Set", key=key, value=encode(value))[0], "no version")

    def get(self, key, expect):
        [reply] = self.call("KeyValueBasic/Get", key=key)
        check(reply.get("found", False) == (expect is not None) and reply.get("value", "") == encode(expect or ""), reply)

    def large(self, key, bytes):
        value = encode("0123456789abcdef" * (bytes // 16))
        self.call("KeyValueBasic/Set", key=key, value=value)
        check(self.call("KeyValueBasic/Get", key=key)[0]["value"] == value, "another value came back")

    def fill(self, prefix, count, bytes):
        for first in range(0, count, 500):
            items = [{"key": f"{prefix}{i:06}", "value": encode("x" * bytes)} for i in range(first, min(first + 500, count))]
            [reply] = self.call("KeyValueBatch/BatchSet", items=items)
            check(all(item.get("status", {}).get("code", 0) == 0 for item in reply["items"]), "an item failed")

    def list(self, prefix, expect):
        keys = [message["entry"]["key"] for message in self.call("KeyValueScan/Scan", prefix=prefix) if "entry" in message]
        check(len(keys) == expect and keys == sorted(keys), f"{len(keys)} entries")

    def list_error(self, namespace, code, reason):
        self.fails("KeyValueScan/Scan", code, reason, namespace=namespace)

    def error(self, namespace, key, status, code, reason):  # the HTTP status is always 200
        self.fails("KeyValueBasic/Get", code, reason, namespace=namespace, key=key)

    def delete(self, key, expect):
        [reply] = self.call("KeyValueBasic/Delete", key=key)
        check(reply.get("existed", False) == expect, reply)


def main():
    program, address, path, *options = sys.argv[1:]
    with open(path) as file:
        script = json.load(file)
    client = Client(program, address, script["namespace"], options)
    client.reflection()
    for step in script["steps"]:
        arguments = dict(step)
        getattr(client, arguments.pop("do"))(**arguments)
        print("ok", json.dumps(step, ensure_ascii=False))


main()
