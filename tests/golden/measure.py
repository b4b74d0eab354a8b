"""Measures against PyTorch float64: distances and retention on a small trained network, structure by formulas written out anew.

The double build must agree to 1e-9, the float build to 1e-5.

usage: measure.py LIBRARY_FLOAT LIBRARY_DOUBLE
"""
import sys

import libnst

try:
    import numpy as np
    import torch
    import torch.nn.functional as F

    import torch_objective
except ImportError as problem:
    libnst.skip(str(problem))

HELD_OUT = ["relu1_2", "relu2_2", "relu3_4", "relu4_3"]
OBJECTIVE = {"relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"}
# width, height, style width, style height: as prepared, so that nothing is resized
CASES = [(101, 67, 71, 101), (64, 90, 90, 90), (264, 256, 140, 264)]


def picture(random, width, height):
    coarse = torch.tensor(random.random((1, 3, height // 8 + 2, width // 8 + 2)), dtype=torch.float64)
    smooth = F.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    return (smooth + 0.05 * torch.tensor(random.standard_normal((1, 3, height, width)))).clamp(0, 1).float().double()


def content_distance(f, p):
    return ((f - p) ** 2).sum() / (p ** 2).sum()


def style_distance(f, s):
    g, a = (torch_objective.gram(x) / torch_objective.positions(x) for x in (f, s))
    return ((g - a) ** 2).sum() / (a ** 2).sum()


def retention(f, p):
    f, p = (x - x.mean((1, 2), keepdim=True) for x in (f, p))
    return (f * p).sum() / ((f ** 2).sum() * (p ** 2).sum()).sqrt()


def luma(x):
    return (x * torch.tensor([0.299, 0.587, 0.114], dtype=x.dtype).view(1, 3, 1, 1)).sum(1, keepdim=True)


def window(taps):
    taps = taps / taps.sum()
    return torch.outer(taps, taps)[None, None]


def ssim(a, b):
    at = torch.arange(11, dtype=torch.float64) - 5
    gauss = window(torch.exp(-at ** 2 / (2 * 1.5 ** 2)))
    ma, mb = F.conv2d(a, gauss), F.conv2d(b, gauss)
    va, vb, cov = F.conv2d(a * a, gauss) - ma ** 2, F.conv2d(b * b, gauss) - mb ** 2, F.conv2d(a * b, gauss) - ma * mb
    return ((2 * ma * mb + 1e-4) * (2 * cov + 9e-4) / ((ma ** 2 + mb ** 2 + 1e-4) * (va + vb + 9e-4))).mean()


def edges(y):
    across = torch.tensor([[-1., 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=y.dtype)[None, None] / 4
    return ((F.conv2d(y, across) ** 2 + F.conv2d(y, across.transpose(2, 3)) ** 2) / 2).sqrt()


def high_frequency(y):
    at = torch.arange(11, dtype=torch.float64) - 5
    low = F.conv2d(y, window(torch.sinc(at / 2) * torch.sinc(at / 6)))
    inner = y[:, :, 5:-5, 5:-5]
    return ((inner - low) ** 2).sum() / ((inner - inner.mean()) ** 2).sum()


def halves(x):
    """The library keeps pictures as floats between the octaves."""
    return F.avg_pool2d(x, 2).float().double()


def self_similarity(f, p):
    """STROTSS, equation 7, on at most 1024 places, evenly apart."""
    step = 1
    while len(range((step - 1) // 2, f.shape[1], step)) * len(range((step - 1) // 2, f.shape[2], step)) > 1024:
        step += 1
    first, columns = (step - 1) // 2, []
    for x in (f, p):
        x = F.normalize(x[:, first::step, first::step].flatten(1), dim=0)
        distance = (1 - x.T @ x).fill_diagonal_(0)
        columns.append(distance / distance.sum(0, keepdim=True))
    return (columns[0] - columns[1]).abs().mean() * len(columns[0])


def correlation(a, b):
    return np.corrcoef(a.flatten().numpy(), b.flatten().numpy())[0, 1]


def reference(network, x, content, style):
    """({layer: (content, style, retention)}, summary)"""
    f, p, s = (network.relus(image) for image in (x, content, style))
    layers = {name: [float(v) for v in (content_distance(f[name], p[name]), style_distance(f[name], s[name]), retention(f[name], p[name]))]
              for name in f}
    y, c, at_full_size = luma(x), luma(content), f
    summary = {"held_out_style": np.mean([layers[name][1] for name in HELD_OUT]), "retention": layers["relu4_2"][2],
               "ssim": ssim(y, c), "edge_ssim": ssim(edges(y), edges(c)), "edge_correlation": correlation(edges(y), edges(c)),
               "high_frequency": high_frequency(y), "high_frequency_content": high_frequency(c),
               "high_frequency_style": high_frequency(luma(style))}
    for key in ("held_out_style_half", "held_out_style_quarter"):
        x, style = halves(x), halves(style)
        f, s = network.relus(x, "1234"), network.relus(style, "1234")
        summary[key] = np.mean([float(style_distance(f[name], s[name])) for name in HELD_OUT])
    summary["self_similarity"] = self_similarity(*(features["relu4_1"] for features in (at_full_size, p)))
    summary["erosion"] = 1 - max(float(summary["edge_correlation"]), 0) * max(summary["retention"], 0)
    return layers, {key: float(value) for key, value in summary.items()}


def ours(nst, model, x, content, style):
    handles = [nst.image(i[0].permute(1, 2, 0).numpy()) for i in (x, content, style)]
    targets = nst.targets(model, handles[1], [handles[2]])
    found = nst.measure(targets, handles[0])
    nst.free(targets=targets)
    for handle in handles:
        nst.free(image=handle)
    return found


def difference(found, want):
    """The largest relative one."""
    summary, layers = found
    wanted_layers, wanted = want
    names = [layer.layer.decode() for layer in layers]
    assert names == list(wanted_layers), names
    assert {layer.layer.decode() for layer in layers if layer.style_in_objective} == OBJECTIVE
    pairs = [(getattr(summary, key), value) for key, value in wanted.items()]
    for layer, values in zip(layers, wanted_layers.values()):
        pairs += list(zip((layer.content, layer.style, layer.retention), values))
    return max(abs(a - b) / abs(b) for a, b in pairs), len(pairs)


def main():
    weights = libnst.data("weights", "slim-vgg19-5.pth")
    libraries = [(libnst.Library(sys.argv[1]), 1e-5), (libnst.Library(sys.argv[2]), 1e-9)]
    network = torch_objective.SlimVgg(weights, torch.float64)
    random, good = np.random.default_rng(2016), True
    for width, height, style_width, style_height in CASES:
        images = [picture(random, width, height), picture(random, width, height), picture(random, style_width, style_height)]
        images[0] = (0.5 * images[0] + 0.5 * images[1]).float().double()
        want = reference(network, *images)
        print("%dx%d: %s" % (width, height, {key: float("%.6g" % value) for key, value in want[1].items()}))
        for nst, limit in libraries:
            most, count = difference(ours(nst, nst.model(weights), *images), want)
            print("  %d bytes a number: %d values, at most %.3g off, limit %g" % (nst.lib.oracle_real_bytes(), count, most, limit))
            good = good and most <= limit
    return 0 if good else 1


sys.exit(main())
