"""Recording: what a prober once recorded, answering again, probe for probe.

A probe is taken for the recorded one to the same target and port with the same hop limit that stands at the
same place in their order; what came back of that one comes back, with what the new probe is known by. Reads
a pcapng file; knows no clock and no loop. What the octets mean is in `captured.py`.
"""

from __future__ import annotations

from collections import defaultdict, deque
from os import PathLike
from pathlib import Path
from typing import Self

import attrs

from anyicmp.results import IPAddress
from anyicmp.testing.captured import Captured, Key, Name, answer_to
from anyicmp.wire.pcapng import CapturedPacket, read_packets

__all__ = ["Recording"]


@attrs.define
class Sent:
    """A recorded probe, and what came back: nanoseconds later, the answer, the probe as that knew it."""

    at: int
    packet: Captured
    answers: list[tuple[int, Captured, bytes]] = attrs.field(factory=list)


class Recording:
    """Answers as recorded; it has the verbs of `Internet`.

    Attributes:
        addresses: IP version to the address that the recording host had.
    """

    def __init__(self, packets: list[CapturedPacket]) -> None:
        self.addresses: dict[int, IPAddress] = {}
        self._sent: defaultdict[Key, deque[Sent]] = defaultdict(deque)
        latest: dict[Name, Sent] = {}
        for captured in sorted(packets, key=lambda packet: packet.at):
            packet = Captured.read(captured.octets)
            if packet is None:
                continue
            answered = next((latest[name] for name in packet.about if name in latest), None)
            if answered is not None and captured.outbound is not True:
                probe = answered.packet.as_numbered(packet)
                answered.answers.append((max(0, captured.at - answered.at), packet, probe))
            elif packet.is_probe and captured.outbound is not False:
                sent = Sent(captured.at, packet)
                latest.update(dict.fromkeys(packet.names, sent))
                self._sent[packet.key].append(sent)
                self.addresses.setdefault(packet.version, packet.address)

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Self:
        """The recording in a file. Raises DecodeError for what is none, OSError for what cannot be read."""
        return cls(list(read_packets(Path(path).read_bytes())))

    def inject(self, packet: bytes, now: int) -> list[tuple[int, bytes]]:
        """What came back of the recorded packet in whose place this one is: (nanoseconds, IP packet) each.

        Nothing where none is left.
        """
        probe = Captured.read(packet)
        waiting = self._sent.get(probe.key) if probe is not None and probe.is_probe else None
        if probe is None or not waiting:
            return []
        return [
            (now + later, answer_to(answer, old, probe)) for later, answer, old in waiting.popleft().answers
        ]

    def course(self, header: bytes) -> None:
        """See `Internet.course`: here each packet is looked at."""

    def owner(self, address: bytes) -> None:
        """See `Internet.owner`: here each packet is looked at."""

    def resolve(self, name: str) -> tuple[IPAddress, ...]:
        """A recording has no names: (). `SimulatedNetwork.name` gives some."""
        return ()

    def name_of(self, address: IPAddress) -> str | None:
        """A recording has no names: None."""
        return None
