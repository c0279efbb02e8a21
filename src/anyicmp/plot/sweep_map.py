"""The map of a sweep: each address at its place, as a grid up to 256 of them, along a Hilbert curve above.

Draws; what the outcomes are is reckoned in `series.py`, the curve in `curve.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from math import isnan

import attrs

from anyicmp import KINDS
from anyicmp.plot.canvas import ANSWERS, Canvas
from anyicmp.plot.curve import hilbert, png
from anyicmp.plot.series import ERROR, REPLY, SweepColumns
from anyicmp.words import count, rtt

__all__ = ["sweep_map"]

PANELS = 12
"""So many networks are drawn at most, those with the most targets."""

NOT_PROBED, QUIET, FAULT = range(len(ANSWERS), len(ANSWERS) + 3)
_CLASSES = ("a0", "a1", "a2", "a3", "", "quiet", "fault")
_BY_TIME = ("under 1 ms", "1 to 10 ms", "10 to 100 ms", "100 ms and more")
_BY_SHARE = ("all answer", "half or more", "a tenth or more", "fewer")

Found = dict[int, tuple[int, float]]


@attrs.frozen
class _Network:
    """A stretch of addresses that is drawn as one map."""

    version: int
    base: int
    bits: int  # of the host part
    found: Found

    def text(self, base: int, bits: int) -> str:
        kind, width = (IPv4Network, 32) if self.version == 4 else (IPv6Network, 128)
        return str(kind((base, width - bits)))

    @property
    def name(self) -> str:
        return self.text(self.base, self.bits)


def sweep_map(columns: SweepColumns, *, width: float, detail: int = 8, titles: bool = True) -> Canvas:
    """The map. `detail`: at most `2 ** detail` pixels a side; `titles`: each host of a grid has a tooltip."""
    networks = [n for version in (4, 6) for n in _networks(version, sorted(columns.best(version).items()))]
    networks.sort(key=lambda network: -len(network.found))
    drawn, left = networks[:PANELS], networks[PANELS:]
    drawn.sort(key=lambda network: (network.version, network.base))
    panels = [_panel(network, width, detail, titles) for network in drawn]
    rows = list(_rows(panels, width))
    shared = any(network.bits > 2 * detail for network in drawn)
    legend = _legend(width, shared=shared, times=any(n.bits <= 2 * detail for n in drawn))
    alive = columns.counts[REPLY]
    title = f"sweep of {count(sum(columns.counts), 'target')}: {alive:,} alive"
    height = sum(max(panel.height for panel in row) + 10 for row in rows)
    note = 18 if left else 0
    canvas = Canvas(width, max(height + legend.height + note, 40), title)
    y = 0.0
    for row in rows:
        x = 0.0
        for panel in row:
            canvas.put(panel, x, y)
            x += panel.width + 16
        y += max(panel.height for panel in row) + 10
    if left:
        targets = sum(len(network.found) for network in left)
        canvas.text(0, y + 10, f"and {count(targets, 'target')} in {count(len(left), 'other network')}")
    canvas.put(legend, 0, y + note)
    return canvas


def _networks(version: int, found: Sequence[tuple[int, tuple[int, float]]]) -> Iterator[_Network]:
    """The fewest maps that are not mostly empty: all targets in one network, or each half by itself."""
    if not found:
        return
    first, last = found[0][0], found[-1][0]
    bits = (first ^ last).bit_length()
    if len(found) > 1:
        bits = max(bits, 4)  # a row of the grid
    if bits <= 16 or len(found) << 4 >= 1 << bits:
        yield _Network(version, first >> bits << bits, bits, dict(found))
        return
    border = last >> (bits - 1) << (bits - 1)
    middle = next(k for k, (number, _) in enumerate(found) if number >= border)
    yield from _networks(version, found[:middle])
    yield from _networks(version, found[middle:])


def _rows(panels: Sequence[Canvas], width: float) -> Iterator[list[Canvas]]:
    row: list[Canvas] = []
    used = 0.0
    for panel in panels:
        if row and used + panel.width > width:
            yield row
            row, used = [], 0.0
        row.append(panel)
        used += panel.width + 16
    if row:
        yield row


def _panel(network: _Network, width: float, detail: int, titles: bool) -> Canvas:
    return _grid(network, width, titles) if network.bits <= 8 else _curve(network, width, detail)


def _class(kind: int, rtt: float) -> int:
    if kind == REPLY:
        return 0 if isnan(rtt) else sum(rtt >= border for border in (0.001, 0.01, 0.1))
    return FAULT if kind in (ERROR, KINDS.index("failed")) else QUIET


def _grid(network: _Network, width: float, titles: bool) -> Canvas:
    """Rows of 16 addresses. An error has a cross too, for eyes and printers without colours."""
    columns, lines = min(16, 1 << network.bits), max(1, (1 << network.bits) // 16)
    cell = min(20.0, (width - 34) / 16)
    canvas = Canvas(max(34 + columns * cell, 8.0 * len(network.name)), 22 + lines * cell, network.name)
    canvas.text(0, 12, network.name, "mono")
    for line in range(lines):
        canvas.text(28, 22 + line * cell + cell * 0.65, f"+{line * 16}", "small end")
    for place in range(1 << network.bits):
        x, y = 34 + place % 16 * cell, 22 + place // 16 * cell
        outcome = network.found.get(network.base + place)
        if outcome is None:
            canvas.rect(x + 1.5, y + 1.5, cell - 3, cell - 3, "grid")
            continue
        chosen = _class(*outcome)
        says = _says(network, place, outcome) if titles and chosen != QUIET else ""
        canvas.rect(x + 1, y + 1, cell - 2, cell - 2, _CLASSES[chosen], title=says)
        if chosen == FAULT:
            near, far = cell * 0.3, cell * 0.7
            canvas.line(x + near, y + near, x + far, y + far, "over")
            canvas.line(x + far, y + near, x + near, y + far, "over")
    return canvas


def _says(network: _Network, place: int, outcome: tuple[int, float]) -> str:
    kind, time = outcome
    address = ip_address((network.base + place).to_bytes(4 if network.version == 4 else 16))
    return f"{address}: {rtt(time) if kind == REPLY else KINDS[kind]}"


def _curve(network: _Network, width: float, detail: int) -> Canvas:
    shift = max(0, network.bits - 2 * detail)  # so many bits have one pixel together
    order = (network.bits - shift + 1) // 2
    pixels: dict[int, int] = {}
    if shift:
        asked: dict[int, int] = {}
        alive: dict[int, int] = {}
        for number, (kind, _) in network.found.items():
            place = number - network.base >> shift
            asked[place] = asked.get(place, 0) + 1
            alive[place] = alive.get(place, 0) + (kind == REPLY)
        for place, number in asked.items():
            pixels[place] = _share(alive[place] / number)
    else:
        for number, outcome in network.found.items():
            pixels[number - network.base] = _class(*outcome)
    # An odd number of bits fills half of the square.
    places = hilbert(order)[: 1 << (network.bits - shift)]
    across, down = 1 + max(x for x, _ in places), 1 + max(y for _, y in places)
    image = bytearray([NOT_PROBED]) * (across * down)
    for place, chosen in pixels.items():
        x, y = places[place]
        image[y * across + x] = chosen
    side = min(512.0, width) / max(across, down)
    canvas = Canvas(across * side, down * side + 22, network.name)
    canvas.text(0, 12, network.name, "mono")
    canvas.image(0, 20, across * side, down * side, png(image, across, _PALETTE))
    # The sixteenth parts of the square, each with its network.
    bits, part = shift + 2 * order - 4, side * (1 << order) / 4
    for index, (x, y) in enumerate(hilbert(2)[: 1 << (network.bits - bits)]):
        canvas.rect(x * part, 20 + y * part, part, part, "grid")
        if part > 90:
            name = network.text(network.base + (index << bits), bits)
            canvas.rect(x * part + 1, 21 + y * part, 5.8 * len(name) + 6, 14, "plate")
            canvas.text(x * part + 4, 32 + y * part, name, "plated small")
    return canvas


def _share(share: float) -> int:
    if share == 0:
        return QUIET
    return 0 if share == 1 else 1 if share >= 0.5 else 2 if share >= 0.1 else 3


# Silence lets the ground through, a light one or a dark one.
_CLEAR, _HALF, _FAULT = (0, 0, 0, 0), (127, 127, 127, 70), (212, 86, 42, 255)
_OCTETS = [bytes.fromhex(colour[1:]) for colour in ANSWERS]
_PALETTE = [*((red, green, blue, 255) for red, green, blue in _OCTETS), _CLEAR, _HALF, _FAULT]


def _legend(width: float, *, shared: bool, times: bool) -> Canvas:
    entries: list[tuple[str, str]] = []
    if times:
        entries += zip(_CLASSES, _BY_TIME, strict=False)
    if shared and times:
        entries.append(("", "large networks:"))
    if shared:
        entries += zip(_CLASSES, _BY_SHARE, strict=False)
    entries += [("quiet", "silent"), ("fault", "error or not sent"), ("grid", "not probed")]
    if shared and not times:
        entries.remove(("fault", "error or not sent"))
    canvas = Canvas(width, 0, "legend")
    x, y = 0.0, 4.0
    for kind, words in entries:
        wide = 6.5 * len(words) + 30
        if x and x + wide > width:
            x, y = 0.0, y + 18
        if kind:
            canvas.rect(x, y, 11, 11, kind)
        canvas.text(x + 16, y + 10, words, "small")
        x += wide
    canvas.height = y + 18
    return canvas
