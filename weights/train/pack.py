"""The file of a trained network that is compiled into the library: 8-bit kernels with one scale per output channel.

Per convolution convB_I.weight I8 (out, in, 3, 3) and convB_I.scale F32 (out), weight = int8 * scale[o], and convB_I.bias F32 (out). Needs NumPy, and
not PyTorch.
"""
import hashlib
import json
import struct

import numpy as np

LAYERS = [f"conv{block}_{number}" for block, size in enumerate((2, 2, 4, 4, 4), 1) for number in range(1, size + 1)]
NEEDED = ("preprocessing", "padding", "license", "origin", "training", "teacher")
STEPS = 81  # scales tried per channel, from half of what the largest weight needs up to all of it
ALIGNMENT = 64


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
    own = {"format": "nst-weights-1", "name": "builtin", "architecture": "vgg19", "fingerprint": fingerprint(layers)}
    return {**own, **{key: str(value) for key, value in given.items() if key not in own}}


def write(path, state, given):
    """Writes {"conv1_1.weight": (out, in, 3, 3), "conv1_1.bias": (out), "conv1_2.weight": ...} of float32 with the metadata `given`, of which
    NEEDED must be there; the fingerprint."""
    layers = [(name, *quantise(weight), bias) for name, weight, bias in convolutions(state)]
    metadata = complete_metadata(given, layers)
    path.write_bytes(safetensors(layers, metadata))
    return metadata["fingerprint"]
