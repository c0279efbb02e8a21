"""Results to draw: those of the simulated internet that comes with the package, and made ones.

Nothing is asserted here.
"""

from __future__ import annotations

import random
from base64 import b64decode
from functools import cache
from ipaddress import IPv4Address
from struct import unpack
from zlib import decompress

import anyio
import attrs

from anyicmp import NoReply, Outcome, PathGraph, PathMtu, PingResult, Prober, Reply, SweepResult, Trace
from anyicmp.testing import SimulatedNetwork

HOSTILE = "<script>alert(1)</script>\"'&[bold]\x00\x1b\u202e"


@attrs.frozen
class Demo:
    ping: PingResult
    trace: Trace
    paths: PathGraph
    sweep: SweepResult
    mtu: PathMtu

    @property
    def all(self) -> tuple[object, ...]:
        return self.ping, self.trace, self.paths, self.sweep, self.mtu


@cache
def demo() -> Demo:
    async def measure() -> Demo:
        network = SimulatedNetwork.from_toml("demo", privileged=True)
        async with Prober(network=network, family=4) as prober:
            return Demo(
                await prober.ping("server.demo", count=40, interval=0.05),
                await prober.traceroute("server.demo"),
                await prober.multipath("server.demo"),
                await prober.sweep("203.0.113.128/28"),
                await prober.path_mtu("server.demo"),
            )

    return anyio.run(measure)


def reply(target: str | IPv4Address, rtt: float = 0.002, sequence: int = 0, host: str | None = None) -> Reply:
    address = IPv4Address(target)
    return Reply(
        host=host, target=address, sequence=sequence, sent_at=1e9 + sequence, source=address, rtt=rtt, size=56
    )


def silence(target: str | IPv4Address, sequence: int = 0) -> NoReply:
    return NoReply(target=IPv4Address(target), sequence=sequence, sent_at=1e9 + sequence, timeout=1.0)


def noise(seed: int, first: str = "10.1.0.0", number: int = 65536) -> list[Outcome]:
    """A sweep that no compression makes small: each address is anything."""
    chance, base = random.Random(seed), int(IPv4Address(first))
    rtts = (0.0005, 0.005, 0.05, 0.5)
    return [
        silence(IPv4Address(base + i), i)
        if chance.random() < 0.2
        else reply(IPv4Address(base + i), chance.choice(rtts), i)
        for i in range(number)
    ]


def pixels(png: str) -> tuple[int, list[int]]:
    """Width, and palette index of each pixel, of a PNG of four bits a pixel in base64."""
    data, at, width, rows = b64decode(png), 8, 0, b""
    while at < len(data):
        length, kind = unpack(">I4s", data[at : at + 8])
        if kind == b"IHDR":
            width = unpack(">I", data[at + 8 : at + 12])[0]
        elif kind == b"IDAT":
            rows = decompress(data[at + 8 : at + 8 + length])
        at += length + 12
    stride = (width + 1) // 2 + 1
    found = []
    for start in range(0, len(rows), stride):
        row = rows[start + 1 : start + stride]
        found += [half for octet in row for half in (octet >> 4, octet & 15)][:width]
    return width, found
