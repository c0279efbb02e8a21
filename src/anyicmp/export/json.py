"""A result as plain Python values and as one line of JSON.

Names are the Python attribute names; addresses are text, times seconds, bytes hexadecimal text. What an
attribute means is said where its class is defined, never here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum, IntEnum, StrEnum
from functools import cache, singledispatch
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from json import JSONEncoder
from operator import attrgetter
from typing import Any

import attrs

__all__ = ["to_dict", "to_json"]

_BESIDE_FIELDS = ("kind", "type", "class_number", "sub_type", "is_alive", "ok")
"""Attributes that say what a value is, written (first) where a class has them without being a field."""

_AS_IS = frozenset({bool, float, int, str, type(None)})

_compact = JSONEncoder(separators=(",", ":"))


def to_dict(result: object) -> dict[str, Any]:
    """A result, or any part of one, as a dict of what JSON knows: dicts, lists, text, numbers, bool, None.

    Args:
        result: an instance of one of the result classes: an outcome, `PingResult`, `Trace`, `Statistics`,
            a decoded message and so on.

    The keys are the attributes of the class, with `kind` for outcomes, `type` for messages, and
    `is_alive` for a `PingResult`. Addresses and networks are text, times float seconds, bytes hexadecimal.

    Raises:
        TypeError: `result` is not an instance of such a class.
    """
    if not attrs.has(type(result)):
        raise TypeError(f"a result of anyicmp is wanted, not {type(result).__name__}")
    return _row(result)


def to_json(result: object) -> str:
    """`to_dict(result)` as JSON (RFC 8259) on one line, without spaces or a line feed at the end."""
    return _compact.encode(to_dict(result))


@cache
def _columns(cls: type) -> tuple[tuple[str, ...], Callable[[object], tuple[Any, ...]]]:
    """The names that are written of a class, and what reads their values."""
    fields = [field.name for field in attrs.fields(cls) if not field.name.startswith("_")]
    names = tuple([name for name in _BESIDE_FIELDS if name not in fields and hasattr(cls, name)] + fields)
    if len(names) == 1:  # attrgetter of one name gives no tuple
        return names, lambda value: (getattr(value, names[0]),)
    return names, attrgetter(*names) if names else lambda value: ()


def _row(value: Any) -> dict[str, Any]:
    names, read = _columns(type(value))  # type: ignore[arg-type] # mypy takes a class for unhashable
    return {
        name: item if type(item) in _AS_IS else _plain(item)
        for name, item in zip(names, read(value), strict=True)
    }


@singledispatch
def _plain(value: object) -> Any:
    """A value as JSON knows it. Raises TypeError for what has no such form."""
    if attrs.has(type(value)):
        return _row(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


@_plain.register(bool)
@_plain.register(float)
@_plain.register(int)
@_plain.register(str)
@_plain.register(type(None))
def _same(value: object) -> object:
    return value


@_plain.register(IPv4Address)
@_plain.register(IPv4Network)
@_plain.register(IPv6Address)
@_plain.register(IPv6Network)
def _text(value: object) -> str:
    return str(value)


@_plain.register(Enum)
@_plain.register(IntEnum)  # in its method resolution order int comes before Enum
@_plain.register(StrEnum)
def _number_or_name(value: Enum) -> Any:
    return value.value


@_plain.register(bytes)
@_plain.register(bytearray)
@_plain.register(memoryview)
def _hexadecimal(value: bytes | bytearray | memoryview) -> str:
    return value.hex()


@_plain.register(Mapping)
def _mapping(value: Mapping[object, object]) -> dict[str, Any]:
    return {str(key): _plain(item) for key, item in value.items()}


@_plain.register(Sequence)
@_plain.register(AbstractSet)
def _list(value: Sequence[object] | AbstractSet[object]) -> list[Any]:
    return [_plain(item) for item in value]
