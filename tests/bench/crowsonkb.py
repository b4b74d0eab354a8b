"""The recipe of crowsonkb/style-transfer-pytorch in PyTorch, written from its formulas, for a given amount of work.

    python3 tests/bench/crowsonkb.py CONTENT STYLE -o OUT.png --weights VGG19 --size 256 --work 1000

Adam (0.02, betas 0.9 and 0.99) on the picture, clamped to 0..1 in every step, averaged over the steps (0.99); scales from 128 pixels by
the root of two, the first with twice the steps of the others; content 0.015 times the mean square at relu4_2, Wasserstein-2 distances
of normal distributions at relu1_1 to relu5_1 weighted 256, 64, 16, 4, 1, total variation 2 over nine points. --work is counted in
evaluations at the full size; the program's own numbers of steps, 1000 and then 500 each, are about 1000 of them at 256 pixels.

Its weights are torchvision's. Here they are those of Caffe, whose pixels are 57.6 times as large (255 against a deviation of about
0.226): features are divided by that, so that the content, style and total variation stand to each other as there. The total variation
is the mean square of the differences to eight neighbours; the optimiser's moments are not carried from scale to scale.
"""
import argparse
import math
import os
import sys

import numpy
import torch
import torch.nn.functional as functional
from PIL import Image

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import torch_objective  # noqa: E402

STYLE = {"relu1_1": 256, "relu2_1": 64, "relu3_1": 16, "relu4_1": 4, "relu5_1": 1}
CONTENT, CONTENT_WEIGHT, TV_WEIGHT = "relu4_2", 0.015, 2.0
CAFFE_UNIT = 57.6
STEPS, FIRST_STEPS = 500, 1000


def scales_to(size):
    found = [size]
    while found[0] / math.sqrt(2) >= 127:
        found.insert(0, round(found[0] / math.sqrt(2)))
    return found


def load(path, longer):
    image = Image.open(path).convert("RGB")
    scale = longer / max(image.size)
    image = image.resize([max(1, round(side * scale)) for side in image.size], Image.LANCZOS)
    return torch.from_numpy(numpy.asarray(image, dtype=numpy.float32) / 255).permute(2, 0, 1)[None]


def newton_schulz(matrix, steps=12):
    """Its root; differentiable."""
    norm = matrix.norm()
    y, z, eye = matrix / norm, torch.eye(len(matrix)), torch.eye(len(matrix))
    for _ in range(steps):
        t = 1.5 * eye - 0.5 * z @ y
        y, z = y @ t, t @ z
    return y * norm.sqrt()


def moments(f):
    mean, _, covariance = torch_objective.moments(f)
    return mean, covariance + 1e-4 * torch.eye(len(mean))


class Target:
    def __init__(self, f):
        self.mean, self.covariance = moments(f)
        self.middle = torch_objective.root(self.covariance)

    def distance(self, f):
        mean, covariance = moments(f)
        both = newton_schulz(self.middle @ covariance @ self.middle)
        return (mean - self.mean).square().mean() + torch.diagonal(covariance + self.covariance - 2 * both).mean()


def total_variation(x):
    padded = functional.pad(x, (1, 1, 1, 1), "replicate")
    height, width = x.shape[2:]
    around = [padded[:, :, i:i + height, j:j + width] for i in range(3) for j in range(3) if (i, j) != (1, 1)]
    return sum((n - x).square().mean() for n in around) / len(around)


class Scale:
    def __init__(self, vgg, content, style):
        self.vgg = vgg
        with torch.no_grad():
            self.content = self.features(content, [CONTENT])[CONTENT]
            self.styles = {name: Target(f) for name, f in self.features(style, list(STYLE)).items()}

    def features(self, x, wanted):
        return {name: f / CAFFE_UNIT for name, f in self.vgg.features(x, "max", wanted).items()}

    def loss(self, x):
        found = self.features(x, [*STYLE, CONTENT])
        style = sum(STYLE[name] * target.distance(found[name]) for name, target in self.styles.items()) / sum(STYLE.values())
        return CONTENT_WEIGHT * (found[CONTENT] - self.content).square().mean() + style + TV_WEIGHT * total_variation(x)


def optimise(scale, start, steps, decay=0.99):
    x = start.clone().requires_grad_(True)
    adam = torch.optim.Adam([x], lr=0.02, betas=(0.9, 0.99))
    average, weight = torch.zeros_like(start), 0.0
    for _ in range(steps):
        adam.zero_grad()
        scale.loss(x).backward()
        adam.step()
        with torch.no_grad():
            x.clamp_(0, 1)
            average, weight = average * decay + x * (1 - decay), weight * decay + 1 - decay
    return (average / weight).detach()


def paint(content, style, weights, size, work):
    """The picture (1, 3, H, W), and how much work it took."""
    vgg, sizes = torch_objective.Vgg(weights, torch.float32), scales_to(size)
    usual = [FIRST_STEPS] + [STEPS] * (len(sizes) - 1)
    share = work / sum(steps * (s / size) ** 2 for s, steps in zip(sizes, usual))
    picture, done = None, 0.0
    for s, steps in zip(sizes, usual):
        image, steps = load(content, s), max(1, round(share * steps))
        picture = image if picture is None else functional.interpolate(picture, image.shape[2:], mode="bicubic").clamp(0, 1)
        picture = optimise(Scale(vgg, image, load(style, s)), picture, steps)
        done += steps * (s / size) ** 2
    return picture, done


def save(picture, path):
    Image.fromarray((picture[0].permute(1, 2, 0).numpy() * 255).round().astype(numpy.uint8)).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("content")
    parser.add_argument("style")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--weights", required=True, help="VGG-19 of Caffe, safetensors")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--work", type=float, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    picture, _ = paint(arguments.content, arguments.style, arguments.weights, arguments.size, arguments.work)
    save(picture, arguments.output)


if __name__ == "__main__":
    main()
