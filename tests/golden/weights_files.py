#!/usr/bin/env python3
"""The real weights files, and the real VGG-19 written by PyTorch and h5py in every container: layers, preprocessing, padding and
numbers, the numbers by a SHA-256 taken here, from what PyTorch reads.  Usage: weights_files.py libnst.so"""
import collections
import ctypes as c
import hashlib
import json
import os
import struct
import sys
import tempfile

from libnst import data, skip

try:
    import h5py
    import numpy as np
    import torch
except ImportError as missing:
    skip(str(missing))

TORCH, CAFFE, UNIT = 1, 2, 3
ZERO, REFLECT = 1, 2
LEVELS = (2, 2, 4, 4, 4)
KEYS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)


class Info(c.Structure):
    _fields_ = [("size", c.c_uint32), ("preprocessing", c.c_int32), ("padding", c.c_int32), ("convolutions", c.c_uint32),
                ("parameters", c.c_uint64), ("has_input_convolution", c.c_uint32), ("reserved0", c.c_uint32),
                ("architecture", c.c_char * 16), ("name", c.c_char * 64), ("fingerprint", c.c_char * 72), ("source", c.c_char * 256),
                ("reserved", c.c_uint64 * 4)]


class Models:
    def __init__(self, path):
        self.lib = c.CDLL(path)
        self.lib.nst_ctx_error.restype = self.lib.nst_model_layer_name.restype = c.c_char_p
        self.lib.nst_ctx_error.argtypes = [c.c_void_p]
        self.lib.nst_model_layer_name.argtypes = [c.c_void_p, c.c_uint32]
        self.ctx = c.c_void_p()
        assert self.lib.nst_ctx_new(None, c.byref(self.ctx)) == 0

    def open(self, path):
        model, info = c.c_void_p(), Info(c.sizeof(Info))
        if self.lib.nst_model_open(self.ctx, path.encode(), c.byref(model)) < 0:
            raise RuntimeError(self.lib.nst_ctx_error(self.ctx).decode())
        assert self.lib.nst_model_get_info(model, c.byref(info)) == 0
        layers = [self.lib.nst_model_layer_name(model, i).decode() for i in range(self.lib.nst_model_layer_count(model))]
        return model, info, layers

    def close(self, model):
        self.lib.nst_model_unref(model)


def layer_names(convolutions):
    names = []
    for block, size in enumerate(LEVELS, 1):
        for number in range(1, size + 1):
            if convolutions == 0:
                return names
            names += ["conv%d_%d" % (block, number), "relu%d_%d" % (block, number)]
            convolutions -= 1
        names.append("pool%d" % block)
    return names


def fingerprint(tensors):
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(np.ascontiguousarray(tensor, "<f4").tobytes())
    return digest.hexdigest()


def read_safetensors(path):
    """By numpy alone: tensors and metadata."""
    raw = open(path, "rb").read()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = collections.OrderedDict()
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(raw[begin:end], "<f4").reshape(entry["shape"])
    return tensors, metadata


def expect(models, path, tensors, convolutions, preprocessing, padding, name, has_input=0):
    model, info, layers = models.open(path)
    got = (info.preprocessing, info.padding, info.convolutions, info.has_input_convolution, info.architecture, info.name.decode())
    wanted = (preprocessing, padding, convolutions, has_input, b"vgg19", name)
    assert got == wanted, (path, got, wanted)
    assert layers == layer_names(convolutions), (path, layers)
    assert info.fingerprint.decode() == fingerprint(tensors), path
    assert info.parameters == sum(t.size for t in tensors), path
    models.close(model)
    print("%-40s %s %s" % (os.path.basename(path), name, info.fingerprint.decode()[:16]))


def pairs(state, names):
    return [np.asarray(state["%s.%s" % (name, part)]) for name in names for part in ("weight", "bias")]


def real_files(models):
    caffe, _ = read_safetensors(data("weights", "vgg19-caffe-bgr.safetensors"))
    tensors = pairs(caffe, ["features.%d" % key for key in KEYS])
    expect(models, data("weights", "vgg19-caffe-bgr.safetensors"), tensors, 16, CAFFE, ZERO, "vgg19-caffe")
    path = data("weights", "vgg_normalised_conv3_1.pth")
    state = torch.load(path, map_location="cpu", weights_only=True)
    expect(models, path, pairs(state, ("0", "2", "5", "9", "12", "16")), 5, UNIT, REFLECT, "vgg19-normalised", 1)
    path = data("weights", "slim-vgg19-5.pth")
    state = torch.load(path, map_location="cpu", weights_only=True)["model"]
    names = ["conv0"] + ["conv%d%d" % (b, n) for b, size in enumerate((2, 2, 4, 4, 1), 1) for n in range(1, size + 1)]
    expect(models, path, pairs(state, names), 13, UNIT, REFLECT, "vgg19-slim", 1)
    return caffe, tensors


def keras(path, tensors, kernel, bias):
    with h5py.File(path, "w") as file:
        layers = ["block%d_conv%d" % (b, n) for b, size in enumerate(LEVELS, 1) for n in range(1, size + 1)]
        file.attrs["layer_names"] = [name.encode() for name in layers]
        for i, name in enumerate(layers):
            group = file.create_group(name)
            group.create_dataset(kernel % {"name": name}, data=tensors[2 * i].transpose(2, 3, 1, 0))
            group.create_dataset(bias % {"name": name}, data=tensors[2 * i + 1])


def containers(models, caffe, tensors, folder):
    """Nothing but the numbers tells what they are: no metadata, other names, other order."""
    state = collections.OrderedDict((name, torch.from_numpy(value.copy())) for name, value in caffe.items())
    state["classifier.0.weight"], state["classifier.0.bias"] = torch.zeros(3, 25088), torch.zeros(3)
    path = os.path.join(folder, "file")
    torch.save(state, path)
    expect(models, path, tensors, 16, CAFFE, ZERO, "vgg19-caffe")
    torch.save(state, path, _use_new_zipfile_serialization=False)
    expect(models, path, tensors, 16, CAFFE, ZERO, "vgg19-caffe")
    torch.save({"epoch": 1, "state_dict": {"module." + name: value for name, value in state.items()}}, path)
    expect(models, path, tensors, 16, CAFFE, ZERO, "vgg19-caffe")
    os.unlink(path)
    keras(path, tensors, "%(name)s_W_1:0", "%(name)s_b_1:0")
    expect(models, path, tensors, 16, CAFFE, ZERO, "vgg19-caffe")
    keras(path, tensors, "%(name)s/kernel:0", "%(name)s/bias:0")
    expect(models, path, tensors, 16, CAFFE, ZERO, "vgg19-caffe")


def conversion(models, tensors, folder):
    path = os.path.join(folder, "converted.safetensors")
    model, info, _ = models.open(data("weights", "vgg19-caffe-bgr.safetensors"))
    assert models.lib.nst_model_save(model, path.encode(), 0, b"CC BY", 0) == 0
    models.close(model)
    written, metadata = read_safetensors(path)
    assert [name for name in written] == [name + part for name in layer_names(16) if name.startswith("conv")
                                          for part in (".weight", ".bias")]
    assert all(a.shape == b.shape and a.tobytes() == b.tobytes() for a, b in zip(written.values(), tensors))
    assert metadata["preprocessing"] == "caffe" and metadata["padding"] == "zero" and metadata["license"] == "CC BY"
    assert metadata["fingerprint"] == info.fingerprint.decode() and metadata["source"] == "vgg19-caffe-bgr.safetensors"
    expect(models, path, tensors, 16, CAFFE, ZERO, "vgg19-caffe")
    with open(path, "r+b") as file:
        file.truncate(80000000)
    try:
        models.open(path)
        raise AssertionError("a truncated file loads")
    except RuntimeError as error:
        assert "truncated" in str(error), error


def main():
    models = Models(sys.argv[1])
    caffe, tensors = real_files(models)
    with tempfile.TemporaryDirectory() as folder:
        containers(models, caffe, tensors, folder)
        conversion(models, tensors, folder)


main()
