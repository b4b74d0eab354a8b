"""libnst as a Meson subproject, without a BLAS: configure, build, run.

subproject.py SOURCE_DIR PICTURES_PROGRAM
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile


def main(source, pictures):
    source = pathlib.Path(source)
    with tempfile.TemporaryDirectory() as name:
        project = pathlib.Path(name) / "project"
        (project / "subprojects").mkdir(parents=True)
        (project / "subprojects/libnst").symlink_to(source)
        shutil.copy(source / "tests/abi/subproject/meson.build", project)
        shutil.copy(source / "docs/examples/hello.c", project)
        # An installed libnst must not answer in its place.
        subprocess.run(["meson", "setup", project / "build", project, "--force-fallback-for=libnst"], check=True)
        subprocess.run(["ninja", "-C", project / "build", "hello"], check=True)
        hello = project / "build/hello"
        subprocess.run([sys.executable, source / "docs/examples/run.py", pictures, hello], check=True, env=dict(os.environ))


if __name__ == "__main__":
    main(*sys.argv[1:])
