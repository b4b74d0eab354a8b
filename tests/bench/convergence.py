"""How far L-BFGS gets: libnst against torch.optim.LBFGS (history 100) on the same objective from the same start.

Runs the whole library (session, network, optimiser) on one side and the published formulas in PyTorch on the other, and prints the loss
after 100, 200 and 500 evaluations of each, with the ratio ours / theirs; PyTorch's is the lowest so far, ours the accepted one. Also
checks that ours never rises, never stops early without a reason and never turns non-finite.

    ninja -C BUILD tests/golden/libnst_oracle_float.so
    python3 tests/bench/convergence.py BUILD/tests/golden/libnst_oracle_float.so --network slim --size 256 --pairs 20 --seeds 3
Needs the test data (NST_TEST_DATA, else ../shared beside the source), PyTorch and numpy.
"""
import argparse
import ctypes
import itertools
import json
import math
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
import libnst  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
import torch_objective  # noqa: E402

MARKS = (100, 200, 500)
STYLE = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"]
FILES = {"slim": "slim-vgg19-5.pth", "vgg19": "vgg19-caffe-bgr.safetensors"}


class Slim:
    """The slim VGG-19: RGB 0..1 through a 1x1 convolution, reflection padding, to relu5_1."""

    def __init__(self, path):
        stored = torch.load(path, map_location="cpu", weights_only=False)
        self.weights = stored.get("model", stored)

    def features(self, x, pooling, wanted):
        found = {}
        x = F.conv2d(x, self.weights["conv0.weight"], self.weights["conv0.bias"])
        for block, size in enumerate(torch_objective.BLOCKS, 1):
            for number in range(1, size + 1):
                name = "conv%d%d" % (block, number)
                x = F.conv2d(F.pad(x, (1, 1, 1, 1), "reflect"), self.weights[name + ".weight"], self.weights[name + ".bias"]).relu()
                found["relu%d_%d" % (block, number)] = x[0]
                if all(layer in found for layer in wanted):
                    return {layer: found[layer] for layer in wanted}
            x = F.max_pool2d(x, 2)
        raise KeyError(wanted)


def pixels(nst, image):
    """(1, 3, H, W) float32 of a library image."""
    desc = libnst.ImageDesc(ctypes.sizeof(libnst.ImageDesc))
    assert nst.lib.nst_image_get_desc(image, ctypes.byref(desc)) == 0
    desc.format, desc.channels, desc.stride = 3, 3, 0
    out = np.empty((desc.height, desc.width, 3), np.float32)
    assert nst.lib.nst_image_read(image, ctypes.byref(desc), out.ctypes.data_as(ctypes.c_void_p), ctypes.c_uint64(out.nbytes)) == 0
    return torch.from_numpy(out).permute(2, 0, 1)[None].contiguous()


def resized(nst, path, size):
    """An image whose longer side is `size`, so that neither side of the comparison has to resize."""
    image = nst.load(path)
    desc = libnst.ImageDesc(ctypes.sizeof(libnst.ImageDesc))
    nst.lib.nst_image_get_desc(image, ctypes.byref(desc))
    scale = size / max(desc.width, desc.height)
    small = nst.new("nst_image_resize", image, int(desc.width * scale + 0.5), int(desc.height * scale + 0.5))
    nst.free(image=image)
    return small


def run_ours(nst, model, content, style, start, seed, size, evaluations, extra):
    """{mark: loss}, and the start picture."""
    options = nst.options(size=size, iterations=10 * evaluations, init=start, seed=seed, **extra)
    targets = nst.targets(model, content, [style])
    session = nst.session(targets, options)
    losses, last, clock = {}, math.inf, time.process_time()
    nst.step(session)
    first = nst.new("nst_session_get_image", session)
    picture = pixels(nst, first)
    while True:
        p = nst.progress(session)
        assert math.isfinite(p.loss) and p.loss <= last * (1 + 1e-6), "the loss rose from %g to %g" % (last, p.loss)
        for mark in MARKS:
            if p.evaluations <= mark:
                losses[mark] = p.loss
        last = p.loss
        if p.evaluations >= evaluations or not nst.step(session):
            break
    reason = nst.progress(session).stop_reason
    assert reason == 0 or p.evaluations < evaluations, "stopped for reason %d" % reason
    nst.free(session=session, targets=targets, options=options, image=first)
    return losses, picture, time.process_time() - clock, reason


def run_torch(vgg, content, style, picture, evaluations, unit):
    """The variable is the picture times `unit`: 255 as neural-style has it."""
    with torch.no_grad():
        p = vgg.features(content, "max", ["relu4_2"])
        s = {layer: f for layer, f in vgg.features(style, "max", STYLE).items()}
    x = (picture * unit).clone().requires_grad_(True)
    losses, best, count, clock = {}, math.inf, 0, time.process_time()
    optimiser = torch.optim.LBFGS([x], lr=1, max_iter=10 * evaluations, max_eval=evaluations, history_size=100, tolerance_grad=-1,
                                  tolerance_change=-1)

    def closure():
        nonlocal best, count
        optimiser.zero_grad()
        image = x / unit
        f = vgg.features(image, "max", ["relu4_2"] + STYLE)
        loss = 5 * torch_objective.content_loss("neural-style", f["relu4_2"], p["relu4_2"])
        loss = loss + 100 * sum(torch_objective.gram_loss("neural-style", f[layer], s[layer]) for layer in STYLE)
        loss.backward()
        count += 1
        value = float(loss.detach())
        best = min(best, value if math.isfinite(value) else math.inf)
        for mark in MARKS:
            if count <= mark:
                losses[mark] = best
        return loss

    optimiser.step(closure)
    return losses, time.process_time() - clock


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--network", default="slim", choices=sorted(FILES))
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="skip so many pairs")
    parser.add_argument("--seeds", type=int, default=3, help="runs from noise per pair")
    parser.add_argument("--compared-seeds", type=int, default=1, help="of them, how many PyTorch runs too")
    parser.add_argument("--evaluations", type=int, default=500)
    parser.add_argument("--unit", type=float, default=255, help="scale of PyTorch's variable")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help="a libnst option")
    arguments = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    path = libnst.data("weights", FILES[arguments.network])
    nst = libnst.Library(arguments.library)
    model = nst.model(path)
    vgg = Slim(path) if arguments.network == "slim" else torch_objective.Vgg(path, torch.float32)
    extra = dict(option.split("=", 1) for option in arguments.option)
    extra.setdefault("tv", "0")
    extra.setdefault("dialect", "neural-style")
    contents, styles = (sorted(os.listdir(libnst.data("images", kind))) for kind in ("content", "style"))
    order = sorted(itertools.product(range(len(contents)), range(len(styles))), key=lambda p: ((p[0] + p[1]) % len(contents), p))
    ratios = {mark: [] for mark in MARKS}
    for c, s in order[arguments.first:arguments.first + arguments.pairs]:
        content = resized(nst, libnst.data("images", "content", contents[c]), arguments.size)
        style = resized(nst, libnst.data("images", "style", styles[s]), arguments.size)
        for start, seed in [("content", 0)] + [("noise", k) for k in range(arguments.seeds)]:
            ours, picture, seconds, reason = run_ours(nst, model, content, style, start, seed, arguments.size, arguments.evaluations, extra)
            record = {"content": contents[c], "style": styles[s], "start": start, "seed": seed, "ours": ours,
                      "seconds": round(seconds, 1), "stop_reason": reason}
            if start == "content" or seed < arguments.compared_seeds:
                theirs, torch_seconds = run_torch(vgg, pixels(nst, content), pixels(nst, style), picture, arguments.evaluations,
                                                  arguments.unit)
                record.update(theirs=theirs, torch_seconds=round(torch_seconds, 1),
                              ratio={mark: round(ours[mark] / theirs[mark], 4) for mark in MARKS if mark <= arguments.evaluations})
                for mark, ratio in record["ratio"].items():
                    ratios[mark].append(ratio)
            print(json.dumps(record), flush=True)
        nst.free(image=content)
        nst.free(image=style)
    for mark, values in ratios.items():
        if values:
            print("after %d evaluations: median ratio %.4f, worst %.4f, of %d runs" % (mark, statistics.median(values), max(values),
                                                                                      len(values)))


main()
