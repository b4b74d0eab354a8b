"""Instructions that not every processor of the architecture has stand only in the objects of the kernels that ask for them: a stray one
elsewhere would end the program on an older processor, before anything could be dispatched.

instructions.py LIBNST.A    (of x86-64)
"""
import re
import subprocess
import sys

ENCODED_WIDE = re.compile(r"^\s+[0-9a-f]+:\s+(v[a-z0-9]+|tdp\w+|tile\w+|k(?:mov|or|and|not|xor)\w*)\s.*%")
ALLOWED = re.compile(r"x86_\w+_(avx2|avx512|amx)\.c\.o$")


def main(archive):
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", archive], capture_output=True, text=True, check=True).stdout
    member, found = "", {}
    for line in listing.splitlines():
        heading = re.match(r"(\S+\.o):\s+file format", line)
        if heading:
            member = heading.group(1)
        elif ENCODED_WIDE.match(line):
            found.setdefault(member, line.strip())
    strays = {name: line for name, line in found.items() if not ALLOWED.search(name)}
    for name, line in strays.items():
        print("%s: %s" % (name, line))
    print("%d objects have such instructions, %d of them should not" % (len(found), len(strays)))
    return 1 if strays or not found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
