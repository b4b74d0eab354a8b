"""nst sweep: sheet, JSON, mistakes found before the first cell."""
import json
import signal
import time

from common import Case, finish, main, png_size, start, write_png


class Sweep(Case):
    def sweep(self, *arguments, **options):
        return self.run_nst("sweep", self.content, self.style, "-o", self.out, *self.small, *arguments, **options)

    def table(self):
        return json.loads((self.dir / "out.json").read_text())

    def test_rows_and_columns(self):
        self.sweep("--vary", "alpha=1,5,25", "--vary", "beta=10,100")
        table = self.table()
        self.assertEqual((table["columns"], table["rows"], len(table["cells"])), (3, 2, 6))
        seen = [(c["row"], c["column"], c["varied"]["alpha"], c["varied"]["beta"]) for c in table["cells"]]
        self.assertEqual(seen, [(r, c, a, b) for r, b in enumerate(("10", "100")) for c, a in enumerate(("1", "5", "25"))])
        for cell in table["cells"]:
            self.assertEqual(cell["options"]["alpha"], float(cell["varied"]["alpha"]))
            self.assertEqual((cell["iterations"], cell["stop"]), (3, "iterations"))
            self.assertAlmostEqual(cell["loss"], cell["content"] + cell["style"] + cell["tv"], delta=1e-6 * abs(cell["loss"]))
        width, height = png_size(self.out)
        self.assertGreater(width, 3 * 32)
        self.assertGreater(height, 2 * 24)
        self.no_leftovers()

    def test_a_cell_is_the_run_of_the_same_options(self):
        self.sweep("--vary", "init=content,noise", "--vary", "seed=1,2")
        for cell in self.table()["cells"]:
            self.run_nst(self.content, self.style, "-o", "one.png", "--overwrite", *self.small, "--init", cell["varied"]["init"], "--seed",
                         cell["varied"]["seed"])
            self.assertEqual(self.info("one.png")["result"]["loss"], cell["loss"])
            self.assertEqual(self.info("one.png")["params"], cell["options"])

    def test_cells_are_measured(self):
        self.sweep("--vary", "beta=1,1000", "--dialect", "normalised", "--verbose")
        for cell in self.table()["cells"]:
            self.run_nst(self.content, self.style, "-o", "one.png", "--overwrite", *self.small, "--dialect", "normalised", "--beta",
                         cell["varied"]["beta"], "--bits", "16")
            done = self.run_nst("measure", "one.png", "--content", self.content, "--style", self.style, "--weights", "builtin", "--json")
            alone = json.loads(done.stdout)
            self.assertEqual(len(cell["measures"]), 7)
            for key, value in cell["measures"].items():
                if value is None:
                    self.assertIsNone(alone[key])
                else:
                    self.assertAlmostEqual(value, alone[key], delta=1e-3 * abs(alone[key]) + 1e-5)

    def test_the_judge_is_the_same_for_all(self):
        """What a cell's objective sees is not what it is judged by; at no iterations all cells are the same picture."""
        self.sweep("--vary", "style-layers=relu1_2;relu2_1", "--vary", "pooling=max,average", "--iterations", "0")
        first, *others = [cell["measures"] for cell in self.table()["cells"]]
        for other in others:
            self.assertEqual(first, other)
        self.sweep("--overwrite", "--vary", "style-scale=1,2", "--iterations", "0")
        first, other = [cell["measures"] for cell in self.table()["cells"]]
        self.assertEqual(first["retention"], other["retention"])
        self.assertNotEqual(first["held_out_style"], other["held_out_style"])

    def test_lists_are_separated_by_semicolons(self):
        self.sweep("--vary", "layers=relu2_1;relu2_1,relu3_1:0.5")
        self.assertEqual([c["varied"]["content-layers"] for c in self.table()["cells"]], ["relu2_1", "relu2_1,relu3_1:0.5"])
        self.assertEqual(set(self.table()["cells"][1]["layers"]), {"content:relu2_1", "content:relu3_1", "relu1_1", "style:relu2_1",
                                                                   "style:relu3_1", "relu4_1", "relu5_1"})

    def test_groups_are_separated_by_bars(self):
        self.sweep("--vary", "style-weights=2;/2:1|1;relu1_1:1", "--iterations", "0")
        self.assertEqual([c["varied"]["style-weights"] for c in self.table()["cells"]], ["2;/2:1", "1;relu1_1:1"])
        self.assertEqual([c["options"]["style-weights"] for c in self.table()["cells"]], ["2;/2:1", "1;relu1_1:1"])
        self.assertIsNotNone(self.table()["cells"][1]["measures"]["held_out_style"])

    def test_every_cell_has_the_masks(self):
        halves, ramp = self.dir / "halves.png", self.dir / "ramp.png"
        write_png(halves, 8, 8, lambda x, y: (255, 0, 0) if x < 4 else (0, 0, 255))
        write_png(ramp, 16, 4, lambda x, y: (17 * x,) * 3)
        masks = ("--content-mask", halves, "--style-mask", halves, "--content-weights", ramp)
        losses = set()
        for flags in ((), masks, masks[:4], masks[4:]):
            self.sweep("--overwrite", "--vary", "alpha=1,25", *flags)
            for cell in self.table()["cells"]:
                self.run_nst(self.content, self.style, "-o", "one.png", "--overwrite", *self.small, *flags, "--alpha", cell["varied"]["alpha"])
                self.assertEqual(self.info("one.png")["result"]["loss"], cell["loss"])
                losses.add(cell["loss"])
        self.assertEqual(len(losses), 8)
        self.assertIn("belong together", self.sweep("--overwrite", "--vary", "alpha=1", "--content-mask", halves, expect=2).stderr)
        self.assertIn("same file", self.sweep("-o", ramp, "--overwrite", "--vary", "alpha=1", "--content-weights", ramp, expect=2).stderr)

    def test_sizes_and_many_values(self):
        self.sweep("--vary", "size=16,32,40", "--style-layers", "relu2_1", "--content-layers", "relu2_2")
        self.assertEqual([c["width"] for c in self.table()["cells"]], [16, 32, 40])
        self.sweep("--overwrite", "--vary", "seed=" + ",".join(map(str, range(10))), "--iterations", "0")
        self.assertEqual((self.table()["columns"], self.table()["rows"]), (4, 3))

    def test_a_start_file_may_be_varied(self):
        self.sweep("--vary", f"init={self.style},gray")
        self.assertEqual([c["options"]["init"] for c in self.table()["cells"]], ["image", "gray"])

    def test_mistakes_are_found_before_the_first_cell(self):
        for vary, says in (("alpha=1,x", "alpha: 'x'"), ("layers=relu2_1;relu9_9", "in the cell content-layers=relu9_9"),
                           ("pooling=max,min", "pooling: 'min'")):
            done = self.sweep("--vary", vary, expect=2)
            self.assertIn(says, done.stderr)
            self.assertFalse(self.out.exists())
        (self.dir / "out.json").write_text("precious")
        self.assertIn("out.json", self.sweep("--vary", "alpha=1,2", expect=1).stderr)
        self.run_nst("sweep", self.content, self.style, "-o", "x.jpg", "--vary", "alpha=1", expect=2)

    def test_interrupted_it_writes_the_cells_it_has(self):
        process = start("sweep", self.content, self.style, "-o", self.out, "--weights", "builtin", "--size", "48", "--iterations", "20",
                        "--vary", "seed=" + ",".join(map(str, range(400))), cwd=self.dir)
        while b"seed=1:" not in process.stderr.readline():
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        self.assertEqual(finish(process)[0], 130)
        stops = [cell["stop"] for cell in self.table()["cells"]]
        self.assertEqual(stops[:2], ["iterations", "iterations"])
        self.assertEqual(stops[-1], "not run")
        png_size(self.out)


if __name__ == "__main__":
    main()
