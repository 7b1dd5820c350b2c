"""The script with grpcio: client.py ADDRESS SCRIPT."""

import json
import sys
import time

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc.health.v1 import health_pb2, health_pb2_grpc
from prism.keyvalue.v1 import keyvalue_pb2 as kv
from prism.keyvalue.v1 import keyvalue_pb2_grpc as kv_grpc

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def check(condition, what):
    if not condition:
        raise AssertionError(what)


class Client:
    def __init__(self, address, namespace):
        self.channel = grpc.insecure_channel(address, options=UNLIMITED)
        self.ns = namespace
        self.basic = kv_grpc.KeyValueBasicStub(self.channel)
        self.scans = kv_grpc.KeyValueScanStub(self.channel)
        self.batch = kv_grpc.KeyValueBatchStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def set(self, key, value):
        self.write(key, value.encode())

    def write(self, key, value, **options):
        self.basic.Set(kv.SetRequest(namespace=self.ns, key=key, value=value), timeout=20, **options)

    def get(self, key, expect):
        reply = self.basic.Get(kv.GetRequest(namespace=self.ns, key=key), timeout=20)
        check(reply.found == (expect is not None) and reply.value == (expect or "").encode(), f"{reply}")

    def large(self, key, bytes, **options):
        value = b"0123456789abcdef" * (bytes // 16)
        self.write(key, value, **options)
        reply = self.basic.Get(kv.GetRequest(namespace=self.ns, key=key), timeout=20, **options)
        check(reply.value == value, "another value came back")

    def gzip(self, key, bytes):
        self.large(key, bytes, compression=grpc.Compression.Gzip)

    def fill(self, prefix, count, bytes):
        for first in range(0, count, 500):
            items = [kv.BatchSetRequest.Item(key=f"{prefix}{i:06}", value=b"x" * bytes) for i in range(first, min(first + 500, count))]
            reply = self.batch.BatchSet(kv.BatchSetRequest(namespace=self.ns, items=items), timeout=20)
            check(all(item.status.code == 0 for item in reply.items), "an item failed")

    def entries(self, prefix):
        return self.scans.Scan(kv.ScanRequest(namespace=self.ns, prefix=prefix), timeout=20)

    def scan(self, prefix, expect):
        seen = sum(message.HasField("entry") for message in self.entries(prefix))
        check(seen == expect, f"{seen} entries")

    def scan_cancel(self, prefix, after):
        call = self.entries(prefix)
        for _ in range(after):
            check(next(call).HasField("entry"), "no entry")
        call.cancel()
        try:
            for _ in call:
                pass
            check(False, "the scan ended as if nothing had happened")
        except grpc.RpcError as error:
            check(error.code() == grpc.StatusCode.CANCELLED, error.code())

    def deadline(self, milliseconds):
        start = time.monotonic()
        try:
            for _ in self.health.Watch(health_pb2.HealthCheckRequest(), timeout=milliseconds / 1000):
                pass
            check(False, "the watch ended by itself")
        except grpc.RpcError as error:
            check(error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error.code())
        took = (time.monotonic() - start) * 1000
        check(milliseconds * 0.9 <= took < milliseconds + 2000, f"took {took} ms")

    def error(self, namespace, key, code, reason, domain):
        try:
            self.basic.Get(kv.GetRequest(namespace=namespace, key=key), timeout=20)
            check(False, "the call succeeded")
        except grpc.RpcError as error:
            check(error.code().value[0] == code, error.code())
            details = dict(error.trailing_metadata())["grpc-status-details-bin"]
            status = status_pb2.Status.FromString(details)
            info = error_details_pb2.ErrorInfo()
            check(status.code == code and any(detail.Unpack(info) for detail in status.details), status)
            check((info.reason, info.domain) == (reason, domain), info)


def main():
    with open(sys.argv[2]) as file:
        script = json.load(file)
    client = Client(sys.argv[1], script["namespace"])
    for step in script["steps"]:
        arguments = dict(step)
        name = arguments.pop("do")
        getattr(client, name)(**arguments)
        print("ok", json.dumps(step, ensure_ascii=False))


main()
