"""Room: how much of the receive buffer the answers to the probes in flight may fill.

What is in flight at most is what the kernel can queue at worst, so that no answer is lost on this host.
It counts; which probes they are is the table's.
"""

from __future__ import annotations

__all__ = ["Room", "queue_cost"]


def queue_cost(octets: int) -> int:
    """Octets of receive buffer that Linux charges for a queued ICMP message with so much payload.

    socket(7), SO_RCVBUF counts the kernel's bookkeeping too: measured are 832 for a small reply and
    2,304 for one of MTU size, which this rounding of the packet's buffer gives.
    """
    if octets <= 160:
        return 832
    need = octets + 28 + 64 + 320
    return 256 + (1 << (need - 1).bit_length()) if need <= 4096 else 256 + need * 3 // 2


class Room:
    """`octets` of receive buffer.

    Attributes:
        octets: what the kernel granted.
        used: what the answers to all probes in flight would take.
    """

    def __init__(self, octets: int) -> None:
        self.octets = octets
        self.used = 0

    def fitting(self, size: int, *, bulk: bool) -> int:
        """How many more probes with so much payload may be in flight. One always may when none is.

        Bulk leaves an eighth of the room to others, so that a sweep of silent hosts holds up no ping.
        """
        octets = self.octets - (self.octets >> 3) if bulk else self.octets
        fitting = max(0, octets - self.used) // queue_cost(size)
        return fitting if self.used else max(1, fitting)

    def take(self, size: int, n: int = 1) -> None:
        """n more probes are in flight."""
        self.used += n * queue_cost(size)

    def give(self, size: int, n: int = 1) -> None:
        """n probes are not in flight any longer."""
        self.used -= n * queue_cost(size)
