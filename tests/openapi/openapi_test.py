"""The OpenAPI file as its readers use it: a validator, a generator of clients, and schemas against what the server says.

usage: openapi_test.py PROGRAM OPENAPI_JSON [unittest arguments]
"""

import base64
import importlib
import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

import jsonschema
import openapi_spec_validator
import referencing

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from prism_gateway import Gateway  # noqa: E402

PROGRAM, FILE = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1))
DOCUMENT = json.loads(FILE.read_text())
SCHEMAS = "urn:prism#/components/schemas/"
REGISTRY = referencing.Registry().with_resource(
    "urn:prism", referencing.Resource.from_contents(DOCUMENT, referencing.jsonschema.DRAFT202012))
K = base64.b64encode(b"7").decode()


def mistakes(schema, value):
    """What is wrong with the value by this schema of the document."""
    reference = SCHEMAS + schema.rsplit("/", 1)[-1]
    checker = jsonschema.Draft202012Validator({"$ref": reference}, registry=REGISTRY, format_checker=jsonschema.FormatChecker())
    return [error.message for error in checker.iter_errors(value)]


def unary_calls():
    """Path, schema of the request, schema of the answer."""
    for path, operations in DOCUMENT["paths"].items():
        if not path.startswith("/v1/"):
            post = operations["post"]
            yield (path, post["requestBody"]["content"]["application/json"]["schema"]["$ref"],
                   post["responses"]["200"]["content"]["application/json"]["schema"]["$ref"])


def name_of(path):
    """"Get" of KeyValue, "CapabilityService/Get" of what is no data model."""
    service, method = path.rsplit(".", 1)[-1].split("/")
    return method if service.startswith("KeyValue") else f"{service}/{method}"


def snake(name):
    """As the generator spells the name of an operation."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


# A request of each method in an order in which all of them succeed; a function gets the answers so far.
def requests():
    key = {"namespace": "scratch", "key": "k"}
    item = {"key": "b", "value": K, "ttl": "60s", "tags": {"a": "b"}}
    handle = lambda answers: {"namespace": "scratch", "transaction": answers["BeginTransaction"]["transaction"]}  # noqa: E731
    return [
        ("Set", {**key, "value": K, "ttl": "60s", "tags": {"color": "red"}, "requestId": "r"}), ("Get", key), ("Exists", key),
        ("GetTTL", key), ("Persist", key), ("Expire", {**key, "ttl": "1.5s"}),
        ("Increment", {**key, "delta": "5"}), ("Increment", {**key, "delta": "-9007199254740993"}),
        ("CompareAndSwap", {**key, "expect": {"value": K}, "value": K}),
        ("CompareAndDelete", lambda answers: {**key, "expect": {"version": answers["Increment"]["version"]}}),
        ("BatchSet", {"namespace": "scratch", "items": [item, {**item, "key": "c" * 1024}]}),
        ("BatchGet", {"namespace": "scratch", "keys": ["b", "absent"]}),
        ("BatchDelete", {"namespace": "scratch", "keys": ["c" * 1024]}),
        ("Count", {"namespace": "scratch"}), ("BeginTransaction", {"namespace": "scratch", "timeout": "5s"}),
        ("SetInTransaction", lambda answers: {**handle(answers), "key": "t", "value": K}),
        ("GetInTransaction", lambda answers: {**handle(answers), "key": "b"}),
        ("DeleteInTransaction", lambda answers: {**handle(answers), "key": "b"}),
        ("Commit", handle), ("Rollback", handle), ("DeletePrefix", {"namespace": "scratch", "prefix": "t"}), ("Delete", key),
        ("CapabilityService/Get", {"namespace": "scratch"}),
        ("CapabilityService/GetFeatures", {"namespace": "scratch", "index": "99", "wait": "0.5s"}),
    ]


class OpenApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = cls.enterClassContext(Gateway(PROGRAM))

    def send(self, path, body, method="POST", headers=(), kind="application/json"):
        """Status, headers, body as bytes."""
        request = urllib.request.Request(f"http://{self.gateway.data}{path}", body, {"content-type": kind, **dict(headers)},
                                         method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as reply:
                return reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def call(self, path, request):
        status, _, body = self.send(path, json.dumps(request).encode())
        return status, json.loads(body)

    def test_a_public_validator_accepts_the_file(self):
        openapi_spec_validator.validate(DOCUMENT)
        self.assertTrue(DOCUMENT["openapi"].startswith("3.1."))
        with self.assertRaises(openapi_spec_validator.validation.exceptions.OpenAPIValidationError):
            openapi_spec_validator.validate({**DOCUMENT, "paths": {"no-slash": {}}})

    def test_the_admin_port_serves_the_file(self):
        with urllib.request.urlopen(f"http://{self.gateway.admin}/openapi.json", timeout=10) as reply:
            self.assertEqual(reply.headers["content-type"], "application/json")
            self.assertEqual(reply.read(), FILE.read_bytes())

    def test_answers_of_every_method_fit_their_schemas(self):
        schemas = {name_of(path): (path, *rest) for path, *rest in unary_calls()}
        answers = {}
        for method, request in requests():
            path, request_schema, answer_schema = schemas[method]
            request = request(answers) if callable(request) else request
            with self.subTest(method):
                self.assertEqual(mistakes(request_schema, request), [])
                status, answers[method] = self.call(path, request)
                self.assertEqual(status, 200, answers[method])
                self.assertEqual(mistakes(answer_schema, answers[method]), [])
        self.assertEqual(answers["Increment"]["value"], str(7 + 5 - 9007199254740993))
        self.assertEqual(sorted(answers), sorted(schemas))

    def test_what_the_schemas_refuse_the_server_refuses(self):
        key = {"namespace": "scratch", "key": "k"}
        for method, request in (
                ("Get", {**key, "unknown": 1}), ("Get", {**key, "key": ""}), ("Get", {**key, "key": "k" * 1025}),
                ("Get", {"namespace": "scratch"}), ("Get", {"key": "k"}), ("Get", {**key, "key": 5}),
                ("Set", {**key, "ttl": "1 hour"}), ("Set", {**key, "tags": {str(i): "v" for i in range(17)}}),
                ("Set", {**key, "requestId": "r" * 129}), ("CompareAndSwap", {**key, "value": K}),
                ("CompareAndSwap", {**key, "expect": {"absent": True, "version": "v"}}), ("Expire", key),
                ("BatchGet", {"namespace": "scratch", "keys": []}), ("BatchGet", {"namespace": "scratch", "keys": ["k"] * 1001}),
                ("DeletePrefix", {"namespace": "scratch"}), ("Commit", {"namespace": "scratch"})):
            with self.subTest(f"{method} {str(request)[:80]}"):
                path, schema, _ = next(call for call in unary_calls() if name_of(call[0]) == method)
                self.assertNotEqual(mistakes(schema, request), [])
                status, error = self.call(path, request)
                self.assertIn(status, (400, 404), error)
                self.assertEqual(mistakes("Error", error), [])
                self.assertEqual(error["details"][0]["type"], "google.rpc.ErrorInfo")
                self.assertTrue(error["details"][0]["debug"]["reason"])


class GeneratedClient(unittest.TestCase):
    """A client that a public generator made from the file, against the server."""

    @classmethod
    def setUpClass(cls):
        cls.gateway = cls.enterClassContext(Gateway(PROGRAM))
        directory = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="prism-openapi-")))
        config = directory / "config.json"
        config.write_text(json.dumps({"post_hooks": []}))
        subprocess.run([sys.executable, "-m", "openapi_python_client", "generate", "--path", FILE, "--config", config,
                        "--meta", "none", "--output-path", directory / "prism_http", "--fail-on-warning"],
                       check=True, timeout=120, capture_output=True)
        sys.path.insert(0, str(directory))
        cls.addClassCleanup(sys.path.remove, str(directory))
        cls.models = importlib.import_module("prism_http.models")
        cls.client = cls.enterClassContext(
            importlib.import_module("prism_http").Client(base_url=f"http://{cls.gateway.data}"))

    def call(self, name, *arguments, **options):
        """The operation with this module name below prism_http.api."""
        module = importlib.import_module("prism_http.api." + name)
        return module.sync_detailed(*arguments, client=self.client, **options)

    def basic(self, method, **fields):
        request = getattr(self.models, f"PrismKeyvalueV1{method}Request")
        return self.call(f"keyvalue_basic.key_value_basic_{method.lower()}", body=request(**fields))

    def test_sets_gets_and_deletes(self):
        tags = self.models.PrismKeyvalueV1SetRequestTags.from_dict({"color": "red"})
        written = self.basic("Set", namespace="scratch", key="a/b", value=K, ttl="60s", tags=tags)
        self.assertEqual((written.status_code, written.headers["prism-durability"]), (200, "memory"))
        got = self.basic("Get", namespace="scratch", key="a/b").parsed
        self.assertEqual((got.found, got.value, got.version), (True, K, written.parsed.version))
        self.assertEqual(got.tags.to_dict(), {"color": "red"})
        self.assertEqual(got.expire_time.tzname(), "UTC")
        self.assertTrue(self.basic("Delete", namespace="scratch", key="a/b").parsed.existed)
        self.assertFalse(self.basic("Get", namespace="scratch", key="a/b").parsed.found)

    def resource(self, operation, *arguments, **options):
        """The answer of a route, which must be one that the document has, with the headers that it says."""
        answer = self.call("keyvalue_resources.resource_key_value_" + operation, *arguments, **options)
        operations = [one for path in DOCUMENT["paths"].values() for one in path.values()]
        described = next(one for one in operations if snake(one["operationId"]) == "resource_key_value_" + operation)
        self.assertIn(str(answer.status_code.value), described["responses"])
        good = described["responses"][str(answer.status_code.value)]
        if answer.status_code < 300 and len(good.get("content", {})) < 2:  # not a key or a list, each with its own
            for name in good.get("headers", {}):
                if name not in ("Prism-Expire-Time", "Prism-Tag"):
                    self.assertIn(name, answer.headers)
        return answer

    def file(self, content):
        return importlib.import_module("prism_http.types").File(payload=io.BytesIO(content))

    def test_writes_and_reads_resources(self):
        value = bytes(range(256))
        put = self.resource("basic_set", "scratch", "a/b", body=self.file(value), prism_ttl="1m30s", prism_tag="color=red",
                            if_none_match="*")
        self.assertEqual((put.status_code, put.headers["prism-durability"]), (201, "memory"))
        etag = put.headers["etag"]
        for got in (self.resource("basic_get", "scratch", "a/b"), self.resource("basic_get_by_query", "scratch", key="a/b"),
                    self.resource("basic_get_by_query", "scratch", key_b64="YS9i")):
            self.assertEqual((got.status_code, got.parsed.payload.read(), got.headers["etag"]), (200, value, etag))
            self.assertEqual(got.headers["prism-tag"], "color=red")
        self.assertEqual(self.resource("basic_get", "scratch", "a/b", if_none_match=etag).status_code, 304)
        self.assertEqual(self.resource("basic_get_head", "scratch", "a/b").headers["etag"], etag)
        self.assertEqual(self.basic("Get", namespace="scratch", key="a/b").parsed.version, etag.strip('"'))
        again = self.resource("basic_set_by_query", "scratch", key="a/b", body=self.file(b"new"), if_match=etag)
        self.assertEqual(again.status_code, 204)
        removed = self.resource("basic_delete", "scratch", "a/b", if_match=again.headers["etag"])
        self.assertEqual((removed.status_code, removed.headers["prism-existed"]), (204, "true"))

    def test_refusals_of_resources_are_typed(self):
        for operation, status, options in (
                ("basic_get", 404, {}), ("basic_get_head", 404, {}), ("basic_set", 412, {"if_match": '"none"'}),
                ("basic_set", 413, {"content": bytes((4 << 20) + 1)}), ("basic_delete", 412, {"if_match": '"none"'})):
            with self.subTest(operation, status=status):
                if operation == "basic_set":
                    options["body"] = self.file(options.pop("content", b"v"))
                answer = self.resource(operation, "scratch", "absent", **options)
                self.assertEqual(answer.status_code, status)
                if "head" not in operation:
                    self.assertIsInstance(answer.parsed, self.models.Error)
                    self.assertEqual(answer.parsed.details[0].type_, "google.rpc.ErrorInfo")

    def test_lists_keys_as_lines(self):
        for key in ("list/a", "list/b"):
            self.resource("basic_set", "scratch", key, body=self.file(b"v"))
        answer = self.resource("basic_get_by_query", "scratch", prefix="list/", limit=1, keys_only=True)
        lines = [json.loads(line) for line in answer.content.splitlines()]
        self.assertEqual([mistakes("prism.keyvalue.v1.ScanResponse", line) for line in lines], [[], []])
        self.assertEqual(lines[0]["entry"]["key"], "list/a")
        self.assertTrue(lines[1]["checkpoint"]["pageToken"])

    def test_errors_are_typed(self):
        refused = self.basic("Get", namespace="nowhere", key="a")
        self.assertEqual(refused.status_code, 404)
        self.assertIsInstance(refused.parsed, self.models.Error)
        self.assertEqual(refused.parsed.code, self.models.ErrorCode.NOT_FOUND)
        self.assertEqual(refused.parsed.details[0].debug["reason"], "NAMESPACE_NOT_FOUND")


if __name__ == "__main__":
    unittest.main(verbosity=2)
