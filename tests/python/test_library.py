"""Finding the library, and what is said when there is none that fits."""
import os
import shutil
import subprocess
import unittest

from support import BINDINGS, TestCase, run_python

from nst import _library, _raw

LIBRARY = os.environ.get("NST_LIBRARY", "")


class Finding(TestCase):
    def failure(self, **environment):
        result = run_python("import nst", **environment)
        self.assertNotEqual(result.returncode, 0)
        return result.stderr

    def compile(self, version, name="libnst.so.0"):
        source = self.folder / "other.c"
        source.write_text("unsigned nst_api_version(void) { return %du; }\n" % version)
        path = self.folder / name
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(path), str(source)], check=True)
        return str(path)

    def test_named_file_is_the_only_one_tried(self):
        text = self.failure(NST_LIBRARY="/nowhere/libnst.so.0")
        self.assertIn("ImportError: libnst was not found", text)
        self.assertIn("/nowhere/libnst.so.0", text)
        self.assertNotIn("_lib/", text)

    def test_error_lists_everything(self):
        empty = str(self.folder)
        text = self.failure(NST_LIBRARY="", LD_LIBRARY_PATH=empty) if not self.installed() else None
        if text is None:
            self.skipTest("a libnst is installed on this system")
        self.assertIn(os.path.join("nst", "_lib", "libnst.so.0"), text)
        self.assertIn("\n  libnst.so.0: ", text)
        self.assertIn("NST_LIBRARY", text)

    def installed(self):
        return run_python("import nst", NST_LIBRARY="").returncode == 0

    @unittest.skipUnless(LIBRARY, "needs NST_LIBRARY")
    def test_soname_through_the_loader(self):
        os.symlink(os.path.realpath(LIBRARY), str(self.folder / "libnst.so.0"))
        self.run_clean("import nst", NST_LIBRARY="", LD_LIBRARY_PATH=str(self.folder))

    @unittest.skipUnless(LIBRARY, "needs NST_LIBRARY")
    def test_bundled_goes_before_the_system(self):
        shutil.copytree(str(BINDINGS / "nst"), str(self.folder / "nst"))
        (self.folder / "nst" / "_lib").mkdir()
        os.symlink(os.path.realpath(LIBRARY), str(self.folder / "nst" / "_lib" / "libnst.so.0"))
        code = "import sys; sys.path.insert(0, %r)\nfrom nst import _library\nprint(_library.lib._name)" % str(self.folder)
        self.assertEqual(self.run_clean(code, NST_LIBRARY=""), str(self.folder / "nst" / "_lib" / "libnst.so.0") + "\n")

    @unittest.skipUnless(shutil.which("cc"), "needs a C compiler")
    def test_other_versions_are_refused(self):
        text = self.failure(NST_LIBRARY=self.compile(7 << 16 | 3))
        self.assertIn("API version 7.3", text)
        self.assertIn("need %d.%d" % (_raw.NST_API_VERSION_MAJOR, _raw.NST_API_VERSION_MINOR), text)

    @unittest.skipUnless(shutil.which("cc"), "needs a C compiler")
    def test_library_without_the_functions(self):
        text = self.failure(NST_LIBRARY=self.compile(_raw.NST_API_VERSION))
        self.assertIn("undefined symbol", text)

    def test_which_versions_fit(self):
        major, minor = _raw.NST_API_VERSION_MAJOR, _raw.NST_API_VERSION_MINOR
        self.assertTrue(_library.fits(major << 16 | minor))
        self.assertFalse(_library.fits((major + 1) << 16 | minor))
        self.assertEqual(_library.fits(major << 16 | (minor + 1)), major > 0)


if __name__ == "__main__":
    unittest.main()
