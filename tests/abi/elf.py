"""The shared library is hardened and quiet at load: RELRO and immediate binding, no executable stack, no text relocations, no
writable exported data, no writable and executable segment, the right soname, no constructors of its own.

elf.py LIBRARY SONAME
"""
import re
import subprocess
import sys


def readelf(*arguments):
    return subprocess.run(["readelf", "-W", *arguments], capture_output=True, text=True, check=True).stdout


def main(library, soname):
    dynamic, segments, sections = readelf("-d", library), readelf("-l", library), readelf("-S", library)
    exported_data = [line for line in readelf("--dyn-syms", library).splitlines()
                     if " OBJECT " in line and " GLOBAL " in line and " UND " not in line and " ABS " not in line]
    stack = re.search(r"GNU_STACK.*", segments)
    constructors = re.search(r"\.init_array\s+INIT_ARRAY\s+\w+ \w+ (\w+)", sections)
    problems = {
        "no GNU_RELRO segment": "GNU_RELRO" not in segments,
        "not bound at load (BIND_NOW)": not re.search(r"BIND_NOW|FLAGS.*\bNOW\b", dynamic),
        "text relocations": "TEXTREL" in dynamic,
        "executable stack": not stack or "RWE" in stack.group(),
        "a segment is writable and executable": bool(re.search(r"LOAD.*RWE", segments)),
        f"exported data: {exported_data}": bool(exported_data),
        f"soname is not {soname}": f"[{soname}]" not in dynamic,
        # the compiler's own frame_dummy is the one entry allowed
        "constructors": constructors is not None and int(constructors.group(1), 16) > 8,
    }
    found = [text for text, present in problems.items() if present]
    print("\n".join(found) or "sound")
    return bool(found)


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
