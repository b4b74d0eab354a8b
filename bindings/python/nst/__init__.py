"""Neural style transfer on ordinary processors: Python bindings of libnst.

    import nst
    nst.transfer("photo.jpg", "painting.jpg", size=512).save("out.png")
    nst.texture("painting.jpg", width=1200, height=300).save("banner.png")

    session = nst.Session(nst.Targets("photo.jpg", "painting.jpg"), strength=0.75)
    for progress in session:
        print(progress.iteration, progress.loss)

The library is the file $NST_LIBRARY if that is set, else the one bundled with this package, else the system's.
"""
from ._library import lib as _lib
from ._properties import OptionInfo
from ._raw import NST_VERSION_STRING as __version__
from ._raw import Clamped, OptionChange, OptionType, Padding, Preprocessing, Status, StopReason
from .context import Context, default_context
from .errors import (BusyError, Cancelled, CheckpointFormatError, Error, ExistsError, FileError, FormatError, ImageFormatError,
                     InternalError, InvalidArgumentError, LimitError, MissingFileError, NotFoundError, NumericError,
                     OutOfMemoryError, ParamsFormatError, PreprocessingError, StateError, UnknownOptionError, UnsupportedError,
                     WeightsFormatError)
from .image import Image
from .measures import LayerMeasure, Measure, measure
from .model import Layer, Model, ModelInfo, WeightsCandidate, WeightsIdentity, identify_weights, search_weights
from .options import Options, option_table
from .session import Estimate, LossTerm, Progress, Session, SessionOptions, Strength, Targets, reconstruct, texture, transfer

__all__ = [
    "BusyError", "Cancelled", "CheckpointFormatError", "Clamped", "Context", "Error", "Estimate", "ExistsError", "FileError", "FormatError",
    "Image", "ImageFormatError", "InternalError", "InvalidArgumentError", "Layer", "LayerMeasure", "LimitError", "LossTerm",
    "Measure", "MissingFileError", "Model", "ModelInfo", "NotFoundError", "NumericError", "OptionChange", "OptionInfo",
    "OptionType", "Options", "OutOfMemoryError", "Padding", "ParamsFormatError", "Preprocessing", "PreprocessingError",
    "Progress", "Session", "SessionOptions", "StateError", "Status", "StopReason", "Strength", "Targets", "UnknownOptionError",
    "UnsupportedError", "WeightsCandidate", "WeightsFormatError", "WeightsIdentity", "__version__", "build_info",
    "default_context", "identify_weights", "library_version", "measure", "option_table", "reconstruct", "search_weights",
    "texture", "transfer",
]


def library_version() -> str:
    """The version of the C library in use."""
    return str(_lib.nst_version().decode())


def build_info() -> str:
    """What was built into the C library in use."""
    return str(_lib.nst_build_info().decode())
