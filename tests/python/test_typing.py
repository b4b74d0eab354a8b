"""Type hints: the package is clean under mypy's strict mode, and a program's mistakes are found. And Python 3.8's grammar."""
import ast
import importlib.util
import os
import subprocess
import sys
import unittest

from support import BINDINGS, TestCase

RIGHT = """
import nst
from pathlib import Path
options = nst.Options(alpha=3, pooling="l2", content_layers={"relu4_2": 1}, style_weights=[1, 2])
options.size = 256
options.style_weights = {"": [1, 0], "/4": (0, 1)}
options.alpha = None
scale: float = options.style_scale
session = nst.Session(nst.Targets("a.png", b"png"), options, init=Path("c.png"), beta=5)
for progress in session:
    loss: float = progress.loss
session.options.style_layers = ["relu1_1"]
nst.transfer("a.png", "b.png", size=3).save("c.png")
width: int = nst.Image("a").width
measured: nst.Measure = nst.measure("a.png", nst.Targets("b.png", "c.png"), style_scale=2)
"""
WRONG = [
    "nst.Options(alhpa=3)",
    "nst.Options(pooling='min')",
    "nst.Options().size = 'big'",
    "nst.transfer('a', 'b', szie=3)",
    "nst.Image('a').widht",
    "nst.Session('a', 'b')",
]


class Types(TestCase):
    def mypy(self, *arguments):
        environment = dict(os.environ, MYPYPATH=str(BINDINGS))
        return subprocess.run([sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(self.folder / "cache"), *arguments],
                              stdout=subprocess.PIPE, universal_newlines=True, env=environment, cwd=str(self.folder)).stdout

    @unittest.skipUnless(importlib.util.find_spec("mypy"), "needs mypy")
    def test_package_and_programs(self):
        self.assertIn("Success", self.mypy(str(BINDINGS / "nst")))
        program = self.folder / "program.py"
        program.write_text(RIGHT)
        self.assertIn("Success", self.mypy(str(program)))
        program.write_text("import nst\n" + "\n".join(WRONG) + "\n")
        output = self.mypy(str(program))
        for line in range(2, len(WRONG) + 2):
            self.assertIn("program.py:%d: error" % line, output)

    def test_grammar_of_python_3_8(self):
        for path in sorted((BINDINGS / "nst").iterdir()):
            if path.suffix == ".py":
                ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))


if __name__ == "__main__":
    unittest.main()
