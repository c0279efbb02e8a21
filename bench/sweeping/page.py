"""Writes what was measured into docs/explanation/speed.md, between its markers; the words around stay."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "speed.md"
MARKERS = {
    name: (f"<!-- {name}: written by bench/sweep.py -->", f"<!-- end of {name} -->")
    for name in ("run", "layers")
}


def write(
    about: dict[str, str], scaled: str, goals: list[str], tables: list[list[str]], layers: list[str]
) -> None:
    """Replace both parts; the one that was not measured stays as it was."""
    text = PAGE.read_text(encoding="utf-8")
    head = [
        f"- {name}: `{value}`" if name == "command" else f"- {name}: {value}" for name, value in about.items()
    ]
    parts = [
        *head,
        f"- {scaled}",
        "",
        *goals,
        "",
        "```text",
        *"\n\n".join("\n".join(t) for t in tables).split("\n"),
        "```",
    ]
    text = replaced(text, "run", parts)
    if layers:
        text = replaced(text, "layers", layers)
    PAGE.write_text(text, encoding="utf-8")


def replaced(text: str, name: str, lines: list[str]) -> str:
    """The text with other lines between two markers. Raises ValueError where they are not there."""
    begin, end = MARKERS[name]
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{PAGE} has no part {name!r}")
    return "\n".join([before + begin, "", *lines, "", end + after])
