"""The programs in README.md are programs: C compiles without warnings, Python parses. readme.py README INCLUDE_DIR CC"""
import ast
import pathlib
import re
import subprocess
import sys

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", "c", "-"]


def main(readme, include, compiler):
    blocks = re.findall(r"^```(c|python)\n(.*?)^```", pathlib.Path(readme).read_text(encoding="utf-8"), re.M | re.S)
    for language, text in blocks:
        if language == "c":
            subprocess.run([*compiler.split(","), f"-I{include}", *STRICT], input=text, text=True, check=True)
        else:
            ast.parse(text)
    assert {language for language, _ in blocks} == {"c", "python"}, "README.md lost its programs"


if __name__ == "__main__":
    main(*sys.argv[1:])
