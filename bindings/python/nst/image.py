"""Images."""
from __future__ import annotations

import array
import ctypes
import os
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple, Union, cast

from . import _pixels, _raw, errors
from ._library import lib, make, releaser
from ._raw import ColourMethod, FileType, Format
from .context import Child, Context, call, default_context, undisturbed, unsigned

if TYPE_CHECKING:
    import numpy
    import PIL.Image

# str or PathLike: a file. bytes: an encoded PNG or JPEG. Otherwise an Image, a Pillow image, an array or a file object.
ImageSource = Any

UNREF = releaser("nst_image_unref")

FILE_TYPES = {"png": FileType.PNG, "jpeg": FileType.JPEG, "jpg": FileType.JPEG}
COLOUR_METHODS = {"symmetric": ColourMethod.SYMMETRIC, "cholesky": ColourMethod.CHOLESKY}
PIXEL_FORMATS = {"u8": Format.U8, "uint8": Format.U8, "u16": Format.U16, "uint16": Format.U16, "f32": Format.F32,
                 "float32": Format.F32}


class Image(Child):
    """An immutable picture.

    Image(source) takes a path; bytes, or a file object with the bytes, of a PNG or JPEG; a Pillow image; or pixels as an array or
    buffer of shape (rows, columns[, channels]) with 1 to 4 channels (gray, gray and alpha, RGB, RGBA), uint8, uint16 or float in
    0..1. Files are told apart by content; orientation and colour profile are applied. It goes out through save(), to_bytes(),
    numpy.asarray(image), to_numpy(), to_pil() and pixels(), and shows itself in a notebook.
    """

    __slots__ = ("_desc", "_bytes")

    def __init__(self, source: ImageSource, *, context: Optional[Context] = None) -> None:
        self._adopt(context or default_context(), _read_source(source, context or default_context()))

    def _adopt(self, context: Context, pointer: Any) -> None:
        self._context = context
        self._own(pointer, UNREF)
        self._desc = make(_raw.nst_image_desc)
        self._bytes: Optional[bytes] = None
        context._check(lib.nst_image_get_desc(pointer, self._desc))

    @classmethod
    def _wrap(cls, context: Context, pointer: Any) -> Image:
        made = cls.__new__(cls)
        made._adopt(context, pointer)
        return made

    @property
    def width(self) -> int:
        return self._desc.width

    @property
    def height(self) -> int:
        return self._desc.height

    @property
    def size(self) -> Tuple[int, int]:
        """(width, height)"""
        return self._desc.width, self._desc.height

    @property
    def channels(self) -> int:
        """3, or 4 with alpha."""
        return self._desc.channels

    @property
    def source_bits(self) -> int:
        """Bits per channel of the file it came from; 0 if none."""
        return self._desc.source_bits

    def __repr__(self) -> str:
        return "<nst.Image %dx%d %s>" % (self.width, self.height, "RGBA" if self.channels == 4 else "RGB")

    # ---- pixels out ----

    def pixels(self, format: str = "u8", channels: Optional[int] = None) -> memoryview:
        """A copy of the pixels of shape (height, width, channels): "u8" 0..255, "u16" 0..65535 or "f32" 0..1."""
        if format not in PIXEL_FORMATS:
            raise ValueError("format must be 'u8', 'u16' or 'f32', not %r" % (format,))
        kind = PIXEL_FORMATS[format]
        channels = self.channels if channels is None else channels
        code = _pixels.CODES[kind]
        if not 1 <= channels <= 4:
            raise ValueError("channels must be 1 to 4, not %r" % (channels,))
        flat = memoryview(bytearray(self.width * self.height * channels * {"B": 1, "H": 2, "f": 4}[code]))
        desc = make(_raw.nst_image_desc, format=kind, width=self.width, height=self.height, channels=channels)
        place = (ctypes.c_char * len(flat)).from_buffer(flat)
        self._context._check(lib.nst_image_read(self._handle, desc, place, len(flat)))
        return cast(memoryview, flat.cast(code, shape=[self.height, self.width, channels]))  # type: ignore[call-overload]

    @property
    def __array_interface__(self) -> Dict[str, Any]:
        """8-bit pixels for numpy.asarray() and others; read-only, kept by whoever holds them."""
        if self._bytes is None:
            self._bytes = self.pixels().tobytes()
        return {"version": 3, "shape": (self.height, self.width, self.channels), "typestr": "|u1", "data": self._bytes}

    def to_numpy(self, format: str = "u8", channels: Optional[int] = None) -> numpy.ndarray[Any, Any]:
        """A new, writable array of shape (height, width, channels). Needs numpy."""
        import numpy

        return numpy.asarray(self.pixels(format, channels))

    def to_pil(self) -> PIL.Image.Image:
        """A new Pillow image of mode RGB or RGBA. Needs Pillow."""
        import PIL.Image

        return PIL.Image.frombytes("RGBA" if self.channels == 4 else "RGB", self.size, self.pixels().tobytes())

    # ---- files ----

    def save(self, path: Any, *, format: Optional[str] = None, bits: int = 8, quality: int = 95, overwrite: bool = True,
             strip: bool = False) -> None:
        """Writes a PNG or JPEG file, atomically: on failure an existing file is as it was.

        path: a path, or a file object with write(). format: "png" or "jpeg"; by default the path's ending decides (PNG for
        file objects). bits: 8 or 16, PNG. quality: 1 to 100, JPEG. overwrite=False raises ExistsError, a FileExistsError.
        strip=True leaves the text entries out.
        """
        if hasattr(path, "write"):
            path.write(self.to_bytes(format or "png", bits=bits, quality=quality, strip=strip))
            return
        params = _save_params(format, bits, quality, strip)
        params.overwrite = overwrite
        self._context._check(lib.nst_image_save(self._handle, path_bytes(path), params), errors.MissingFileError)

    def to_bytes(self, format: str = "png", *, bits: int = 8, quality: int = 95, strip: bool = False) -> bytes:
        """The bytes of a PNG or JPEG file."""
        pieces = []

        def write(_: object, data: int, count: int) -> int:
            try:
                pieces.append(ctypes.string_at(data, count))
            except MemoryError:
                return 1
            return 0

        status, params = [0], _save_params(format, bits, quality, strip)

        def work() -> None:
            status[0] = lib.nst_image_save_writer(self._handle, make(_raw.nst_writer, write=_raw.nst_writer_write(write)), params)

        undisturbed(work)
        self._context._check(status[0])
        return b"".join(pieces)

    def _repr_png_(self) -> bytes:
        return self.to_bytes("png")

    # ---- copies ----

    def resize(self, width: int, height: int) -> Image:
        """A copy of that size, by Lanczos."""
        return Image._wrap(self._context, call(self._context, _raw.nst_image, lib.nst_image_resize, self._handle,
                                               unsigned("width", width), unsigned("height", height)))

    def match_colour(self, reference: ImageSource, method: str = "symmetric") -> Image:
        """A copy whose red, green and blue have the reference's mean and covariance, by a linear map: "symmetric", which moves colours
        least, or "cholesky"."""
        if method not in COLOUR_METHODS:
            raise errors.InvalidArgumentError("method must be 'symmetric' or 'cholesky', not %r" % (method,))
        other = reference if isinstance(reference, Image) else Image(reference, context=self._context)
        return Image._wrap(self._context, call(self._context, _raw.nst_image, lib.nst_image_match_colour, self._handle, other._handle,
                                               COLOUR_METHODS[method]))

    def guided_filter(self, guide: Image, radius: int, epsilon: float) -> Image:
        """The image as a locally affine recolouring of `guide`, of the same size (He, Sun, Tang)."""
        return Image._wrap(self._context, call(self._context, _raw.nst_image, lib.nst_image_guided_filter, self._handle, guide._handle,
                                               unsigned("radius", radius), float(epsilon)))

    def screened_poisson(self, content: Image, luma: float = 5, chroma: float = 1) -> Image:
        """The colours of this image with the gradients of `content`, of the same size; weights of brightness and of colour."""
        return Image._wrap(self._context, call(self._context, _raw.nst_image, lib.nst_image_screened_poisson, self._handle,
                                               content._handle, float(luma), float(chroma)))

    def warp(self, flow: Any) -> Tuple[Image, Image]:
        """The image as it is seen in the next frame of a film, and the mask of what came from inside it. `flow` is an array or buffer of
        floats of shape (height, width, 2): pixel (x, y) of the copy is the image at (x + dx, y + dy), the backward flow. Give both to
        Session(previous=, previous_weights=), the mask darkened where something is hidden in one of the frames."""
        vectors = _array_pixels(flow)
        if vectors is None or vectors.format != Format.F32 or vectors.channels != 2:
            raise TypeError("a flow must be an array of floats of shape (height, width, 2)")
        numbers = array.array("f", vectors.data)
        planes = (numbers[0::2] + numbers[1::2]).tobytes()
        place = (ctypes.c_float * len(numbers)).from_buffer_copy(planes)
        inside = ctypes.POINTER(_raw.nst_image)()
        warped = ctypes.POINTER(_raw.nst_image)()
        self._context._check(lib.nst_image_warp(self._handle, place, vectors.width, vectors.height, ctypes.byref(warped),
                                                ctypes.byref(inside)))
        return Image._wrap(self._context, warped), Image._wrap(self._context, inside)

    def get_text(self, key: str, default: Optional[str] = None) -> Optional[str]:
        """A text entry of a PNG file. Results of the command carry "nst:params" and "nst:result"."""
        value = lib.nst_image_get_text(self._handle, key.encode())
        return default if value is None else str(value.decode("utf-8", "replace"))

    def with_text(self, key: str, value: str) -> Image:
        """A copy with that text entry, stored in PNG files. The pixels are shared."""
        return Image._wrap(self._context, call(self._context, _raw.nst_image, lib.nst_image_with_text, self._handle, _text(key),
                                               _text(value)))


def _text(value: str) -> bytes:
    data = value.encode()
    if b"\0" in data:  # C would end there
        raise errors.InvalidArgumentError("text entries cannot hold a NUL character")
    return data


def path_bytes(path: Union[str, bytes, "os.PathLike[Any]"]) -> bytes:
    """A path as the operating system takes it."""
    data = os.fsencode(path)
    if b"\0" in data:
        raise errors.InvalidArgumentError("a path cannot hold a NUL character")
    return data


def _save_params(format: Optional[str], bits: int, quality: int, strip: bool) -> _raw.nst_save_params:
    if format is not None and format.lower() not in FILE_TYPES:
        raise errors.InvalidArgumentError("format must be 'png' or 'jpeg', not %r" % (format,))
    type_ = FILE_TYPES[format.lower()] if format is not None else FileType.AUTO
    if bits not in (8, 16):
        raise errors.InvalidArgumentError("bits must be 8 or 16, not %r" % (bits,))
    if not 1 <= quality <= 100:
        raise errors.InvalidArgumentError("quality must be 1 to 100, not %r" % (quality,))
    return make(_raw.nst_save_params, type=type_, bits=bits, quality=quality, strip=strip)


def _decode(data: Any, context: Context) -> Any:
    data = bytes(data)
    return call(context, _raw.nst_image, lib.nst_image_load_memory, context._handle, data, len(data))


def _copy_pixels(pixels: _pixels.Pixels, context: Context) -> Any:
    desc = make(_raw.nst_image_desc, format=pixels.format, width=pixels.width, height=pixels.height, channels=pixels.channels)
    return call(context, _raw.nst_image, lib.nst_image_new, context._handle, desc, pixels.data)


def _read_source(source: ImageSource, context: Context) -> Any:
    """An nst_image* from anything that holds a picture."""
    if isinstance(source, Image):
        return lib.nst_image_ref(source._handle)
    if isinstance(source, (str, os.PathLike)):
        return call(context, _raw.nst_image, lib.nst_image_load, context._handle, path_bytes(source),
                    not_found=errors.MissingFileError)
    if _pixels.is_pillow(source):
        return _copy_pixels(_pixels.from_pillow(source), context)
    if isinstance(source, (bytes, bytearray)):
        return _decode(source, context)
    return _read_array(source, context)


def _array_pixels(source: Any) -> Optional[_pixels.Pixels]:
    """Of an array or a buffer; None for anything else."""
    view = _pixels.view_of(source)
    if view is not None:
        return _pixels.from_view(view)
    if hasattr(source, "__array_interface__"):
        return _pixels.from_interface(source)
    if hasattr(source, "__array__"):  # torch tensors and the like make a numpy array of themselves
        return _pixels.from_view(memoryview(source.__array__()))
    return None


def _read_array(source: Any, context: Context) -> Any:
    view = _pixels.view_of(source)
    if view is not None and view.ndim == 1 and view.itemsize == 1:
        return _decode(view.tobytes(), context)
    pixels = _array_pixels(source)
    if pixels is not None:
        return _copy_pixels(pixels, context)
    if hasattr(source, "read"):
        return _decode(source.read(), context)
    raise TypeError("an image must be a path, bytes, a file object, a Pillow image or an array, not %s" % type(source).__name__)


def as_image(source: ImageSource, context: Context) -> Image:
    """The image itself, or one made from anything that Image() takes."""
    return source if isinstance(source, Image) else Image(source, context=context)
