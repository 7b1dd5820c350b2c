"""A gRPC server of another make, for the tests of our client: prints its port, serves until stdin closes.

usage: client_peer.py [--tls CERT KEY [CLIENT_CA]] [--unix PATH]
Messages are google.protobuf.BytesValue, handled as raw bytes (field 1, length-delimited).
"""

import sys
import threading
from concurrent import futures

import grpc


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def bytes_value(data):
    return b"\x0a" + varint(len(data)) + data


def content(message):
    """The bytes of a BytesValue, without its tag and length."""
    if not message:
        return b""
    index = 1
    while message[index] & 0x80:
        index += 1
    return message[index + 1:]


def echo(request, context):
    context.send_initial_metadata((("prism-durability", "fsynced"),))
    return request


def squeeze(request, context):
    context.set_compression(grpc.Compression.Gzip)
    return bytes_value(b"x" * int(content(request)))


def metadata(request, context):
    lines = [f"{pair.key}={pair.value}" for pair in context.invocation_metadata()]
    lines.append(f"time_left={context.time_remaining()}")
    return bytes_value("\n".join(lines).encode())


def fail(request, context):
    details = content(request)
    if details:
        context.set_trailing_metadata((("grpc-status-details-bin", details),))
    context.abort(grpc.StatusCode.NOT_FOUND, "kein Schlüssel, 100% fehlt")


cancelled = threading.Event()


def wait(request, context):
    ended = threading.Event()
    context.add_callback(ended.set)
    ended.wait()
    cancelled.set()
    return request


def was_cancelled(request, context):
    return bytes_value(b"yes" if cancelled.wait(20) else b"no")


def count(request, context):
    for number in range(int(content(request))):
        yield bytes_value(str(number).encode())


def flood(request, context):
    context.add_callback(cancelled.set)
    while context.is_active():
        yield bytes_value(b"y" * 100_000)


def chat(requests, context):
    for request in requests:
        yield request


def break_off(request, context):
    yield bytes_value(b"first")
    context.abort(grpc.StatusCode.DATA_LOSS, "broken off")


HANDLERS = grpc.method_handlers_generic_handler(
    "test.Peer",
    {
        "Echo": grpc.unary_unary_rpc_method_handler(echo),
        "Squeeze": grpc.unary_unary_rpc_method_handler(squeeze),
        "Metadata": grpc.unary_unary_rpc_method_handler(metadata),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
        "Wait": grpc.unary_unary_rpc_method_handler(wait),
        "WasCancelled": grpc.unary_unary_rpc_method_handler(was_cancelled),
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Flood": grpc.unary_stream_rpc_method_handler(flood),
        "BreakOff": grpc.unary_stream_rpc_method_handler(break_off),
        "Chat": grpc.stream_stream_rpc_method_handler(chat),
    },
)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main(arguments):
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=8),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    server.add_generic_rpc_handlers((HANDLERS,))
    if arguments[:1] == ["--tls"]:
        cert, key, *client_ca = arguments[1:]
        credentials = grpc.ssl_server_credentials(
            [(read(key), read(cert))],
            root_certificates=read(client_ca[0]) if client_ca else None,
            require_client_auth=bool(client_ca),
        )
        port = server.add_secure_port("127.0.0.1:0", credentials)
    elif arguments[:1] == ["--unix"]:
        port = server.add_insecure_port("unix:" + arguments[1])
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(0).wait()


main(sys.argv[1:])
