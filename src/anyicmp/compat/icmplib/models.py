"""The result objects of icmplib's interface: times in milliseconds, 0.0 where there is none.

Values alone. How they come about is in `calls.py`.
"""

from __future__ import annotations

from itertools import pairwise

__all__ = ["Hop", "Host"]


class Host:
    """What came of pinging a host.

    Attributes:
        address: that was pinged.
        packets_sent: requests that left.
        rtts: round trips in milliseconds.
    """

    __slots__ = ("address", "packets_sent", "rtts")

    def __init__(self, address: str, packets_sent: int, rtts: list[float]) -> None:
        self.address = address
        self.packets_sent = packets_sent
        self.rtts = rtts

    def __repr__(self) -> str:
        return f"<Host [{self.address}]>"

    def __str__(self) -> str:
        rule = "-" * 60
        return "\n".join(
            [
                f"  {self.address}",
                rule,
                f"  Packets sent:     {self.packets_sent}",
                f"  Packets received: {self.packets_received}",
                f"  Packet loss:      {self.packet_loss * 100}%",
                f"  Round-trip times: {self.min_rtt} ms / {self.avg_rtt} ms / {self.max_rtt} ms",
                f"  Jitter:           {self.jitter} ms",
                rule,
            ]
        )

    @property
    def min_rtt(self) -> float:
        """The shortest round trip."""
        return round(min(self.rtts, default=0.0), 3)

    @property
    def avg_rtt(self) -> float:
        """The average round trip."""
        return round(sum(self.rtts) / len(self.rtts), 3) if self.rtts else 0.0

    @property
    def max_rtt(self) -> float:
        """The longest round trip."""
        return round(max(self.rtts, default=0.0), 3)

    @property
    def packets_received(self) -> int:
        """Answers that came."""
        return len(self.rtts)

    @property
    def packet_loss(self) -> float:
        """Share, 0 to 1, of the requests without an answer."""
        return round(1 - len(self.rtts) / self.packets_sent, 2) if self.packets_sent else 0.0

    @property
    def jitter(self) -> float:
        """How much neighbouring round trips differ on average, in milliseconds; of fewer than two: 0.0."""
        steps = [abs(after - before) for before, after in pairwise(self.rtts)]
        return round(sum(steps) / len(steps), 3) if steps else 0.0

    @property
    def is_alive(self) -> bool:
        """Whether an answer came."""
        return bool(self.rtts)


class Hop(Host):
    """Who answers at a distance.

    Attributes:
        distance: in hops, from 1.
    """

    __slots__ = ("distance",)

    def __init__(self, address: str, packets_sent: int, rtts: list[float], distance: int) -> None:
        super().__init__(address, packets_sent, rtts)
        self.distance = distance

    def __repr__(self) -> str:
        return f"<Hop {self.distance} [{self.address}]>"

    def __str__(self) -> str:
        return f"  #{self.distance:<2} {super().__str__()[2:]}"
