"""How a result shows itself: what notebooks, terminals and people call, by way of `anyicmp.plot`.

That room loads when a result is shown, never when one is made. No picture is drawn here.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["as_bundle", "as_html", "as_rich", "plot"]


def as_html(self: object) -> str:
    """The result for a notebook: facts, a small picture, a table; see `anyicmp.plot.html`."""
    text: str = import_module("anyicmp.plot").html(self)
    return text


def as_rich(self: object) -> Any:
    """The result for rich: a table; see `anyicmp.plot.renderable`."""
    return import_module("anyicmp.plot").renderable(self)


def as_bundle(self: object, include: object = None, exclude: object = None) -> dict[str, str]:
    """The result in each form that notebooks know, by media type: text, HTML, SVG, of a graph Mermaid too."""
    bundle: dict[str, str] = import_module("anyicmp.plot.page").mimebundle(self)
    return bundle


def plot(self: object, ax: Any = None) -> Any:
    """The result on matplotlib's axes (None: new ones), which are returned; see `anyicmp.plot.plot`.

    Raises ImportError without matplotlib (extra `plot`).
    """
    return import_module("anyicmp.plot").plot(self, ax)
