#!/usr/bin/env python3
"""Writes the seeds of the weights fuzz targets: the first four convolutions of a very narrow VGG in every container, made by the
programs that make such files (PyTorch, h5py). The seeds are committed, and the unit tests read them too; this is how they were made.
"""
import collections
import json
import pathlib
import pickle
import struct
import warnings

import h5py
import numpy as np
import torch

warnings.simplefilter("ignore")
CORPUS = pathlib.Path(__file__).parent / "corpus"
CHANNELS = [3, 2, 2, 4, 4]
KEYS = [0, 2, 5, 7]
GROUPS = ["block1_conv1", "block1_conv2", "block2_conv1", "block2_conv2"]


def network(seed=1):
    random = np.random.default_rng(seed)
    state = collections.OrderedDict()
    for key, i, o in zip(KEYS, CHANNELS, CHANNELS[1:]):
        state[f"features.{key}.weight"] = random.standard_normal((o, i, 3, 3)).astype("<f4")
        state[f"features.{key}.bias"] = random.standard_normal(o).astype("<f4")
    return state


def quantised(state):
    """Kernels of 8-bit integers, and a scale per output channel in the two shapes that are found."""
    tensors = {}
    for number, (name, value) in enumerate(state.items()):
        if value.ndim == 4:
            scale = np.abs(value).max(axis=(1, 2, 3)) / np.float32(127)
            tensors[name] = np.rint(value / scale[:, None, None, None]).astype("i1")
            tensors[name.replace("weight", "scale")] = scale.reshape(-1, 1, 1, 1) if number == 0 else scale
        else:
            tensors[name] = value
    return tensors


def safetensors(tensors, dtype=None, metadata=None):
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, value in tensors.items():
        raw = value.tobytes()
        header[name] = {"dtype": dtype or {"f": "F32", "i": "I8"}[value.dtype.kind], "shape": list(value.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def write(kind, name, data):
    path = CORPUS / kind / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_safetensors():
    state = network()
    write("safetensors", "plain", safetensors(state))
    write("safetensors", "ours", safetensors(state, metadata={"preprocessing": "torch", "padding": "reflect"}))
    write("safetensors", "sorted", safetensors(dict(sorted(state.items()))))
    write("safetensors", "f16", safetensors({k: v.astype("<f2") for k, v in state.items()}, "F16"))
    write("safetensors", "f64", safetensors({k: v.astype("<f8") for k, v in state.items()}, "F64"))
    write("safetensors", "bf16", safetensors({k: (v.view("<u4") >> 16).astype("<u2") for k, v in state.items()}, "BF16"))
    write("safetensors", "int8", safetensors(quantised(state)))
    extra = {"0.weight": np.ones((3, 3, 1, 1), "<f4"), "0.bias": np.ones(3, "<f4"), "head.fc1.weight": np.ones((2, 4, 2, 2), "<f4"),
             "head.fc1.bias": np.ones(2, "<f4")}
    write("safetensors", "input", safetensors({**extra, **state}))


def write_pth():
    state = collections.OrderedDict((k, torch.from_numpy(v)) for k, v in network().items())
    flat = torch.cat([v.reshape(-1) for v in state.values()])
    views, at = collections.OrderedDict(), 0
    for key, value in state.items():
        views[key] = flat[at:at + value.numel()].view(value.shape)
        at += value.numel()
    parameters = collections.OrderedDict((k, torch.nn.Parameter(v)) for k, v in state.items())
    prefixed = collections.OrderedDict(("module." + k, v) for k, v in state.items())
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3)).state_dict()
    variants = {"plain": state, "views": views, "parameters": parameters, "module": module,
                "checkpoint": {"epoch": 3, "loss": 0.5, "state_dict": prefixed, "done": False},
                "half": collections.OrderedDict((k, v.half()) for k, v in state.items()),
                "bfloat16": collections.OrderedDict((k, v.bfloat16()) for k, v in state.items()),
                "double": collections.OrderedDict((k, v.double()) for k, v in state.items())}
    for name, value in variants.items():
        torch.save(value, CORPUS / "pth" / (name + "_zip"))
        torch.save(value, CORPUS / "pth" / (name + "_legacy"), _use_new_zipfile_serialization=False)
    write("pth", "pickle_numbers", pickle.dumps({"a": [1, -2, 70000, 2 ** 40, None, True, 0.5], "b": (1, (2, 3), ())}, protocol=2))


def write_h5():
    state = network()
    pairs = [(state[f"features.{k}.weight"].transpose(2, 3, 1, 0), state[f"features.{k}.bias"]) for k in KEYS]
    with h5py.File(CORPUS / "h5" / "keras1", "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in GROUPS]
        for name, (kernel, bias) in zip(GROUPS, pairs):
            group = file.create_group(name)
            group.attrs["weight_names"] = [(name + "_W_1:0").encode(), (name + "_b_1:0").encode()]
            group.create_dataset(name + "_W_1:0", data=kernel)
            group.create_dataset(name + "_b_1:0", data=bias)
    with h5py.File(CORPUS / "h5" / "keras2_model", "w") as file:
        for name, (kernel, bias) in zip(GROUPS, pairs):
            group = file.create_group(f"model_weights/{name}/{name}")
            group.create_dataset("kernel:0", data=kernel)
            group.create_dataset("bias:0", data=bias)
        file.create_dataset("model_weights/predictions/predictions/kernel:0", data=np.ones((4, 2), "<f4"))
    for name, kind in (("half", "<f2"), ("double", "<f8")):
        with h5py.File(CORPUS / "h5" / name, "w") as file:
            for group, (kernel, bias) in zip(GROUPS, pairs):
                file.create_dataset(f"{group}/kernel:0", data=kernel.astype(kind))
                file.create_dataset(f"{group}/bias:0", data=bias.astype(kind))
    kinds = {"latest": ({"libver": "latest"}, {}), "chunked": ({}, {"chunks": True}), "gzip": ({}, {"compression": "gzip"})}
    for name, (file_options, options) in kinds.items():
        with h5py.File(CORPUS / "h5" / name, "w", **file_options) as file:
            file.create_dataset("block1_conv1/kernel:0", data=pairs[0][0], **options)
            file.create_dataset("block1_conv1/bias:0", data=pairs[0][1])
    with h5py.File(CORPUS / "h5" / "big_endian", "w") as file:
        file.create_dataset("block1_conv1/kernel:0", data=pairs[0][0].astype(">f4"))
        file.create_dataset("block1_conv1/bias:0", data=pairs[0][1].astype(">f4"))


for folder in ("safetensors", "pth", "h5"):
    (CORPUS / folder).mkdir(parents=True, exist_ok=True)
write_safetensors()
write_pth()
write_h5()
