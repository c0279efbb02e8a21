"""The pump: a process that moves packets between a TUN device and a simulated internet, in real time.

The room's only door to the real clock: an answer that is due at a time is written at that time. It makes no
namespace and no address (`tun.py` does), and what comes back of a packet is the internet's to say.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pickle
import select
import struct
import sys
import time
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import attrs

__all__ = ["Answering", "Pump", "open_device"]

SECOND = 1_000_000_000
LONGEST = 65_535
"""Octets of the longest IP packet; the device's MTU may be as large."""

TURN = 32
"""Packets taken in before looking elsewhere."""

EARLY = 200e-6
"""Seconds that it wakes before an answer is due, and then does not sleep: the kernel wakes us late."""

RARELY = 64
"""Turns without a pause before looking whether to end."""

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000

HOUSEKEEPING = frozenset({bytes.fromhex(f"ff02{'00' * 13}{last}") for last in ("02", "16")})
"""ff02::2 and ff02::16: router solicitations and multicast reports, which the kernel sends by itself."""


class Answering(Protocol):
    """What stands behind the device."""

    def inject(self, packet: bytes, now: int) -> list[tuple[int, bytes]]:
        """What comes back of an IP packet: (nanoseconds on the clock of `now`, IP packet) each."""
        ...


def open_device(name: str) -> int:
    """Make a TUN device in this process's namespace and return its descriptor; closing it removes it.

    Packets pass as they are, without a header of the driver's (Linux: Documentation/networking/tuntap).
    Raises OSError where that is not allowed.
    """
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    except BaseException:
        os.close(device)
        raise
    return device


@attrs.define
class Pump:
    """Moves packets until its control descriptor has something to read, or ends.

    Attributes:
        device: descriptor of the TUN device, non-blocking.
        internet: what answers.
        taken: packets that the kernel sent.
        written: answers that the kernel took.
        refused: answers that it refused, for they are no IP packets.
        latest: the longest that an answer was written after its time, in nanoseconds.
    """

    device: int
    internet: Answering
    taken: int = 0
    written: int = 0
    refused: int = 0
    latest: int = 0
    _due: list[tuple[int, int, bytes]] = attrs.field(factory=list, init=False)
    _order: count[int] = attrs.field(factory=count, init=False)
    _turns: int = attrs.field(default=0, init=False)

    def run(self, control: int) -> None:
        """Returns when `control` is readable: whoever holds the other end wants it so, or is gone."""
        device, due = self.device, self._due
        while True:
            drained = self._take()
            self._write()
            pause = (due[0][0] - time.monotonic_ns()) / SECOND - EARLY if due else None
            if not drained or (pause is not None and pause < 0.0):
                pause = 0.0
                self._turns += 1
                if self._turns % RARELY:
                    continue
            # select(2) keeps microseconds, where poll(2) and epoll(7) know milliseconds only.
            if control in select.select([device, control], [], [], pause)[0]:
                return

    def _take(self) -> bool:
        """Take a few packets in; returns whether none are left."""
        device, inject, due = self.device, self.internet.inject, self._due
        for _ in range(TURN):
            try:
                packet = os.read(device, LONGEST)
            except BlockingIOError:
                return True
            if packet[24:40] in HOUSEKEEPING and packet[0] >> 4 == 6:
                continue
            self.taken += 1
            now = time.monotonic_ns()
            for when, answer in inject(packet, now):
                if when <= now:
                    self._put(answer)
                else:
                    heappush(due, (when, next(self._order), answer))
            if due and due[0][0] <= now:
                self._write()
        return False

    def _write(self) -> None:
        """Write what is due."""
        due = self._due
        while due and due[0][0] <= (now := time.monotonic_ns()):
            when, _, answer = heappop(due)
            self.latest = max(self.latest, now - when)
            self._put(answer)

    def _put(self, answer: bytes) -> None:
        try:
            os.write(self.device, answer)
            self.written += 1
        except OSError:
            # A corrupted answer may be no IP packet any more: a wire would carry it, this device does not.
            self.refused += 1


URGENCY = 2
"""Real-time priority of the pump: above the lowest, which a program that is watched may have itself."""


def hurry() -> None:
    """Have the kernel wake this process at once, as far as it may (sched(7), proc_pid_timerslack_ns(5))."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(URGENCY))
    with contextlib.suppress(OSError):
        Path("/proc/self/timerslack_ns").write_text("1")


def tell(what: dict[str, Any]) -> None:
    """One line to whoever started this process."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main(name: str, control: BinaryIO) -> None:
    """Open the device, read the pickled internet, say so in a line, pump, and end with a line of counts."""
    internet: Answering = pickle.load(control)  # noqa: S301 - our own parent wrote it
    device = open_device(name)
    try:
        tell({"open": name})
        control.readline()  # the parent has given the device its addresses
        hurry()
        pump = Pump(device, internet)
        pump.run(control.fileno())
    finally:
        os.close(device)
    tell({field: getattr(pump, field) for field in ("taken", "written", "refused", "latest")})


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.buffer)
