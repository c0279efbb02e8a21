"""Making frozen values fast: by way of a plain twin, whose class is then set to the frozen one.

The one trick of this room for speed. What a value means, and when it is made, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import attrs

__all__ = ["maker", "maker_of_many"]

T = TypeVar("T")


_makers: dict[tuple[type, str], Callable[..., Any]] = {}


def maker(cls: type[T], *, but: str = "") -> Callable[..., T]:
    """A function that makes values of a frozen attrs class from all its fields, in their order.

    `but`: one that is left out, which the class makes itself when someone looks (`__getattr__`).

    The frozen class guards each attribute while it is set, which costs more than all else that decoding
    does. A twin with the same slots and without the guard is filled instead, and then given the frozen
    class: the layouts are the same, so that the interpreter allows it. Converters and validators do not
    run. The class must have slots, and no slot of its own for weak references.
    """
    return _makers.get((cls, but)) or _new_maker(cls, but)


def _new_maker(cls: type[T], but: str) -> Callable[..., T]:
    names = _fields(cls, but)
    # Written out, as attrs writes its own: a call for each value would cost as much as the value.
    fields = ", ".join(f"_{name}" for name in names)
    lines = [f"def make({fields}):", *_value(names, "    "), "    return value"]
    make: Callable[..., T] = _function(cls, lines)
    _makers[cls, but] = make
    return make


def maker_of_many(cls: type[T]) -> Callable[[Iterable[tuple[Any, ...]]], list[T]]:
    """The same for many values: of an iterable of their fields."""
    names = _fields(cls, "")
    lines = [
        "def make(rows):",
        "    made = []",
        "    add = made.append",
        f"    for {', '.join(f'_{name}' for name in names)}, in rows:",
        *_value(names, "        "),
        "        add(value)",
        "    return made",
    ]
    return _function(cls, lines)  # type: ignore[no-any-return] # what exec makes has no type


def _fields(cls: type, but: str) -> list[str]:
    return [field.name for field in attrs.fields(cls) if field.name != but]


def _value(names: list[str], indent: str) -> list[str]:
    """Lines that make one value."""
    return [
        f"{indent}value = bare()",
        *(f"{indent}value.{name} = _{name}" for name in names),
        f"{indent}value.__class__ = cls",
    ]


def _function(cls: type, lines: list[str]) -> Any:
    unguarded = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    slots = {"__slots__": cls.__dict__["__slots__"]}
    bare = type(f"_Plain{cls.__name__}", cls.__bases__, slots | unguarded)
    made: dict[str, Any] = {"bare": bare, "cls": cls}
    exec("\n".join(lines), made)  # noqa: S102 - of the names of a class of this project, and nothing else
    return made["make"]
