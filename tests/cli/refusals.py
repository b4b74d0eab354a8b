"""What cannot work is refused early, with the right exit code; what fails late loses nothing."""
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from common import NST, Case, environment, finish, main, png_size, start, wait_for_lines


class Inputs(Case):
    def refuse(self, *arguments, code, says, **options):
        done = self.run_nst(*arguments, expect=code, **options)
        self.assertIn(says, done.stderr)
        self.assertFalse(self.out.exists())
        self.no_leftovers()
        return done

    def test_images(self):
        broken = self.dir / "broken.png"
        broken.write_bytes(self.content.read_bytes()[:-40])
        text = self.dir / "text.png"
        text.write_text("not a picture")
        end = ("-o", self.out, *self.small)
        self.refuse("missing.png", self.style, *end, code=1, says="missing.png")
        self.refuse(self.content, self.dir, *end, code=1, says="directory")
        self.refuse(self.content, text, *end, code=3, says="PNG")
        self.refuse(broken, self.style, *end, code=3, says="broken.png")
        self.refuse(self.content, self.style, *end, "--max-pixels", "100", code=4, says="100")

    def test_weights(self):
        page = self.dir / "page.pth"
        page.write_text("<!DOCTYPE html><html><body>404</body></html>")
        pair = (self.content, self.style, "-o", self.out, "--size", "32", "--iterations", "1")
        self.refuse(*pair, "--weights", page, code=3, says="HTML")
        self.refuse(*pair, "--weights", self.style, code=3, says="style.png")
        self.refuse(*pair, "--weights", "missing.pth", code=3, says="missing.pth")
        done = self.refuse(*pair, "--weights", "vgg19", code=3, says="no file for 'vgg19'")
        self.assertIn("nst weights", done.stderr)
        self.assertIn("builtin", done.stderr)

    def test_parameters(self):
        for text, code, says in (("{", 3, "JSON"), ('{"alfa": 1}', 3, "alfa"), ('{"alpha": -1}', 3, "alpha"), ("[]", 3, "object")):
            (self.dir / "p.json").write_text(text)
            self.refuse(self.content, self.style, "-o", self.out, *self.small, "--params", "p.json", code=code, says=says)
        self.refuse(self.content, self.style, "-o", self.out, *self.small, "--params", "none.json", code=1, says="none.json")
        self.refuse(self.content, self.style, "-o", self.out, *self.small, "--params", self.style, code=3, says="no parameters")

    def test_the_processor_level(self):
        self.refuse(self.content, self.style, "-o", self.out, *self.small, code=2, says="NST_CPU", env=environment(NST_CPU="quantum"))

    def test_control_bytes_of_names_stay_away_from_the_terminal(self):
        done = self.run_nst("info", "a\x1b[31mb\n.png", expect=None)
        self.assertNotIn("\x1b", done.stderr)

    def test_info_says_why(self):
        junk = self.dir / "junk.bin"
        junk.write_bytes(bytes(range(256)))
        for path, code in (("missing", 1), (junk, 3), (self.dir, 1)):
            done = self.run_nst("info", path, "--json", expect=code)
            self.assertEqual(done.stdout, "")
            self.assertTrue(done.stderr.startswith("nst: "))


class Outputs(Case):
    def refuse(self, output, *flags, code, says):
        before = sorted(os.listdir(self.dir))
        done = self.run_nst(self.content, self.style, "-o", output, *self.small, *flags, expect=code)
        self.assertIn(says, done.stderr)
        self.assertEqual(sorted(os.listdir(self.dir)), before)

    def test_found_before_the_run(self):
        self.refuse("nowhere/out.png", code=1, says="nowhere")
        self.refuse("/proc/out.png", code=1, says="/proc")
        self.refuse(self.dir, code=2, says="must end in")
        (self.dir / "folder.png").mkdir()
        self.refuse("folder.png", code=1, says="is a folder")
        self.refuse("out.bmp", code=2, says="must end in .png")
        self.refuse("out", code=2, says="must end in .png")
        self.refuse("out.jpg", "--bits", "16", code=2, says="a JPEG has 8 bits")
        self.refuse(self.content, code=2, says="same file as the input")
        self.refuse(self.style, "--overwrite", code=2, says="same file as the input")
        os.link(self.content, self.dir / "link.png")
        self.refuse("link.png", "--overwrite", code=2, says="same file as the input")
        self.refuse("x.png", "--log", "nowhere/log", code=1, says="nowhere")
        self.refuse("x.png", "--log", self.content, code=2, says="same file as the input")
        self.refuse("x.png", "--checkpoint", "nowhere/c", code=1, says="nowhere")
        self.refuse("x.png", "--checkpoint", self.style, code=2, says="same file as the input")
        self.refuse("x.png", "--log", "x.png", code=2, says="same file")
        self.refuse("-", "--save-every", "1", code=2, says="--save-every")

    def test_an_existing_file_needs_overwrite(self):
        self.out.write_text("precious")
        done = self.stylize(expect=1)
        self.assertIn("--overwrite", done.stderr)
        self.assertEqual(self.out.read_text(), "precious")
        self.stylize("--overwrite")
        self.assertEqual(png_size(self.out), (32, 24))

    def rescued(self, folder):
        return [name for name in os.listdir(folder) if "rescued" in name]

    def test_a_full_disk_loses_nothing(self):
        spare = self.dir / "spare"
        spare.mkdir()
        done = self.run_nst(self.content, self.style, "-o", "/dev/full", *self.small, expect=1, env=environment(TMPDIR=str(spare)))
        self.assertIn("No space left", done.stderr)
        name, = self.rescued(spare)
        self.assertIn(name, done.stderr)
        self.assertEqual(png_size(spare / name), (32, 24))

    def test_a_full_stdout_loses_nothing(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([NST, self.content, self.style, "-o", "-", *self.small], stdout=full, stderr=subprocess.PIPE,
                                  env=environment(TMPDIR=str(self.dir)))
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left", done.stderr)
        self.assertEqual(png_size(self.dir / self.rescued(self.dir)[0]), (32, 24))

    def test_a_reader_that_goes_away_loses_nothing(self):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run([NST, self.content, self.style, "-o", "-", *self.small], stdout=writing, stderr=subprocess.PIPE,
                              env=environment(TMPDIR=str(self.dir)))
        os.close(writing)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(self.rescued(self.dir)), 1)

    def test_a_closed_stdout_loses_nothing(self):
        command = '"$0" "$@" >&-'
        done = subprocess.run(["sh", "-c", command, NST, self.content, self.style, "-o", "-", *self.small], stderr=subprocess.PIPE,
                              env=environment(TMPDIR=str(self.dir)))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(len(self.rescued(self.dir)), 1)

    def test_a_folder_that_vanishes_loses_nothing(self):
        folder, spare, log = self.dir / "folder", self.dir / "spare", self.dir / "log"
        folder.mkdir()
        spare.mkdir()
        process = start(self.content, self.style, "-o", folder / "out.png", "--weights", "builtin", "--size", "48", "--iterations",
                        "100000", "--log", log, cwd=self.dir, env=environment(TMPDIR=str(spare)))
        wait_for_lines(process, log, 3)
        shutil.rmtree(folder)
        process.send_signal(signal.SIGINT)
        code, _, errors = finish(process)
        self.assertEqual(code, 1, errors)
        self.assertEqual(len(self.rescued(spare)), 1, errors)

    def test_a_file_size_limit_keeps_the_old_file(self):
        """RLIMIT_FSIZE: the write fails in the middle."""
        self.out.write_text("precious")
        command = 'ulimit -f 1; exec "$0" "$@"'
        done = subprocess.run(["sh", "-c", command, NST, self.content, self.style, "-o", self.out, "--overwrite", "--weights", "builtin",
                               "--size", "96", "--init", "noise", "--iterations", "1"], stderr=subprocess.PIPE,
                              env=environment(TMPDIR=str(self.dir)), cwd=self.dir)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(self.out.read_text(), "precious")
        self.no_leftovers()

    def test_a_log_that_cannot_be_written_is_told_and_the_picture_saved(self):
        done = self.stylize("--log", "/dev/full", expect=1)
        self.assertEqual(done.stderr.count("cannot write the log"), 1)
        self.assertEqual(png_size(self.out), (32, 24))


class Weights(Case):
    def test_convert_verify_and_use(self):
        source = os.environ.get("NST_TEST_DATA") or Path(__file__).resolve().parents[3] / "shared"
        slim = Path(source) / "weights" / "slim-vgg19-5.pth"
        if not slim.exists():
            self.skipTest("no test data")
        self.run_nst("weights", "convert", slim, "-o", "slim.safetensors")
        done = self.run_nst("weights", "convert", slim, "-o", "slim.safetensors", expect=1)
        self.assertIn("--overwrite", done.stderr)
        first, second = self.info(slim), self.info("slim.safetensors")
        self.assertEqual(first["kind"], "network weights")
        self.assertEqual(first["fingerprint"], second["fingerprint"])
        self.run_nst("weights", "verify", slim)
        pictures = []
        for weights in (slim, "slim.safetensors"):
            self.run_nst(self.content, self.style, "-o", self.out, "--overwrite", "--strip", "--weights", weights, "--size", "32",
                         "--iterations", "2")
            pictures.append(self.out.read_bytes())
        self.assertEqual(*pictures)

    def test_list_names_places_and_sources(self):
        text = self.run_nst("weights").stdout
        for word in ("/nonexistent/.local/share/nst/vgg19.safetensors", "https://", "SHA-256", "used  builtin", "--weights builtin"):
            self.assertIn(word, text)
        self.assertEqual(self.run_nst("weights", "list").stdout, text)

    def test_list_as_json(self):
        table = json.loads(self.run_nst("weights", "--json").stdout)
        self.assertEqual(list(table), ["default", "vgg19", "vgg16", "sources"])
        self.assertEqual(table["default"][:-1], table["vgg19"])
        self.assertFalse(any(place["exists"] for place in table["vgg19"]))
        self.assertEqual((table["default"][-1]["path"], table["default"][-1]["exists"]), ("builtin", True))

    def test_a_found_file_is_listed(self):
        folder = self.dir / "nst"
        folder.mkdir()
        (folder / "vgg19.safetensors").write_text("x")
        done = self.run_nst("weights", env=environment(XDG_DATA_HOME=str(self.dir)))
        self.assertIn(f"used  {folder}/vgg19.safetensors", done.stdout)
        self.assertIn("found builtin", done.stdout)

    def test_usage(self):
        for arguments in (["convert"], ["verify"], ["list", "x"], ["convert", self.content]):
            self.run_nst("weights", *arguments, expect=2)


if __name__ == "__main__":
    main()
