"""Does a network's style description tell pictures apart as VGG-19's does?

    python3 weights/train/retrieval.py --corpus FOLDER --teacher vgg19.safetensors --state OUT/state.pt

Ten crops of each of a hundred pictures that were never trained on: how often is the nearest other crop, by the Gram matrices of the five
style layers, one of the same picture? For random filters, for the trained network and for VGG-19.
"""
import argparse

import numpy as np
import torch

import pictures
from networks import STUDENT_WIDTHS, Network, Teacher, gram

STYLE = ("1_1", "2_1", "3_1", "4_1", "5_1")
PICTURES, CROPS, SIDE = 100, 10, 112


@torch.no_grad()
def similarities(network, x):
    """(B, B): sum over the style layers of the cosines between Gram matrices"""
    total = 0
    for name in STYLE:
        rows = torch.cat([gram(network(part, (name,))[name]).flatten(1) for part in x.split(16)])
        rows -= rows.mean(0)
        rows /= rows.norm(dim=1, keepdim=True)
        total = total + rows @ rows.t()
    return total


def top_one(network, x, labels):
    found = similarities(network, x)
    found.fill_diagonal_(-np.inf)
    return float((labels[found.argmax(1)] == labels).float().mean())


def random_network():
    torch.manual_seed(0)
    network = Network(STUDENT_WIDTHS)
    for conv in network.convs:
        torch.nn.init.kaiming_normal_(conv.weight)
        torch.nn.init.zeros_(conv.bias)
    return network


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--state", required=True)
    arguments = parser.parse_args()
    corpus, rng = pictures.Corpus(arguments.corpus), np.random.default_rng(99)
    files = [corpus.held_out[i] for i in rng.permutation(len(corpus.held_out))[:PICTURES]]
    x = torch.from_numpy(np.stack([pictures.crop(file, SIDE, rng).transpose(2, 0, 1) for file in files for _ in range(CROPS)]))
    labels = torch.arange(len(x)) // CROPS
    student = Network(STUDENT_WIDTHS)
    student.load_state_dict(torch.load(arguments.state, weights_only=False)["student"])
    random, trained, teacher = (top_one(n, x, labels) for n in (random_network(), student, Teacher(arguments.teacher)))
    print("nearest crop of the same picture: random filters %.1f %%, trained %.1f %%, VGG-19 %.1f %%; share of the gain %.0f %%" % (
        100 * random, 100 * trained, 100 * teacher, 100 * (trained - random) / (teacher - random)))


if __name__ == "__main__":
    main()
