"""Exceptions. Every code of nst/error.h has one class, which is also of the built-in kind that fits."""
from __future__ import annotations

from typing import Dict, Type

from ._raw import Status


class Error(Exception):
    """What libnst reports. `code` is the number of nst/error.h; the text says what was wrong and what to do."""

    code: int = Status.ERR_INTERNAL

    def __str__(self) -> str:  # KeyError and OSError would print it their own way
        return str(self.args[0]) if self.args else ""


class InvalidArgumentError(Error, ValueError):
    """An argument is out of range or contradicts another."""

    code = Status.ERR_INVALID_ARG


class OutOfMemoryError(Error, MemoryError):
    """An allocation failed; nothing is lost, the call may be repeated."""

    code = Status.ERR_NOMEM


class FileError(Error, OSError):
    """The operating system refused."""

    code = Status.ERR_IO


class StateError(Error, RuntimeError):
    """The call does not fit the state of the object, which may be closed."""

    code = Status.ERR_STATE


class BusyError(StateError):
    """The session is inside a step in another thread."""

    code = Status.ERR_BUSY


class Cancelled(Error):
    """Session.cancel() stopped the work; the session stays usable."""

    code = Status.ERR_CANCELLED


class UnsupportedError(Error, ValueError):
    """Valid input of a kind that this build of the library does not handle."""

    code = Status.ERR_UNSUPPORTED


class LimitError(Error, ValueError):
    """A limit of the context (pixels, file size, memory) would be exceeded."""

    code = Status.ERR_LIMIT


class NotFoundError(Error, LookupError):
    """No layer or option of that name; the text lists what there is."""

    code = Status.ERR_NOT_FOUND


class MissingFileError(NotFoundError, FileNotFoundError):
    """No such file."""


class UnknownOptionError(NotFoundError, KeyError, AttributeError):
    """No such option."""


class ExistsError(Error, FileExistsError):
    """The target file exists and overwriting was not asked for."""

    code = Status.ERR_EXISTS


class FormatError(Error, ValueError):
    """Bytes that cannot be read as what they should be."""


class ImageFormatError(FormatError):
    """Neither PNG nor JPEG, or damaged."""

    code = Status.ERR_IMAGE_FORMAT


class WeightsFormatError(FormatError):
    """Not a weights file that can be read; the text diagnoses it."""

    code = Status.ERR_WEIGHTS_FORMAT


class PreprocessingError(Error, ValueError):
    """Unknown weights: set the option `preprocessing` to what they expect."""

    code = Status.ERR_PREPROCESSING


class ParamsFormatError(FormatError):
    """Parameters that are not JSON or have wrong members."""

    code = Status.ERR_PARAMS_FORMAT


class CheckpointFormatError(FormatError):
    """Not a checkpoint, or one of another model, image or version."""

    code = Status.ERR_CHECKPOINT_FORMAT


class NumericError(Error, ArithmeticError):
    """A value that is not finite appeared; the last finite image is kept."""

    code = Status.ERR_NUMERIC


class InternalError(Error, RuntimeError):
    """A bug in libnst or in these bindings: please report the text."""

    code = Status.ERR_INTERNAL


class StructError(InternalError):
    """Library and bindings disagree about a struct."""


CLASSES: Dict[int, Type[Error]] = {
    int(kind.code): kind
    for kind in (InvalidArgumentError, OutOfMemoryError, FileError, StateError, BusyError, Cancelled, UnsupportedError,
                 LimitError, NotFoundError, ExistsError, ImageFormatError, WeightsFormatError, PreprocessingError,
                 ParamsFormatError, CheckpointFormatError, NumericError, InternalError)
}
CLASSES[Status.ERR_STRUCT_SIZE] = CLASSES[Status.ERR_STRUCT_VERSION] = StructError


def error(status: int, text: str) -> Error:
    """The exception for a status code."""
    made = CLASSES.get(status, Error)(text)
    if made.code != status:
        made.code = status
    return made
