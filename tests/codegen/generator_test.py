"""The code generator seen from outside: a contract that changed breaks the build of its backends, and a contract that
breaks the rules generates nothing and says why.

usage: generator_test.py PROTOC PLUGIN COMPILER SOURCE_ROOT GENERATED_DIR
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROTOC, PLUGIN, COMPILER = sys.argv[1:4]
ROOT, GENERATED = map(pathlib.Path, sys.argv[4:6])
HERE = ROOT / "tests" / "codegen"
TOY = (HERE / "toy.proto").read_text()


def changed(old, new):
    """The toy contract with one edit, which must apply exactly once."""
    assert TOY.count(old) == 1, f"{TOY.count(old)} places match {old!r}"
    return TOY.replace(old, new)


class GeneratorTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.out = pathlib.Path(directory.name)

    def generate(self, *protos, options=()):
        """Runs protoc as the build does, on codegen/toy.proto and more files like it."""
        names = []
        for number, text in enumerate(protos):
            name = "codegen/toy.proto" if number == 0 else f"codegen/more{number}.proto"
            path = self.out / "src" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            names.append(name)
        generated = self.out / "gen"
        generated.mkdir(exist_ok=True)
        return subprocess.run(
            [PROTOC, f"-I{self.out / 'src'}", f"-I{ROOT / 'api'}", f"--plugin=protoc-gen-prism={PLUGIN}",
             f"--cpp_out={generated}", f"--prism_out={generated}",
             *(f"--prism_opt={option}" for option in options), *names],
            capture_output=True, text=True, timeout=60)

    def compile_backend(self, proto):
        """Compiles the toy backend, as it is, against the code generated from `proto`."""
        result = self.generate(proto)
        self.assertEqual(result.returncode, 0, result.stderr)
        return subprocess.run(
            [COMPILER, "-std=c++23", "-fsyntax-only", "-fno-color-diagnostics", f"-I{ROOT / 'src'}", f"-I{HERE}",
             f"-isystem{self.out / 'gen'}", f"-isystem{GENERATED}", HERE / "toy_backend.cc"],
            capture_output=True, text=True, timeout=110)

    def assert_refused(self, proto, *messages, **options):
        protos = proto if isinstance(proto, tuple) else (proto,)
        result = self.generate(*protos, **options)
        self.assertNotEqual(result.returncode, 0, "the generator accepted it")
        for message in messages:
            self.assertIn(message, result.stderr)
        self.assertEqual(list((self.out / "gen").rglob("*.prism.*")), [])


class BackendBuildTest(GeneratorTest):
    def test_the_contract_as_it_is_compiles(self):
        result = self.compile_backend(TOY)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_removed_rpc_breaks_the_backend(self):
        start = TOY.index("  // Puts the words of all requests")
        end = TOY.index("  // Answers each word")
        result = self.compile_backend(TOY[:start] + TOY[end:])
        self.assertNotEqual(result.returncode, 0)
        # The compiler points at the end of the declaration that overrides nothing any more.
        error = re.search(r"toy_backend\.h:(\d+):\d+: error: only virtual member functions can be marked", result.stderr)
        self.assertIsNotNone(error, result.stderr)
        lines = (HERE / "toy_backend.h").read_text().splitlines()[:int(error[1])]
        declaration = "\n".join(lines)[:-1].rpartition(";")[2]
        self.assertIn("Join(", declaration)

    def test_an_added_rpc_breaks_the_backend(self):
        added = """  // Forgets all words.
  rpc Forget(EchoRequest) returns (EchoResponse) {
    option (prism.contract.v1.traits) = {access: WRITE, retry: ALWAYS};
  }
  // Answers with the word"""
        result = self.compile_backend(changed("  // Answers with the word", added))
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r"unimplemented pure virtual method 'Forget' in 'ToyBackend'")

    def test_an_rpc_that_became_a_stream_breaks_the_backend(self):
        result = self.compile_backend(changed("returns (EchoResponse)", "returns (stream EchoResponse)"))
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r"hidden overloaded virtual function 'prism::toy::v1::ToyBasic::Echo'")


class RulesTest(GeneratorTest):
    def test_a_service_says_whether_it_is_an_interface(self):
        self.assert_refused(changed('  option (prism.contract.v1.interface) = "toy_basic";\n', ""),
                            "codegen/toy.proto:11:1: service ToyBasic says nothing about its interface")

    def test_an_id_is_the_name_in_snake_case(self):
        self.assert_refused(changed('"toy_basic"', '"toy_simple"'),
                            'interface id "toy_simple" of service ToyBasic must be "toy_basic"')

    def test_a_service_begins_with_its_model(self):
        self.assert_refused(changed("service ToyBasic", "service Basic"),
                            'service Basic must be named after its model: the package prism.toy.v1 says "toy"')

    def test_an_id_is_taken_once(self):
        other = TOY.replace("package prism.toy.v1", "package prism.toy.v2")
        self.assert_refused((TOY, other),
                            'interface id "toy_basic" of service prism.toy.v2.ToyBasic is taken by '
                            "prism.toy.v1.ToyBasic")

    def test_a_method_has_traits(self):
        traits = '    option (prism.contract.v1.traits) = {access: READ, retry: NEVER};\n'
        self.assert_refused(changed(traits, ""), "rpc ToyFlow.Relay has no option (prism.contract.v1.traits)")

    def test_traits_are_complete(self):
        self.assert_refused(changed("{access: WRITE, retry: NEVER}", "{}"),
                            "rpc ToyFlow.Join: traits need access READ or WRITE",
                            "rpc ToyFlow.Join: traits need retry ALWAYS, WITH_REQUEST_ID or NEVER")

    def test_no_side_effects_are_said_to_everybody(self):
        relay = "    option idempotency_level = NO_SIDE_EFFECTS;\n    option (prism.contract.v1.traits) = {access: READ, retry: NEVER}"
        self.assert_refused(changed(relay, relay.split("\n")[1]),
                            'rpc ToyFlow.Relay: access READ and "option idempotency_level = NO_SIDE_EFFECTS" belong')
        self.assert_refused(changed(relay, relay.replace("READ", "WRITE")),
                            'rpc ToyFlow.Relay: access READ and "option idempotency_level = NO_SIDE_EFFECTS" belong')

    def test_a_method_has_a_comment(self):
        self.assert_refused(changed("  // Answers each word when it comes.\n", ""), "rpc ToyFlow.Relay has no comment")
        self.assert_refused(changed("// All words.\n", ""), "message JoinResponse has no comment")
        self.assert_refused(changed("  // How often.\n", ""), "toy.proto:94:3: field RepeatRequest.times has no comment")

    def test_field_one_is_the_namespace(self):
        name = "// Asks for an echo.\nmessage EchoRequest {\n  // Namespace of the word.\n  string namespace = 1;"
        for other in ("string ns = 1;", "bytes namespace = 1;", "repeated string namespace = 1;",
                      "string namespace = 7;"):
            with self.subTest(other):
                self.assert_refused(changed(name, name.replace("string namespace = 1;", other)),
                                    'rpc ToyBasic.Echo: field 1 of EchoRequest must be "string namespace"')

    def test_with_request_id_there_is_a_request_id(self):
        self.assert_refused(changed("string request_id = 3;", "int64 request_id = 3;"),
                            'rpc ToyBasic.KeepWord: retry WITH_REQUEST_ID needs a field "string request_id" in '
                            "KeepWordRequest")

    def test_a_stream_of_requests_has_no_route_and_no_retry(self):
        self.assert_refused(changed("{access: WRITE, retry: NEVER}",
                                    '{access: WRITE, retry: ALWAYS, rest: "PUT /v1/{namespace}/toys"}'),
                            "rpc ToyFlow.Join: retry ALWAYS is impossible for a stream of requests",
                            'rpc ToyFlow.Join: route "PUT /v1/{namespace}/toys" cannot carry a stream of requests')

    def test_a_route_is_well_formed(self):
        route = "GET /v1/{namespace}/toys/{word}"
        for bad, message in (("FETCH /v1", 'must be "VERB /path/{field}"'), ("GET", 'must be "VERB /path/{field}"'),
                             ("GET v1", 'must be "VERB /path/{field}"'), ("GET /v1/{word", "has a { without a }"),
                             ("GET /v1/{name}", "names {name}, which is no string field of EchoRequest")):
            with self.subTest(bad):
                self.assert_refused(changed(route, bad), "rpc ToyBasic.Echo: route", message)

    def test_a_route_is_taken_once(self):
        self.assert_refused(changed("{access: WRITE, retry: WITH_REQUEST_ID}",
                                    '{access: WRITE, retry: WITH_REQUEST_ID, rest: "GET /v1/{namespace}/toys/{word}"}'),
                            'rpc ToyBasic.KeepWord: route "GET /v1/{namespace}/toys/{word}" is taken by ToyBasic.Echo')

    def test_a_route_says_what_it_takes_and_answers(self):
        answer = 'answers: {status: 200, description: "The word."}'
        for bad, message in (("", "the route must say what it answers"),
                             (answer.replace("200", "20"), "answer 20 needs a status of 200 to 599"),
                             (answer.replace("The word.", ""), "answer 200 needs a status of 200 to 599 and a description"),
                             (answer + ' query: {name: "n"}', 'parameter "n" needs name and description')):
            with self.subTest(bad):
                self.assert_refused(changed(answer, bad), "rpc ToyBasic.Echo: ", message)
        self.assert_refused(changed('      rest: "GET /v1/{namespace}/toys/{word}"\n', ""),
                            "rpc ToyBasic.Echo: traits have a route but no rest")

    def test_the_body_of_a_route_is_a_message(self):
        answer = 'answers: {status: 200, description: "The word."}'
        for field in ("word", "nothing"):
            with self.subTest(field):
                self.assert_refused(changed(answer, f'{answer} body_field: "{field}"'),
                                    f'rpc ToyBasic.Echo: body_field "{field}" is no message field of EchoRequest')

    def test_names_fit_into_cxx(self):
        self.assert_refused(changed("rpc Join(", "rpc join_words("), "rpc ToyFlow.join_words must be in PascalCase")
        self.assert_refused(changed("rpc Join(", "rpc ToyFlow("), "has the name of its service")
        self.assert_refused(changed("rpc Join(stream ", "rpc JoinRequest(stream .prism.toy.v1."),
                            "which it would hide in its C++ class")

    def test_all_errors_are_told_at_once(self):
        twice = changed('"toy_basic"', '"basic"').replace('"toy_flow"', '"flow"')
        self.assert_refused(twice, 'interface id "basic"', 'interface id "flow"')

    def test_parameters_are_known(self):
        self.assert_refused(TOY, "unknown parameter speed", options=["speed=9"])

    def test_services_of_others_need_no_options(self):
        standard = """syntax = "proto3";
package other.v1;
service Health { rpc Check(Ask) returns (Answer); }
message Ask {}
message Answer {}
"""
        result = self.generate(standard)
        self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]], verbosity=1)
