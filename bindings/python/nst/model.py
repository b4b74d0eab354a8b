"""Models: network weights."""
from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from typing import Any, List, NamedTuple, Optional, Tuple, Union

from . import _raw, errors
from ._library import lib, make, releaser
from ._raw import Padding, Preprocessing
from .context import Child, Context, call, default_context, undisturbed, unsigned
from .image import path_bytes

UNREF = releaser("nst_model_unref")

Path = Union[str, "os.PathLike[Any]"]


class Layer(NamedTuple):
    """A layer that options may name."""

    name: str
    channels: int


@dataclass(frozen=True)
class ModelInfo:
    """What is known about a model."""

    architecture: str
    name: str
    fingerprint: str
    source: str
    preprocessing: Preprocessing
    padding: Padding
    convolutions: int
    parameters: int
    has_input_convolution: bool


class Model(Child):
    """The weights of a VGG network; immutable, shared freely.

    Model() opens what $NST_WEIGHTS names, else the first VGG-19 found on this computer, else "builtin", the small network in
    the library. Model(source) takes a file (safetensors, .pth, .h5), its bytes, or a name: "vgg19", "vgg16", "builtin", "untrained".
    """

    __slots__ = ("_info",)

    def __init__(self, source: Union[Path, bytes, None] = None, *, context: Optional[Context] = None) -> None:
        context = context or default_context()
        if isinstance(source, (bytes, bytearray, memoryview)):
            data = bytes(source)
            pointer = call(context, _raw.nst_model, lib.nst_model_load_memory, context._handle, data, len(data))
        else:
            name = None if source is None else path_bytes(source)
            pointer = call(context, _raw.nst_model, lib.nst_model_open, context._handle, name, not_found=errors.MissingFileError)
        self._adopt(context, pointer)

    def _adopt(self, context: Context, pointer: Any) -> None:
        self._context = context
        self._own(pointer, UNREF)
        raw = make(_raw.nst_model_info)
        context._check(lib.nst_model_get_info(pointer, raw))
        self._info = ModelInfo(architecture=raw.architecture.decode(), name=raw.name.decode("utf-8", "replace"),
                               fingerprint=raw.fingerprint.decode(), source=raw.source.decode("utf-8", "replace"),
                               preprocessing=Preprocessing(raw.preprocessing), padding=Padding(raw.padding),
                               convolutions=raw.convolutions, parameters=raw.parameters,
                               has_input_convolution=bool(raw.has_input_convolution))

    @classmethod
    def untrained(cls, width: int = 64, seed: int = 0, *, context: Optional[Context] = None) -> Model:
        """A VGG-19 of seeded random filters, `width` (1 to 64) channels in its first block. For tests."""
        context = context or default_context()
        made = cls.__new__(cls)
        made._adopt(context, call(context, _raw.nst_model, lib.nst_model_new_untrained, context._handle,
                                  unsigned("width", width), unsigned("seed", seed, 64)))
        return made

    @property
    def info(self) -> ModelInfo:
        return self._info

    def get_metadata(self, key: str, default: Optional[str] = None) -> Optional[str]:
        """A text that the model's safetensors file has about itself, such as "license", "origin", "training" or "teacher"."""
        value = lib.nst_model_get_metadata(self._handle, key.encode())
        return default if value is None else str(value.decode("utf-8", "replace"))

    @property
    def layers(self) -> Tuple[Layer, ...]:
        """The layers that options may name, in network order."""
        handle = self._handle
        return tuple(Layer(lib.nst_model_layer_name(handle, index).decode(), lib.nst_model_layer_channels(handle, index))
                     for index in range(lib.nst_model_layer_count(handle)))

    def save(self, path: Path, *, preprocessing: Union[Preprocessing, str, None] = None, license: Optional[str] = None,
             overwrite: bool = False) -> None:
        """Writes the convolutions as a small safetensors file. `preprocessing` ("torch", "caffe", "unit") states what a file that
        did not say expects."""
        if isinstance(preprocessing, str):
            preprocessing = _preprocessing(preprocessing)
        status = lib.nst_model_save(self._handle, path_bytes(path), preprocessing or Preprocessing.UNKNOWN,
                                    None if license is None else license.encode(), overwrite)
        self._context._check(status, errors.MissingFileError)

    def __repr__(self) -> str:
        return "<nst.Model %s %s>" % (self.info.architecture, self.info.name or self.info.source or "unnamed")


def _preprocessing(name: str) -> Preprocessing:
    try:
        return Preprocessing[name.upper()]
    except KeyError:
        raise errors.InvalidArgumentError("preprocessing must be 'torch', 'caffe' or 'unit', not %r" % name) from None


class WeightsCandidate(NamedTuple):
    """A place where weights are looked for."""

    path: str
    exists: bool
    length: int


def search_weights(name: Optional[str] = None, *, context: Optional[Context] = None) -> List[WeightsCandidate]:
    """The places where Model(name) looks, in order."""
    context = context or default_context()
    found: List[WeightsCandidate] = []
    status = [0]

    def note(_: object, path: bytes, exists: int, length: int) -> int:
        found.append(WeightsCandidate(os.fsdecode(path), bool(exists), length))
        return 0

    key = None if name is None else path_bytes(name)

    def work() -> None:
        status[0] = lib.nst_weights_search(context._handle, key, _raw.nst_weights_fn(note), None)

    undisturbed(work)
    context._check(status[0])
    return found


@dataclass(frozen=True)
class WeightsIdentity:
    """Which file it is. `known`: the hash is that of a published file, `name` and `note` say which."""

    sha256: str
    length: int
    known: bool
    name: str
    note: str


def identify_weights(path: Path, *, context: Optional[Context] = None) -> WeightsIdentity:
    """Hashes a weights file and looks it up among the published ones."""
    context = context or default_context()
    raw = make(_raw.nst_weights_identity)
    status = lib.nst_weights_identify(context._handle, path_bytes(path), ctypes.byref(raw))
    context._check(status, errors.MissingFileError)
    return WeightsIdentity(raw.sha256.decode(), raw.length, bool(raw.known), raw.name.decode(), raw.note.decode())
