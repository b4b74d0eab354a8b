"""The commands of docs/guide.md work as they stand there, with sizes and iterations cut down."""
import pathlib
import re
import shlex

from common import Case, main, write_png

GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "guide.md"


class Guide(Case):
    def commands(self):
        text = GUIDE.read_text(encoding="utf-8")
        return [shlex.split(line)[1:] for line in re.findall(r"^    (nst .*)$", text, re.M)]

    def shortened(self, arguments):
        if arguments[0] == "measure":
            return [*arguments, "--weights", "builtin"]
        smaller = ["--width", "60", "--height", "40"] if "--width" in arguments else ["--size", "72" if "--scales" in arguments else "40"]
        return [*arguments, *smaller, "--iterations", "1", "--weights", "builtin"]

    def test_commands(self):
        for name, red in (("photo", 40), ("painting", 200), ("other", 120)):
            write_png(self.dir / f"{name}.jpg", 40, 36, lambda x, y: (red, (x * 37 + y * y) % 256, (x * y) % 256))
        for name in ("photo", "painting"):
            write_png(self.dir / f"{name}-mask.png", 40, 36, lambda x, y: (255, 0, 0) if x < 20 else (0, 0, 255))
        write_png(self.dir / "face.png", 40, 36, lambda x, y: (6 * x,) * 3)
        commands = self.commands()
        self.assertGreater(len(commands), 15)
        for arguments in commands:
            self.run_nst(*self.shortened(arguments))
            if "--estimate" not in arguments and "-o" in arguments:
                written = self.dir / arguments[arguments.index("-o") + 1]
                self.assertGreater(written.stat().st_size, 0)


if __name__ == "__main__":
    main()
