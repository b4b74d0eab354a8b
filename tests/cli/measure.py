"""nst measure: numbers as text and as JSON, missing images, options that count, refusals."""
import json
import math

from common import Case, main, write_png


class Measures(Case):
    def measure(self, *arguments):
        done = self.run_nst("measure", *arguments, "--weights", "untrained", "--json")
        self.assertEqual(done.stderr, "")
        return json.loads(done.stdout)

    def both(self, result, *arguments):
        return self.measure(result, "--content", self.content, "--style", self.style, *arguments)

    def test_a_picture_against_itself(self):
        found = self.measure(self.content, "--content", self.content, "--style", self.content)
        self.assertEqual((found["width"], found["height"], found["precision"]), (40, 30, "fp32"))
        self.assertEqual((found["result"], found["content"], found["styles"]), ("content.png", "content.png", ["content.png"]))
        self.assertEqual(len(found["layers"]), 16)
        for layer in found["layers"]:
            self.assertEqual(layer["content"], 0)
            self.assertLess(layer["style"], 1e-9)
        self.assertLess(found["held_out_style"], 1e-9)
        for key in ("retention", "ssim", "edge_ssim", "edge_correlation"):
            self.assertAlmostEqual(found[key], 1, places=9)
        for key in ("erosion", "self_similarity", "held_out_style_half"):
            self.assertAlmostEqual(found[key], 0, places=9)
        self.assertIsNone(found["held_out_style_quarter"])  # 30 rows are 7 then
        self.assertEqual(found["high_frequency"]["ratio"], 1)
        self.assertEqual(found["network"]["name"], "untrained")

    def test_a_run_comes_nearer_to_the_style(self):
        self.run_nst(self.content, self.style, "-o", self.out, "--weights", "untrained", "--iterations", "20", "--dialect", "normalised")
        before, after = self.both(self.content), self.both(self.out)
        distances = [sum(layer["style"] for layer in found["layers"] if layer["style_in_objective"]) for found in (before, after)]
        self.assertLess(distances[1], distances[0])
        self.assertLess(after["ssim"], before["ssim"])
        of = {layer["layer"]: layer for layer in after["layers"]}
        self.assertTrue(of["relu1_1"]["style_in_objective"] and of["relu4_2"]["content_in_objective"])
        self.assertFalse(of["relu1_2"]["style_in_objective"] or of["relu4_4"]["content_in_objective"])
        names = ("relu1_2", "relu2_2", "relu3_4", "relu4_3")
        self.assertAlmostEqual(after["erosion"], 1 - max(after["edge_correlation"], 0) * max(after["retention"], 0))
        self.assertGreater(after["self_similarity"], 0)
        self.assertAlmostEqual(after["held_out_style"], sum(of[name]["style"] for name in names) / 4)

    def test_missing_images(self):
        texture, copy = self.measure(self.out_picture(), "--style", self.style), self.measure(self.out_picture(), "--content", self.content)
        self.assertIsNone(texture["content"])
        self.assertIsNone(texture["ssim"])
        self.assertIsNone(texture["layers"][0]["retention"])
        self.assertGreater(texture["held_out_style"], 0)
        self.assertEqual(copy["styles"], [])
        self.assertIsNone(copy["held_out_style"])
        self.assertGreater(copy["layers"][0]["content"], 0)
        self.assertIsNone(copy["high_frequency"]["style"])

    def out_picture(self):
        write_png(self.out, 40, 30, lambda x, y: (x * 5, y * 7, (x * y * 3) % 256))
        return self.out

    def test_several_styles_are_blended(self):
        def held_out(*arguments):
            found = self.measure(self.out_picture(), *arguments)
            return found["styles"], found["held_out_style"]
        one, other = held_out("--style", self.style), held_out("--style", self.content)
        both = held_out("--style", self.style, "--style", self.content)
        self.assertEqual(both[0], ["style.png", "content.png"])
        self.assertEqual(len({one[1], other[1], both[1]}), 3)
        self.assertEqual(both, held_out("--style", self.style, "--style", self.content, "--style-weights", "2,2"))
        twice = ("--style", self.style, "--style", self.content, "--style-weights")
        self.assertAlmostEqual(held_out(*twice, "1,0")[1], one[1], places=9)
        self.assertAlmostEqual(held_out(*twice, "0,1")[1], other[1], places=9)
        done = self.run_nst("measure", self.out, *twice, "1,2,3", "--weights", "untrained", expect=2)
        self.assertIn("3 numbers for 2 style images", done.stderr)

    def test_options_count(self):
        usual = self.both(self.out_picture())
        other = self.both(self.out, "--pooling", "average", "--style-layers", "relu1_2")
        self.assertEqual(usual["held_out_layers"], 4)
        self.assertEqual(other["held_out_layers"], 3)
        self.assertEqual(usual["layers"][0], dict(other["layers"][0], style_in_objective=True))
        self.assertNotEqual(usual["layers"][-1]["style"], other["layers"][-1]["style"])
        self.assertNotEqual(usual["held_out_style"], self.both(self.out, "--style-scale", "0.5")["held_out_style"])

    def test_text(self):
        done = self.run_nst("measure", self.out_picture(), "--content", self.content, "--style", self.style, "--weights", "untrained")
        lines = done.stdout.splitlines()
        self.assertEqual(lines[0].split(), ["layer", "content", "style", "retention"])
        self.assertEqual(len(lines), 1 + 16 + 2 + 13)
        self.assertTrue(all("nan" not in line and "inf" not in line for line in lines))
        self.assertIn("*", lines[2])
        ssim = float(next(line for line in lines if line.startswith("SSIM ")).split()[-1])
        self.assertTrue(math.isclose(ssim, self.both(self.out)["ssim"], rel_tol=1e-3))
        done = self.run_nst("measure", self.out, "--style", self.style, "--weights", "untrained")
        self.assertTrue(done.stdout.splitlines()[1].split()[1] == "-")

    def test_refusals(self):
        done = self.run_nst("measure", self.content, expect=2)
        self.assertIn("--content FILE, --style FILE or both", done.stderr)
        done = self.run_nst("measure", self.content, "--content", self.dir / "none.png", "--weights", "untrained", expect=1)
        self.assertIn("none.png", done.stderr)
        self.run_nst("measure", expect=2)
        done = self.run_nst("measure", self.content, "--style", self.style, "--alpha", "3", expect=2)
        self.assertIn("does not take --alpha", done.stderr)
        done = self.run_nst("measure", self.content, "--style", self.style, "--style-layers", "relu1_1:x", expect=2)
        self.assertIn("style-layers", done.stderr)


if __name__ == "__main__":
    main()
