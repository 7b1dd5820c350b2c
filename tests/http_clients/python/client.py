"""The script with requests: client.py URL SCRIPT."""

import base64
import json
import struct
import sys
import urllib.parse

import requests


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def encode(text):
    return base64.b64encode(text.encode()).decode()


class Client:
    def __init__(self, url, namespace):
        self.base = f"{url}/prism.keyvalue.v1."
        self.resources = f"{url}/v1/{namespace}/keyvalue/"
        self.ns = namespace
        self.session = requests.Session()

    def call(self, method, **request):
        reply = self.session.post(self.base + method, json={"namespace": self.ns, **request}, timeout=20)
        check(reply.status_code == 200, reply.text[:500])
        check(reply.headers["content-type"] == "application/json", reply.headers)
        return reply.json()

    def stream(self, method, **request):
        """The messages of a stream; the error that ends it, if any, is the last."""
        message = json.dumps({"namespace": self.ns, **request}).encode()
        reply = self.session.post(self.base + method, struct.pack(">BI", 0, len(message)) + message, stream=True,
                                  headers={"content-type": "application/connect+json"}, timeout=20)
        check(reply.status_code == 200, reply.text[:500])
        pending = b""
        for chunk in reply.iter_content(chunk_size=None):
            pending += chunk
            while len(pending) >= 5 and len(pending) >= 5 + struct.unpack(">I", pending[1:5])[0]:
                flags, size = struct.unpack(">BI", pending[:5])
                answer, pending = json.loads(pending[5:5 + size]), pending[5 + size:]
                if flags & 2:
                    check(not pending, "something follows the end")
                    if "error" in answer:
                        yield answer
                    return
                yield answer
        check(False, "the stream ended without an end")

    def set(self, key, value):
        check("version" in self.call("KeyValueBasic/Set", key=key, value=encode(value)), "no version")

    def get(self, key, expect):
        reply = self.call("KeyValueBasic/Get", key=key)
        check(reply.get("found", False) == (expect is not None), reply)
        check(reply.get("value", "") == encode(expect or ""), reply)

    def large(self, key, bytes):
        value = encode("0123456789abcdef" * (bytes // 16))
        self.call("KeyValueBasic/Set", key=key, value=value)
        check(self.call("KeyValueBasic/Get", key=key)["value"] == value, "another value came back")

    def fill(self, prefix, count, bytes):
        for first in range(0, count, 500):
            items = [{"key": f"{prefix}{i:06}", "value": encode("x" * bytes)} for i in range(first, min(first + 500, count))]
            reply = self.call("KeyValueBatch/BatchSet", items=items)
            check(all(item.get("status", {}).get("code", 0) == 0 for item in reply["items"]), "an item failed")

    def list(self, prefix, expect):
        keys = [message["entry"]["key"] for message in self.stream("KeyValueScan/Scan", prefix=prefix) if "entry" in message]
        check(len(keys) == expect and keys == sorted(keys), f"{len(keys)} entries")

    def list_error(self, namespace, code, reason):
        *_, last = self.stream("KeyValueScan/Scan", namespace=namespace)
        error = last["error"]
        check((error["code"], error["details"][0]["debug"]["reason"]) == (code, reason), error)

    def error(self, namespace, key, status, code, reason):
        reply = self.session.post(self.base + "KeyValueBasic/Get", json={"namespace": namespace, "key": key}, timeout=20)
        error = reply.json()
        check((reply.status_code, error["code"]) == (status, code), reply.text)
        check(error["details"][0]["debug"]["reason"] == reason, error)

    def delete(self, key, expect):
        check(self.call("KeyValueBasic/Delete", key=key).get("existed", False) == expect, f"existed is not {expect}")

    def resource(self, method, key, **options):
        return self.session.request(method, self.resources + urllib.parse.quote(key, safe=""), timeout=20, **options)

    def create(self, key, value, status, reason=None):
        reply = self.resource("PUT", key, headers={"if-none-match": "*", "prism-ttl": "1h"}, data=value.encode())
        check(reply.status_code == status and "etag" in reply.headers, reply.text)
        check(reason is None or reply.json()["details"][0]["debug"]["reason"] == reason, reply.text)

    def read(self, key, expect, reason=None):
        reply = self.resource("GET", key)
        if expect is None:
            check(reply.status_code == 404 and reply.json()["details"][0]["debug"]["reason"] == reason, reply.text)
            return
        check(reply.status_code == 200 and reply.content == expect.encode(), reply.text)
        check(reply.headers["prism-expire-time"].endswith("Z"), "it expires")
        again = self.resource("GET", key, headers={"if-none-match": reply.headers["etag"]})
        check(again.status_code == 304, again.status_code)
        head = self.resource("HEAD", key)
        check(head.status_code == 200 and head.headers["etag"] == reply.headers["etag"] and not head.content, head.headers)

    def remove(self, key, existed):
        reply = self.resource("DELETE", key)
        check(reply.status_code == 204 and reply.headers["prism-existed"] == existed, reply.headers)


def main():
    with open(sys.argv[2]) as file:
        script = json.load(file)
    client = Client(sys.argv[1], script["namespace"])
    for step in script["steps"] + script["resources"]:
        arguments = dict(step)
        getattr(client, arguments.pop("do"))(**arguments)
        print("ok", json.dumps(step, ensure_ascii=False))


main()
