"""A result as a piece of HTML for notebooks: its facts, its picture, its table; a few kB, without scripts.

Markup alone; the words come from `tables.py`, the picture from `picture.py`.
"""

from __future__ import annotations

from typing import Any

from anyicmp.plot.canvas import text_of
from anyicmp.plot.picture import draw, kind_of
from anyicmp.plot.tables import Table, table_of
from anyicmp.words import count

__all__ = ["html", "html_table", "mimebundle", "small_picture"]

_CELL = "padding:2px 8px"


def html(result: object) -> str:
    """A result as a piece of HTML: the facts, a small picture where there is one, and a short table.

    Everything that came from elsewhere, such as names, is escaped; there is no script and no link.
    Raises TypeError for what is no result.
    """
    table = table_of(result, most=12)
    facts = " · ".join(map(text_of, table.facts))
    parts = [f"<strong>{text_of(table.title)}</strong>"]
    parts += [f"<div>{facts}</div>"] if facts else []
    parts += [picture] if (picture := small_picture(result)) else []
    parts.append(html_table(table))
    return f'<div class="anyicmp-result">{"".join(parts)}</div>'


def small_picture(result: object) -> str:
    """The picture of a result at the size of a notebook; empty where there is none, or nothing to see."""
    kind = kind_of(result)
    if kind not in ("ping", "sweep", "trace", "paths"):
        return ""
    if kind == "ping" and len(getattr(result, "outcomes", ())) < 2:
        return ""
    return draw(result, width=480, detail=6, titles=False).svg()


def html_table(table: Table, *, classes: str = "") -> str:
    """The table; figures stand at the right."""
    style = "" if classes else f' style="{_CELL};text-align:left"'
    right = ' class="n"' if classes else f' style="{_CELL};text-align:right"'

    def cell(tag: str, i: int, text: str) -> str:
        return f"<{tag}{right if i in table.numbers else style}>{text_of(text)}</{tag}>"

    head = "".join(cell("th", i, name) for i, name in enumerate(table.columns))
    body = "".join(
        f"<tr>{''.join(cell('td', i, text) for i, text in enumerate(row))}</tr>" for row in table.rows
    )
    more = f"<p>and {count(table.left, 'more row')}</p>" if table.left else ""
    chosen = f' class="{classes}"' if classes else ""
    return f"<table{chosen}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def mimebundle(result: Any) -> dict[str, str]:
    """A result in the forms that notebooks know, by media type: text, HTML, SVG, of graphs Mermaid too."""
    bundle = {"text/plain": repr(result), "text/html": html(result)}
    if picture := small_picture(result):
        bundle["image/svg+xml"] = picture
    if hasattr(result, "to_mermaid"):
        bundle["text/vnd.mermaid"] = result.to_mermaid()
    return bundle
