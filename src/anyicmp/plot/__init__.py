"""Results to look at: pictures (SVG without further packages, matplotlib where installed), tables, reports.

The public names and nothing else; what they need loads when they are used. Nothing here measures.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyicmp.plot.axes import plot
    from anyicmp.plot.document import report
    from anyicmp.plot.page import html
    from anyicmp.plot.picture import svg
    from anyicmp.plot.screen import renderable

__all__ = ["html", "plot", "renderable", "report", "svg"]

_HOMES = {"html": "page", "plot": "axes", "renderable": "screen", "report": "document", "svg": "picture"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'anyicmp.plot' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"anyicmp.plot.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
