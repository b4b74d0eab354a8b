"""Loss after a number of evaluations: our optimisers against torch.optim.LBFGS on the same objective from the same start.

The objective is PyTorch's (neural-style's formulas on a slim VGG-19), so that the optimisers alone are compared:
    ninja -C BUILD tests/bench/liboptim_bench.so
    python3 tests/bench/lbfgs_versus_pytorch.py BUILD/tests/bench/liboptim_bench.so --pairs 20
Needs the test data (NST_TEST_DATA, else ../shared beside the source), PyTorch, numpy and Pillow.
"""
import argparse
import ctypes
import json
import os
import pathlib
import statistics

import numpy
import torch
import torch.nn.functional as functional
from PIL import Image

SOURCE = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("NST_TEST_DATA", SOURCE.parent / "shared"))
BLOCKS = [2, 2, 4, 4, 1]
STYLE = ["11", "21", "31", "41", "51"]
CONTENT = "42"
CONTENT_WEIGHT, STYLE_WEIGHT = 5.0, 100.0
CHECKPOINTS = (50, 100, 200, 500)


def load_image(path, size):
    image = Image.open(path).convert("RGB")
    scale = size / max(image.size)
    image = image.resize([max(1, round(side * scale)) for side in image.size], Image.LANCZOS)
    return torch.from_numpy(numpy.asarray(image, dtype=numpy.float32) / 255).permute(2, 0, 1)[None]


class Objective:
    """f and gradient at an image (1, 3, H, W) in RGB 0..1."""

    weights = None

    def __init__(self, content, style, size, start, seed):
        if Objective.weights is None:
            stored = torch.load(DATA / "weights/slim-vgg19-5.pth", map_location="cpu", weights_only=False)
            Objective.weights = stored["model"]
        content, style = load_image(content, size), load_image(style, size)
        with torch.no_grad():
            self.content_target = self.features(content)[CONTENT]
            features = self.features(style)
            self.style_targets = {name: self.gram(features[name]) for name in STYLE}
        noise = torch.randn(content.shape, generator=torch.Generator().manual_seed(seed))
        self.start = content if start == "content" else 0.5 + 0.05 * noise

    def features(self, x):
        out = {}
        x = functional.conv2d(x, self.weights["conv0.weight"], self.weights["conv0.bias"])
        for block, convolutions in enumerate(BLOCKS, 1):
            for index in range(1, convolutions + 1):
                name = f"conv{block}{index}"
                x = functional.pad(x, (1, 1, 1, 1), "reflect")
                x = functional.relu(functional.conv2d(x, self.weights[name + ".weight"], self.weights[name + ".bias"]))
                out[f"{block}{index}"] = x
            x = functional.max_pool2d(x, 2)
        return out

    @staticmethod
    def gram(features):
        flat = features.flatten(2)[0]
        return flat @ flat.T / flat.numel()

    def loss(self, x):
        features = self.features(x)
        loss = CONTENT_WEIGHT * (features[CONTENT] - self.content_target).square().mean()
        for name in STYLE:
            loss = loss + STYLE_WEIGHT * (self.gram(features[name]) - self.style_targets[name]).square().mean()
        return loss

    def __call__(self, x):
        x = x.detach().requires_grad_(True)
        loss = self.loss(x)
        (gradient,) = torch.autograd.grad(loss, x)
        return loss.item(), gradient


def run_torch(objective, evaluations, unit, history=100, line_search=None):
    """The best loss so far after each evaluation. `unit`: what a value of 1 is in the variable (1 or 255)."""
    x = (objective.start * unit).clone().requires_grad_(True)
    trace = []
    optimizer = torch.optim.LBFGS([x], lr=1, max_iter=evaluations, max_eval=evaluations, history_size=history, tolerance_grad=-1,
                                  tolerance_change=-1, line_search_fn=line_search)

    def closure():
        f, gradient = objective(x / unit)
        x.grad = gradient / unit
        trace.append(min(f, trace[-1]) if trace else f)
        return f

    optimizer.step(closure)
    return trace


EVALUATE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.POINTER(ctypes.c_float), ctypes.POINTER(ctypes.c_double),
                            ctypes.POINTER(ctypes.c_float))


def load_library(path):
    library = ctypes.CDLL(path)
    library.optim_bench_new.restype = ctypes.c_void_p
    library.optim_bench_new.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_double, ctypes.c_uint64, EVALUATE,
                                        ctypes.c_void_p]
    library.optim_bench_step.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_double), ctypes.POINTER(ctypes.c_uint32)]
    library.optim_bench_free.argtypes = [ctypes.c_void_p]
    library.optim_bench_result.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64]
    return library


def run_ours(library, objective, evaluations, kind=0, history=10, line_search=0, learning_rate=0.02):
    """The loss of the latest iterate after each evaluation."""
    shape = tuple(objective.start.shape)
    start = objective.start.contiguous()
    count = start.numel()
    spent = []

    @EVALUATE
    def evaluate(x, f, gradient):
        values = torch.from_numpy(numpy.ctypeslib.as_array(x, (count,))).reshape(shape)
        f[0], computed = objective(values)
        numpy.ctypeslib.as_array(gradient, (count,))[:] = computed.flatten().numpy()
        spent.append(f[0])
        return 0

    bench = library.optim_bench_new(kind, history, line_search, learning_rate, count, evaluate, start.data_ptr())
    f, used = ctypes.c_double(), ctypes.c_uint32()
    trace, status = [], 0
    while len(spent) < evaluations and status == 0:
        status = library.optim_bench_step(bench, ctypes.byref(f), ctypes.byref(used))
        previous = trace[-1] if trace else spent[0]
        trace += [previous] * (used.value - len(trace) - 1) + [f.value]
    library.optim_bench_free(bench)
    if status != 0:
        print("  stopped with", status, "after", used.value)
    return trace + [trace[-1]] * max(0, evaluations - len(trace))


def pairs(count):
    contents, styles = sorted(DATA.glob("images/content/*")), sorted(DATA.glob("images/style/*"))
    every = [(c, s) for i, c in enumerate(contents) for s in styles[i % len(styles):] + styles[:i % len(styles)]]
    step = max(1, len(every) // count)
    return every[::step][:count]


def variants():
    out = {"torch h100": None}
    for history in (10, 20, 50, 100):
        out[f"armijo h{history}"] = dict(history=history)
    out["wolfe h10"] = dict(line_search=1)
    out["adam .02"] = dict(kind=1)
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("library")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--evaluations", type=int, default=500)
    parser.add_argument("--starts", default="content,noise")
    parser.add_argument("--variants", default="armijo h10", help="comma-separated, of: " + ", ".join(variants()))
    parser.add_argument("--cache", help="file that keeps PyTorch's traces between runs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    library = load_library(arguments.library)
    cache = json.loads(pathlib.Path(arguments.cache).read_text()) if arguments.cache and os.path.exists(arguments.cache) else {}
    checkpoints = [c for c in CHECKPOINTS if c <= arguments.evaluations]
    for start in arguments.starts.split(","):
        ratios = {}
        for index, (content, style) in enumerate(pairs(arguments.pairs)):
            objective = Objective(content, style, arguments.size, start, index)
            key = f"{content.name} {style.name} {start} {arguments.size} {arguments.evaluations} {index}"
            if key not in cache:
                traces = [run_torch(objective, arguments.evaluations, unit) for unit in (1, 255)]
                cache[key] = [[t[c - 1] for t in traces] for c in checkpoints]
                if arguments.cache:
                    pathlib.Path(arguments.cache).write_text(json.dumps(cache))
            best = [min(values) for values in cache[key]]
            for name in arguments.variants.split(","):
                trace = run_ours(library, objective, arguments.evaluations, **variants()[name])
                ratios.setdefault(name, []).append([trace[c - 1] / b for c, b in zip(checkpoints, best)])
        for name, rows in ratios.items():
            cells = [f"{c}: median {statistics.median(column):.4f} worst {max(column):.4f}"
                     for c, column in zip(checkpoints, zip(*rows))]
            print(f"{start:8} {name:12} {len(rows)} pairs  " + "   ".join(cells), flush=True)


if __name__ == "__main__":
    main()
