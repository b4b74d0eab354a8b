"""The library keeps no state of its own: no variable of it can be written once it is loaded. globals.py STATIC_LIBRARY"""
import re
import subprocess
import sys


def main(library):
    table = subprocess.run(["objdump", "-t", library], capture_output=True, text=True, check=True).stdout
    found, symbols = [], 0
    for line in table.splitlines():
        match = re.match(r"[0-9a-f]+ .{7} (\S+)\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$", line)
        if not match:
            continue
        symbols += 1
        section, size, name = match.groups()
        writable = section in (".data", ".bss", "*COM*", ".tbss", ".tdata") or re.match(r"\.(data|bss|tbss|tdata)\.(?!rel\.ro)", section)
        if writable and int(size, 16) > 0:
            found.append(f"{name} in {section}")
    print("\n".join(found) or f"{symbols} symbols, none of them writable")
    return 1 if found or not symbols else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
