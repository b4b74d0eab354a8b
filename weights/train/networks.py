"""The teacher (VGG-19) and the student: plain VGG topology, 3x3 convolutions with zero padding, ReLU, max pooling, to relu5_1."""
import json
import re
import struct

import numpy as np
import torch
import torch.nn.functional as F

import pack

NAMES = [name[len("conv"):] for name in pack.LAYERS[:13]]  # "1_1" to "5_1"
TEACHER_WIDTHS = (64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512)
STUDENT_WIDTHS = (24, 24, 48, 48, 144, 144, 144, 144, 232, 232, 232, 232, 232)
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (103.939, 116.779, 123.68)


def pooled_before(name):
    return name.endswith("_1") and name != "1_1"


def read_safetensors(path):
    """{name: float32 tensor} of the F32 tensors of a file, and its metadata"""
    with open(path, "rb") as file:
        raw = file.read()
    length = struct.unpack("<Q", raw[:8])[0]
    header, tensors = json.loads(raw[8:8 + length]), {}
    metadata = header.pop("__metadata__", {})
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        if entry["dtype"] == "F32":
            values = np.frombuffer(raw[8 + length + begin:8 + length + end], np.float32)
            tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    return tensors, metadata


class Network(torch.nn.Module):
    """13 convolutions; prepare() maps RGB 0..1 to what the first expects."""

    def __init__(self, widths):
        super().__init__()
        inputs = (3,) + tuple(widths[:-1])
        self.convs = torch.nn.ModuleList(torch.nn.Conv2d(i, o, 3, padding=1) for i, o in zip(inputs, widths))

    def prepare(self, x):
        return (x - x.new_tensor(MEAN).view(3, 1, 1)) / x.new_tensor(DEVIATION).view(3, 1, 1)

    def forward(self, x, wanted=NAMES):
        """x (B, 3, H, W) RGB 0..1 -> {"4_2": relu4_2 (B, C, H / 8, W / 8), ...} as far as the deepest layer of `wanted`"""
        found = {}
        x = self.prepare(x)
        for name, conv in zip(NAMES, self.convs):
            x = F.relu(conv(F.max_pool2d(x, 2) if pooled_before(name) else x))
            if name in wanted:
                found[name] = x
                if len(found) == len(wanted):
                    break
        return found


class Teacher(Network):
    """The real VGG-19, Caffe weights (BGR 0..255 minus the mean), as `nst weights convert` writes them or under torchvision's names."""

    def __init__(self, path):
        super().__init__(TEACHER_WIDTHS)
        tensors, metadata = read_safetensors(path)
        if not metadata.get("preprocessing", "caffe").startswith("caffe"):
            raise SystemExit("%s expects pixels of the kind '%s'; the teacher is the Caffe set" % (path, metadata["preprocessing"]))
        kernels = sorted((name for name, t in tensors.items() if t.dim() == 4), key=lambda name: [int(n) for n in re.findall(r"\d+", name)])
        for conv, name in zip(self.convs, kernels):
            if tensors[name].shape != conv.weight.shape:
                raise SystemExit("%s: %s is no convolution of VGG-19 there: %s" % (path, name, tuple(tensors[name].shape)))
            conv.weight.data = tensors[name]
            conv.bias.data = tensors[name.replace("weight", "bias")]
        if len(kernels) < len(NAMES):
            raise SystemExit("%s: only %d convolutions" % (path, len(kernels)))
        self.requires_grad_(False)

    def prepare(self, x):
        return x.flip(1) * 255 - x.new_tensor(CAFFE_MEAN).view(3, 1, 1)


def gram(f):
    """(B, C, H, W) -> (B, C, C), divided by the number of positions"""
    flat = f.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def normalise(network, means):
    """Divides every layer by its mean activation ({name: scalar}); exact, since ReLU and max pooling are homogeneous."""
    before = 1
    with torch.no_grad():
        for name, conv in zip(NAMES, network.convs):
            conv.weight *= before / means[name]
            conv.bias /= means[name]
            before = means[name]
