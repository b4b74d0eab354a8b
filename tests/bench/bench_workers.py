"""The contestants of versus_pytorch.py, each in a process of its own: python3 bench_workers.py SPEC, with SPEC in JSON.

A worker answers every line of its standard input, a JSON object, with one line:
    {"do": "steps", "count": 3}     -> {"seconds": [...], "evaluations": [...], "loss": ..., "total": ..., "done": ...}, one entry a step
    {"do": "save", "path": "x"}     -> {}: the picture, clipped to 0..1, as raw float32 (3, size, size)
    {"do": "loss", "paths": [...]}  -> {"losses": [...]}, re-evaluated in fp32 (PyTorch only)
    {"do": "memory"}                -> {"peak_rss": bytes, ...}
"""
import ctypes
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "golden")]

STYLE_CONVOLUTIONS = [1, 3, 5, 9, 13]  # relu1_1, relu2_1, ... are behind these, counted from 1
CONTENT_CONVOLUTION = 10               # relu4_2
POOLED = [2, 4, 8, 12]                 # a pooling stands behind these
MEAN = [103.939, 116.779, 123.68]      # blue, green, red


def peak_rss():
    """VmHWM, not getrusage(): that one begins with what the parent had before exec."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


class TorchSide:
    """neural-style's objective, written for speed: red first, no gradient for weights, ReLU in place, targets kept."""

    def __init__(self, spec):
        import numpy
        import torch
        self.numpy, self.torch, self.spec = numpy, torch, spec
        torch.set_num_threads(spec["threads"])
        self.format = torch.channels_last if spec["layout"] == "channels_last" else torch.contiguous_format
        self.bf16 = spec["mode"] == "bf16"
        self.load_weights(spec["weights"])
        self.mean = torch.tensor(MEAN[::-1]).view(1, 3, 1, 1)
        start = time.perf_counter()
        content, style = (self.read_picture(spec[kind]) for kind in ("content", "style"))
        with torch.no_grad(), self.autocast():
            self.content = self.features(content, [CONTENT_CONVOLUTION])[0]
            self.style = [self.gram(f) for f in self.features(style, STYLE_CONVOLUTIONS)]
        self.picture = content.clone().requires_grad_(True)
        self.evaluations = 0
        self.optimiser = self.make_optimiser()
        self.total = time.perf_counter() - start
        with torch.no_grad():
            self.start_loss = self.loss(self.picture).item()

    def make_optimiser(self):
        """One call of L-BFGS' step() is then one evaluation and one move, the same sequence as one call with many iterations."""
        if self.spec["optimizer"] == "adam":
            return self.torch.optim.Adam([self.picture], lr=1)
        return self.torch.optim.LBFGS([self.picture], lr=1, max_iter=1, history_size=self.spec["history"], tolerance_grad=-1,
                                      tolerance_change=-1)

    def autocast(self):
        return self.torch.autocast("cpu", dtype=self.torch.bfloat16, enabled=self.bf16)

    def load_weights(self, path):
        """The convolutions up to conv5_1, read one by one: a whole file in memory would count in the peak."""
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        indices = sorted({int(name.split(".")[1]) for name in header if name != "__metadata__"})
        self.convolutions = []
        for index in indices[:STYLE_CONVOLUTIONS[-1]]:
            weight, bias = (self.read_tensor(path, 8 + length, header["features.%d.%s" % (index, kind)]) for kind in ("weight", "bias"))
            if not self.convolutions:
                weight = weight.flip(1)
            if self.bf16:
                weight, bias = weight.bfloat16(), bias.bfloat16()
            self.convolutions.append((weight.contiguous(memory_format=self.format), bias))

    def read_tensor(self, path, offset, entry):
        begin, end = entry["data_offsets"]
        values = self.numpy.fromfile(path, "float32", (end - begin) // 4, offset=offset + begin)
        return self.torch.from_numpy(values).reshape(entry["shape"])

    def read_picture(self, path):
        size = self.spec["size"]
        pixels = self.torch.from_numpy(self.numpy.fromfile(path, "uint8").reshape(size, size, 3))
        return pixels.permute(2, 0, 1)[None].float().contiguous()

    def features(self, picture, wanted):
        functional, found = self.torch.nn.functional, []
        x = (picture - self.mean).contiguous(memory_format=self.format)
        for number, (weight, bias) in enumerate(self.convolutions, 1):
            x = functional.relu(functional.conv2d(x, weight, bias, padding=1), inplace=True)
            if number in wanted:
                found.append(x[0])
            if len(found) == len(wanted):
                return found
            if number in POOLED:
                x = functional.max_pool2d(x, 2)

    @staticmethod
    def gram(f):
        flat = f.flatten(1)
        return (flat @ flat.t()).float() / flat.numel()

    def loss(self, picture):
        mse = self.torch.nn.functional.mse_loss
        with self.autocast():
            found = self.features(picture, sorted(STYLE_CONVOLUTIONS + [CONTENT_CONVOLUTION]))
            content = found.pop(-2)  # behind relu4_1
            loss = 5 * mse(content, self.content) + 100 * sum(mse(self.gram(f), s) for f, s in zip(found, self.style))
        if self.spec["tv"]:
            corner = picture[:, :, :-1, :-1]
            across, down = picture[:, :, :-1, 1:] - corner, picture[:, :, 1:, :-1] - corner
            loss = loss + self.spec["tv"] * (across.square().sum() + down.square().sum()) / 2
        return loss

    def closure(self):
        self.optimiser.zero_grad()
        loss = self.loss(self.picture)
        loss.backward()
        self.evaluations += 1
        return loss.detach()

    def step(self):
        before, start = self.evaluations, time.perf_counter()
        loss = self.optimiser.step(self.closure).item()
        seconds = time.perf_counter() - start
        self.total += seconds
        return seconds, self.evaluations - before, loss, True

    def about(self):
        return {"version": self.torch.__version__, "capability": self.torch.backends.cpu.get_cpu_capability()
                if hasattr(self.torch.backends, "cpu") else "", "threads": self.torch.get_num_threads()}

    def save(self, path):
        (self.picture.detach()[0] / 255).clamp(0, 1).numpy().tofile(path)

    def losses(self, paths):
        size = self.spec["size"]
        with self.torch.no_grad():
            pictures = (self.numpy.fromfile(path, "float32").reshape(1, 3, size, size) for path in paths)
            return [float(self.loss(self.torch.from_numpy(picture) * 255)) for picture in pictures]

    def memory(self):
        return {"peak_rss": peak_rss()}


class NstSide:
    """The library through its public interface; its own clock and count of evaluations."""

    def __init__(self, spec):
        import bench_images
        import libnst
        self.size = spec["size"]
        self.libnst = libnst
        self.nst = nst = libnst.Library(spec["library"], spec["threads"])
        model = nst.model(spec["weights"])
        content, style = (bench_images.read_square(nst, spec[kind], self.size) for kind in ("content", "style"))
        options = nst.options(dialect="neural-style", size=self.size, iterations=spec.get("iterations", 1000000), tv=spec["tv"], optimizer=spec["optimizer"],
                              history=spec["history"])
        for key, value in spec["options"].items():
            if nst.lib.nst_options_set_str(options, key.encode(), value.encode()) < 0:
                raise ValueError(nst.lib.nst_options_error(options).decode())
        self.session = nst.session(nst.targets(model, content, [style]), options)
        self.start_loss = self.step()[2]  # evaluates the start picture, and makes everything ready
        self.total = self.nst.progress(self.session).seconds

    def step(self):
        before = self.nst.progress(self.session)
        more = self.nst.step(self.session)
        now = self.nst.progress(self.session)
        self.total = now.seconds
        return now.seconds - before.seconds, now.evaluations - before.evaluations, now.loss, more

    def about(self):
        lib = self.nst.lib
        lib.nst_version.restype = lib.nst_build_info.restype = lib.nst_session_get_option.restype = ctypes.c_char_p
        return {"version": lib.nst_version().decode(), "build": lib.nst_build_info().decode(),
                "level": lib.nst_ctx_cpu_level(self.nst.ctx).decode(), "threads": lib.nst_ctx_threads(self.nst.ctx),
                "precision": (lib.nst_session_get_option(self.session, b"precision") or b"").decode()}

    def save(self, path):
        image = self.nst.new("nst_session_get_image", self.session)
        desc = self.libnst.ImageDesc(ctypes.sizeof(self.libnst.ImageDesc), 3, self.size, self.size, 3)
        pixels = (ctypes.c_float * (3 * self.size ** 2))()
        assert self.nst.lib.nst_image_read(image, ctypes.byref(desc), pixels, ctypes.c_uint64(ctypes.sizeof(pixels))) == 0
        with open(path, "wb") as file:
            for channel in range(3):
                file.write(bytes((ctypes.c_float * (len(pixels) // 3))(*pixels[channel::3])))
        self.nst.free(image=image)

    def memory(self):
        self.nst.lib.nst_ctx_memory_peak.restype = ctypes.c_uint64
        return {"peak_rss": peak_rss(), "peak_allocator": self.nst.lib.nst_ctx_memory_peak(self.nst.ctx)}


def steps(side, count):
    seconds, evaluations, loss, more = [], [], None, True
    while more and len(seconds) < count:
        second, evaluation, loss, more = side.step()
        if evaluation:
            seconds.append(second)
            evaluations.append(evaluation)
    return {"seconds": seconds, "evaluations": evaluations, "loss": loss, "total": side.total, "done": not more}


def answer(side, request):
    if request["do"] == "steps":
        return steps(side, request["count"])
    if request["do"] == "save":
        return side.save(request["path"]) or {}
    if request["do"] == "loss":
        return {"losses": side.losses(request["paths"])}
    return side.memory()


def main():
    spec = json.loads(sys.argv[1])
    try:
        side = (TorchSide if spec["side"] == "pytorch" else NstSide)(spec)
    except Exception as error:
        print(json.dumps({"error": "%s: %s" % (type(error).__name__, error)}), flush=True)
        return
    print(json.dumps({"ready": side.about(), "total": side.total, "start_loss": side.start_loss}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(side, json.loads(line))), flush=True)


main()
