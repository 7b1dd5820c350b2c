"""Protobuf by hand: what a generated class would refuse to write has to be written."""

import dataclasses

CODES = {1: "CANCELLED", 2: "UNKNOWN", 3: "INVALID_ARGUMENT", 4: "DEADLINE_EXCEEDED", 5: "NOT_FOUND", 6: "ALREADY_EXISTS",
         7: "PERMISSION_DENIED", 8: "RESOURCE_EXHAUSTED", 9: "FAILED_PRECONDITION", 10: "ABORTED", 11: "OUT_OF_RANGE",
         12: "UNIMPLEMENTED", 13: "INTERNAL", 14: "UNAVAILABLE", 15: "DATA_LOSS", 16: "UNAUTHENTICATED"}


def varint(number):
    number &= 2**64 - 1
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def fields(message):
    """(number, content) of each field; lengths and numbers only, which is all that google.rpc.Status has."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = number()
        content = number()
        if tag & 7 == 2:
            content, at = message[at:at + content], at + content
        yield tag >> 3, content


@dataclasses.dataclass
class Refusal:
    code: str
    reason: str
    message: str
    retry_after: float = None  # seconds, of google.rpc.RetryInfo


def retry_delay(retry_info):
    """Seconds of a google.rpc.RetryInfo; None: it has none."""
    content = dict(fields(retry_info)).get(1)
    duration = dict(fields(content)) if content else {}
    return duration.get(1, 0) + duration.get(2, 0) / 1e9 if content else None


def refusal_of_status(encoded):
    """grpc-status-details-bin: a google.rpc.Status with a google.rpc.ErrorInfo."""
    status = list(fields(encoded))
    plain = dict(status)
    details = [dict(fields(content)) for number, content in status if number == 3]
    retries = [retry_delay(one[2]) for one in details if one[1] == b"type.googleapis.com/google.rpc.RetryInfo"]
    for any_message in details:
        if any_message[1] == b"type.googleapis.com/google.rpc.ErrorInfo":
            info = dict(fields(any_message[2]))
            assert info[2] == b"prism", info
            return Refusal(CODES[plain[1]], info[1].decode(), plain[2].decode(), *retries)
    raise AssertionError(f"no ErrorInfo in {status}")
