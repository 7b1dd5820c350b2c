"""Each check accepts a good tree and fails on a bad one."""

import json
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import format
import layers
import readmes
import sizes
import tidy
import words

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TABLE = "base 0\nruntime 1\ntelemetry 1\nrpc 2\ncontract 2\nbackends 3\ngateway 4\ncli 5\napp 5\n"


class CheckTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = os.path.realpath(directory.name)
        self.write("src/layers.txt", TABLE)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as stream:
            stream.write(text)

    def assert_finds(self, problems, *parts):
        self.assertEqual(len(problems), 1, problems)
        for part in parts:
            self.assertIn(part, problems[0])


class LayersTest(CheckTest):
    def include(self, path, header):
        self.write(path, f"#pragma once\n#include {header}\n")
        return layers.check(self.root)

    def test_accepts_what_is_below_itself_and_contract(self):
        for header in ('"base/status.h"', '"contract/method.h"', '"rpc/server.h"', '"prism/x/v1/x.pb.h"', "<vector>"):
            self.assertEqual(self.include("src/rpc/server.cc", header), [])

    def test_accepts_anything_in_app(self):
        self.assertEqual(self.include("src/app/main.cc", '"cli/verbs.h"'), [])
        self.assertEqual(self.include("src/app/main.cc", '"backends/redis/keyvalue.h"'), [])

    def test_refuses_a_higher_layer(self):
        self.assert_finds(self.include("src/base/x.h", '"runtime/task.h"'), "src/base/x.h:2", "layer 0", "layer 1")

    def test_refuses_the_same_layer(self):
        self.assert_finds(self.include("src/runtime/x.cc", '"telemetry/log.h"'), "may not include telemetry")

    def test_refuses_generated_code_below_contract(self):
        self.assert_finds(self.include("src/runtime/x.cc", '"prism/kv/v1/kv.pb.h"'), "may not include contract")

    def test_refuses_a_backend_in_the_gateway(self):
        self.assert_finds(self.include("src/gateway/x.cc", '"backends/redis/keyvalue.h"'), "name a backend")

    def test_refuses_relative_and_unknown_headers(self):
        self.assert_finds(self.include("src/rpc/x.cc", '"server.h"'), "not a full path")
        self.assert_finds(self.include("src/rpc/x.cc", '"elsewhere/server.h"'), "no module")
        self.assert_finds(self.include("src/rpc/x.cc", "<base/status.h>"), "wants quotes")

    def test_refuses_a_module_without_layer(self):
        self.assert_finds(self.include("src/misc/x.cc", "<vector>"), "misc is not in src/layers.txt")


class SizesTest(CheckTest):
    def test_limits(self):
        self.write("src/base/good.h", "\n" * 399)
        self.write("src/base/good.cc", "\n" * 799)
        self.assertEqual(sizes.check(self.root), [])
        self.write("src/base/bad.h", "\n" * 400)
        self.assert_finds(sizes.check(self.root), "src/base/bad.h", "400")


class WordsTest(CheckTest):
    def find(self, path, text):
        self.write(path, text)
        problems = words.check(self.root)
        os.remove(os.path.join(self.root, path))
        return problems

    def test_threads_only_where_they_belong(self):
        self.assertEqual(self.find("src/runtime/shard.cc", "std::thread thread;\n"), [])
        self.assertEqual(self.find("src/rpc/x_test.cc", "std::mutex mutex;\n"), [])
        self.assertEqual(self.find("src/models/keyvalue/transaction_table.h", "std::mutex mutex;\n"), [])
        self.assert_finds(self.find("src/models/keyvalue/x.h", "std::mutex mutex;\n"), "std::mutex")
        self.assertEqual(self.find("src/app/x.cc", "std::thread::hardware_concurrency();\n"), [])
        self.assertEqual(self.find("src/rpc/x.cc", "int x;  // no std::mutex here\n"), [])
        for word in ("std::thread", "std::jthread", "std::mutex", "std::shared_mutex", "std::condition_variable_any"):
            self.assert_finds(self.find("src/gateway/x.cc", f"{word} x;\n"), "src/gateway/x.cc:1", word)

    def test_detached_and_sleeps_nowhere(self):
        self.assert_finds(self.find("src/runtime/x.cc", "thread.detach();\n"), "detached")
        self.assert_finds(self.find("src/runtime/x_test.cc", "std::this_thread::sleep_for(1s);\n"), "sleep_for")

    def test_skips_marks_and_missing_headers(self):
        self.assert_finds(self.find("src/base/x_test.cc", "GTEST_SKIP();\n"), "skip")
        self.assert_finds(self.find("src/base/x.cc", "int x;  // TO" "DO: later\n"), "marks")
        self.assert_finds(self.find("src/base/x.cc", "#include <format>\n"), "use fmt")

    def test_a_reason_excuses(self):
        allowed = "// lint-allow(sleep): no event exists\nusleep(1);\n"
        self.assertEqual(self.find("src/base/x.cc", allowed), [])
        self.assert_finds(self.find("src/base/x.cc", "// lint-allow(sleep):\nusleep(1);\n"), "usleep")


class ReadmesTest(CheckTest):
    def test_each_module_has_a_short_one(self):
        self.write("src/base/CMakeLists.txt", "prism_module(\n  NAME base\n)\n")
        self.assert_finds(readmes.check(self.root), "src/base", "README.md")
        self.write("src/base/README.md", "line\n" * 60)
        self.assertEqual(readmes.check(self.root), [])
        self.write("src/base/README.md", "line\n" * 61)
        self.assert_finds(readmes.check(self.root), "61 lines")


class FormatTest(CheckTest):
    def test_finds_what_is_not_formatted(self):
        with open(os.path.join(ROOT, ".clang-format"), encoding="utf-8") as stream:
            self.write(".clang-format", stream.read())
        self.write("src/base/x.cc", "int main() { return 0; }\n")
        self.assertEqual(format.check(self.root), [])
        self.write("src/base/x.cc", "int main()\n{\n      return 0; }\n")
        self.assert_finds(format.check(self.root), "src/base/x.cc", "./dev format")


class TidyTest(CheckTest):
    GOOD = "namespace prism {\nclass Counter {\n public:\n  int Next() { return ++last_; }\n\n private:\n  int last_ = 0;\n};\n}\n"
    TASK = """#include <coroutine>
struct Task {
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};
"""

    def tidy(self, *texts):
        with open(os.path.join(ROOT, ".clang-tidy"), encoding="utf-8") as stream:
            self.write(".clang-tidy", stream.read())
        commands = []
        for name, text in zip("xyz", texts):
            self.write(f"src/base/{name}.cc", text)
            path = os.path.join(self.root, "src/base", f"{name}.cc")
            command = ["clang++-19", "-std=c++23", "-c", path]
            commands.append({"directory": self.root, "file": path, "arguments": command})
        self.write("build/dev/compile_commands.json", json.dumps(commands))
        return tidy.check(self.root)

    def test_accepts_good_code(self):
        self.assertEqual(self.tidy(self.GOOD), [])

    def test_finds_bad_names(self):
        self.assert_finds(self.tidy(self.GOOD.replace("last_", "last")), "src/base/x.cc", "readability-identifier-naming")
        self.assert_finds(self.tidy(self.GOOD.replace("Next", "getNext")), "getNext")

    def test_accepts_sources_that_use_the_same_names(self):
        self.assertEqual(self.tidy(self.GOOD, self.GOOD, self.GOOD.replace("Counter", "Other")), [])

    def test_finds_the_bad_source_of_a_batch(self):
        bad = self.GOOD.replace("Counter", "Other").replace("last_", "last")
        self.assert_finds(self.tidy(self.GOOD, bad), "src/base/y.cc", "readability-identifier-naming")

    def test_finds_a_bad_header_once(self):
        self.write("src/base/x.h", "#pragma once\nnamespace prism {\nclass bad {};\n}\n")
        sources = [f'#include "x.h"\n{self.GOOD.replace("Counter", name)}' for name in ("Counter", "Other")]
        self.assert_finds(self.tidy(*sources), "src/base/x.h", "readability-identifier-naming")

    def test_finds_capturing_coroutines(self):
        text = self.TASK + "void Run(int x) { [x]() -> Task { (void)x; co_return; }(); }\n"
        self.assert_finds(self.tidy(text), "avoid-capturing-lambda-coroutines")

    def test_finds_locks_across_suspensions(self):
        text = "#include <mutex>\n" + self.TASK
        text += "Task Run(std::mutex* m) {\n  std::scoped_lock lock(*m);\n  co_await std::suspend_always{};\n}\n"
        self.assert_finds(self.tidy(text), "misc-coroutine-hostile-raii")

    def test_finds_code_that_does_not_compile(self):
        self.assert_finds(self.tidy("int main() { return nothing; }\n"), "nothing")


if __name__ == "__main__":
    unittest.main()
