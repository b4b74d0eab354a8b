"""The programs that make the network in the library: its file as the library reads it, and the pruning."""
import argparse
import json
import pathlib
import sys
import unittest

from support import TestCase, needs_numpy, needs_pillow, numpy, pillow

import nst

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "weights" / "train"))
try:
    import torch
except ImportError:
    torch = None
WIDTHS = (2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5)


@needs_numpy
class Packing(TestCase):
    """The file of a trained network, judged by the library, which hashes the numbers of every file that has a fingerprint."""

    def setUp(self):
        super().setUp()
        import pack
        self.pack, random = pack, numpy.random.default_rng(5)
        self.state = {}
        for name, inputs, outputs in (("conv1_1", 3, 4), ("conv1_2", 4, 4), ("conv2_1", 4, 6)):
            self.state[name + ".weight"] = random.standard_normal((outputs, inputs, 3, 3)).astype("f4")
            self.state[name + ".bias"] = random.standard_normal(outputs).astype("f4")
        self.state["conv1_2.weight"][1] = 0  # a channel that is dead
        self.metadata = dict.fromkeys(pack.NEEDED, "torch")
        self.metadata.update(padding="reflect", teacher="nobody \u00e9", name="other")

    def test_numbers(self):
        fingerprint = self.pack.write(self.folder / "out", self.state, self.metadata)
        model = nst.Model(self.folder / "out")
        self.assertEqual((model.info.fingerprint, model.info.name, model.info.padding, model.get_metadata("teacher")),
                         (fingerprint, "builtin", nst.Padding.REFLECT, "nobody \u00e9"))
        self.assertEqual(model.layers[-1], nst.Layer("relu2_1", 6))
        model.save(self.folder / "floats")
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

    def test_refusals(self):
        for key, value, says in (("conv1_2.weight", None, "not among them: conv1_2.bias"), ("aux.weight", numpy.ones(3), "aux.weight"),
                                 ("conv1_2.bias", numpy.ones(3), "bias (3,)"), ("conv2_1.bias", numpy.full(6, numpy.nan), "NaN")):
            state = {name: v for name, v in {**self.state, key: value}.items() if v is not None}
            with self.assertRaises(SystemExit) as refusal:
                self.pack.write(self.folder / "out", state, self.metadata)
            self.assertIn(says, str(refusal.exception))
        del self.metadata["teacher"]
        with self.assertRaisesRegex(SystemExit, "lacks teacher"):
            self.pack.write(self.folder / "out", self.state, self.metadata)


def random_network(seed):
    import networks
    torch.manual_seed(seed)
    network = networks.Network(WIDTHS)
    for conv in network.convs:
        torch.nn.init.kaiming_normal_(conv.weight)
    return network


@unittest.skipUnless(torch, "needs PyTorch")
class Pruning(TestCase):
    def test_all_channels_are_the_teacher(self):
        """With as many channels as the teacher has, the least squares solution is the teacher."""
        import networks
        import prune
        teacher, student = random_network(1), random_network(2)
        x = torch.rand(12, 3, 48, 48)
        said = []
        copied = prune.prune(student, teacher, x, 0, said.append)
        with torch.no_grad():
            mine, its = student(x), teacher(x)
        for name in networks.NAMES[:6]:
            chosen, scale = copied[name]
            wanted = its[name][:, chosen] / scale
            self.assertLess(float((mine[name] - wanted).pow(2).sum() / wanted.pow(2).sum()), 1e-2, name)
        self.assertEqual(len(said), 13)

    def test_normalising_changes_scales_alone(self):
        import networks
        network = random_network(2)
        x = torch.rand(2, 3, 32, 32)
        with torch.no_grad():
            before = network(x)
            means = {name: f.mean() for name, f in before.items()}
            networks.normalise(network, means)
            for name, f in network(x).items():
                self.assertTrue(torch.allclose(f, before[name] / means[name], rtol=1e-3, atol=1e-4), name)


@unittest.skipUnless(torch, "needs PyTorch")
@needs_pillow
class Resuming(TestCase):
    def training(self, out, **changed):
        import train
        train.Teacher, train.STUDENT_WIDTHS, train.SIDE, train.BATCH = lambda path: random_network(1), WIDTHS, 32, 2
        (self.folder / out).mkdir(exist_ok=True)
        given = dict(corpus=str(self.folder / "corpus"), teacher="", out=str(self.folder / out), crops=6, steps=4, seed=0)
        return train.Training(argparse.Namespace(**{**given, **changed}))

    def setUp(self):
        super().setUp()
        (self.folder / "corpus").mkdir()
        for i in range(4):
            pixels = numpy.random.default_rng(i).integers(0, 255, (40, 48, 3), dtype="u1")
            pillow.fromarray(pixels).save(self.folder / "corpus" / ("%d.png" % i))

    def test_a_stopped_run_gives_the_same_numbers(self):
        whole, stopped = self.training("whole"), self.training("stopped")
        whole.run()
        stopped.begin()
        stopped.train_step()
        stopped.save()
        resumed = self.training("stopped")
        resumed.run()
        self.assertEqual((self.folder / "whole/builtin.safetensors").read_bytes(), (self.folder / "stopped/builtin.safetensors").read_bytes())
        self.assertEqual([row.split(",")[0] for row in (self.folder / "stopped/log.csv").read_text().splitlines()[1:]],
                         [row.split(",")[0] for row in (self.folder / "whole/log.csv").read_text().splitlines()[1:]])

    def test_other_arguments_are_refused(self):
        first = self.training("out")
        first.begin()
        with self.assertRaisesRegex(SystemExit, "seed"):
            self.training("out", seed=1).run()


if __name__ == "__main__":
    unittest.main()
