"""Copies a public header with every sized struct grown by two members, as in a later release: grow_headers.py HEADER OUT"""
import pathlib
import re
import sys


def grow(text):
    """A sized struct is one whose first member is `uint32_t size`."""
    def grown(match):
        end = f"}} {match.group(1)};"
        return match.group(0).replace(end, f"    uint64_t later[2];\n{end}")
    return re.sub(r"typedef struct \w+ \{\s*uint32_t size;.*?\} (\w+);", grown, text, flags=re.S)


if __name__ == "__main__":
    pathlib.Path(sys.argv[2]).write_text(grow(pathlib.Path(sys.argv[1]).read_text()))
