"""The programs that make the network in the library: its file as the library reads it, and the pruning."""
import pathlib
import sys
import unittest

import support
from support import TestCase, needs_numpy

import nst

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "weights" / "train"))
try:
    import torch
except ImportError:
    torch = None
WIDTHS = (2, 2, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5)
METADATA = dict(preprocessing="torch", padding="zero", license="none", origin="a test", training="none", teacher="none")


def random_state(pack, n):
    random, state, channels = n.random.default_rng(3), {}, 3
    for name, width in zip(pack.LAYERS, WIDTHS):
        state[name + ".weight"] = random.normal(0, 0.3, (width, channels, 3, 3)).astype("f4")
        state[name + ".bias"] = random.normal(0, 0.1, width).astype("f4")
        channels = width
    return state


@needs_numpy
class Packing(TestCase):
    def setUp(self):
        super().setUp()
        import pack
        self.pack, self.n = pack, support.numpy
        self.state = random_state(pack, self.n)
        self.path = self.folder / "packed.safetensors"

    def test_the_library_reads_the_same_numbers(self):
        fingerprint = self.pack.write(self.path, self.state, METADATA)
        model = nst.Model(self.path)
        self.assertEqual((model.info.fingerprint, model.info.convolutions), (fingerprint, 13))
        self.assertEqual(model.get_metadata("origin"), "a test")

    def test_eight_bits_are_near(self):
        weight = self.state["conv3_2.weight"]
        kernel, scale = self.pack.quantise(weight)
        error = self.n.abs(self.pack.dequantise(kernel, scale) - weight)
        self.assertLess(float(self.n.square(error).sum() / self.n.square(weight).sum()), 1e-4)

    def test_what_is_no_chain_is_refused(self):
        del self.state["conv2_1.weight"]
        with self.assertRaises(SystemExit):
            self.pack.write(self.path, self.state, METADATA)
        with self.assertRaises(SystemExit):
            self.pack.write(self.path, random_state(self.pack, self.n), {"preprocessing": "torch"})


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


if __name__ == "__main__":
    unittest.main()
