"""Builds the wheel. With NST_BUNDLE=/path/to/libnst.so.0 that file goes into the package and the wheel is for this platform;
without it the wheel is pure Python and uses the system's libnst."""
import os
import re
import shutil

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # setuptools before 70.1
    from wheel.bdist_wheel import bdist_wheel

HERE = os.path.dirname(os.path.abspath(__file__))
BUNDLE = os.environ.get("NST_BUNDLE")


def soname():
    with open(os.path.join(HERE, "nst", "_raw.py"), encoding="utf-8") as file:
        return "libnst.so.%s" % re.search(r"^NST_API_VERSION_MAJOR = (\d+)$", file.read(), re.M).group(1)


class build_py_with_library(build_py):
    def run(self):
        super().run()
        if BUNDLE:
            folder = os.path.join(self.build_lib, "nst", "_lib")
            os.makedirs(folder, exist_ok=True)
            shutil.copyfile(os.path.realpath(BUNDLE), os.path.join(folder, soname()))  # one file: wheels hold no links


class PlatformDistribution(Distribution):
    def has_ext_modules(self):  # decides between purelib and platlib
        return bool(BUNDLE)


class bdist_wheel_of_any_python(bdist_wheel):
    """ctypes works with every Python 3, so only the platform matters."""

    def get_tag(self):
        return ("py3", "none", super().get_tag()[2] if BUNDLE else "any")


setup(distclass=PlatformDistribution,
      cmdclass={"build_py": build_py_with_library, "bdist_wheel": bdist_wheel_of_any_python})
