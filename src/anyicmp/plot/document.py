"""A report: measurements as one HTML file that needs no network and, to be read, no script.

Puts the parts together; pictures, tables and words are made beside this file, lines are read in `reading.py`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from anyicmp import KINDS, StateChange
from anyicmp.plot.canvas import STYLE, text_of
from anyicmp.plot.page import html_table
from anyicmp.plot.picture import draw, kind_of
from anyicmp.plot.reading import Gathered, Sweep, gather
from anyicmp.plot.tables import SWEEP_COLUMNS, Table, sweep_rows, table_of
from anyicmp.words import count, moment, percent, rtt

__all__ = ["report"]

ROWS = 500
"""So many rows of a table are shown at most, those of a sweep excepted."""

CHANGES = 1000


def report(files: Mapping[str, Iterable[str]], *, title: str = "Network report") -> str:
    """One self-contained HTML document of measurements.

    Args:
        files: name to lines, of what `sweep`, `ping`, `trace`, `paths`, `mtu`, `diagnose`, `monitor` of the
            command print with `--json`. Lines that tell of none are counted and named in the report.
        title: its heading.

    Names and texts from the files are escaped, and the document's own policy forbids any script but its own,
    which sorts tables.
    """
    gathered = [gather(name, lines) for name, lines in files.items()]
    sections = [section for one in gathered for section in _sections(one)]
    contents = "".join(
        f'<li><a href="#m{i}">{text_of(head)}</a> <span>{text_of(facts)}</span></li>'
        for i, (head, facts, _) in enumerate(sections)
    )
    parts = [f"<h1>{text_of(title)}</h1>"]
    parts.append(f"<p>{count(len(sections), 'measurement')} from {count(len(gathered), 'file')}.</p>")
    parts += [note for one in gathered if (note := _foreign(one))]
    parts.append(f"<nav><ul>{contents}</ul></nav>" if sections else "<p>There is nothing to show.</p>")
    parts += [
        f'<section id="m{i}"><h2>{text_of(head)}</h2>{body}</section>'
        for i, (head, _, body) in enumerate(sections)
    ]
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{b64encode(sha256(_SCRIPT.encode()).digest()).decode()}'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{text_of(title)}</title><style>{STYLE}{_PAGE_STYLE}</style></head>\n"
        f"<body><main>{''.join(parts)}</main>\n<script>{_SCRIPT}</script></body></html>\n"
    )


Section = tuple[str, str, str]
"""Heading, facts for the contents, and the body in HTML."""


def _sections(gathered: Gathered) -> Iterable[Section]:
    if any(gathered.sweep.columns.counts):
        yield _sweep_section(gathered.name, gathered.sweep)
    for result in gathered.results:
        yield _section(result)
    if gathered.changes:
        yield _change_section(gathered.name, gathered.changes)


def _foreign(gathered: Gathered) -> str:
    if not gathered.foreign_count:
        return ""
    numbers = ", ".join(map(str, gathered.foreign))
    more = ", …" if gathered.foreign_count > len(gathered.foreign) else ""
    number = count(gathered.foreign_count, "line")
    words = f"{gathered.name}: no measurement was found in {number} (number {numbers}{more})"
    return f'<p class="warn">{text_of(words)}</p>'


def _section(result: Any) -> Section:
    table = table_of(result, most=ROWS)
    pictures = [_figure(result, None)] if kind_of(result) not in ("mtu", "diagnosis") else []
    if kind_of(result) == "ping" and len(result.outcomes) >= 20:
        pictures.append(_figure(result, "distribution"))
    body = _facts(table.facts) + "".join(pictures) + _tables(table)
    return table.title, ", ".join(table.facts[:3]), body


def _sweep_section(name: str, sweep: Sweep) -> Section:
    counts = dict(zip(KINDS, sweep.columns.counts, strict=True))
    words = {"reply": "alive", "error": "with an error", "timeout": "silent", "failed": "not sent"}
    whole = sum(counts.values())
    facts = [count(whole, "target")]
    facts += [
        f"{number:,} {words[kind]} ({percent(round(number / whole, 4))})"
        for kind, number in counts.items()
        if number
    ]
    if times := sweep.quantiles():
        facts += [f"median {rtt(times[2])}", f"95th percentile {rtt(times[4])}"]
    if sweep.start is not None and sweep.end is not None:
        facts.append(f"{moment(sweep.start)}, {sweep.end - sweep.start:.3g} s")
    body = _facts(facts) + _figure(sweep.columns, None)
    if counts["reply"] >= 20:
        body += _figure(sweep.columns, "distribution")
    for head, rows, left in (
        ("Hosts that answered", sweep.answered, sweep.answered_left),
        ("Errors, and what could not be sent", sweep.faults, sweep.faults_left),
    ):
        if rows:
            table = Table(head, SWEEP_COLUMNS, sweep_rows(rows), frozenset((2,)), left=left).trimmed()
            body += f"<h3>{head}</h3>{_tables(table)}"
    return f"sweep {name}", ", ".join(facts[:3]), body


def _change_section(name: str, changes: list[StateChange]) -> Section:
    ordered = sorted(changes, key=lambda change: change.at)
    first, last = ordered[0].at, ordered[-1].at
    keys: dict[str, list[StateChange]] = {}
    for change in ordered:
        keys.setdefault(change.key, []).append(change)
    facts = (
        count(len(keys), "target"),
        count(len(ordered), "change"),
        f"{moment(first)} to {moment(last)}",
    )
    rows = []
    for key, own in sorted(keys.items()):
        up, known = _up(own, last)
        share = percent(round(up / known, 4)) if known else "–"
        rows.append((key, own[-1].state, str(len(own)), share, own[-1].reason))
    states = Table(
        "states", ("target", "state at the end", "changes", "up, while known", "why"), rows, frozenset((2, 3))
    )
    shown = [(moment(c.at), c.key, c.previous, c.state, c.reason) for c in ordered[-CHANGES:]]
    table = Table("changes", ("when", "target", "was", "is", "why"), shown, left=len(ordered) - len(shown))
    body = _facts(facts) + _figure(ordered, None) + _tables(states) + "<h3>Changes</h3>" + _tables(table)
    return f"monitor {name}", ", ".join(facts[:2]), body


def _up(changes: list[StateChange], last: float) -> tuple[float, float]:
    """Seconds in which a target was up or answered badly, and those in which its state was known."""
    up = known = 0.0
    for change, until in zip(changes, [*(c.at for c in changes[1:]), last], strict=True):
        if change.state != "unknown":
            known += until - change.at
            up += (until - change.at) * (change.state in ("up", "degraded"))
    return up, known


def _facts(facts: Iterable[str]) -> str:
    return f'<ul class="facts">{"".join(f"<li>{text_of(fact)}</li>" for fact in facts)}</ul>'


def _figure(result: Any, kind: str | None) -> str:
    """The picture twice, for wide screens and for phones: text that shrinks with a picture is not read."""
    return "".join(
        f'<figure class="{screen}">{draw(result, kind=kind, width=width).svg(styled=False)}</figure>'
        for screen, width in (("far", 720), ("near", 350))
    )


def _tables(table: Table) -> str:
    """The table, and the same as text to copy: values between tabulators, as spreadsheets take them."""
    if not table.rows:
        return ""
    raw = "\n".join("\t".join(map(text_of, row)) for row in (table.columns, *table.rows))
    return (
        f'<div class="wide">{html_table(table, classes="sort")}</div>'
        f"<details><summary>Figures to copy</summary><pre>{raw}</pre></details>"
    )


_PAGE_STYLE = """
:root{color-scheme:light dark;--ground:#fff;--ink:#1f2328;--soft:#59636e;--rule:#d1d9e0;--link:#0b5a9e}
@media(prefers-color-scheme:dark){:root{--ground:#0d1117;--ink:#e6edf3;--soft:#9198a1;--rule:#3d444d;--link:#56b4e9}}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:60rem;margin:auto;padding:1rem}
h1{font-size:1.6rem;margin:.5rem 0}
h2{font-size:1.25rem;margin:2.2rem 0 .6rem;
border-top:1px solid var(--rule);padding-top:1rem}
h3{font-size:1.05rem;margin:1.4rem 0 .4rem}
h2{overflow-wrap:anywhere}td{overflow-wrap:break-word}td:first-child{white-space:nowrap}
a{color:var(--link)}nav ul{padding-left:1.2rem}nav span{color:var(--soft)}
.facts{list-style:none;padding:0;margin:.5rem 0;display:flex;flex-wrap:wrap;gap:.3rem .5rem}
.facts li{border:1px solid var(--rule);border-radius:1rem;padding:.05rem .7rem;font-size:.9rem}
.warn{border-left:4px solid #c8441b;padding-left:.7rem}
figure{margin:1rem 0;overflow-x:auto}.near{display:none}
@media(max-width:46rem){.near{display:block}.far{display:none}}
.wide{overflow-x:auto;max-height:32rem;overflow-y:auto}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid var(--rule);
vertical-align:top;min-width:2.2rem}
thead th{position:sticky;top:0;background:var(--ground);white-space:nowrap}
.n{text-align:right;white-space:nowrap}
th button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer}
th[aria-sort=ascending] button::after{content:" ▲"}th[aria-sort=descending] button::after{content:" ▼"}
details{margin:.6rem 0}summary{cursor:pointer;color:var(--link)}
pre{overflow:auto;max-height:20rem;border:1px solid var(--rule);padding:.6rem;font-size:.8rem;user-select:all}
@media print{.wide,pre{max-height:none;overflow:visible}details{display:none}section{break-inside:auto}}
"""

# The whole of it: a heading becomes a button that sorts its column, as numbers where all of it are numbers.
_SCRIPT = """
for (const table of document.querySelectorAll("table.sort")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, i) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.onclick = () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = row => row.cells[i].textContent;
      const number = text => Number(text.replace(/[,%]/g, "") || NaN);
      const address = text => text.replace(/\\d+/g, part => part.padStart(5, "0"));
      const compare = (a, b) => {
        const x = number(key(a)), y = number(key(b));
        if (!isNaN(x) || !isNaN(y)) return (isNaN(x) - isNaN(y)) * (up ? 1 : -1) || x - y;
        return address(key(a)) < address(key(b)) ? -1 : 1;
      };
      const rows = [...body.rows].sort((a, b) => (up ? 1 : -1) * compare(a, b));
      body.replaceChildren(...rows);
    };
  });
}
"""
