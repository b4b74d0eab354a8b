"""Checks the repository's own rules: house.py SOURCE_DIR"""
import sys

sys.dont_write_bytecode = True

import rules  # noqa: E402

if __name__ == "__main__":
    broken = 0
    for name, violations in rules.check(sys.argv[1]).items():
        print(f"{name}: {'ok' if not violations else len(violations)}")
        for violation in violations:
            print(f"    {violation}")
        broken += len(violations)
    sys.exit(1 if broken else 0)
