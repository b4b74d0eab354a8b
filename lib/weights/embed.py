#!/usr/bin/env python3
"""Turns a file into C that any compiler reads fast: one long string instead of a million numbers.  embed.py FILE OUT.c"""
import pathlib
import sys

PER_LINE = 64


def literal(data):
    """Letters stand for themselves, all else is three octal digits: no escape runs into the next, and there are no trigraphs."""
    return '"%s"' % "".join(chr(byte) if chr(byte).isalpha() and byte < 128 else "\\%03o" % byte for byte in data)


def main(source, target):
    data = pathlib.Path(source).read_bytes()
    lines = "\n".join(literal(data[at:at + PER_LINE]) for at in range(0, len(data), PER_LINE))
    pathlib.Path(target).write_text('#include "weights/builtin.h"\n\n'
                                    f"const unsigned char nst_builtin_file[] =\n{lines};\n"
                                    "const size_t nst_builtin_length = sizeof nst_builtin_file - 1;\n", encoding="ascii")


main(*sys.argv[1:])
