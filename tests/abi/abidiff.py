"""The library's binary interface against the recorded one (abidw's description of the latest baseline). Skips (77) without abidiff or
debug information.

abidiff.py LIBRARY BASELINE SUPPRESSIONS HEADERS_DIR
To record a new baseline: abidw --headers-dir include --no-corpus-path --no-comp-dir-path --no-show-locs LIBRARY --out-file BASELINE
"""
import shutil
import subprocess
import sys

ABI_CHANGE, INCOMPATIBLE, ERROR = 4, 8, 3


def main(library, baseline, suppressions, headers):
    if not shutil.which("abidiff"):
        print("skipped: abidiff (Debian: abigail-tools) is not installed")
        return 77
    sections = subprocess.run(["readelf", "-S", "-W", library], capture_output=True, text=True, check=True).stdout
    if ".debug_info" not in sections:
        print("skipped: the library was built without debug information")
        return 77
    result = subprocess.run(["abidiff", "--suppressions", suppressions, "--headers-dir2", headers, "--no-show-locs", baseline,
                             library], capture_output=True, text=True)
    print(result.stdout, result.stderr)
    if result.returncode & ERROR:
        return 1
    # Additions are fine and reviewed when the baseline is renewed; anything removed or changed is not.
    removed_or_changed = "Removed" in result.stdout and "0 Removed" not in result.stdout.split("\n")[0]
    return 1 if result.returncode & INCOMPATIBLE or removed_or_changed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
