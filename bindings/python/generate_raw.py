#!/usr/bin/env python3
"""Writes nst/_raw.py from the public headers: constants, enums, structs and prototypes.

    python3 generate_raw.py [--check]

The parser knows the C that the headers use and stops at anything else, so nothing is left out silently.
With --check nothing is written; the exit status is 1 if the file on disk differs.
"""
from __future__ import annotations

import os
import re
import sys
import textwrap
from pathlib import Path
from typing import List, Optional, Tuple

HERE = Path(__file__).resolve().parent
HEADERS = HERE.parents[1] / "include" / "nst"
TARGET = HERE / "nst" / "_raw.py"
ORDER = ["types.h", "version.h", "error.h", "context.h", "image.h", "model.h", "options.h", "session.h", "measure.h"]

SCALARS = {
    "int32_t": "c_int32", "uint32_t": "c_uint32", "int64_t": "c_int64", "uint64_t": "c_uint64",
    "float": "c_float", "double": "c_double", "char": "c_char",
}
PYTHON_TYPES = {"c_float": "float", "c_double": "float"}

PROLOGUE = '''\
"""The C interface as ctypes sees it. Made by generate_raw.py from include/nst/*.h; do not edit."""
from __future__ import annotations

import enum
from ctypes import (CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_float, c_int32, c_int64, c_uint32, c_uint64,
                    c_void_p)
from typing import Any, Dict, Tuple
'''


class Unknown(Exception):
    """C that this generator does not understand."""


def strip(text: str) -> str:
    """Comments, preprocessor lines and linkage macros removed."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r"\\\n", " ", text)
    text = re.sub(r"^[ \t]*#.*$", "", text, flags=re.M)
    return re.sub(r"\bNST_(BEGIN|END)_DECLS\b", "", text)


def statements(text: str) -> List[str]:
    """Split at semicolons outside of braces."""
    found, depth, begin = [], 0, 0
    for position, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == ";" and depth == 0:
            found.append(" ".join(text[begin:position].split()))
            begin = position + 1
    if text[begin:].strip():
        raise Unknown("text after the last semicolon: %r" % text[begin:].strip())
    return [statement for statement in found if statement]


def comma_parts(text: str) -> List[str]:
    """Split at commas outside of parentheses."""
    parts, depth, begin = [], 0, 0
    for position, character in enumerate(text + ","):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(text[begin:position].strip())
            begin = position + 1
    return parts


class Generator:
    def __init__(self) -> None:
        self.names = set(SCALARS)
        self.lines: List[str] = []
        self.prototypes: List[str] = []
        self.enums: List[Tuple[str, str, str]] = []
        self.structs: List[str] = []
        self.callbacks: List[str] = []

    def pointer_type(self, base: str, stars: int) -> str:
        base = base.replace("const", " ").replace("struct ", " ").strip()
        if base == "void":
            if stars > 1:
                raise Unknown("void with %d stars" % stars)
            return "c_void_p" if stars else "None"
        if base == "char" and stars == 1:
            return "c_char_p"
        if base not in self.names:
            raise Unknown("type %r" % base)
        name = SCALARS.get(base, base)
        return "POINTER(" * stars + name + ")" * stars

    def declaration(self, text: str) -> Tuple[str, str, Optional[str]]:
        """`const char *key`, `char name[64]`, `void *(*f)(int32_t a)` -> name, ctypes type, array length."""
        function = re.fullmatch(r"(.*?)\(\s*\*\s*(\w+)\s*\)\s*\((.*)\)", text)
        if function:
            result, name, parameters = function.groups()
            return name, self.function_type(result, parameters), None
        plain = re.fullmatch(r"((?:const\s+)?\w+)([\s*]*(?:const\s*)?[\s*]*)\b(\w+)\s*(?:\[(\d+)\])?", text)
        if not plain:
            raise Unknown("declaration %r" % text)
        base, stars, name, length = plain.groups()
        return name, self.pointer_type(base, stars.count("*")), length

    def signature(self, result: str, parameters: str) -> List[str]:
        base = result.rstrip("* ")
        types = [self.pointer_type(base, result.count("*"))]
        if parameters.strip() != "void":
            types += [self.declaration(parameter)[1] for parameter in comma_parts(parameters)]
        return types

    def function_type(self, result: str, parameters: str) -> str:
        return "CFUNCTYPE(%s)" % ", ".join(self.signature(result, parameters))

    def add_enum(self, name: str, body: str) -> None:
        members: List[Tuple[str, int]] = []
        for member in comma_parts(body):
            key, separator, value = member.partition("=")
            if member and not separator:
                raise Unknown("enumerator without a value: %r" % member)
            if member:
                members.append((key.strip(), int(value)))
        common = os.path.commonprefix([key for key, _ in members])
        prefix = common[:common.rindex("_") + 1]
        self.lines += ["", "", "class %s(enum.IntEnum):" % class_name(name), '    """%s"""' % name, ""]
        self.lines += ["    %s = %d" % (key[len(prefix):], value) for key, value in members]
        self.enums.append((class_name(name), name, prefix))

    def add_struct(self, name: str, body: str) -> None:
        fields: List[Tuple[str, str]] = []
        for member in statements(body):
            first, *others = comma_parts(member)
            declared = [self.declaration(first)]
            declared += [(other, declared[0][1], None) for other in others]
            fields += [(key, kind + (" * " + length if length else "")) for key, kind, length in declared]
        for position, (key, kind) in enumerate(fields):
            if kind.startswith("CFUNCTYPE"):
                self.lines += ["", "", "%s_%s = %s" % (name, key, kind)]
                fields[position] = key, "%s_%s" % (name, key)
        self.lines += ["", "", "class %s(Structure):" % name]
        self.lines += ["    %s: %s" % (key, python_type(kind)) for key, kind in fields]
        self.lines += ["    _fields_ = ["] + ['        ("%s", %s),' % field for field in fields] + ["    ]"]
        self.names.add(name)
        self.structs.append(name)

    def add(self, text: str) -> None:
        patterns = [
            (r"typedef struct (\w+) \1", self.add_handle),
            (r"typedef struct (\w+) \{(.*)\} \1", self.add_struct),
            (r"typedef enum (\w+) \{(.*)\} \1", self.add_enum),
            (r"typedef (.*?)\(\s*\*\s*(\w+)\s*\)\s*\((.*)\)", self.add_callback),
            (r"NST_API (.*?)(\w+)\(((?:[^()]|\([^()]*\))*)\)", self.add_function),
        ]
        for pattern, method in patterns:
            match = re.fullmatch(pattern, text)
            if match:
                method(*match.groups())
                return
        raise Unknown(text)

    def add_handle(self, name: str) -> None:
        self.lines += ["", "", "class %s(Structure):" % name, '    """Opaque."""']
        self.names.add(name)

    def add_callback(self, result: str, name: str, parameters: str) -> None:
        self.lines += ["", "", "%s = %s" % (name, self.function_type(result, parameters))]
        self.names.add(name)
        self.callbacks.append(name)

    def add_function(self, result: str, name: str, parameters: str) -> None:
        kind, *arguments = self.signature(result, parameters)
        packed = ", ".join(arguments) + ("," if len(arguments) == 1 else "")
        line = '    "%s": (%s, (%s)),' % (name, kind, packed)
        self.prototypes += textwrap.wrap(line, 130, subsequent_indent=" " * 8, break_long_words=False, break_on_hyphens=False)


def class_name(name: str) -> str:
    """nst_stop_reason -> StopReason"""
    return "".join(word.capitalize() for word in name.split("_")[1:])


def python_type(kind: str) -> str:
    if re.fullmatch(r"c_u?int\d+", kind):
        return "int"
    if kind.startswith("c_char"):
        return "bytes"
    return PYTHON_TYPES.get(kind, "Any")


def version_constants() -> List[str]:
    text = (HEADERS / "version.h").read_text(encoding="utf-8")
    numbers = {key: int(value) for key, value in re.findall(r"#define (NST_API_VERSION_M\w+) (\d+)", text)}
    string = re.search(r'#define NST_VERSION_STRING "(.*)"', text)
    if not string or len(numbers) != 2:
        raise Unknown("version.h")
    return ["", 'NST_VERSION_STRING = "%s"' % string.group(1)] + ["%s = %d" % item for item in numbers.items()] + [
        "NST_API_VERSION = NST_API_VERSION_MAJOR << 16 | NST_API_VERSION_MINOR"]


def generate() -> str:
    generator = Generator()
    for header in ORDER:
        for statement in statements(strip((HEADERS / header).read_text(encoding="utf-8"))):
            try:
                generator.add(statement)
            except Unknown as problem:
                raise SystemExit("%s: not understood: %s" % (header, problem))
    tables = ["", "", "# C name and prefix of the members of every enum above.", "ENUMS: Dict[Any, Tuple[str, str]] = {"]
    tables += ['    %s: ("%s", "%s"),' % enum for enum in generator.enums] + ["}", "STRUCTS = ("]
    tables += ["    %s," % name for name in generator.structs] + [")", "CALLBACKS = {"]
    tables += ['    "%s": %s,' % (name, name) for name in generator.callbacks]
    tables += ["}", "", "# Result and arguments of every function.",
               "PROTOTYPES: Dict[str, Tuple[Any, Tuple[Any, ...]]] = {"] + generator.prototypes + ["}"]
    return PROLOGUE + "\n".join(version_constants() + generator.lines + tables) + "\n"


def main() -> int:
    text = generate()
    if "--check" in sys.argv[1:]:
        same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
        if not same:
            print("%s differs from the headers: run %s" % (TARGET, Path(__file__).name), file=sys.stderr)
        return 0 if same else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
