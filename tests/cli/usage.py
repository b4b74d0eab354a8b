"""Help, version, flags, typing errors; the generated documents."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from common import Case, environment, main, nst

SOURCE = Path(__file__).resolve().parents[2]


class Help(Case):
    def test_help_goes_to_stdout(self):
        for arguments in (["--help"], ["-h"], ["--help-all"]):
            done = self.run_nst(*arguments)
            self.assertTrue(done.stdout.startswith("nst: "), arguments)
            self.assertIn("Usage: nst CONTENT STYLE", done.stdout)
            self.assertEqual(done.stderr, "")

    def test_every_command_has_help(self):
        commands = re.findall(r"^  (\w+)  +\w", self.run_nst("--help").stdout.split("Commands")[1].split("Flags:")[0], re.M)
        self.assertEqual(commands, ["stylize", "reconstruct", "texture", "sweep", "weights", "info", "options", "bench", "measure", "photo"])
        for command in commands:
            done = self.run_nst(command, "--help")
            self.assertTrue(done.stdout.startswith(f"Usage: nst {command} "))
            self.assertIn("Examples:", done.stdout)

    def test_help_all_names_every_option(self):
        text = self.run_nst("--help-all").stdout
        for option in json.loads(self.run_nst("options", "--json").stdout)["options"]:
            self.assertIn(f"--{option['key']}", text)

    def test_help_fits_eighty_columns(self):
        for arguments in (["--help-all"], ["sweep", "--help"], ["weights", "--help"], ["bench", "--help"]):
            for line in self.run_nst(*arguments).stdout.splitlines():
                if not line.startswith(("  nst", "Usage", "      --")):
                    self.assertLessEqual(len(line), 80, line)

    def test_version(self):
        first, second, third = self.run_nst("--version").stdout.splitlines()
        version = re.search(r'VERSION_STRING "(.*)"', (SOURCE / "include/nst/version.h").read_text()).group(1)
        self.assertEqual(first, f"nst {version} (libnst {version})")
        self.assertIn("BLAS", second)
        self.assertTrue(third.startswith("processor level: "))

    def test_no_arguments_is_wrong_use(self):
        done = self.run_nst(expect=2)
        self.assertEqual(done.stdout, "")
        self.assertIn("see 'nst --help'", done.stderr)


class Mistakes(Case):
    def refuse(self, *arguments, says, code=2):
        done = self.run_nst(*arguments, expect=code)
        self.assertIn(says, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertFalse(self.out.exists())

    def test_typing_errors_are_recognised(self):
        pair = (self.content, self.style, "-o", self.out)
        self.refuse("stylise", self.content, self.style, says="did you mean 'stylize'?")
        self.refuse("swep", says="did you mean 'sweep'?")
        self.refuse(*pair, "--alhpa", "3", says="did you mean --alpha?")
        self.refuse(*pair, "--sytle-layers", "relu1_1", says="did you mean --style-layers?")
        self.refuse(*pair, "-content_weight", "3", says="did you mean --content-weight?")
        self.refuse(*pair, "-strength", "0.5", says="there is no flag '-strength'; did you mean --strength?")
        self.refuse(*pair, "--overwite", says="did you mean --overwrite?")
        self.refuse("weights", "convrt", "x", says="did you mean 'convert'?")
        self.refuse("sweep", *pair, "--vary", "alhpa=1,2", says="did you mean alpha?")
        self.refuse("sweep", *pair, "--vary", "nothing=1,2", says="there is no option 'nothing'; 'nst options' lists them")
        self.refuse(*pair, "--zzzzzzzz", says="there is no flag '--zzzzzzzz'")

    def test_values(self):
        pair = (self.content, self.style, "-o", self.out, "--weights", "builtin")
        self.refuse(*pair, "--alpha", "-1", says="alpha: '-1' is not a number between 0 and")
        self.refuse(*pair, "--iterations=1.5", says="iterations: '1.5' is not a whole number")
        self.refuse(*pair, "--pooling", "median", says="pooling: 'median' is not one of max|average|l2")
        self.refuse(*pair, "--bits", "12", says="--bits: '12' is not one of 8|16")
        self.refuse(*pair, "--threads", "x", says="--threads: 'x' is not a whole number")
        self.refuse(*pair, "--quality", "50", says="--quality is for JPEG")
        self.refuse(*pair, "--size", says="--size needs a value")
        self.refuse(*pair, "--strip=yes", says="--strip takes no value")
        self.refuse(*pair, "--init", "nowhere.png", says="no file of that name")
        self.refuse(*pair, "--content-layers", "relu9_1", "--size", "32", says="no layer 'relu9_1'")
        self.refuse(*pair, "--style-layers", "relu1_1,relu4_l", "--size", "32", says="did you mean relu4_1? It has: conv1_1 relu1_1")
        self.refuse("reconstruct", "style", self.style, "-o", self.out, "--weights", "builtin", "--layers", "rlu2_1", says="mean relu2_1?")
        self.refuse(*pair, "--style-layers", "relu1_1,relu1_1", "--size", "32", says="relu1_1")
        self.refuse(*pair, "--checkpoint-every", "3", says="needs --checkpoint")
        self.refuse(*pair, "--init", "image", "--size", "32", says="--init FILE")

    def test_arguments(self):
        self.refuse(self.content, "-o", self.out, says="needs more arguments")
        self.refuse(self.content, self.style, says="-o out.png")
        self.refuse("reconstruct", "contents", self.content, "-o", self.out, says="neither content nor style")
        self.refuse("reconstruct", "content", self.content, self.style, "-o", self.out, says="one argument too many")
        self.refuse("info", self.content, "--alpha", "1", says="does not take --alpha")
        self.refuse("info", self.content, "--vary", "a=1", says="does not take --vary")
        self.refuse("stylize", self.content, self.style, "-o", self.out, "--json", "x", says="'nst stylize' does not take --json")
        self.refuse("bench", self.content, says="one argument too many")
        self.refuse("options", "--man", "--json", says="at a time")
        self.refuse("sweep", self.content, self.style, "-o", self.out, says="what shall be varied?")
        self.refuse("sweep", self.content, self.style, "-o", "-", "--vary", "alpha=1", says="two files")
        for bad in ("alpha", "alpha=", "alpha=1,,2", "=1"):
            self.refuse("sweep", self.content, self.style, "-o", self.out, "--vary", bad, says="--vary")
        self.refuse("sweep", self.content, self.style, "-o", self.out, "--vary", "alpha=1", "--vary", "content-weight=2", says="twice")


class Estimates(Case):
    def test_estimate(self):
        """Says what a run would take, and makes no picture."""
        done = self.run_nst(self.content, self.style, "--weights", "builtin", "--size", "64", "--estimate")
        for word in ("memory in all", "features", "seconds/iteration", "curvature pairs", "fp32"):
            self.assertIn(word, done.stdout)
        done = self.run_nst("reconstruct", "content", self.content, "--weights", "builtin", "--size", "64", "--estimate",
                            "--memory-limit", "1.5 GB")
        self.assertIn("(1500000000 bytes)", done.stdout)
        self.assertFalse(self.out.exists())

    def test_limit(self):
        """What cannot be kept is refused with numbers, exit code 4."""
        done = self.run_nst(self.content, self.style, "-o", self.out, "--weights", "builtin", "--size", "400", "--memory-limit", "9M",
                            expect=4)
        self.assertIn("needs at least", done.stderr)
        self.assertIn("the limit is 9 MB", done.stderr)


class Flags(Case):
    def test_every_option_is_a_flag(self):
        """Each with a value that differs from its default, in one run each; the PNG tells what arrived."""
        other = {"int": lambda o: str(int(float(o["default"])) + 1), "float": lambda o: "0.75", "bool": lambda o: "true",
                 "choice": lambda o: next(c for c in o["choices"].split("|") if c not in (o["default"], "image", "auto")),
                 "layers": lambda o: "relu1_2,relu2_2:0.5", "floats": lambda o: "1"}
        special = {"size": "32", "iterations": "2", "scales": "1", "octaves": "2", "enlarge": "1", "memory-limit": "300M"}
        for option in json.loads(self.run_nst("options", "--json").stdout)["options"]:
            key, value = option["key"], special.get(option["key"]) or other[option["type"]](option)
            flags = [f"--{key}"] if option["type"] == "bool" else [f"--{key}", value]
            images = [self.content, self.style]
            if key in ("width", "height"):  # they go together, where there is no content
                images, flags, value = ["texture", self.style], ["--width", "40", "--height", "40"], "40"
            self.run_nst(*images, "-o", self.out, "--overwrite", *self.small, *flags)
            stored = str(self.info(self.out)["params"][key]).lower()
            accepted = (value, "auto") if key in ("style-weights", "preprocessing", "padding") else (value,)
            if key == "memory-limit":  # no business of whoever has the picture
                accepted = ("0",)
            self.assertIn(stored, accepted, key)

    def test_forms(self):
        def stored(*flags):
            self.run_nst(self.content, self.style, f"-o{self.out}", "--overwrite", "--weights=builtin", "--iterations=1", *flags)
            return self.info(self.out)["params"]

        self.assertEqual(stored("--size=32", "--alpha=5")["alpha"], 5)
        self.assertEqual(stored("-s32", "--content-weight", "7")["alpha"], 7)
        self.assertEqual(stored("-s", "32", "--style_weight", "8")["beta"], 8)
        params = stored("--image-size", "32", "--tv-weight", "0.5", "--num-iterations", "2", "--pooling-rescale=yes")
        self.assertEqual([params[key] for key in ("size", "tv", "iterations", "pooling-rescale")], [32, 0.5, 2, True])
        self.assertIs(stored("-s32", "--pooling-rescale", "--no-pooling-rescale")["pooling-rescale"], False)
        self.assertEqual(stored("-s32", "--alpha", "1", "--alpha", "2")["alpha"], 2)

    def test_a_double_dash_ends_the_flags(self):
        odd = self.dir / "-odd.png"
        self.content.rename(odd)
        self.run_nst("stylize", "-o", self.out, *self.small, "--", "-odd.png", self.style)
        self.assertTrue(self.out.exists())

    def test_the_locale_changes_nothing(self):
        first = self.stylize("--alpha", "0.5", "--log", "a.jsonl").stderr
        names = subprocess.run(["locale", "-a"], capture_output=True, text=True).stdout.split()
        comma = next((name for name in names if name.startswith(("de_", "fr_"))), "de_DE.UTF-8")
        self.stylize("--overwrite", "--alpha", "0.5", "--log", "b.jsonl", env=environment(LC_ALL=comma))
        self.assertEqual([r["loss"] for r in self.records("a.jsonl")], [r["loss"] for r in self.records("b.jsonl")], first)


class Generated(Case):
    def test_the_options_page_is_current(self):
        text = self.run_nst("options", "--markdown").stdout
        self.assertEqual((SOURCE / "docs/options.md").read_text(), text,
                         "docs/options.md is out of date: run 'nst options --markdown > docs/options.md'")

    def test_json_is_json_and_complete(self):
        table = json.loads(self.run_nst("options", "--json").stdout)
        self.assertGreaterEqual(len(table["options"]), 24)
        self.assertEqual({"flag", "letter", "argument", "commands", "doc"}, set(table["flags"][0]))

    def test_manual_page_is_clean(self):
        page = self.run_nst("options", "--man").stdout
        try:
            done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", "-"], input=page.encode(), capture_output=True)
        except FileNotFoundError:
            self.skipTest("no man")
        self.assertEqual(done.stderr.decode(), "")
        for title in ("NAME", "SYNOPSIS", "EXIT STATUS", "SIGNALS", "EXAMPLES"):
            self.assertIn(f".SH {title}\n", page)

    def test_completions_are_valid_scripts(self):
        for shell in ("bash", "zsh", "fish"):
            text = self.run_nst("options", "--completion", shell).stdout
            self.assertIn("content-layers", text)
            try:
                done = subprocess.run([shell, "-n", "/dev/stdin"], input=text.encode(), capture_output=True)
            except FileNotFoundError:
                continue
            self.assertEqual(done.stderr.decode(), "", shell)

    def test_bash_completes(self):
        script = self.dir / "nst.bash"
        script.write_text(self.run_nst("options", "--completion", "bash").stdout)

        def complete(*words):
            line = " ".join(f"'{w}'" for w in words)
            code = f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _nst; printf '%s\\n' \"${{COMPREPLY[@]}}\""
            return subprocess.run(["bash", "-c", code], capture_output=True, text=True, cwd=self.dir, check=True).stdout.split()

        self.assertEqual(complete("nst", "swe"), ["sweep"])
        self.assertEqual(complete("nst", "a.png", "b.png", "--pooling", "av"), ["average"])
        self.assertIn("--content-layers", complete("nst", "a.png", "--con"))
        self.assertIn("--vary", complete("nst", "sweep", "--va"))
        self.assertEqual(complete("nst", "info", "--va"), [])
        self.assertEqual(complete("nst", "bench", "--si"), ["--size"])


class Streams(Case):
    def test_a_full_stdout_is_an_error(self):
        with open("/dev/full", "wb") as full:
            for arguments in (["--help"], ["options", "--json"], ["info", str(self.content)]):
                done = subprocess.run([os.environ["NST"], *arguments], stdout=full, stderr=subprocess.PIPE, env=environment())
                self.assertEqual(done.returncode, 1, arguments)

    def test_a_closed_stdout_is_an_error(self):
        done = subprocess.run(["sh", "-c", '"$NST" --help >&-'], stderr=subprocess.PIPE, env=environment(NST=os.environ["NST"]))
        self.assertEqual(done.returncode, 1, done.stderr)


if __name__ == "__main__":
    main()
