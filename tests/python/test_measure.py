"""Measures: numbers, what is missing, options."""
import unittest

from support import TestCase, png, small_session

import nst


class Measuring(TestCase):
    def setUp(self):
        super().setUp()
        self.model = nst.Model.untrained(width=2, seed=1)
        self.content, self.style = nst.Image(png(32, 24)), nst.Image(png(24, 32))
        self.targets = nst.Targets(self.content, self.style, model=self.model)

    def test_a_picture_against_itself(self):
        measured = nst.measure(self.content, nst.Targets(self.content, self.content, model=self.model))
        self.assertEqual((measured.width, measured.height, measured.precision, measured.held_out), (32, 24, "fp32", 4))
        self.assertEqual([layer.layer for layer in measured.layers[:3]], ["relu1_1", "relu1_2", "relu2_1"])
        for layer in measured.layers:
            self.assertEqual(layer.content, 0)
            self.assertAlmostEqual(layer.style, 0)
        for value in (measured.retention, measured.ssim, measured.edge_ssim, measured.edge_correlation):
            self.assertAlmostEqual(value, 1)
        for value in (measured.erosion, measured.self_similarity, measured.held_out_style_half):
            self.assertAlmostEqual(value, 0)
        self.assertIsNone(measured.held_out_style_quarter)
        self.assertEqual(measured.high_frequency, measured.high_frequency_content)
        self.assertEqual(measured.high_frequency, measured.high_frequency_style)

    def test_a_content_is_no_targets(self):
        with self.assertRaisesRegex(TypeError, r"nst\.Targets\(content, style"):
            nst.measure(self.content, self.style)

    def test_a_picture_of_a_session(self):
        session = small_session(iterations=6, dialect="normalised")
        before, after = nst.measure(self.content, session.targets), nst.measure(session.run(), session.targets)
        distances = [sum(layer.style for layer in measured.layers if layer.style_in_objective) for measured in (before, after)]
        self.assertLess(distances[1], distances[0])
        self.assertLess(after.ssim, before.ssim)

    def test_what_is_missing_is_none(self):
        texture = nst.measure(self.content, nst.Targets(None, self.style, model=self.model))
        self.assertIsNone(texture.ssim)
        self.assertIsNone(texture.layers[0].content)
        self.assertIsNotNone(texture.layers[0].style)
        copy = nst.measure(png(32, 24), nst.Targets(self.content, model=self.model))
        self.assertIsNone(copy.held_out_style)
        self.assertIsNotNone(copy.retention)

    def test_several_styles_are_blended(self):
        def held_out(*styles, **options):
            return nst.measure(png(40, 30), nst.Targets(None, *styles, model=self.model), **options).held_out_style
        other = nst.Image(png(50, 20))
        one, both = held_out(self.style), held_out(self.style, other)
        self.assertNotAlmostEqual(one, both)
        self.assertAlmostEqual(held_out(self.style, other, style_weights=[1, 0]), one)

    def test_options(self):
        measured = nst.measure(self.style, self.targets, {"style_scale": 0.5}, style_layers=["relu1_2"])
        self.assertEqual([layer.layer for layer in measured.layers if layer.style_in_objective], ["relu1_2"])
        self.assertEqual(measured.held_out, 3)
        with self.assertRaises(nst.InvalidArgumentError):
            nst.measure(self.style, self.targets, style_weights=[1, 2])

    def test_nothing_is_left(self):
        context = self.targets.context
        nst.measure(self.content, self.targets)
        before = context.memory_used
        nst.measure(self.content, self.targets)
        self.assertEqual(context.memory_used, before)


if __name__ == "__main__":
    unittest.main()
