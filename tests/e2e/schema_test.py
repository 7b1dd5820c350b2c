"""docs/reference/prism.schema.json, which `prism validate --schema` prints, says the same of prism.yaml as the program:
every key with a right and a wrong value, and every key that the program knows.

usage: schema_test.py PROGRAM [unittest arguments]
"""

import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import jsonschema

PROGRAM = None
FILE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reference" / "prism.schema.json"
SCHEMA = json.loads(FILE.read_text())
UNKNOWN = "qqqqqqqqqqqqqqqqqqqqqqqqqqqq"
# What else must be there when a key is; the key's own value goes over it.
BESIDE = {"name": "orders", "backend": "memory", "type": "memory"}


def resolve(schema):
    return resolve(SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]) | {k: v for k, v in schema.items() if k != "$ref"} \
        if "$ref" in schema else schema


def places():
    """(how a document with this object in its place looks, the object's schema), for every object with keys of its own."""
    server = SCHEMA["properties"]["server"]
    yield "server", lambda body: {"server": body}, server
    for name in ("cors", "tls", "limits"):
        yield f"server.{name}", lambda body, name=name: {"server": {name: body}}, server["properties"][name]
    for name in ("security", "memory", "backup"):
        yield name, lambda body, name=name: {name: body}, SCHEMA["properties"][name]
    branching = SCHEMA["properties"]["branching"]
    yield "branching", lambda body: {"branching": body}, branching
    yield "branching.source", lambda body: {"branching": {"source": body}}, branching["properties"]["source"]
    yield "branching.storage", lambda body: {"branching": {"storage": body}}, branching["properties"]["storage"]
    yield "backend", lambda body: {"backends": {"one": body}}, resolve({"$ref": "#/$defs/backend"})
    yield "namespace", lambda body: {"namespaces": [body]}, resolve({"$ref": "#/$defs/namespace"})
    access = resolve({"$ref": "#/$defs/namespace"})["properties"]["access"]
    yield "access", lambda body: {"namespaces": [{"name": "a", "backend": "memory", "access": body}]}, access
    needs = resolve({"$ref": "#/$defs/needs"})
    yield "needs", lambda body: {"namespaces": [{"name": "a", "backend": "memory", "needs": body}]}, needs
    shadow = resolve({"$ref": "#/$defs/shadow"})
    yield "shadow", lambda body: {"namespaces": [{"name": "a", "backend": "sqlite", "shadow": body}]}, shadow
    slot = resolve({"$ref": "#/$defs/slot"})
    yield "slot", lambda body: {"namespaces": [{"name": "a", "pattern": "outbox", "slots": {"store": body}}]}, slot
    pattern = resolve({"$ref": "#/$defs/pattern"})
    yield "pattern", lambda body: {"namespaces": [{"name": "a", "backend": "memory", "patterns": [body]}]}, pattern


def body_with(schema, key, value):
    """The smallest right object with this value under the key."""
    body = {name: BESIDE[name] for name in schema.get("required", [])}
    if schema["description"].startswith("The unit"):
        body["backend"] = "memory"
    if key == "slots" and "patterns" in schema["properties"]:
        body["pattern"] = "outbox"
    if key in ("roles", "password") and "dump" in schema["properties"]:
        body["dump"] = "/srv/dump"
    if key == "connection_string":
        body["backend"] = "redis"
    return body | {key: value}


class SchemaTest(unittest.TestCase):
    def setUp(self):
        own = tempfile.TemporaryDirectory(prefix="prism-schema-")
        self.addCleanup(own.cleanup)
        self.path = pathlib.Path(own.name) / "prism.yaml"
        self.validator = jsonschema.Draft202012Validator(SCHEMA)

    def program(self, document):
        self.path.write_text(json.dumps(document))
        return subprocess.run([PROGRAM, "validate", str(self.path)], capture_output=True, text=True, timeout=60)

    def assert_both(self, accept, document):
        result = self.program(document)
        errors = [error.message for error in self.validator.iter_errors(document)]
        self.assertEqual((result.returncode == 0, not errors), (accept, accept),
                         f"{json.dumps(document)}\nprogram: {result.stderr}\nschema: {errors}")

    def test_the_program_prints_it(self):
        printed = subprocess.run([PROGRAM, "validate", "--schema"], capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(printed.stdout, FILE.read_text())
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_each_key_with_its_example(self):
        for place, document, schema in places():
            for key, value in schema["properties"].items():
                for example in resolve(value).get("examples", [{}]):
                    with self.subTest(place=place, key=key):
                        self.assert_both(True, document(body_with(schema, key, example)))

    def test_each_key_with_what_it_can_not_be(self):
        for place, document, schema in places():
            for key, value in schema["properties"].items():
                value = resolve(value)
                wrong = [] if value.get("type") == "array" else [["a list"]]
                if "minimum" in value and value.get("type") == "integer":
                    wrong += [value["minimum"] - 1, "text"] + ([value["maximum"] + 1] if "maximum" in value else [])
                if value.get("type") == "boolean" or "enum" in value or "pattern" in value:
                    wrong.append("~ neither ~")
                for bad in wrong:
                    with self.subTest(place=place, key=key, bad=bad):
                        self.assert_both(False, document(body_with(schema, key, bad)))

    def test_types_of_backends_are_those_of_the_program(self):
        names = SCHEMA["$defs"]["backend_type"]["enum"]
        known = re.search(r"there are (.*)", self.program({"backends": {"a": {"type": UNKNOWN}}}).stderr)[1].split(", ")
        self.assertEqual(known, [name for name in names if name != "memstore"])
        for name, right in [(name, True) for name in names] + [("postgress", False), ("SQLite", False)]:
            for document in ({"backends": {"a": {"type": name}}}, {"pattern": "keyvalue", "backend": name, "connection_string": "h"},
                             {"namespaces": [{"name": "a", "backend": name, "connection_string": "h"}]}):
                with self.subTest(document=document):
                    self.assert_both(right, document)

    def test_what_is_required(self):
        for place, document, schema in places():
            for key in schema.get("required", []):
                body = body_with(schema, key, BESIDE[key])
                del body[key]
                with self.subTest(place=place, key=key):
                    self.assert_both(False, document(body))

    def test_both_know_the_same_keys(self):
        whole = ("top", lambda body: body, SCHEMA)
        for place, document, schema in [whole, *places()]:
            body = {UNKNOWN: 1} if place == "top" else body_with(schema, UNKNOWN, 1)
            self.assert_both(False, document(copy.deepcopy(body)))
            known = set(re.search(r"known are (.*)", self.program(document(body)).stderr)[1].split(", "))
            keys = set(schema["properties"])
            if place == "top":
                # Those of the one namespace are looked for only beside its pattern.
                keys -= set(SCHEMA["$defs"]["namespace"]["properties"])
            self.assertEqual(known, keys, place)

    def test_whole_files(self):
        slot = {"backend": "cache", "interface": "keyvalue_basic"}
        one = {"backends": {"cache": {"type": "redis"}}, "pattern": "multicast-registry", "slots": {"registry": slot}}
        self.assert_both(True, None)
        self.assert_both(True, one)
        self.assert_both(True, one | {"name": "devices", "tags": ["a"], "consistency": "eventual"})
        self.assert_both(False, one | {"namespaces": []})
        for key, right, wrong in (("tags", ["x" * 255] * 64, ["x"] * 65), ("tags", ["\u00e4"], ["x" * 256]),
                                  ("owner", "\u00e4" * 512, "a\nb"), ("owner", "x" * 1024, "x" * 1025),
                                  ("owner", "Zo\u00eb", "\u0085")):
            self.assert_both(True, one | {key: right})
            self.assert_both(False, one | {key: wrong})
        self.assert_both(False, {"tags": ["a"]})
        self.assert_both(False, {"backends": {"UPPER": {"type": "memory"}}})
        self.assert_both(False, {"backends": {"a": {"type": "memory", "password": "literal"}}})
        self.assert_both(False, {"server": {"drain_timeout": 10}})
        self.assert_both(False, {"server": {"drain_timeout": "soon"}})
        self.assert_both(False, {"memory": {"max_bytes": "much"}})
        for right, blocks in ((True, {"shadow": None, "needs": None}), (True, {"shadow": {"backend": "sqlite", "reads": False}}),
                              (False, {"shadow": {"backend": "sqlite", "reads": False, "writes": False}}),
                              (True, {"needs": {"retention": 0}}), (False, {"needs": {"latency_p99": 5}})):
            self.assert_both(right, {"namespaces": [{"name": "a", "backend": "memory"} | blocks]})
            self.assert_both(right, {"pattern": "keyvalue", "backend": "memory"} | blocks)
        for wrong in ("", {}, {"roles": "/a"}, {"dump": "/a", "template": "/b"}, {"template": "/a", "roles": "/b"},
                      {"managed": "/a", "password": "${env:A}"}):
            self.assert_both(False, {"branching": {"source": wrong}})
        for right, entry in ((True, {"users": ["ci"], "names": ["pr-*", "dev"]}), (False, ""), (False, None), (False, {"users": ["ci"]}),
                             (False, {"users": ["ci"], "names": []}), (False, {"user": ["ci"], "names": ["a"]})):
            self.assert_both(right, {"branching": {"source": "/a", "auto_create": ["a", entry]}})
        for key in ("docker",):
            self.assert_both(False, {"branching": {key: "x"}})


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
