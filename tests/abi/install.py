"""Installs into a scratch folder and uses the result as other projects do: pkg-config (shared and static), CMake, and the headers.

install.py SOURCE_DIR BUILD_DIR PICTURES_PROGRAM CC [CXX]
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if result.returncode != 0:
        sys.exit(f"{' '.join(str(word) for word in command)}\n{result.stdout}{result.stderr}")
    return result.stdout


def install(build, folder):
    """Returns the prefix, with the pkg-config file told that it was moved there."""
    run("meson", "install", "-C", build, "--no-rebuild", "--destdir", folder / "root")
    pc = next((folder / "root").rglob("libnst.pc"))
    prefix = pathlib.Path(re.search(r"^prefix=(.*)$", pc.read_text(), re.M).group(1))
    moved = folder / "root" / prefix.relative_to("/")
    pc.write_text(re.sub(r"^prefix=.*$", f"prefix={moved}", pc.read_text(), flags=re.M))
    return moved, pc


def check_contents(prefix, pc, source):
    for path in ["include/nst/nst.h", "share/man/man1/nst.1"]:
        assert (prefix / path).exists() or "man" in path and not list(source.glob("tools/*man*")), f"{path} was not installed"
    assert sorted(path.name for path in (prefix / "include/nst").iterdir()) == sorted(
        path.name for path in (source / "include/nst").glob("*.h")), "installed headers differ"
    assert (pc.parent.parent / "cmake/nst/nstConfig.cmake").exists()
    dynamic = run("readelf", "-d", pc.parent.parent / "libnst.so")
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic, "the installed library has a run path"


def pkg_config(pc, *arguments):
    path = f"{pc.parent}:{os.environ.get('PKG_CONFIG_PATH', '')}"
    return run("pkg-config", *arguments, "libnst", env=dict(os.environ, PKG_CONFIG_PATH=path)).split()


def build_examples(source, folder, pc, compilers):
    examples, programs = source / "docs/examples", []
    for compiler, standard, pattern in zip(compilers, ("-std=c11", "-std=c++17"), ("*.c", "*.cpp")):
        for path in sorted(examples.glob(pattern)):
            program = folder / f"{path.stem}-shared{path.suffix[1:]}"
            run(*compiler, standard, path, *pkg_config(pc, "--cflags", "--libs"), "-o", program)
            programs.append(program)
    return programs


def build_static(source, folder, pc, compiler):
    """Against libnst.a with nothing but what `pkg-config --static` says. With only libnst.a beside it, -lnst means the archive."""
    library = folder / "static"
    library.mkdir()
    shutil.copy(pc.parent.parent / "libnst.a", library)
    flags = [flag for flag in pkg_config(pc, "--static", "--cflags", "--libs") if flag != f"-L{pc.parent.parent}"]
    program = folder / "hello-static"
    run(*compiler, source / "docs/examples/hello.c", f"-L{library}", *flags, "-o", program)
    assert "libnst" not in run("readelf", "-d", program), "the static program needs libnst.so"
    return [program, *build_wholly_static(source, folder, [f"-L{library}", *flags], compiler)]


def build_wholly_static(source, folder, flags, compiler):
    """Where every library behind libnst.a is installed as an archive (Debian has none of lcms2)."""
    missing = [flag for flag in flags if flag.startswith("-l") and not has_archive(flag[2:], flags, compiler)]
    if missing:
        print(f"no wholly static program was tried: there is no archive for {' '.join(missing)}")
        return []
    program = folder / "hello-wholly-static"
    run(*compiler, "-static", source / "docs/examples/hello.c", *flags, "-o", program)
    assert "NEEDED" not in run("readelf", "-d", program), "the wholly static program needs a shared library"
    return [program]


def has_archive(name, flags, compiler):
    folders = [flag for flag in flags if flag.startswith("-L")]
    return any((pathlib.Path(folder[2:]) / f"lib{name}.a").exists() for folder in folders) or pathlib.Path(
        run(*compiler, f"-print-file-name=lib{name}.a").strip()).is_absolute()


def build_with_cmake(source, folder, pc):
    if not shutil.which("cmake"):
        print("cmake is not installed: its package files were not tried")
        return []
    project = folder / "cmake"
    project.mkdir()
    shutil.copy(source / "tests/abi/consumer.cmake.txt", project / "CMakeLists.txt")
    shutil.copy(source / "docs/examples/hello.c", project)
    run("cmake", "-S", project, "-B", project / "build", "-G", "Ninja", f"-Dnst_DIR={pc.parent.parent}/cmake/nst")
    run("cmake", "--build", project / "build")
    return [project / "build/hello-shared", project / "build/hello-static"]


def main(source, build, pictures, *compilers):
    source, compilers = pathlib.Path(source), [compiler.split(",") for compiler in compilers]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prefix, pc = install(build, folder)
        check_contents(prefix, pc, source)
        programs = build_examples(source, folder, pc, compilers)
        programs += build_static(source, folder, pc, compilers[0])
        programs += build_with_cmake(source, folder, pc)
        programs.append(source / "docs/examples/hello.py")
        environment = dict(os.environ, LD_LIBRARY_PATH=str(pc.parent.parent), PYTHONPATH=str(source / "bindings/python"),
                           PYTHONDONTWRITEBYTECODE="1")
        environment.pop("NST_LIBRARY", None)  # the bindings are to find the library by its soname
        print(run(sys.executable, source / "docs/examples/run.py", pictures, *programs, env=environment))


if __name__ == "__main__":
    main(*sys.argv[1:])
