"""Room: how much of the receive buffers the answers to the probes in flight may fill.

What is in flight at most is what the kernel can queue at worst, so that no answer is lost on this host.
It counts; which probes they are is the table's.
"""

from __future__ import annotations

__all__ = ["NEIGHBORS", "SMALL", "Room", "queue_cost"]

SMALL = 832
"""Octets that Linux charges a socket's buffer for a small packet, in either direction (measured)."""

NEIGHBORS = 1024
"""Neighbours that Linux keeps at most by default (arp(7), gc_thresh3): so many silent hosts of our own links
hold a packet each in the send buffer, for about three seconds."""

# Octets behind an error's ICMP header: as much of the probe as fits into 576 octets of packet (RFC 1812
# section 4.3.2.3) or 1,280 (RFC 4443 section 2.4).
_LONGEST_QUOTE = {4: 548, 6: 1232}
_IP_HEADER = {4: 20, 6: 40}
_ECHO_HEADER = 8

# With extensions a quote is padded to 128 octets (RFC 4884 section 3). This much behind it is a stack of
# four MPLS labels beside a full description of an interface (RFC 4950, RFC 5837).
_PADDED_QUOTE = 128
_EXTENSIONS = 132


def queue_cost(octets: int) -> int:
    """Octets of receive buffer that Linux charges for a queued ICMP message with so much payload.

    socket(7), SO_RCVBUF counts the kernel's bookkeeping too: measured are 832 for a small reply and
    2,304 for one of MTU size, which this rounding of the packet's buffer gives.
    """
    if octets <= 160:
        return SMALL
    need = octets + 28 + 64 + 320
    return 256 + (1 << (need - 1).bit_length()) if need <= 4096 else 256 + need * 3 // 2


class Costs(dict[int, int]):
    """What a probe with so much payload is charged for."""

    def __init__(self, version: int, *, hop_limited: bool, stamped: bool) -> None:
        super().__init__()
        self._version = version
        self._hop_limited = hop_limited
        self._stamp = SMALL if stamped else 0

    def __missing__(self, size: int) -> int:
        quote = _IP_HEADER[self._version] + _ECHO_HEADER + size
        if self._hop_limited:
            quote = max(quote, _PADDED_QUOTE) + _EXTENSIONS
        quote = min(quote, _LONGEST_QUOTE[self._version])
        cost = self[size] = queue_cost(max(size, quote)) + self._stamp
        return cost


class Room:
    """`octets` of receive buffer for each of some lanes.

    An answer is the reply, which has the probe's size, or an error that quotes the probe: the larger one
    is what a probe in flight is charged for.

    Attributes:
        octets: what the kernel granted to each lane.
        used: for each lane, what the answers to all its probes in flight would take.
        careful: all of them must fit at once. Else those that are sent before the buffers are read again
            must: most of very many probes may stay silent, and silence takes no room.
        cost: what a probe is charged for, by the octets of its payload.
    """

    def __init__(
        self,
        octets: int,
        *,
        version: int,
        lanes: int = 1,
        hop_limited: bool = False,
        stamped: bool = False,
    ) -> None:
        """`hop_limited`: routers answer all probes, and describe themselves in extensions.

        `stamped`: the kernel puts a transmit stamp for each probe into the same buffer.
        """
        self.octets = octets
        self.used = [0] * lanes
        self.careful = True
        self.cost = Costs(version, hop_limited=hop_limited, stamped=stamped)

    @property
    def emptiest(self) -> int:
        """The lane with the most room."""
        used = self.used
        return used.index(min(used)) if len(used) > 1 else 0

    def fitting(self, lane: int, size: int) -> int:
        """How many more probes with so much payload may be in flight in a lane: one at least when none is."""
        used = self.used[lane] if self.careful else 0
        if used >= self.octets:
            return 0
        fitting = (self.octets - used) // self.cost[size]
        return fitting if fitting or used else 1
