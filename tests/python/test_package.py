"""The wheel: its tag, what is in it, and that it works from where it is unpacked."""
import importlib.util
import os
import shutil
import subprocess
import sys
import unittest
import zipfile

from support import BINDINGS, TestCase, run_python

from nst import _raw

LIBRARY = os.environ.get("NST_LIBRARY", "")
PURE = {"nst/__init__.py", "nst/_library.py", "nst/_pixels.py", "nst/_properties.py", "nst/_properties.pyi", "nst/_raw.py",
        "nst/context.py", "nst/errors.py", "nst/image.py", "nst/measures.py", "nst/model.py", "nst/options.py", "nst/py.typed",
        "nst/session.py"}


def has_tools():
    try:
        import setuptools
    except ImportError:
        return False
    major = int(setuptools.__version__.split(".")[0])
    return major >= 61 and (major >= 71 or importlib.util.find_spec("wheel") is not None)


@unittest.skipUnless(has_tools(), "needs setuptools and wheel")
class Wheel(TestCase):
    def build(self, bundle):
        source = self.folder / "source"
        shutil.copytree(str(BINDINGS), str(source), ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
        environment = dict(os.environ, NST_BUNDLE=bundle)
        result = subprocess.run([sys.executable, "setup.py", "-q", "bdist_wheel"], cwd=str(source), env=environment,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        self.assertEqual(result.returncode, 0, result.stdout)
        (wheel,) = (source / "dist").iterdir()
        return wheel

    def contents(self, wheel):
        with zipfile.ZipFile(str(wheel)) as archive:
            return {name for name in archive.namelist() if ".dist-info/" not in name}

    def test_pure(self):
        wheel = self.build("")
        self.assertEqual(wheel.name, "nst-%s-py3-none-any.whl" % _raw.NST_VERSION_STRING)
        self.assertEqual(self.contents(wheel), PURE)

    @unittest.skipUnless(LIBRARY and sys.platform == "linux", "needs NST_LIBRARY")
    def test_bundled(self):
        wheel = self.build(LIBRARY)
        self.assertRegex(wheel.name, r"^nst-%s-py3-none-linux_\w+\.whl$" % _raw.NST_VERSION_STRING)
        self.assertEqual(self.contents(wheel), PURE | {"nst/_lib/libnst.so.%d" % _raw.NST_API_VERSION_MAJOR})
        target = self.folder / "installed"
        with zipfile.ZipFile(str(wheel)) as archive:
            archive.extractall(str(target))
        result = run_python("import sys; sys.path.insert(0, %r)\nimport nst; from nst._library import lib\n"
                            "print(nst.__file__, lib._name, nst.library_version())" % str(target), NST_LIBRARY="")
        package = target / "nst"
        self.assertEqual(result.stdout.split(), [str(package / "__init__.py"), str(package / "_lib" / "libnst.so.0"),
                                                 _raw.NST_VERSION_STRING], result.stderr)


if __name__ == "__main__":
    unittest.main()
