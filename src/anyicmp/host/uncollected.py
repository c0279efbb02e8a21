"""Rows that the garbage collector need not look at, however many there are.

A call of CPython's own interface, and where there is none nothing. What a row holds is for others.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["uncollected"]

Value = TypeVar("Value")


def _untracking() -> Callable[[Any], None] | None:
    try:
        function = ctypes.pythonapi.PyObject_GC_UnTrack
    except AttributeError:  # another interpreter
        return None
    function.argtypes = [ctypes.py_object]
    function.restype = None
    return function


_untrack = _untracking()


def uncollected(value: Value) -> Value:
    """The value itself, taken out of what the collector walks through (C API, PyObject_GC_UnTrack).

    For frozen rows of addresses, numbers and text, and for a tuple or list of them. They are part of no cycle
    and are freed by their reference counts all the same. Else the collector walks through all of them each
    time their number has grown by a quarter: at a hundred thousand rows that is 50 ms and more in which the
    event loop stands, to find nothing.
    """
    if _untrack is not None:
        _untrack(value)
    return value
