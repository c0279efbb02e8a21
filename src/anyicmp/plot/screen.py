"""A result for the terminal, as a table of rich (extra `cli`).

Words come from `tables.py`; nothing is printed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyicmp.plot.tables import table_of
from anyicmp.words import clean, count

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["renderable"]


def renderable(result: Any) -> Table:
    """What rich shows of a result. Text in it is never taken for rich's own markup.

    Raises ImportError without rich (extra `cli`).
    """
    from rich.table import Table
    from rich.text import Text

    table = table_of(result)
    shown = Table(title=Text(clean(table.title)), title_justify="left")
    for i, name in enumerate(table.columns):
        shown.add_column(
            name,
            justify="right" if i in table.numbers else "left",
            overflow="fold",
            min_width=15 if name == "address" else None,  # an IPv4 address in one line
        )
    for row in table.rows:
        shown.add_row(*(Text(clean(text)) for text in row))
    left = (f"and {count(table.left, 'more row')}",) if table.left else ()
    words = " · ".join((*table.facts, *left))
    if words:
        shown.caption = Text(clean(words))
        shown.caption_justify = "left"
    return shown
