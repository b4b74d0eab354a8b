"""The library's binary interface against the recorded one (abidw's description of the latest baseline). Skips (77) without abidiff or
debug information.

abidiff.py LIBRARY BASELINE SUPPRESSIONS

Added functions pass; any other change must be undone, suppressed with a reason, or, at a release, recorded by a new baseline:
abidw --suppressions tests/abi/suppressions.ini --exported-interfaces-only --no-elf-needed --no-corpus-path
      --no-comp-dir-path --no-show-locs LIBRARY --out-file tests/abi/libnst.abi
"""
import shutil
import subprocess
import sys


def main(library, baseline, suppressions):
    if not shutil.which("abidiff"):
        print("skipped: abidiff (Debian: abigail-tools) is not installed")
        return 77
    sections = subprocess.run(["readelf", "-S", "-W", library], capture_output=True, text=True, check=True).stdout
    if ".debug_info" not in sections:
        print("skipped: the library was built without debug information")
        return 77
    result = subprocess.run(["abidiff", "--suppressions", suppressions, "--no-added-syms", "--no-show-locs", baseline, library],
                            capture_output=True, text=True)
    print(result.stdout, result.stderr)
    return 1 if result.returncode else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
