"""The published formulas in PyTorch, written from the papers and the original programs, independent of the C code."""
import json
import struct

import numpy as np
import torch
import torch.nn.functional as F

BLOCKS = [2, 2, 4, 4, 4]


def read_safetensors(path):
    raw = open(path, "rb").read()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(raw[8 + length + begin:8 + length + end], np.float32).reshape(entry["shape"]).copy()
    return tensors


class Vgg:
    """Caffe-derived VGG-19: BGR 0..255 minus mean, zero padding."""

    def __init__(self, path, dtype):
        tensors = read_safetensors(path)
        indices = sorted({int(name.split(".")[1]) for name in tensors})
        self.convs = [(torch.tensor(tensors["features.%d.weight" % i]).to(dtype),
                       torch.tensor(tensors["features.%d.bias" % i]).to(dtype)) for i in indices]
        self.mean = torch.tensor([103.939, 116.779, 123.68], dtype=dtype).view(1, 3, 1, 1)

    def features(self, x, pooling, wanted):
        """x (1, 3, H, W) RGB 0..1; returns {layer: (C, H, W)}"""
        found, conv = {}, 0
        x = x.flip(1) * 255 - self.mean
        for block, size in enumerate(BLOCKS, 1):
            for number in range(1, size + 1):
                weight, bias = self.convs[conv]
                conv += 1
                x = F.conv2d(x, weight, bias, padding=1)
                found["conv%d_%d" % (block, number)] = x[0]
                x = F.relu(x)
                found["relu%d_%d" % (block, number)] = x[0]
                if all(name in found for name in wanted):
                    return {name: found[name] for name in wanted}
            x = F.max_pool2d(x, 2) if pooling == "max" else F.avg_pool2d(x, 2)
            found["pool%d" % block] = x[0]
        raise KeyError(wanted)


class SlimVgg:
    """The distilled VGG-19 of collaborative distillation (Wang et al. 2020): a 1x1 convolution at the input, reflected borders."""

    def __init__(self, path, dtype):
        tensors = torch.load(path, map_location="cpu", weights_only=True)["model"]
        names = ["0"] + ["%d%d" % (block, number) for block, size in enumerate(BLOCKS, 1) for number in range(1, size + 1)]
        self.convs = {name: (tensors["conv%s.weight" % name].to(dtype), tensors["conv%s.bias" % name].to(dtype))
                      for name in names if "conv%s.weight" % name in tensors}

    def relus(self, x, blocks="12345"):
        """x (1, 3, H, W) RGB 0..1; every {layer: (C, H, W)} of these blocks, which are the first ones"""
        found, block = {}, "1"
        x = F.conv2d(x, *self.convs["0"])
        for name, conv in list(self.convs.items())[1:]:
            if name[0] not in blocks:
                break
            if name[0] != block:
                block, x = name[0], F.max_pool2d(x, 2)
            x = F.relu(F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), *conv))
            found["relu%s_%s" % tuple(name)] = x[0]
        return found


def gram(f):
    flat = f.reshape(f.shape[0], -1)
    return flat @ flat.t()


def positions(f):
    return f.shape[1] * f.shape[2]


def content_loss(dialect, f, p):
    if dialect == "gatys-paper":
        return ((f - p) ** 2).sum() / 2
    if dialect == "normalised":
        centred = p - p.mean((1, 2), keepdim=True)
        return ((f - p) ** 2).sum() / (centred ** 2).sum()
    return ((f - p) ** 2).mean()


def second_degree(dialect, f, own):
    """The factor of a sum of squares of second moments; `own` is the style's."""
    n = f.shape[0]
    return {"gatys-paper": 1 / (4 * n * n), "normalised": 1 / own}.get(dialect, 1 / n ** 4)


def first_degree(dialect, f, power):
    return 1 / power if dialect == "normalised" else 1 / f.shape[0]


def moments(f):
    """Mean (C), mean of products (C, C), covariance (C, C)"""
    mean, products = f.mean((1, 2)), gram(f) / positions(f)
    return mean, products, products - torch.outer(mean, mean)


def gram_loss(dialect, f, s):
    target = gram(s) / positions(s)
    return ((gram(f) / positions(f) - target) ** 2).sum() * second_degree(dialect, f, (target ** 2).sum())


def mean_std_loss(dialect, f, s):
    power = (s ** 2).mean((1, 2)).sum()
    little = 1e-5 * power / f.shape[0]
    means = f.mean((1, 2)) - s.mean((1, 2))
    deviations = (f.var((1, 2), correction=0) + little).sqrt() - (s.var((1, 2), correction=0) + little).sqrt()
    return ((means ** 2).sum() + (deviations ** 2).sum()) * first_degree(dialect, f, power)


def covariance_loss(dialect, f, s):
    mean, _, covariance = moments(f)
    wanted_mean, products, wanted = moments(s)
    own = torch.maximum((wanted ** 2).sum(), 1e-3 * (products ** 2).sum())
    means = own / torch.trace(products) * ((mean - wanted_mean) ** 2).sum()
    return (((covariance - wanted) ** 2).sum() + means) * second_degree(dialect, f, own)


def shifted_gram_loss(dialect, f, s):
    shift = -s.mean()
    return gram_loss(dialect, f + shift, s + shift)


def root(matrix):
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp(min=0).sqrt() @ vectors.t()


def wasserstein_loss(dialect, f, s):
    """As crowsonkb/style-transfer-pytorch, by eigenvalues in place of Newton-Schulz iterations."""
    mean, _, covariance = moments(f)
    wanted_mean, products, wanted = moments(s)
    little = 1e-4 * torch.trace(wanted) / f.shape[0] * torch.eye(f.shape[0], dtype=f.dtype)
    covariance, wanted = covariance + little, wanted + little
    middle = root(wanted)
    # The eigenvalues' derivative is defined where those of eigenvectors are not.
    both = torch.trace(covariance) + torch.trace(wanted) - 2 * torch.linalg.eigvalsh(middle @ covariance @ middle).clamp(min=0).sqrt().sum()
    return (((mean - wanted_mean) ** 2).sum() + both) * first_degree(dialect, f, torch.trace(products))


def cross(f, b):
    return f.reshape(f.shape[0], -1) @ b.reshape(b.shape[0], -1).t() / positions(f)


def chained_loss(dialect, f, s):
    """Of pairs: a layer's features and those that its convolution has read, None for the image"""
    if f[1] is None:
        return gram_loss(dialect, f[0], s[0])
    target = cross(*s)
    entries = target.numel()
    factor = {"gatys-paper": 1 / (4 * entries), "normalised": 1 / (target ** 2).sum()}.get(dialect, 1 / entries ** 2)
    return ((cross(*f) - target) ** 2).sum() * factor


STYLE_LOSSES = {"gram": gram_loss, "mean-std": mean_std_loss, "covariance": covariance_loss, "shifted-gram": shifted_gram_loss,
                "wasserstein": wasserstein_loss, "chained": chained_loss}


def total_variation(x):
    x = x * 255
    dx = x[:, :, :-1, 1:] - x[:, :, :-1, :-1]
    dy = x[:, :, 1:, :-1] - x[:, :, :-1, :-1]
    return ((dx ** 2).sum() + (dy ** 2).sum()) / 2


def in_front(layer):
    """What the convolution of conv3_2 or relu3_2 has read, relu3_1; None: the image"""
    block, number = int(layer[4]), int(layer[6])
    if number > 1:
        return "relu%d_%d" % (block, number - 1)
    return "pool%d" % (block - 1) if block > 1 else None


def style_features(vgg, pooling, x, layers, statistics):
    """{layer: what its loss looks at}"""
    if statistics != "chained":
        return vgg.features(x, pooling, layers)
    front = {layer: in_front(layer) for layer in layers}
    found = vgg.features(x, pooling, layers + [layer for layer in front.values() if layer])
    return {layer: (found[layer], found.get(front[layer])) for layer in layers}


def style_term(vgg, dialect, pooling, x, style, layers, statistics):
    features = style_features(vgg, pooling, x, layers, statistics)
    with torch.no_grad():
        wanted = style_features(vgg, pooling, style, layers, statistics)
    return sum(STYLE_LOSSES[statistics](dialect, features[l], wanted[l]) for l in layers)


def halved(x, times):
    return x if times == 0 else halved(F.avg_pool2d(x, 2), times - 1)


def objective(vgg, dialect, pooling, x, content, style, content_layers, style_layers, alpha, beta, tv, statistics="gram", octaves=1):
    """(total, content, style, tv), each weighted; images (1, 3, H, W)"""
    features = vgg.features(x, pooling, content_layers)
    with torch.no_grad():
        p = vgg.features(content, pooling, content_layers)
    mean = dialect in ("gatys-paper", "normalised")
    cw, sw = (1 / len(content_layers), 1 / len(style_layers)) if mean else (1, 1)
    c_term = alpha * cw * sum(content_loss(dialect, features[l], p[l]) for l in content_layers)
    s_term = beta * sw / octaves * sum(style_term(vgg, dialect, pooling, halved(x, k), halved(style, k), style_layers, statistics)
                                       for k in range(octaves))
    t_term = tv * total_variation(x)
    if dialect == "normalised":
        t_term = t_term / total_variation(content)
    return c_term + s_term + t_term, c_term, s_term, t_term
