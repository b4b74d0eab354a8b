"""Models and weights files."""
import hashlib
import importlib.util
import json
import subprocess
import sys
import unittest

from support import ROOT, TestCase, needs_numpy, numpy

import nst

BUILTIN = ROOT / "weights/builtin.safetensors"


class Models(TestCase):
    def test_untrained(self):
        model = nst.Model.untrained(width=2, seed=3)
        info = model.info
        self.assertEqual((info.architecture, info.convolutions, info.preprocessing, info.padding),
                         ("vgg19", 16, nst.Preprocessing.TORCH, nst.Padding.ZERO))
        self.assertEqual(len(info.fingerprint), 64)
        self.assertEqual(model.layers[0], nst.Layer("conv1_1", 2))
        self.assertEqual(model.layers[-1].name, "pool5")
        self.assertEqual(nst.Model.untrained(width=2, seed=3).info.fingerprint, info.fingerprint)
        self.assertNotEqual(nst.Model.untrained(width=2, seed=4).info.fingerprint, info.fingerprint)
        self.assertIn("vgg19", repr(model))

    def test_save_and_open(self):
        model = nst.Model.untrained(width=2)
        path = self.folder / "small.safetensors"
        model.save(path, license="MIT")
        for again in (nst.Model(path), nst.Model(str(path)), nst.Model(path.read_bytes())):
            self.assertEqual(again.info.fingerprint, model.info.fingerprint)
            self.assertEqual(again.info.preprocessing, nst.Preprocessing.TORCH)
        with self.assertRaises(FileExistsError):
            model.save(path)
        model.save(path, overwrite=True, preprocessing="torch")
        with self.assertRaises(ValueError):
            model.save(path, overwrite=True, preprocessing="bgr")

    def test_builtin(self):
        model = nst.Model("builtin")
        self.assertEqual((model.info.name, model.info.architecture, model.layers[-1].name), ("builtin", "vgg19", "relu5_1"))
        self.assertEqual(model.get_metadata("fingerprint"), model.info.fingerprint)
        for key in ("license", "origin", "training", "teacher"):
            self.assertTrue(model.get_metadata(key))
        self.assertIsNone(model.get_metadata("no such key"))
        self.assertEqual(nst.Model.untrained(width=2).get_metadata("license", "none"), "none")
        self.assertEqual(nst.search_weights("builtin"), [nst.WeightsCandidate("builtin", True, BUILTIN.stat().st_size)])
        self.assertEqual(nst.Model(BUILTIN).info.fingerprint, model.info.fingerprint)

    def test_refusals(self):
        for width in (0, 65, -1, 1 << 32):
            with self.assertRaises(ValueError):
                nst.Model.untrained(width=width)
        with self.assertRaises(FileNotFoundError):
            nst.Model(self.folder / "none.safetensors")
        with self.assertRaises(nst.WeightsFormatError) as caught:
            nst.Model(b"<html>404</html>" * 100)
        self.assertIn("HTML", str(caught.exception))

    def test_search(self):
        found = nst.search_weights("vgg19")
        self.assertTrue(found)
        for place in found:
            self.assertIsInstance(place.path, str)
            self.assertIsInstance(place.exists, bool)

    def test_identify(self):
        path = self.folder / "a.safetensors"
        nst.Model.untrained(width=2).save(path)
        identity = nst.identify_weights(path)
        self.assertEqual((identity.known, identity.name, identity.length), (False, "", path.stat().st_size))
        self.assertEqual(identity.sha256, hashlib.sha256(path.read_bytes()).hexdigest())
        with self.assertRaises(FileNotFoundError):
            nst.identify_weights(self.folder / "none")


@needs_numpy
class Packing(TestCase):
    """weights/train/pack.py, judged by the library, which hashes the numbers of every file that has a fingerprint."""

    def setUp(self):
        super().setUp()
        random = numpy.random.default_rng(5)
        self.state = {}
        for name, inputs, outputs in (("conv1_1", 3, 4), ("conv1_2", 4, 4), ("conv2_1", 4, 6)):
            self.state[name + ".weight"] = random.standard_normal((outputs, inputs, 3, 3)).astype("f4")
            self.state[name + ".bias"] = random.standard_normal(outputs).astype("f4")
        self.state["conv1_2.weight"][1] = 0  # a channel that is dead
        self.metadata = dict.fromkeys(("preprocessing", "padding", "license", "origin", "training", "teacher"), "torch")
        self.metadata.update(padding="reflect", teacher="nobody \u00e9", name="other")

    def pack(self, trained):
        (self.folder / "metadata.json").write_text(json.dumps(self.metadata))
        return subprocess.run([sys.executable, str(ROOT / "weights/train/pack.py"), str(trained), str(self.folder / "metadata.json"), "-o",
                               str(self.folder / "out")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)

    def expect_good(self, trained):
        done = self.pack(trained)
        self.assertEqual(done.returncode, 0, done.stdout)
        model = nst.Model(self.folder / "out")
        self.assertIn("fingerprint " + model.info.fingerprint, done.stdout)
        self.assertEqual((model.info.name, model.info.padding, model.get_metadata("teacher")),
                         ("builtin", nst.Padding.REFLECT, "nobody \u00e9"))
        self.assertEqual(model.layers[-1], nst.Layer("relu2_1", 6))
        return model

    def test_numbers(self):
        numpy.savez(str(self.folder / "state.npz"), **self.state)
        self.expect_good(self.folder / "state.npz").save(self.folder / "floats")
        for name, wanted in self.state.items():
            got = self.tensor(name, wanted)
            step = 0 if wanted.ndim == 1 else numpy.abs(wanted).max(axis=(1, 2, 3), keepdims=True) / 127
            within = numpy.abs(got - wanted) <= step * 0.51
            self.assertGreater(within.mean(), 0.95, name)  # the largest may be cut a little for the good of the others
            self.assertLess(numpy.square(got - wanted).mean(), numpy.square(step).mean() / 11 + 1e-12, name)

    def tensor(self, name, like):
        data = (self.folder / "floats").read_bytes()
        size = int.from_bytes(data[:8], "little")
        begin, end = json.loads(data[8:8 + size])[name]["data_offsets"]
        return numpy.frombuffer(data[8 + size + begin:8 + size + end], "<f4").reshape(like.shape)

    @unittest.skipUnless(importlib.util.find_spec("torch"), "needs PyTorch")
    def test_files_of_pytorch(self):
        code = "import sys, numpy, torch; torch.save({k: torch.from_numpy(v) for k, v in numpy.load(sys.argv[1]).items()}, sys.argv[2])"
        numpy.savez(str(self.folder / "state.npz"), **self.state)
        subprocess.check_call([sys.executable, "-c", code, str(self.folder / "state.npz"), str(self.folder / "state.pt")])
        self.assertEqual(self.expect_good(self.folder / "state.npz").info.fingerprint,
                         self.expect_good(self.folder / "state.pt").info.fingerprint)

    def test_refusals(self):
        for key, value, says in (("conv1_2.weight", None, "not among them: conv1_2.bias"), ("aux.weight", numpy.ones(3), "aux.weight"),
                                 ("conv1_2.bias", numpy.ones(3), "bias (3,)"), ("conv2_1.bias", numpy.full(6, numpy.nan), "NaN")):
            state = {**self.state, key: value}
            numpy.savez(str(self.folder / "state.npz"), **{name: v for name, v in state.items() if v is not None})
            done = self.pack(self.folder / "state.npz")
            self.assertEqual(done.returncode, 1)
            self.assertIn(says, done.stdout)
        numpy.savez(str(self.folder / "state.npz"), **self.state)
        del self.metadata["teacher"]
        self.assertIn("lacks teacher", self.pack(self.folder / "state.npz").stdout)


if __name__ == "__main__":
    unittest.main()
