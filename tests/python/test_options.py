"""Options."""
import copy
import json
import pickle
import unittest

import support

import nst


class Values(unittest.TestCase):
    def test_every_option_is_a_documented_property(self):
        self.assertGreater(len(nst.option_table()), 20)
        options = nst.Options()
        for entry in nst.option_table():
            prop = getattr(nst.Options, entry.name)
            self.assertIsInstance(prop, property)
            self.assertIn(entry.doc, prop.__doc__)
            self.assertEqual(getattr(options, entry.name), options[entry.key])
            self.assertEqual(options[entry.key], options[entry.name])

    def test_types(self):
        options = nst.Options()
        expected = {"INT": int, "FLOAT": float, "BOOL": bool, "CHOICE": str, "LAYERS": str, "STRING": str, "FLOATS": tuple}
        for entry in nst.option_table():
            value = options[entry.key]
            if value is None:
                self.assertEqual(entry.default, "auto")
            else:
                self.assertIs(type(value), expected[entry.type.name], entry.key)

    def test_round_trip_of_every_type(self):
        options = nst.Options(size=300, alpha=0.1, pooling="average", pooling_rescale=True, style_weights=[1, 0.25],
                              content_layers={"relu4_2": 1, "relu3_1": None}, style_layers=["relu1_1", "relu2_1:0.5"])
        self.assertEqual((options.size, options.alpha, options.pooling, options.pooling_rescale), (300, 0.1, "average", True))
        self.assertEqual(options.style_weights, (1.0, 0.25))
        self.assertEqual(options.content_layers, "relu4_2:1,relu3_1")
        self.assertEqual(options.style_layers, "relu1_1,relu2_1:0.5")
        self.assertEqual(nst.Options.from_json(options.to_json()), options)
        self.assertEqual(json.loads(options.to_json())["size"], 300)
        for twin in (pickle.loads(pickle.dumps(options)), options.copy(), copy.copy(options)):
            self.assertEqual(twin, options)
            twin.size = 301
            self.assertNotEqual(twin, options)

    def test_groups_of_style_weights(self):
        options = nst.Options(style_weights={"": [1, 0], "relu1_1/4": [0, 0.5]})
        self.assertEqual(json.loads(options.to_json()), {"style-weights": "1,0;relu1_1/4:0,0.5"})
        self.assertEqual(options.style_weights, {"": (1.0, 0.0), "relu1_1/4": (0.0, 0.5)})
        self.assertEqual(nst.Options(style_weights=options.style_weights).style_weights, options.style_weights)
        self.assertEqual(nst.Options.from_json(options.to_json()), options)
        options.style_weights = "/4:0,1"
        self.assertEqual(options.style_weights, {"/4": (0.0, 1.0)})
        with self.assertRaisesRegex(ValueError, "style-weights"):
            options.style_weights = {"/3": [1, 0]}

    def test_floats_are_exact(self):
        for value in (0.1, 1 / 3, 5e-324, 123456789.123456789, 1e30):
            self.assertEqual(nst.Options(alpha=value).alpha, value)

    def test_seeds_are_exact(self):
        self.assertEqual(nst.Options(seed=2**53).seed, 2**53)

    @support.needs_numpy
    def test_numbers_of_numpy(self):
        n = support.numpy
        options = nst.Options(size=n.int64(256), alpha=n.float32(0.5), style_weights=n.array([1.0, 2.0]))
        self.assertEqual((options.size, options.alpha, options.style_weights), (256, 0.5, (1.0, 2.0)))

    def test_default_and_unset(self):
        options = nst.Options(beta=3, size=100)
        self.assertTrue(options.is_set("beta"))
        del options.beta
        options["size"] = None
        self.assertIsNone(options.beta)
        self.assertEqual(options.size, 512)
        self.assertEqual(options.to_json(), "{}")
        self.assertEqual(options.to_dict(), {})
        self.assertEqual(len(options.to_dict(all=True)), len(nst.option_table()))

    def test_mapping(self):
        options = nst.Options(content_layers="relu3_1")
        self.assertEqual(dict(options)["content-layers"], "relu3_1")
        self.assertIn("content-layers", options)
        self.assertIn("content_layers", options)
        self.assertNotIn("contents", options)
        del options["content-layers"]
        self.assertEqual(options["content-layers"], "relu4_2")

    def test_repr(self):
        self.assertEqual(repr(nst.Options(alpha=3, pooling="l2")), "nst.Options(alpha=3.0, pooling='l2')")


class Refusals(unittest.TestCase):
    def refused(self, kind, pattern, **values):
        with self.assertRaisesRegex(kind, pattern) as caught:
            nst.Options(**values)
        self.assertIsInstance(caught.exception, nst.Error)
        return caught.exception

    def test_unknown_names(self):
        problem = self.refused(AttributeError, "did you mean 'alpha'", alhpa=3)
        self.assertIsInstance(problem, KeyError)
        options = nst.Options()
        with self.assertRaises(AttributeError):
            options.alhpa = 3
        with self.assertRaises(AttributeError):
            options.alhpa
        with self.assertRaises(KeyError):
            options["alhpa"]
        with self.assertRaises(KeyError):
            options[3]

    def test_values(self):
        self.assertEqual(self.refused(ValueError, "alpha: '-1' is not a number between 0", alpha=-1).code,
                         nst.Status.ERR_INVALID_ARG)
        self.refused(ValueError, "pooling: 'min' is not one of max|average|l2".replace("|", r"\|"), pooling="min")
        self.refused(ValueError, "size: '1.5' is not a whole number", size=1.5)
        self.refused(ValueError, "alpha", alpha=float("nan"))
        self.refused(ValueError, "style-weights", style_weights=[1, -2])
        self.refused(ValueError, "content-layers", content_layers="relu4_2:x")
        for value in (object(), 3j):
            with self.assertRaises(TypeError):
                nst.Options(alpha=value)
        with self.assertRaises(TypeError):
            nst.Options(alpha=True)

    def test_a_bad_value_changes_nothing(self):
        options = nst.Options(alpha=2)
        with self.assertRaises(ValueError):
            options.alpha = -2
        self.assertEqual(options.alpha, 2)

    def test_json(self):
        for text, pattern in (("[]", "object"), ("{", "JSON"), ('{"nope": 1}', "nope"), ('{"size": []}', "size")):
            with self.assertRaisesRegex(nst.ParamsFormatError, pattern):
                nst.Options.from_json(text)
        self.assertEqual(nst.Options.from_json('{"alpha": 2, "nst:version": "1"}').alpha, 2)

    def test_closed(self):
        options = nst.Options()
        options.close()
        options.close()
        with self.assertRaisesRegex(nst.StateError, "Options is closed"):
            options.alpha
        self.assertIn("closed", repr(options))


if __name__ == "__main__":
    unittest.main()
