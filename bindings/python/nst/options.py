"""Sets of options."""
from __future__ import annotations

import ctypes
import difflib
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Tuple

from . import _raw, errors
from ._library import lib, releaser
from ._properties import TABLE, OptionInfo, OptionProperties, from_text, to_text
from .context import Child, Context, call, default_context

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._properties import OptionValues

FREE = releaser("nst_options_free")


def option_table() -> Tuple[OptionInfo, ...]:
    """Everything that can be chosen about a run."""
    return tuple(TABLE.values())


def find_option(key: str) -> OptionInfo:
    """The table's entry of that key, written with '-' or '_'."""
    entry = TABLE.get(key.replace("_", "-")) if isinstance(key, str) else None
    if entry is None:
        near = difflib.get_close_matches(str(key).replace("_", "-"), TABLE)
        hint = "did you mean '%s'?" % near[0] if near else "nst.option_table() lists them."
        raise errors.UnknownOptionError("there is no option '%s'; %s" % (key, hint))
    return entry


class OptionMapping(OptionProperties):
    """Options by attribute (`options.content_layers`) and by key (`options["content-layers"]`)."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        entry = find_option(key)
        return from_text(entry, self._get(entry))

    def __setitem__(self, key: str, value: Any) -> None:
        entry = find_option(key)
        self._set(entry, None if value is None else to_text(entry, value))

    def __delitem__(self, key: str) -> None:
        self._set(find_option(key), None)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.replace("_", "-") in TABLE

    def __iter__(self) -> Iterator[str]:
        return iter(TABLE)

    def __len__(self) -> int:
        return len(TABLE)

    def keys(self) -> List[str]:
        return list(TABLE)

    def items(self) -> List[Tuple[str, Any]]:
        return [(key, self[key]) for key in TABLE]

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            find_option(name)  # a misspelt option must not become an ordinary attribute
        super().__setattr__(name, value)


class Options(OptionMapping, Child):
    """What can be chosen about a run. `Options(alpha=3, content_layers="relu4_2")`.

    Every option is an attribute with its documentation from the library's table, and an item under its own name with '-'. Values
    are int, float, bool or str as the table says; layer lists are text ("relu4_2:1,relu3_1:0.5"), and a sequence of names or
    a dict of name to weight is accepted as well. None, or `del`, goes back to the default; a number that another option
    decides reads as None. A value out of range raises InvalidArgumentError, which is a ValueError.
    """

    __slots__ = ()

    def __init__(self, *, context: Optional[Context] = None, **options: Unpack[OptionValues]) -> None:
        self._context = context or default_context()
        self._own(call(self._context, _raw.nst_options, lib.nst_options_new, self._context._handle), FREE)
        self.update(**options)

    def update(self, **options: Unpack[OptionValues]) -> None:
        """Sets several options. At a bad one the ones before it have been set."""
        for key, value in options.items():
            self[key] = value

    def copy(self) -> Options:
        """Another set with the same values."""
        twin = Options(context=self._context)
        twin._read_json(self.to_json())
        return twin

    def is_set(self, key: str) -> bool:
        """Whether the option was set rather than left at its default."""
        return bool(lib.nst_options_is_set(self._handle, find_option(key).key.encode()))

    def to_dict(self, all: bool = False) -> Dict[str, Any]:
        """Key to value of what was set, or of everything."""
        return {key: value for key, value in self.items() if all or self.is_set(key)}

    def to_json(self, all: bool = False) -> str:
        """A JSON object of what was set, or of everything. The command reads it with --params."""
        length = ctypes.c_uint64()
        lib.nst_options_to_json(self._handle, all, None, 0, length)
        text = ctypes.create_string_buffer(length.value + 1)
        self._check(lib.nst_options_to_json(self._handle, all, text, len(text), length))
        return text.value.decode()

    @classmethod
    def from_json(cls, text: str, *, context: Optional[Context] = None) -> Options:
        """Reads what to_json() wrote, or the entry "nst:params" of a result's PNG."""
        made = cls(context=context)
        made._read_json(text)
        return made

    def _read_json(self, text: str) -> None:
        data = text.encode()
        self._check(lib.nst_options_from_json(self._handle, data, len(data)))

    def _get(self, entry: OptionInfo) -> str:
        return str(lib.nst_options_get_str(self._handle, entry.key.encode()).decode())

    def _set(self, entry: OptionInfo, value: Optional[str]) -> None:
        key = entry.key.encode()
        if value is None:
            self._check(lib.nst_options_unset(self._handle, key))
        else:
            self._check(lib.nst_options_set_str(self._handle, key, value.encode()))

    def _check(self, status: int) -> None:
        if status < 0:
            raise errors.error(status, lib.nst_options_error(self._handle).decode("utf-8", "replace"))

    def __repr__(self) -> str:
        values = {} if self.closed else self.to_dict()
        shown = ", ".join("%s=%r" % (find_option(key).name, value) for key, value in values.items())
        return "nst.Options(%s)" % ("closed" if self.closed else shown)

    def __eq__(self, other: object) -> bool:
        return self.to_json() == other.to_json() if isinstance(other, Options) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> Tuple[Any, ...]:
        return Options.from_json, (self.to_json(),)
