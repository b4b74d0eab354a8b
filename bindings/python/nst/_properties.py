"""The option table, and one Python property for every entry of it. _properties.pyi says the same to type checkers."""
from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Optional, Tuple

from . import _raw
from ._library import lib, make
from ._raw import OptionChange, OptionType


@dataclass(frozen=True)
class OptionInfo:
    """One entry of the option table."""

    key: str
    type: OptionType
    change: OptionChange
    default: str
    choices: Tuple[str, ...]
    unit: str
    group: str
    doc: str
    minimum: float
    maximum: float
    since: int

    @property
    def name(self) -> str:
        """The key as a Python name."""
        return self.key.replace("-", "_")


def _read_entry(index: int) -> OptionInfo:
    raw = make(_raw.nst_option_info)
    lib.nst_option_info_by_index(index, raw)
    choices = raw.choices.decode()
    return OptionInfo(key=raw.key.decode(), type=OptionType(raw.type), change=OptionChange(raw.change),
                      default=raw.default_text.decode(), choices=tuple(choices.split("|")) if choices else (),
                      unit=raw.unit.decode(), group=raw.group.decode(), doc=raw.doc.decode(), minimum=raw.minimum,
                      maximum=raw.maximum, since=raw.since)


TABLE: Mapping[str, OptionInfo] = {
    entry.key: entry for entry in map(_read_entry, range(lib.nst_option_count()))
}


def _number(value: Any) -> str:
    """Exact text of an int, float or anything that acts like one."""
    try:
        return str(operator.index(value))
    except TypeError:
        return repr(float(value))


def _list(items: Iterable[Any]) -> str:
    if isinstance(items, Mapping):
        items = [name if weight is None else "%s:%s" % (name, _number(weight)) for name, weight in items.items()]
    return ",".join(item if isinstance(item, str) else _number(item) for item in items)


def to_text(entry: OptionInfo, value: Any) -> str:
    """The text form that the library reads."""
    if isinstance(value, str):
        return value
    if entry.type == OptionType.BOOL:
        return "true" if value else "false"
    if entry.type in (OptionType.LAYERS, OptionType.FLOATS):
        if entry.type == OptionType.FLOATS and isinstance(value, Mapping):
            return ";".join("%s%s%s" % (place, ":" if place else "", _list(numbers)) for place, numbers in value.items())
        return _list(value if hasattr(value, "__iter__") else [value])
    if entry.type in (OptionType.INT, OptionType.FLOAT) and not isinstance(value, bool):
        return _number(value)
    raise TypeError("%s: a %s does not fit" % (entry.key, type(value).__name__))


def _read_group(text: str) -> Tuple[str, Tuple[float, ...]]:
    """"relu1_1/2:1,0" -> ("relu1_1/2", (1.0, 0.0)); without a place that is ""."""
    place, _, numbers = text.rpartition(":")
    return place.strip(), tuple(float(item) for item in numbers.split(","))


def from_text(entry: OptionInfo, text: str) -> Any:
    """The Python value of a text form; None for "auto" of a number."""
    if entry.type in (OptionType.INT, OptionType.FLOAT, OptionType.FLOATS) and text == "auto":
        return None
    if entry.type == OptionType.INT:
        return int(text)
    if entry.type == OptionType.FLOAT:
        return float(text)
    if entry.type == OptionType.BOOL:
        return text == "true"
    if entry.type == OptionType.FLOATS and (";" in text or ":" in text):
        return dict(_read_group(group) for group in text.split(";"))
    if entry.type == OptionType.FLOATS:
        return tuple(float(item) for item in text.split(","))
    return text


class OptionProperties:
    """A property for every option, made below; the subclass says where values live."""

    __slots__ = ()

    def _get(self, entry: OptionInfo) -> str:
        raise NotImplementedError

    def _set(self, entry: OptionInfo, value: Optional[str]) -> None:
        """Stores the text form; None goes back to the default."""
        raise NotImplementedError


def document(entry: OptionInfo) -> str:
    """The docstring of the property."""
    facts = ["Default: %s." % entry.default]
    if entry.choices:
        facts.append("One of: %s." % ", ".join(entry.choices))
    elif entry.type in (OptionType.INT, OptionType.FLOAT):
        facts.append("From %.15g to %.15g%s." % (entry.minimum, entry.maximum, " " + entry.unit if entry.unit else ""))
    if entry.change == OptionChange.FIXED:
        facts.append("Fixed once the session is made.")
    return "%s\n\n%s" % (entry.doc, " ".join(facts))


def _make_property(entry: OptionInfo) -> property:
    def get(self: OptionProperties) -> Any:
        return from_text(entry, self._get(entry))

    def put(self: OptionProperties, value: Any) -> None:
        self._set(entry, None if value is None else to_text(entry, value))

    def delete(self: OptionProperties) -> None:
        self._set(entry, None)

    return property(get, put, delete, document(entry))


for _entry in TABLE.values():
    setattr(OptionProperties, _entry.name, _make_property(_entry))
