"""Rows that the garbage collector need not look at, however many there are.

A trick of CPython's own interface, and where it can be had no more than that. What a row holds is for others.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

__all__ = ["uncollected"]


def _nothing(row: object) -> None:
    pass


def _found() -> Callable[[object], None]:
    """PyObject_GC_UnTrack, or what does nothing where the interpreter has no such thing."""
    try:
        function = ctypes.pythonapi.PyObject_GC_UnTrack
    except AttributeError:
        return _nothing
    function.argtypes = [ctypes.py_object]
    function.restype = None
    return function


uncollected = _found()
"""Take a row out of what the collector walks through (C API, "Supporting Cyclic Garbage Collection").

The collector walks all containers again each time their number has grown by a quarter: 50 ms and more at a
time, in which the event loop stands, once a table has a hundred thousand rows. It finds nothing: a frozen
row of addresses, numbers and text is part of no cycle. It is freed by its reference count all the same.
"""
