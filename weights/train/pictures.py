"""Training pictures: crops of the corpus's photographs and paintings, plus a few noises and ramps."""
import os

import numpy as np
import torch
from PIL import Image

HELD_OUT = 25  # every 25th file of a folder is never trained on


class Corpus:
    def __init__(self, folder):
        self.train, self.held_out = [], []
        for root, _, files in sorted(os.walk(folder)):
            for index, file in enumerate(sorted(f for f in files if f.lower().endswith((".jpg", ".jpeg", ".png")))):
                (self.held_out if index % HELD_OUT == 0 else self.train).append(os.path.join(root, file))
        if not self.train:
            raise SystemExit("%s holds no pictures" % folder)


def crop(path, side, rng):
    """(side, side, 3) float32: a random square of at least `side` pixels where the file has them, reduced to `side`."""
    with Image.open(path) as image:
        image = image.convert("RGB")
        shorter = min(image.size)
        size = rng.integers(min(side, shorter), shorter + 1)
        left, top = (int(rng.integers(0, extent - size + 1)) for extent in image.size)
        image = image.resize((side, side), Image.LANCZOS, box=(left, top, left + size, top + size))
    pixels = np.asarray(image, np.float32) / 255
    return pixels[:, ::-1] if rng.random() < 0.5 else pixels


def coloured(pixels, rng):
    """Lightly other contrast and balance: style needs colour, so never much."""
    gain = rng.normal(1, 0.08, 3).astype(np.float32)
    return np.clip((pixels - 0.5) * gain * np.float32(rng.uniform(0.8, 1.2)) + 0.5 + np.float32(rng.normal(0, 0.03)), 0, 1)


def synthetic(side, rng):
    """Noise around a colour, at a random grain, over a ramp: what runs from noise look like at their start."""
    grain = 1 << int(rng.integers(0, 5))
    cells = -(-side // grain)
    noise = rng.normal(0, rng.uniform(0.02, 0.3), (cells, cells, 3)).repeat(grain, 0).repeat(grain, 1)[:side, :side]
    ramp = np.linspace(0, 1, side)[:, None, None] * rng.normal(0, 0.3, 3)
    return np.clip(rng.random(3) + noise + ramp, 0, 1).astype(np.float32)


def draw(corpus, side, rng):
    """One training picture (3, side, side)."""
    if rng.random() < 0.05:
        pixels = synthetic(side, rng)
    else:
        pixels = coloured(crop(corpus.train[int(rng.integers(len(corpus.train)))], side, rng), rng)
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def held_out(corpus, side, count):
    """(count, 3, side, side): the same crops in every run."""
    rng = np.random.default_rng(12345)
    files = [corpus.held_out[i] for i in rng.permutation(len(corpus.held_out))[:count]]
    return torch.from_numpy(np.stack([crop(file, side, rng).transpose(2, 0, 1) for file in files]))
