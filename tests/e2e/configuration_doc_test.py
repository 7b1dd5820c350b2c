"""docs/configuration.md tells the truth: its example is accepted, and every known key is in it.

usage: configuration_doc_test.py PROGRAM [unittest arguments]
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
DOCUMENT = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text()


def check(text):
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "prism.yaml"
        path.write_text(text)
        return subprocess.run([PROGRAM, "serve", "--check", "--config", str(path)], capture_output=True, text=True,
                              timeout=60)


class ConfigurationDocTest(unittest.TestCase):
    def test_the_example_is_accepted(self):
        for block in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL):
            result = check(block)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertNotIn("warning", result.stdout)

    def test_every_key_that_the_program_knows_is_documented(self):
        # A key that resembles none makes the program list those that it knows.
        shapes = ["qqqqqqqqqqqqqqqq: 1\n", "server: {qqqqqqqqqqqqqqqqqq: 1}\n", "server: {limits: {qqqqqqqqqqqqqqqqqqqqqqqqqq: 1}}\n",
                  "server: {cors: {qqqqqqqqqqqqqqqqqqqqqqqqqq: 1}}\n", "server: {tls: {qqqqqqqqqqqqqqqqqqqqqqqqqqqq: 1}}\n",
                  "branching: {qqqqqqqqqqqqqqqqqqqqqqqqqq: 1}\n", "branching: {storage: {qqqqqqqqqqqqqqqqqqqqqqqqqq: 1}}\n",
                  "branching: {auto_create: [{qqqqqqqqqqqqqqqqqqqqqqqqqq: 1}]}\n",
                  "branching: {source: {dump: a, qqqqqqqqqqqqqqqqqqqqqqqqqq: 1}}\n",
                  "memory: {qqqqqqqqqqqqqq: 1}\n", "backends: {a: {type: memory, qqqqqqqqqqqqqqqqq: 1}}\n",
                  "namespaces: [{name: a, backend: memory, qqqqqqqqqqqqqqqqqqqqqqqqqq: 1}]\n",
                  "namespaces: [{name: a, backend: memory, needs: {qqqqqqqqqqqqqqqqqqqqqqqqqqqq: 1}}]\n",
                  "namespaces: [{name: a, backend: memory, shadow: {backend: sqlite, qqqqqqqqqqqqqqqqqqqqqqqqqqqq: 1}}]\n"]
        for shape in shapes:
            known = re.search(r"known are (.*)", check(shape).stderr)
            self.assertIsNotNone(known, shape)
            for key in known[1].split(", "):
                self.assertRegex(DOCUMENT, rf"[`\s]{key}\b", f"{key} of {shape}")

    def test_every_type_of_a_backend_is_documented(self):
        known = re.search(r"there are (.*)", check("backends: {a: {type: qqqqqqqqqqqqqqqqqqqqqqq}}\n").stderr)[1].split(", ")
        self.assertGreater(len(known), 8)
        for name in known:
            self.assertIn(f"`{name}`", DOCUMENT)

    def test_every_flag_is_documented(self):
        help_text = subprocess.run([PROGRAM, "serve", "--help"], capture_output=True, text=True, timeout=60).stdout
        flags = re.findall(r"^ +(--[a-z-]+)", help_text, re.MULTILINE)
        self.assertGreater(len(flags), 8)
        for name in flags + re.findall(r"PRISM_[A-Z_]+", help_text):
            self.assertIn(f"`{name}`", DOCUMENT)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
