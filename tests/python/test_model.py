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


if __name__ == "__main__":
    unittest.main()
