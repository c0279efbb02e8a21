"""Where an address stands on a map, and the map as an image (PNG, ISO 15948) with a palette.

Numbers and octets; what a colour means is not known here.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from struct import pack
from zlib import compress, crc32

__all__ = ["hilbert", "png"]

Point = tuple[int, int]


@cache
def hilbert(order: int) -> tuple[Point, ...]:
    """The Hilbert curve through a square of `2 ** order` places a side, as (x, y) in the order of the curve.

    Neighbours on the curve are neighbours in the square, and each aligned power of four of them is a square:
    so a network is a square (or two), and near addresses are near each other (Hilbert, 1891).
    """
    points: list[Point] = [(0, 0)]
    for k in range(order):
        side = 1 << k
        points = [
            *((y, x) for x, y in points),
            *((x, y + side) for x, y in points),
            *((x + side, y + side) for x, y in points),
            *((2 * side - 1 - y, side - 1 - x) for x, y in points),
        ]
    return tuple(points)


def png(pixels: bytes | bytearray, width: int, palette: Sequence[tuple[int, int, int, int]]) -> str:
    """An image in base64. `pixels`: one octet each, an index into a palette of at most 16 (red, green, blue,
    opacity). Four bits a pixel, so that 65,536 take less than 44 kB whatever they are.
    """
    height = len(pixels) // width
    rows = bytearray()
    for start in range(0, height * width, width):
        row = pixels[start : start + width] + bytes(width % 2)
        rows.append(0)  # no filter: a palette's numbers do not go on from one another
        rows += bytes(a << 4 | b for a, b in zip(row[::2], row[1::2], strict=True))
    image = b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)),
            _chunk(b"PLTE", bytes(part for colour in palette for part in colour[:3])),
            _chunk(b"tRNS", bytes(colour[3] for colour in palette)),
            _chunk(b"IDAT", compress(rows, 9)),
            _chunk(b"IEND", b""),
        )
    )
    return b64encode(image).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))
