#!/usr/bin/env python3
"""Writes the file of a trained network that is compiled into the library: 8-bit kernels with one scale per output channel.

    pack.py TRAINED METADATA.json [-o weights/builtin.safetensors]

TRAINED is a .npz, or a .pt/.pth of torch.save(), with conv1_1.weight (out, in, 3, 3), conv1_1.bias (out), conv1_2.weight, ... in
float32, already rescaled so that every channel of every relu layer has the mean 1. METADATA.json holds strings: preprocessing, padding,
license, origin, training, teacher are needed, more are kept. The file gets, per convolution, convB_I.weight I8 (out, in, 3, 3),
convB_I.scale F32 (out), weight = int8 * scale[o], and convB_I.bias F32 (out). It needs NumPy, and not PyTorch.
"""
import argparse
import collections
import hashlib
import json
import pathlib
import pickle
import struct
import zipfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYERS = [f"conv{block}_{number}" for block, size in enumerate((2, 2, 4, 4, 4), 1) for number in range(1, size + 1)]
NEEDED = ("preprocessing", "padding", "license", "origin", "training", "teacher")
STEPS = 81  # scales tried per channel, from half of what the largest weight needs up to all of it
ALIGNMENT = 64


# ---- reading ----

class StateReader(pickle.Unpickler):
    """The pickle of a state_dict, without PyTorch; any other name in it is refused."""

    def __init__(self, archive, prefix):
        super().__init__(archive.open(prefix + "data.pkl"))
        self.archive, self.prefix = archive, prefix

    def find_class(self, module, name):
        known = {("collections", "OrderedDict"): collections.OrderedDict, ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
                 ("torch", "FloatStorage"): "<f4", ("torch", "DoubleStorage"): "<f8", ("torch", "HalfStorage"): "<f2"}
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a plain state_dict")
        return known[module, name]

    def persistent_load(self, what):
        _, kind, key, *_ = what
        return np.frombuffer(self.archive.read(f"{self.prefix}data/{key}"), kind)


def rebuild_tensor(storage, offset, size, stride, *_):
    return np.lib.stride_tricks.as_strided(storage[offset:], size, [step * storage.itemsize for step in stride])


def read_state(path):
    """name -> array, of a .npz or of what torch.save() wrote."""
    with zipfile.ZipFile(path) as archive:
        pickled = [name for name in archive.namelist() if name.endswith("data.pkl")]
        if pickled:
            return dict(StateReader(archive, pickled[0].removesuffix("data.pkl")).load())
    with np.load(path) as arrays:
        return dict(arrays)


def convolutions(state):
    """[(name, weight, bias)] in network order, as far as the file goes; float32."""
    found, channels = [], 3
    for name in LAYERS:
        if f"{name}.weight" not in state:
            break
        weight, bias = (np.ascontiguousarray(state[f"{name}.{part}"], "<f4") for part in ("weight", "bias"))
        if weight.shape[1:] != (channels, 3, 3) or bias.shape != weight.shape[:1]:
            raise SystemExit(f"{name}: weight {weight.shape}, bias {bias.shape}; it takes {channels} channels")
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise SystemExit(f"{name}: NaN or infinity")
        channels = len(weight)
        found.append((name, weight, bias))
    left = sorted(set(state) - {f"{name}.{part}" for name, *_ in found for part in ("weight", "bias")})
    if left or not found:
        raise SystemExit(f"{len(found)} convolutions in a chain; not among them: {', '.join(left[:6])}")
    return found


# ---- quantising ----

def quantise(weight):
    """(out, in, 3, 3) float32 -> int8 of the same shape, scale (out) float32: per channel the scale with the least squared error."""
    rows = weight.reshape(len(weight), -1).astype(np.float64)
    largest = np.abs(rows).max(axis=1)
    best_error = np.full(len(rows), np.inf)
    best_scale = np.zeros(len(rows), "<f4")
    for factor in np.linspace(0.5, 1, STEPS):
        scale = (factor * largest / 127).astype("<f4")
        error = ((rows - codes(rows, scale) * scale[:, None].astype(np.float64)) ** 2).sum(axis=1)
        better = error < best_error
        best_error[better], best_scale[better] = error[better], scale[better]
    return codes(rows, best_scale).astype(np.int8).reshape(weight.shape), best_scale


def codes(rows, scale):
    """Symmetric: -127..127, so that no value lacks its opposite. A channel of zeros has the scale 0."""
    step = np.where(scale > 0, scale, 1).astype(np.float64)[:, None]
    return np.clip(np.rint(rows / step), -127, 127)


def dequantise(kernel, scale):
    """The library's numbers, bit for bit: one float32 multiplication each."""
    return kernel.astype("<f4") * scale[:, None, None, None]


def fingerprint(layers):
    """SHA-256 over kernel (OIHW) and bias of every convolution in order, little-endian float32: lib/weights/identity.c."""
    digest = hashlib.sha256()
    for _, kernel, scale, bias in layers:
        digest.update(dequantise(kernel, scale).tobytes())
        digest.update(bias.tobytes())
    return digest.hexdigest()


# ---- writing ----

def tensors(layers):
    """name -> (dtype, array): the floats first, so that they lie at multiples of four."""
    floats, kernels = {}, {}
    for name, kernel, scale, bias in layers:
        floats[f"{name}.scale"], floats[f"{name}.bias"] = ("F32", scale), ("F32", bias)
        kernels[f"{name}.weight"] = ("I8", kernel)
    return {**floats, **kernels}


def safetensors(layers, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, (kind, array) in tensors(layers).items():
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(len(text) + 8) % ALIGNMENT)
    return struct.pack("<Q", len(text)) + text + data


def complete_metadata(given, layers):
    missing = [key for key in NEEDED if not given.get(key)]
    if missing:
        raise SystemExit(f"the metadata lacks {', '.join(missing)}")
    own = {"format": "nst-weights-1", "name": "builtin", "architecture": "vgg19", "fingerprint": fingerprint(layers),
           "source": "weights/train"}
    return {**own, **{key: str(value) for key, value in given.items() if key not in own}}


def pack(state, given):
    """(bytes of the file, fingerprint)"""
    layers = [(name, *quantise(weight), bias) for name, weight, bias in convolutions(state)]
    metadata = complete_metadata(given, layers)
    return safetensors(layers, metadata), metadata["fingerprint"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("trained", type=pathlib.Path)
    parser.add_argument("metadata", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, default=ROOT / "weights/builtin.safetensors")
    args = parser.parse_args()
    data, digest = pack(read_state(args.trained), json.loads(args.metadata.read_text(encoding="utf-8")))
    args.output.write_bytes(data)
    print(f"{args.output}: {len(data)} bytes")
    print(f"fingerprint {digest}")


if __name__ == "__main__":
    main()
