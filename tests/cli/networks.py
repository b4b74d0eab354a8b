"""Which network a run uses, that it says so in one line, and what nst info tells about it."""
import json
import shutil
from pathlib import Path

from common import Case, environment, main

WEIGHTS = Path(__file__).resolve().parents[2] / "weights/builtin.safetensors"


def metadata_of(path):
    data = path.read_bytes()
    return json.loads(data[8:8 + int.from_bytes(data[:8], "little")])["__metadata__"]


class Choice(Case):
    def network_lines(self, *flags, **options):
        done = self.run_nst(self.content, self.style, "-o", self.out, "--overwrite", "--size", "32", "--iterations", "1", *flags, **options)
        return [line for line in done.stderr.splitlines() if line.startswith("nst: weights: ")]

    def name_in_picture(self):
        return self.info(self.out)["result"]["network"]["name"]

    def test_builtin_where_nothing_is_found(self):
        self.assertEqual(self.network_lines(), ["nst: weights: builtin, as no VGG-19 was found (see 'nst weights')"])
        self.assertEqual(self.name_in_picture(), "builtin")
        self.assertEqual(len(self.network_lines("--verbose")), 1)
        self.assertEqual(self.network_lines("--quiet"), [])

    def test_a_vgg19_that_is_found(self):
        """Any network serves here: it is the place that counts."""
        (self.dir / "nst").mkdir()
        found = self.dir / "nst/vgg19.safetensors"
        shutil.copy(WEIGHTS, found)
        place = environment(XDG_DATA_HOME=str(self.dir))
        line, = self.network_lines(env=place)
        self.assertIn(f"{found}, ", line)
        self.assertIn("the first VGG-19 found; 'builtin'", line)
        self.assertEqual(self.network_lines("--weights", "builtin", env=place), ["nst: weights: builtin"])
        self.assertEqual(self.network_lines("--weights", "vgg19", env=place), [f"nst: weights: {found}, builtin"])
        place["NST_WEIGHTS"] = "builtin"
        self.assertEqual(self.network_lines(env=place), ["nst: weights: builtin"])

    def test_untrained_is_a_name(self):
        self.assertEqual(self.network_lines("--weights", "untrained"), ["nst: weights: untrained"])
        self.assertEqual(self.name_in_picture(), "untrained")

    def test_other_commands_that_make_pictures_tell_it_too(self):
        run = ("--size", "32", "--iterations", "1")
        for command in (["reconstruct", "content", self.content, "-o", self.out], ["sweep", self.content, self.style, "-o",
                        self.dir / "grid.png", "--vary", "alpha=1,2"]):
            done = self.run_nst(*command, *run)
            self.assertEqual(done.stderr.count("weights: builtin"), 1, done.stderr)


class Info(Case):
    def test_builtin(self):
        text, facts = self.run_nst("info", "builtin").stdout, self.info("builtin")
        said = metadata_of(WEIGHTS)
        self.assertEqual((facts["kind"], facts["known as"], facts["architecture"]), ("network weights", "builtin", "vgg19"))
        self.assertEqual((len(facts["widths"]), facts["last layer"]), (13, "relu5_1"))
        inputs = [3, *facts["widths"]]
        self.assertEqual(facts["parameters"], sum(9 * i * o + o for i, o in zip(inputs, inputs[1:])))
        for key in ("origin", "training", "teacher", "license", "fingerprint", "preprocessing", "padding"):
            self.assertEqual(facts[key], said[key])
            self.assertIn(f"{key:<15}{said[key].splitlines()[0]}\n", text)

    def test_provenance_survives_conversion(self):
        self.run_nst("weights", "convert", "builtin", "-o", "copy.safetensors")
        first, copy = self.info("builtin"), self.info("copy.safetensors")
        self.assertEqual(first, copy)
        self.assertEqual(self.run_nst("info", "copy.safetensors").stderr, "")

    def test_hostile_texts(self):
        """Control bytes stay away from the terminal, and a second line does not look like a fact."""
        data = WEIGHTS.read_bytes()
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + size])
        header["__metadata__"]["license"] = "one\nname           vgg19\x1b[31m"
        text = json.dumps(header).encode()
        (self.dir / "odd.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size:])
        shown = self.run_nst("info", "odd.safetensors").stdout
        self.assertIn("license        one\n               name           vgg19?[31m\n", shown)

    def test_the_program_tells_what_it_would_use(self):
        self.assertEqual(self.info_of_program()["weights"], "builtin")

    def info_of_program(self):
        return json.loads(self.run_nst("info", "--json").stdout)


if __name__ == "__main__":
    main()
