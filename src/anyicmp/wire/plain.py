"""Making frozen values fast: by way of a plain twin, whose class is then set to the frozen one.

The one trick of this room for speed. What a value means, and when it is made, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import attrs

__all__ = ["maker"]

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
    fields = attrs.fields(cls)  # type: ignore[arg-type] # T is an attrs class
    names = [field.name for field in fields if field.name != but]
    unguarded = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    bare = type(f"_Plain{cls.__name__}", cls.__bases__, {"__slots__": cls.__dict__["__slots__"], **unguarded})
    # Written out, as attrs writes its own: a call for each value would cost as much as the value.
    lines = [
        f"def make({', '.join(f'_{name}' for name in names)}):",
        "    value = new(bare)",
        *(f"    value.{name} = _{name}" for name in names),
        "    value.__class__ = cls",
        "    return value",
    ]
    made: dict[str, Any] = {"new": object.__new__, "bare": bare, "cls": cls}
    exec("\n".join(lines), made)  # noqa: S102 - of the names of a class of this project, and nothing else
    make: Callable[..., T] = made["make"]
    _makers[cls, but] = make
    return make
