#!/usr/bin/env python3
"""Writes nst/_properties.pyi, which tells type checkers the properties that nst/_properties.py makes from the option table.

    NST_LIBRARY=.../libnst.so.0 python3 generate_stubs.py [--check]

With --check nothing is written; the exit status is 1 if the file on disk differs.
"""
from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any, List

HERE = Path(__file__).resolve().parent
TARGET = HERE / "nst" / "_properties.pyi"

PROLOGUE = '''\
"""Made by generate_stubs.py from the option table; do not edit."""
from dataclasses import dataclass
from typing import Any, Dict, Literal, Mapping, Optional, Sequence, Tuple, TypedDict, Union

from ._raw import OptionChange, OptionType

@dataclass(frozen=True)
class OptionInfo:
    key: str
    type: OptionType
    change: OptionChange
    default: str
    choices: Tuple[str, ...]
    unit: str
    group: str
    doc: str
    minimum: float
    maximum: float
    since: int
    @property
    def name(self) -> str: ...

TABLE: Mapping[str, OptionInfo]

def to_text(entry: OptionInfo, value: Any) -> str: ...
def from_text(entry: OptionInfo, text: str) -> Any: ...
def document(entry: OptionInfo) -> str: ...

Layers = Union[str, Sequence[str], Mapping[str, Optional[float]]]
Floats = Union[str, float, Sequence[float], Mapping[str, Sequence[float]]]
'''


def types(entry: Any) -> List[str]:
    """What the property gives and what it takes."""
    kind = entry.type.name
    if kind == "CHOICE":
        choice = "Literal[%s]" % ", ".join('"%s"' % choice for choice in entry.choices)
        return [choice, choice]
    given, taken = {"INT": ("int", "int"), "FLOAT": ("float", "float"), "BOOL": ("bool", "bool"), "LAYERS": ("str", "Layers"),
                    "FLOATS": ("Union[Tuple[float, ...], Dict[str, Tuple[float, ...]]]", "Floats"), "STRING": ("str", "str")}[kind]
    auto = entry.default == "auto" and kind in ("INT", "FLOAT", "FLOATS")
    return ["Optional[%s]" % given if auto else given, taken]


def generate() -> str:
    sys.path.insert(0, str(HERE))
    from nst._properties import TABLE, document

    run = ["", "class RunOptionValues(TypedDict, total=False):"]
    rest = ["", "class OptionValues(RunOptionValues, total=False):"]
    body = ["", "class OptionProperties:", "    def _get(self, entry: OptionInfo) -> str: ...",
            "    def _set(self, entry: OptionInfo, value: Optional[str]) -> None: ..."]
    for entry in TABLE.values():
        given, taken = types(entry)
        (rest if entry.name == "init" else run).append("    %s: Optional[%s]" % (entry.name, taken))
        paragraphs = document(entry).split("\n\n")
        doc = "\n\n".join(textwrap.fill(text, 120, initial_indent=" " * 8, subsequent_indent=" " * 8) for text in paragraphs)
        body += ["    @property", "    def %s(self) -> %s:" % (entry.name, given), '        """%s' % doc.strip(), '        """',
                 "    @%s.setter" % entry.name, "    def %s(self, value: Optional[%s]) -> None: ..." % (entry.name, taken)]
        body += ["    @%s.deleter" % entry.name, "    def %s(self) -> None: ..." % entry.name]
    return PROLOGUE + "\n".join(run + rest + body) + "\n"


def main() -> int:
    text = generate()
    if "--check" in sys.argv[1:]:
        same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
        if not same:
            print("%s differs from the option table: run %s" % (TARGET, Path(__file__).name), file=sys.stderr)
        return 0 if same else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
