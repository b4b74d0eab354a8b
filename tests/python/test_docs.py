"""The examples of docs/python.md, one after the other in one namespace, and docs/examples/hello.py, on small pictures."""
import contextlib
import importlib.util
import io
import os
import re
import subprocess
import sys
import unittest
from unittest import mock

from support import BINDINGS, ROOT, TestCase, png

import nst

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)


class Documents(TestCase):
    def setUp(self):
        super().setUp()
        nst.Image(png(96, 64)).save(self.folder / "photo.jpg")
        nst.Image(png(64, 80)).save(self.folder / "painting.jpg")
        nst.Image(png(70, 70)).save(self.folder / "other.png")
        nst.Model.untrained(width=2).save(self.folder / "tiny.safetensors")
        self.weights = {"NST_WEIGHTS": str(self.folder / "tiny.safetensors")}
        before = os.getcwd()
        os.chdir(str(self.folder))
        self.addCleanup(os.chdir, before)

    def test_guide(self):
        text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
        names = {}
        blocks = list(BLOCK.finditer(text))
        self.assertGreater(len(blocks), 9)
        # One thread: on so small pictures a busy machine would only make threads wait for each other.
        with mock.patch.dict(os.environ, self.weights), mock.patch("nst.context._default", nst.Context(threads=1)), \
                contextlib.redirect_stdout(io.StringIO()) as output:
            for block in blocks:
                wanted = re.findall(r"^import (\w+)", block.group(1), re.M)
                if not all(importlib.util.find_spec(name) for name in wanted):
                    continue
                line = text.count("\n", 0, block.start(1))
                exec(compile("\n" * line + block.group(1), "docs/python.md", "exec"), names)
        self.assertEqual(names["session"].progress.iteration, 20)
        self.assertEqual(names["model"].info.source, self.weights["NST_WEIGHTS"])
        self.assertIn("ITERATIONS", output.getvalue())
        self.assertIn("relu9_1", output.getvalue())
        written = {"out.png", "small.jpg", "at10.png", "alpha1.png", "alpha25.png", "run.checkpoint"}
        self.assertLessEqual(written, set(os.listdir(".")))

    def run_example(self, *arguments):
        environment = dict(os.environ, PYTHONPATH=str(BINDINGS), **self.weights)
        return subprocess.run([sys.executable, str(ROOT / "docs" / "examples" / "hello.py"), *arguments], env=environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)

    def test_example(self):
        result = self.run_example("photo.jpg", "painting.jpg", "out.png", '{"size": 48, "iterations": 3}')
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("3 of 3", result.stdout)
        self.assertEqual(nst.Image("out.png").size, (48, 32))
        result = self.run_example("none.jpg", "painting.jpg", "out.png")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("none.jpg", result.stderr)
        self.assertNotIn("Traceback", result.stderr)


if __name__ == "__main__":
    unittest.main()
