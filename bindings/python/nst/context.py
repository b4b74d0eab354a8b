"""Contexts, and the lifetime that every object around a C handle shares."""
from __future__ import annotations

import _thread
import ast
import collections
import ctypes
import functools
import logging
import operator
import os
import threading
import types
import weakref
from typing import Any, Callable, Deque, List, Optional, Set, Type, TypeVar, Union

from . import _raw, errors
from ._library import lib, make, releaser

log = logging.getLogger("nst")

H = TypeVar("H", bound="Handle")

PYTHON_LEVELS = {
    _raw.LogLevel.ERROR: logging.ERROR,
    _raw.LogLevel.WARNING: logging.WARNING,
    _raw.LogLevel.INFO: logging.INFO,
    _raw.LogLevel.DEBUG: logging.DEBUG,
}


class _Life:
    """What a Handle holds while it is open. Its end calls the library's release function."""

    __slots__ = ("__weakref__",)


class _End(weakref.ref):  # type: ignore[type-arg]
    """A weak reference that keeps another one. In a set it counts as itself, whether its object lives or not."""

    __slots__ = ("release",)
    __eq__ = object.__eq__
    __hash__ = object.__hash__
    release: object


_ends: Set[_End] = set()


def _begin(pointer: Any, release: Any) -> _Life:
    """A life at whose end release(pointer) is called.

    No Python code runs then: a signal handler's exception in a finalizer or a weak reference's callback written in Python would be
    lost, and with it one Ctrl-C in a hundred. So one callback is the C function itself, which gets the reference as a second
    argument that it does not look at, and the other one takes the pair off the list that keeps both alive.
    """
    life = _Life()
    end = _End(life, _ends.discard)
    end.release = weakref.ref(life, functools.partial(release, pointer))
    _ends.add(end)
    return life


class Handle:
    """Something of the library's, released when it is closed, leaves its `with` block or is collected.

    Not at the interpreter's exit: the process gives its memory back, and another thread may still be using the handle. Not in a
    forked child either, where the library's locks may be held for ever.
    """

    __slots__ = ("_pointer", "_life", "__weakref__")

    def _own(self, pointer: Any, release: Any) -> None:
        self._pointer = pointer
        self._life: Optional[_Life] = _begin(pointer, release)

    @property
    def _handle(self) -> Any:
        if self._life is None:
            raise errors.StateError("this %s is closed" % type(self).__name__)
        return self._pointer

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._life is None

    def close(self) -> None:
        """Gives the memory back now. Objects made from this one stay usable. Harmless when repeated."""
        self._life = None

    def __enter__(self: H) -> H:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LogQueue:
    """The log lines of one context on their way to the logger.

    The callback runs inside a C call. A signal that arrives during that call would raise KeyboardInterrupt in the first line of a
    Python callback, where ctypes swallows it. So the callback is print(), which runs no Python code and writes to a deque, and
    the lines are handed to `logging` after the call has returned, where handlers may also use the library again.
    """

    PIECES = 6  # user, space, level, space, message, newline: what print() writes, one piece each

    def __init__(self) -> None:
        self.pieces: Deque[str] = collections.deque()
        self.callback = _raw.nst_log_fn(functools.partial(print, file=types.SimpleNamespace(write=self.pieces.append)))

    def drain(self) -> None:
        while len(self.pieces) >= self.PIECES:
            try:
                line = [self.pieces.popleft() for _ in range(self.PIECES)]
            except IndexError:  # another thread was faster
                return
            level = PYTHON_LEVELS.get(_raw.LogLevel(int(line[2])), logging.INFO)
            log.log(level, "%s", ast.literal_eval(line[4]).decode("utf-8", "replace"))


def unsigned(name: str, value: int, bits: int = 32) -> int:
    """The value, unless ctypes would cut off some of its bits."""
    if not 0 <= operator.index(value) < 1 << bits:
        raise errors.InvalidArgumentError("%s: %r is not between 0 and 2^%d" % (name, value, bits))
    return value


def library_level(level: Union[int, str, None]) -> int:
    """nst_log_level for a level of `logging` (number or name); None: what the logger "nst" lets through now."""
    if isinstance(level, str):
        level = getattr(logging, level.upper(), None)
        if not isinstance(level, int):
            raise ValueError("log_level must be 'debug', 'info', 'warning', 'error' or a number of the logging module")
    if level is None:
        level = log.getEffectiveLevel()
    wanted = [own for own, python in PYTHON_LEVELS.items() if python >= level]
    return max(wanted, default=_raw.LogLevel.ERROR)


class Context(Handle):
    """How work is done: threads, log level, limits. Most programs never make one: there is a shared default.

    threads: 0 is one per processor. log_level: as in `logging`; None follows the logger "nst" as it is set now. max_pixels (per
    image) and max_weights_size (bytes): 0 is the library's default.
    """

    __slots__ = ("_log",)

    def __init__(self, *, threads: int = 0, log_level: Union[int, str, None] = None, max_pixels: int = 0,
                 max_weights_size: int = 0) -> None:
        self._log = LogQueue()
        config = make(_raw.nst_ctx_config, threads=unsigned("threads", threads, 31), log_level=library_level(log_level),
                      log=self._log.callback, max_pixels=unsigned("max_pixels", max_pixels, 64),
                      max_weights_size=unsigned("max_weights_size", max_weights_size, 64))
        pointer = ctypes.POINTER(_raw.nst_ctx)()
        status = lib.nst_ctx_new(ctypes.byref(config), ctypes.byref(pointer))
        if status < 0:  # there is no handle that could keep a sentence
            raise errors.error(status, "a context could not be made: %s" % lib.nst_strerror(status).decode())
        self._own(pointer, releaser("nst_ctx_unref"))

    def __repr__(self) -> str:
        return "<nst.Context %s>" % ("closed" if self.closed else "threads=%d %s" % (self.threads, self.cpu_level))

    @property
    def threads(self) -> int:
        """How many threads it works with."""
        return int(lib.nst_ctx_threads(self._handle))

    @property
    def cpu_level(self) -> str:
        """Which kernels are in use."""
        return str(lib.nst_ctx_cpu_level(self._handle).decode())

    @property
    def memory_used(self) -> int:
        """Bytes the library holds now."""
        return int(lib.nst_ctx_memory_used(self._handle))

    @property
    def memory_peak(self) -> int:
        """The most bytes the library held at once."""
        return int(lib.nst_ctx_memory_peak(self._handle))

    def _check(self, status: int, not_found: Type[errors.Error] = errors.NotFoundError) -> int:
        """Passes a success on, raises a failure with the context's sentence; hands over the log on the way."""
        if self._log.pieces:
            self._log.drain()
        if status >= 0:
            return status
        # self._pointer, not self._handle: what was made from a closed context keeps the C side of it alive.
        size = lib.nst_ctx_error_copy(self._pointer, None, 0) + 1
        text = ctypes.create_string_buffer(size)
        lib.nst_ctx_error_copy(self._pointer, text, size)
        message = text.value.decode("utf-8", "replace") or lib.nst_strerror(status).decode()
        if status == _raw.Status.ERR_NOT_FOUND:
            raise not_found(message)
        raise errors.error(status, message)


class Child(Handle):
    """A handle made from a context, which it keeps alive: the log callback lives there."""

    __slots__ = ("_context",)
    _context: Context

    @property
    def context(self) -> Context:
        """The context it was made from."""
        return self._context


def call(context: Context, kind: Any, function: Callable[..., int], *arguments: Any,
         not_found: Type[errors.Error] = errors.NotFoundError) -> Any:
    """Calls a function whose last argument is `kind **out` and gives *out."""
    pointer = ctypes.POINTER(kind)()
    context._check(function(*arguments, ctypes.byref(pointer)), not_found)
    return pointer


def undisturbed(work: Callable[[], None]) -> None:
    """Runs C code that calls back into Python. In the main thread a signal handler's exception would be lost in the callback
    (see LogQueue), so the work is done by another one: a bare one, since the end of a threading.Thread runs such code as well."""
    done = _thread.allocate_lock()
    failures: List[BaseException] = []
    job = [work]
    del work  # the other thread's reference goes before `done` is told, and with it what the work holds

    def target() -> None:
        try:
            job.pop()()
        except BaseException as failure:  # carried over to the thread that waits
            failures.append(failure)
        finally:
            done.release()

    done.acquire()
    _thread.start_new_thread(target, ())
    with done:
        pass
    if failures:
        raise failures[0]


_default: Optional[Context] = None
_default_lock = threading.Lock()


def default_context() -> Context:
    """The shared context, made at first use. A forked child gets its own."""
    global _default
    with _default_lock:
        if _default is None or _default.closed:
            _default = Context()
        return _default


def _begin_anew() -> None:
    global _default, _default_lock
    _ends.clear()
    _default_lock = threading.Lock()
    _default = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
