"""A sweep as one writes it first, and how much CPU time ours takes beside it, in one process, in turns.

The naive one sends and receives one packet a call, finds what is answered in a dict, and makes the same rows.
Two ratios of CPU time: of all of it; and of that outside the system calls that send and receive. How much the
kernel takes differs from machine to machine, how fast the interpreter is cancels out. Whatever else the
machine does only adds: so a side's figure is its least of all rounds, on one core that it need not share
meanwhile, and no garbage is collected. `python tests/kernel/naive.py 20` measures twenty times.
"""

from __future__ import annotations

import gc
import os
import select
import socket
import statistics
import struct
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack, suppress
from ipaddress import IPv4Address
from typing import Any

import anyio
import pytest

import anyicmp
from anyicmp.api import batches
from anyicmp.engine import outcome
from anyicmp.net import mmsg
from anyicmp.wire import checksum

FIRST, HOSTS = "127.1.0.0", 1024
PAYLOAD = bytes(52)
SOL_RAW, ICMP_FILTER = 255, 1  # raw(7)


class Meter:
    """Adds up the CPU time, in seconds, that calls take."""

    def __init__(self) -> None:
        self.inside = 0.0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, metered."""

        def metered(*arguments: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*arguments)
            finally:
                self.inside += time.thread_time() - began

        return metered


def naive(meter: Meter, first: str, count: int) -> int:
    """Sweep as root; returns how many answered."""
    base, identifier, alive, sent = int(IPv4Address(first)), os.getpid() & 0xFFFF, 0, 0
    waiting: dict[int, tuple[IPv4Address, float]] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        sock.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("=I", ~1 & 0xFFFFFFFF))
        sock.setblocking(False)
        sendto, recvfrom = meter.around(sock.sendto), meter.around(sock.recvfrom)
        while sent < count or waiting:
            if sent < count:
                target = IPv4Address(base + sent)
                body = struct.pack("!HHI", identifier, sent & 0xFFFF, sent) + PAYLOAD
                packet = struct.pack("!BBH", 8, 0, checksum(b"\x08\0\0\0" + body)) + body
                waiting[sent] = target, time.time()
                sendto(packet, (str(target), 0))
                sent += 1
            elif not select.select([sock], [], [], 1.0)[0]:
                break
            try:
                while True:
                    data, _ = recvfrom(2048)
                    kind, _, _, theirs, _, index = struct.unpack_from("!BBHHHI", data, 20)
                    if kind or theirs != identifier or checksum(data[20:]):
                        continue
                    source = IPv4Address(data[12:16])
                    sent_to, sent_at = waiting.pop(index, (None, 0.0))
                    if sent_to == source:
                        row = anyicmp.Reply(
                            target=sent_to,
                            source=source,
                            sequence=index,
                            sent_at=sent_at,
                            rtt=time.time() - sent_at,
                            ttl=data[8],
                            size=len(data) - 28,
                        )
                        _ = row.target, row.source, row.rtt, row.ttl, row.size
                        alive += 1
            except BlockingIOError:
                pass
    return alive


async def ours(prober: anyicmp.Prober, first: str, count: int) -> int:
    """The same by anyicmp."""
    alive = 0
    last = IPv4Address(first) + (count - 1)
    async with prober.open_sweep(f"{first}-{last}") as outcomes:
        async for row in outcomes:
            if row.kind == "reply":
                _ = row.target, row.source, row.rtt, row.ttl, row.size
                alive += 1
    return alive


def unchanged(patch: pytest.MonkeyPatch) -> None:
    """As it is."""


def batches_of_one(patch: pytest.MonkeyPatch) -> None:
    """A system call for each packet."""
    patch.setattr(batches, "SIZES", ((65536, 1, 1),))


def addresses_of_text(patch: pytest.MonkeyPatch) -> None:
    """An address made of text for each host."""

    def addresses(column: bytearray, version: int) -> Iterable[IPv4Address]:
        assert version == 4
        return [IPv4Address(socket.inet_ntoa(column[at : at + 4])) for at in range(0, len(column), 4)]

    patch.setattr(outcome, "addresses", addresses)


CHANGES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    each.__name__: each for each in (unchanged, batches_of_one, addresses_of_text)
}
"""What may be made of anyicmp before it is measured: as it is, and two decays."""


async def _ratios(rounds: int, changes: tuple[str, ...]) -> list[tuple[float, float]]:
    meter = Meter()
    taken: list[list[tuple[float, float]]] = [[] for _ in (None, *changes)]

    async def note(side: int, mark: tuple[float, float]) -> None:
        whole, calls = time.thread_time() - mark[0], meter.inside - mark[1]
        taken[side].append((whole, whole - calls))
        await anyio.sleep(0.002)  # for those who wait for this core

    async with AsyncExitStack() as stack:
        metered = stack.enter_context(pytest.MonkeyPatch.context())
        for name in ("_sendmmsg", "_recvmmsg"):
            metered.setattr(mmsg, name, meter.around(getattr(mmsg, name)))
        probers = [await stack.enter_async_context(anyicmp.Prober(privileged=True)) for _ in changes]
        for _ in range(rounds + 1):
            mark = time.thread_time(), meter.inside
            assert naive(meter, FIRST, HOSTS) == HOSTS
            await note(0, mark)
            for side, change in enumerate(changes, 1):
                with pytest.MonkeyPatch.context() as patch:
                    CHANGES[change](patch)
                    mark = time.thread_time(), meter.inside
                    assert await ours(probers[side - 1], FIRST, HOSTS) == HOSTS
                    await note(side, mark)
    # The first round is for imports and caches.
    theirs, *mine = ([min(column) for column in zip(*side[1:], strict=True)] for side in taken)
    return [(whole / theirs[0], python / theirs[1]) for whole, python in mine]


def ratios(rounds: int, *changes: str) -> list[tuple[float, float]]:
    """Our CPU time over the naive one's, all and outside the calls, with each of the changes.

    For the rest of its life the process stays on one core, comes before all others there if it may, and
    collects no garbage.
    """
    gc.collect()
    gc.disable()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    return anyio.run(_ratios, rounds, changes)


def main(times: int) -> None:
    """Print what they usually are."""
    found = list(zip(*(ratios(40, "unchanged")[0] for _ in range(times)), strict=True))
    for name, values in zip(("all", "outside the calls"), found, strict=True):
        middle, least, most = statistics.median(values), min(values), max(values)
        sys.stdout.write(f"{name}: median {middle:.3f}, {least:.3f} to {most:.3f}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
