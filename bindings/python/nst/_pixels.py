"""Pixels from what Python programs hold: buffers, arrays, Pillow images. numpy and Pillow are not needed for it."""
from __future__ import annotations

import array
import ctypes
import struct
import sys
from typing import Any, List, NamedTuple, Optional, Tuple

from ._raw import Format

NATIVE = "<" if sys.byteorder == "little" else ">"
FORMATS = {"B": Format.U8, "H": Format.U16, "f": Format.F32}
CODES = {format: code for code, format in FORMATS.items()}
TYPESTR_CODES = {"u1": "B", "u2": "H", "f2": "e", "f4": "f", "f8": "d"}
ACCEPTED = "uint8 (0..255), uint16 (0..65535) or float (0..1)"


class Pixels(NamedTuple):
    """Rows top to bottom, channels interleaved, tightly packed, native byte order."""

    width: int
    height: int
    channels: int
    format: Format
    data: bytes


def pack(shape: Tuple[int, ...], order: str, code: str, data: bytes) -> Pixels:
    """Pixels of that shape (rows, columns[, channels]) from numbers of the struct module's `order` and `code`."""
    if len(shape) not in (2, 3):
        raise ValueError("pixels must have the shape (rows, columns) or (rows, columns, channels), not %r" % (shape,))
    channels = shape[2] if len(shape) == 3 else 1
    if not 1 <= channels <= 4:
        raise ValueError("pixels of shape %r: the last axis must be 1 to 4 channels" % (shape,))
    if code in "de":
        count = len(data) // struct.calcsize("=" + code)
        code, order, data = "f", NATIVE, array.array("f", struct.unpack("%s%d%s" % (order, count, code), data)).tobytes()
    if code not in FORMATS:
        raise TypeError("pixels must be %s; these have the format %r" % (ACCEPTED, code))
    if code != "B" and order != NATIVE:
        swapped = array.array(code, data)
        swapped.byteswap()
        data = swapped.tobytes()
    return Pixels(shape[1], shape[0], channels, FORMATS[code], data)


def from_view(view: memoryview) -> Pixels:
    """Any strides; tobytes() packs them."""
    order, code = (view.format[0], view.format[1:]) if view.format[0] in "@=<>!" else ("@", view.format)
    order = {"@": NATIVE, "=": NATIVE, "!": ">"}.get(order, order)
    return pack(view.shape or (), order, code, view.tobytes())


def from_interface(source: Any) -> Pixels:
    """Of an object with __array_interface__ and no buffer protocol."""
    described = source.__array_interface__
    shape, typestr = tuple(described["shape"]), described["typestr"]
    code = TYPESTR_CODES.get(typestr[1:])
    if code is None:
        raise TypeError("pixels must be %s; these are %r" % (ACCEPTED, typestr))
    size = struct.calcsize("=" + code)
    length = size
    packed: List[int] = []
    for extent in reversed(shape):
        packed.insert(0, length)
        length *= extent
    if described.get("strides") not in (None, tuple(packed)):
        raise ValueError("pixels with gaps between them: pass a contiguous copy")
    place = described.get("data")
    if isinstance(place, tuple):
        data = ctypes.string_at(place[0], length)
    else:
        offset = described.get("offset", 0)
        data = memoryview(source if place is None else place).cast("B")[offset:offset + length].tobytes()
    if len(data) != length:
        raise ValueError("fewer bytes than a shape of %r takes" % (shape,))
    return pack(shape, ">" if typestr[0] == ">" else NATIVE, code, data)


def from_pillow(source: Any) -> Pixels:
    """As Pillow would show it."""
    mode = source.mode
    if mode.startswith("I;16"):
        order = {"B": ">", "N": NATIVE}.get(mode[4:], "<")
        return pack((source.height, source.width), order, "H", source.tobytes())
    if mode in ("I", "F"):
        raise TypeError("a Pillow image of mode %r does not say what white is: convert it to 'L' or 'RGB'" % mode)
    if mode == "La":
        source = source.convert("LA")
    elif "transparency" in source.info or mode in ("PA", "RGBa"):
        source = source.convert("RGBA")
    elif mode not in ("L", "LA", "RGB", "RGBA"):
        source = source.convert("RGB")
    shape = (source.height, source.width, len(source.getbands()))
    return pack(shape, NATIVE, "B", source.tobytes())


def is_pillow(source: Any) -> bool:
    """An object of Pillow's exists only where its module was imported."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(source, module.Image)


def view_of(source: Any) -> Optional[memoryview]:
    """The object's buffer, if it has one."""
    try:
        return memoryview(source)
    except (TypeError, ValueError):  # no buffer; numpy types that a buffer cannot express
        return None
