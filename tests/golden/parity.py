"""Loss and gradient of every dialect and every statistic of styles against the published formulas in PyTorch float64, on the real VGG-19.

The double build must agree to 1e-9. The float build must agree with it to 1e-5, the gradient of Gram matrices with average pooling too;
elsewhere a near tie of max pooling or a ReLU near zero may fall on the other side, so there the gradients' cosine must be above 0.9999.

usage: parity.py LIBRARY_FLOAT LIBRARY_DOUBLE
"""
import sys

import libnst

try:
    import numpy as np
    import torch

    import torch_objective
except ImportError as problem:
    libnst.skip(str(problem))

DEFAULTS = {"gatys-paper": (1, 1000), "gatys-code": (1, 1000), "neural-style": (5, 100), "normalised": (0.005, 1)}
GATYS = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
CASES = [  # width, height, style width, style height, content layers, style layers
    (101, 67, 101, 83, ["relu4_2"], GATYS),
    (75, 93, 61, 93, ["conv3_2", "relu2_2"], ["conv1_1", "relu2_2", "conv4_1"]),
]


def picture(random, width, height):
    """Smooth colour patches with some grain: like a photograph to the network, and different for every seed."""
    coarse = torch.tensor(random.random((1, 3, height // 8 + 2, width // 8 + 2)), dtype=torch.float64)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)
    return (smooth + 0.1 * torch.tensor(random.standard_normal((1, 3, height, width)))).clamp(0, 1).float().double()


class Case:
    """One objective: what it is made of, beside the pictures and the dialect."""

    def __init__(self, content_layers, style_layers, pooling="max", tv=0, statistics="gram", octaves=1):
        self.content_layers, self.style_layers, self.pooling, self.tv = content_layers, style_layers, pooling, tv
        self.statistics, self.octaves = statistics, octaves


def ours(nst, model, images, dialect, case):
    handles = [nst.image(i[0].permute(1, 2, 0).numpy()) for i in images]
    alpha, beta = DEFAULTS[dialect]  # given, so that no search for a strength chooses others
    options = nst.options(dialect=dialect, alpha=alpha, beta=beta, octaves=case.octaves, scales=1, pooling=case.pooling, tv=case.tv,
                          init="image", content_layers=",".join(case.content_layers), style_layers=",".join(case.style_layers),
                          style_statistics=case.statistics, size=max(images[0].shape))
    targets = nst.targets(model, handles[0], [handles[1]])
    session = nst.session(targets, options, handles[2])
    nst.step(session)
    p, g = nst.progress(session), nst.gradient(session)
    nst.free(session=session, targets=targets, options=options)
    for handle in handles:
        nst.free(image=handle)
    return np.array([p.loss, p.content, p.style, p.tv]), g


def reference(vgg, images, dialect, case):
    x = images[2].clone().requires_grad_(True)
    terms = torch_objective.objective(vgg, dialect, case.pooling, x, images[0], images[1], case.content_layers, case.style_layers,
                                      *DEFAULTS[dialect], case.tv, case.statistics, case.octaves)
    terms[0].backward()
    return np.array([float(t.detach()) if case.tv or i < 3 else 0 for i, t in enumerate(terms)]), x.grad[0].numpy()


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def check(name, value, limit, above=False):
    good = value > limit if above else value <= limit
    print("  %-28s %.3g %s" % (name, value, "" if good else "FAILED, limit %g" % limit))
    return bool(good)


def compare(want, gradient, exact, exact_gradient, loss, loss_gradient, case):
    good = check("double: loss", np.max(np.abs(exact - want) / np.abs(want[0])), 1e-9)
    good &= check("double: gradient", relative(exact_gradient, gradient), 1e-9)
    good &= check("float: loss", np.max(np.abs(loss - exact) / np.abs(exact[0])), 1e-5)
    if case.pooling == "average" and case.statistics == "gram" and case.octaves == 1:
        return good & check("float: gradient", relative(loss_gradient, exact_gradient), 1e-5)
    cosine = (loss_gradient * exact_gradient).sum() / np.linalg.norm(loss_gradient) / np.linalg.norm(exact_gradient)
    return good & check("float: gradient cosine", cosine, 0.9999, above=True)


# The image, a ReLU and a pooling in front; a convolution beside its ReLU, and links that share layers.
CHAIN = ["conv1_1", "relu1_2", "conv2_1", "relu3_1", "relu3_2", "conv4_2", "relu4_2"]
# Both octaves of it are large enough to be taken.
OCTAVES = (131, 48, 131, 51, ["relu2_2"], ["relu1_1", "relu3_1"])


def cases():
    """(sides, dialect, case) of everything that is compared."""
    for *sides, content_layers, style_layers in CASES:
        for dialect in DEFAULTS:
            yield sides, dialect, Case(content_layers, style_layers)
            yield sides, dialect, Case(content_layers, style_layers, "average", 0.001)
    *sides, content_layers, style_layers = CASES[0]
    for statistics in list(torch_objective.STYLE_LOSSES)[1:]:
        for dialect in ("neural-style", "normalised"):
            yield sides, dialect, Case(content_layers, style_layers, "average", statistics=statistics)
    for dialect in ("gatys-paper", "normalised"):
        yield sides, dialect, Case(content_layers, CHAIN, "average", statistics="chained")
    *sides, content_layers, style_layers = OCTAVES
    for statistics in ("gram", "chained"):
        yield sides, "normalised", Case(content_layers, style_layers, "average", statistics=statistics, octaves=2)


def main():
    weights = libnst.data("weights", "vgg19-caffe-bgr.safetensors")
    single, double = libnst.Library(sys.argv[1]), libnst.Library(sys.argv[2])
    assert single.lib.oracle_real_bytes() == 4 and double.lib.oracle_real_bytes() == 8
    models = [single.model(weights), double.model(weights)]
    vgg = torch_objective.Vgg(weights, torch.float64)
    random = np.random.default_rng(2016)
    good, count = True, 0
    for (width, height, style_width, style_height), dialect, case in cases():
        images = [picture(random, width, height), picture(random, style_width, style_height), picture(random, width, height)]
        want, gradient = reference(vgg, images, dialect, case)
        print("%dx%d %s, %s, %s pooling, %d octaves, tv %g: loss %.10g" % (
            width, height, dialect, case.statistics, case.pooling, case.octaves, case.tv, want[0]), flush=True)
        good &= compare(want, gradient, *ours(double, models[1], images, dialect, case), *ours(single, models[0], images, dialect, case), case)
        count += 1
    print("%d objectives compared" % count)
    return 0 if good else 1


sys.exit(main())
