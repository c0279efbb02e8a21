"""Pictures as text (SVG 1.1): escaping, numbers, colours for light and dark, and scales with round ticks.

Knows shapes; what a picture shows is decided in the files beside this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

from anyicmp.words import clean, milliseconds

__all__ = ["ANSWERS", "STYLE", "Canvas", "Logarithmic", "Scale", "text_of"]

ANSWERS = ("#0b5a9e", "#3383b0", "#5fa59b", "#c2a83e")
"""From fast to slow. Blue to yellow is told apart whatever colours one sees; each is lighter than the one
before it, for print without colours; all stand out from a light ground and from a dark one."""

STYLE = """\
.anyicmp{--i:var(--jp-content-font-color1,#1f2328);--s:#0072b2;--l:#c8441b;\
color:var(--i);font:12px system-ui,sans-serif}\
@media(prefers-color-scheme:dark){.anyicmp{--i:var(--jp-content-font-color1,#e6edf3);--s:#56b4e9;--l:#ff8a4c}}\
.anyicmp text{fill:currentColor}.anyicmp .small{font-size:10px}.anyicmp .bold{font-weight:600}\
.anyicmp .mono{font-family:ui-monospace,monospace}\
.anyicmp .end{text-anchor:end}.anyicmp .mid{text-anchor:middle}\
.anyicmp .grid{stroke:currentColor;stroke-opacity:.2;fill:none}\
.anyicmp .line{stroke:var(--s);fill:none;stroke-width:1.8}\
.anyicmp .band{fill:var(--s);fill-opacity:.22}.anyicmp .mark{fill:var(--s)}.anyicmp .loss{fill:var(--l)}\
.anyicmp .quiet{fill:currentColor;fill-opacity:.14}\
.anyicmp .box{fill:none;stroke:currentColor}.anyicmp .way{stroke:var(--s);stroke-opacity:.55;fill:none}\
.anyicmp .dash{stroke-dasharray:4 3}.anyicmp .thick{stroke-width:2.5}\
.anyicmp .plate{fill:#000;fill-opacity:.6}.anyicmp .plated{fill:#fff}\
.anyicmp .over{stroke:#fff;stroke-width:1.8}\
.anyicmp .fault{fill:#d4562a}.anyicmp .up{fill:#3383b0}.anyicmp .slow{fill:#c2a83e}\
.anyicmp .down{fill:var(--l)}.anyicmp .error{fill:#a0447a}\
""" + "".join(f".anyicmp .a{i}{{fill:{colour}}}" for i, colour in enumerate(ANSWERS))
"""One style for all pictures: ink is the page's own, so that they stand on a light or a dark ground."""


def text_of(value: object) -> str:
    """Any text as a part of a document: nothing in it is markup, and nothing in it is unprintable."""
    return escape(clean(value))


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


class Canvas:
    """A picture that grows: shapes in the order of drawing.

    Args:
        width, height: in CSS pixels; the picture shrinks to the room that it gets.
        title: what it shows, for those who cannot see it.
    """

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self._parts: list[str] = []

    def rect(self, x: float, y: float, width: float, height: float, kind: str, *, title: str = "") -> None:
        """A rectangle of a class of the style."""
        self._shape(f'rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"', kind, title)

    def box(self, x: float, y: float, width: float, height: float, kind: str, *, title: str = "") -> None:
        """A rectangle with round corners."""
        self._shape(
            f'rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="6"', kind, title
        )

    def dot(self, x: float, y: float, radius: float, kind: str, *, title: str = "") -> None:
        """A filled circle."""
        self._shape(f'circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}"', kind, title)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
        """A straight line."""
        self._shape(f'path d="M{_n(x1)} {_n(y1)}L{_n(x2)} {_n(y2)}"', kind, "")

    def curve(self, path: str, kind: str, *, width: float | None = None, title: str = "") -> None:
        """A path in SVG's own terms, of the given width in pixels."""
        thick = "" if width is None else f' stroke-width="{_n(width)}"'
        self._shape(f'path d="{path}"{thick}', kind, title)

    def polygon(self, points: Sequence[tuple[float, float]], kind: str, *, closed: bool = True) -> None:
        """Straight lines from point to point, and back to the first one if `closed`."""
        path = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
        self._shape(f'path d="M{path}{"Z" if closed else ""}"', kind, "")

    def text(self, x: float, y: float, text: object, kind: str = "") -> None:
        """A line of text whose base line begins there (`end`, `mid`: ends there, has its middle there)."""
        chosen = f' class="{kind}"' if kind else ""
        self._parts.append(f'<text x="{_n(x)}" y="{_n(y)}"{chosen}>{text_of(text)}</text>')

    def image(self, x: float, y: float, width: float, height: float, png: str) -> None:
        """An image in base64, with sharp pixels."""
        self._parts.append(
            f'<image x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" '
            f'preserveAspectRatio="none" style="image-rendering:pixelated" '
            f'href="data:image/png;base64,{png}"/>'
        )

    def put(self, other: Canvas, x: float, y: float) -> None:
        """Another picture inside this one."""
        self._parts += [f'<g transform="translate({_n(x)} {_n(y)})">', *other._parts, "</g>"]

    def _shape(self, shape: str, kind: str, title: str) -> None:
        end = f"><title>{text_of(title)}</title></{shape.partition(' ')[0]}>" if title else "/>"
        self._parts.append(f'<{shape} class="{kind}"{end}')

    def svg(self, *, styled: bool = True) -> str:
        """The picture as one SVG document, which also stands inside HTML as it is.

        `styled` False leaves the style out, for a page that has it already.
        """
        style = f"<style>{STYLE}</style>" if styled else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="anyicmp" role="img" '
            f'viewBox="0 0 {_n(self.width)} {_n(self.height)}" width="{_n(self.width)}" '
            f'height="{_n(self.height)}" style="max-width:100%;height:auto">'
            f"<title>{text_of(self.title)}</title>{style}{''.join(self._parts)}</svg>"
        )


class Scale:
    """From values to pixels, in proportion; and the round values worth a line.

    Args:
        low, high: values at the ends; widened where they are equal.
        start, end: pixels at the ends.
    """

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high = low, high if high > low else low + 1e-3
        self._start, self._end = start, end

    def __call__(self, value: float) -> float:
        return self._start + (value - self.low) / (self.high - self.low) * (self._end - self._start)

    def ticks(self, about: int = 4) -> list[float]:
        """Round values, about so many."""
        raw = (self.high - self.low) / about
        power = 10.0 ** floor(log10(raw))
        step = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= raw * 0.999)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]

    def labels(self, about: int = 4) -> list[tuple[float, str]]:
        """Pixels and text of the ticks, which are seconds, in milliseconds."""
        return [(self(tick), _tick(tick)) for tick in self.ticks(about)]


class Logarithmic:
    """As `Scale`, in proportion to the logarithm; the values are more than 0."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._scale = Scale(log10(low), max(log10(high), log10(low) + 1e-6), start, end)

    def __call__(self, value: float) -> float:
        return self._scale(log10(value))

    def labels(self) -> list[tuple[float, str]]:
        """Pixels and text of 1, 2 and 5 of each power of ten, seconds in milliseconds."""
        low, high = self._scale.low - 1e-9, self._scale.high + 1e-9
        digits = (1, 2, 5) if high - low < 3 else (1,)
        ticks = [d * 10.0**power for power in range(floor(low), ceil(high) + 1) for d in digits]
        if high - low < 0.7:
            ticks = Scale(10**low, 10**high, 0, 1).ticks(5)
        return [(self(tick), _tick(tick)) for tick in ticks if low <= log10(tick) <= high]


def _tick(seconds: float) -> str:
    """Milliseconds of a round value, without zeros at the end."""
    text = f"{seconds * 1e3:.6g}"
    return text if "e" not in text else milliseconds(seconds)
