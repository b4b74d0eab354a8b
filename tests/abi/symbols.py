"""What the shared library exports is what nst.map lists is what the headers declare.

symbols.py LIBRARY MAP INCLUDE_DIR
"""
import pathlib
import re
import subprocess
import sys


def read_map(path):
    """Name -> node."""
    text = re.sub(r"/\*.*?\*/", "", pathlib.Path(path).read_text(), flags=re.S)
    listed = {}
    for node, body in re.findall(r"(\w[\w.]*)\s*\{(.*?)\}", text, flags=re.S):
        for name in re.findall(r"\b(nst_\w+)\s*;", body.split("local:")[0]):
            assert name not in listed, f"{name} is listed twice"
            listed[name] = node
    return listed


def read_exports(library):
    """Name -> (type, node); the version nodes themselves are absolute symbols."""
    lines = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", library], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    exports = {}
    for line in lines:
        _, kind, symbol = line.split()
        name, _, node = symbol.partition("@@")
        if kind != "A":
            exports[name] = (kind, node)
    return exports


def read_declarations(include):
    names = set()
    for header in (pathlib.Path(include) / "nst").glob("*.h"):
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        names.update(re.findall(r"\bNST_API\b[^;{]*?\b(nst_\w+)\s*\(", text))
    return names


def main(library, map_path, include):
    listed, exports, declared = read_map(map_path), read_exports(library), read_declarations(include)
    stable = {name for name in declared if not name.startswith("nst_x_")}
    problems = []
    problems += [f"in nst.map but not exported: {name}" for name in listed.keys() - exports.keys()]
    problems += [f"exported but not in nst.map: {name}" for name in exports.keys() - listed.keys()]
    problems += [f"declared in a header but not in nst.map: {name}" for name in stable - listed.keys()]
    problems += [f"in nst.map but declared in no header: {name}" for name in listed.keys() - declared]
    for name, (kind, node) in exports.items():
        if kind != "T":
            problems.append(f"{name} is exported as '{kind}': only functions may be")
        if name in listed and node != listed[name]:
            problems.append(f"{name} carries version '{node}', nst.map says {listed[name]}")
    print("\n".join(sorted(problems)) or f"{len(exports)} symbols agree")
    return bool(problems) or not exports


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
