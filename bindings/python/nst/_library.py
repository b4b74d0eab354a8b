"""Finding and loading the C library."""
from __future__ import annotations

import ctypes
import math
import os
from typing import Any, List, Optional, Type, TypeVar

from . import _raw

SONAME = "libnst.so.%d" % _raw.NST_API_VERSION_MAJOR
BUNDLED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_lib", SONAME)

T = TypeVar("T", bound=ctypes.Structure)


def candidates() -> List[str]:
    """NST_LIBRARY alone if it is set; else the library inside this package, else the one the system's loader finds."""
    named = os.environ.get("NST_LIBRARY")
    return [named] if named else [BUNDLED, SONAME]


def api_text(version: int) -> str:
    return "%d.%d" % (version >> 16, version & 0xFFFF)


def fits(version: int) -> bool:
    """Whether a library of that API version has what these bindings call. Before 1.0 every minor may break."""
    major, minor = version >> 16, version & 0xFFFF
    if major != _raw.NST_API_VERSION_MAJOR:
        return False
    return minor == _raw.NST_API_VERSION_MINOR if major == 0 else minor >= _raw.NST_API_VERSION_MINOR


def declare(library: Any) -> None:
    """Gives every function of the header its types."""
    for name, (result, arguments) in _raw.PROTOTYPES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments


def open_library(path: str) -> Any:
    """The library at `path`, declared; OSError or AttributeError says why it does not serve."""
    library = ctypes.CDLL(path)
    version_of = library.nst_api_version
    version_of.restype = ctypes.c_uint32
    if not fits(version_of()):
        raise OSError("it has API version %s, these bindings need %s" % (api_text(version_of()), api_text(_raw.NST_API_VERSION)))
    declare(library)
    return library


def load() -> Any:
    """The first candidate that serves. ImportError lists everything that was tried."""
    tried = []
    for path in candidates():
        try:
            return open_library(path)
        except (OSError, AttributeError) as problem:
            tried.append("  %s: %s" % (path, problem))
    raise ImportError("libnst was not found. Tried:\n%s\nInstall libnst, or set the environment variable NST_LIBRARY to the "
                      "file %s." % ("\n".join(tried), SONAME))


def make(kind: Type[T], **values: Any) -> T:
    """A struct with its size member set."""
    return kind(size=ctypes.sizeof(kind), **values)


def known(value: float) -> Optional[float]:
    """None for what the library tells as NaN."""
    return None if math.isnan(value) else value


def releaser(name: str) -> Any:
    """The release function of that name, to be called with one more argument, any object, which C never sees."""
    function = lib[name]  # indexing makes a new function object, whose types can differ
    function.restype = None
    function.argtypes = _raw.PROTOTYPES[name][1] + (ctypes.py_object,)
    return function


lib = load()
