"""Which probes an answer may be about that tells no more than their flow.

A router that quotes 8 octets of a UDP probe tells a datagram socket nothing but the ports. What is made of
one suspect, or of several, is for the matching and the plans.
"""

from __future__ import annotations

from anyicmp.engine.table import OPEN, SLOTS, Table
from anyicmp.methods.base import Answer, Answers
from anyicmp.wire.batch import PacketBatch

__all__ = ["suspects"]

FEW = 256
"""So many open slots are looked at one by one; beyond, the peer's column is searched."""


def suspects(table: Table, rx: PacketBatch, i: int, answers: Answers) -> list[int]:
    """The open slots of probes that have left, of row i's flow, to the peer that it is about."""
    lane, width = answers.tokens[i] >> 48, rx.width
    about = rx.address(rx.peer if answers.kinds[i] == Answer.REPLY else rx.original, i)
    ports = answers.own_ports[i] << 16 | answers.ports[i]
    slots = _open_slots(table, lane) if table.in_lane[lane] <= FEW else _slots_of(table, lane, about)
    return [
        slot
        for slot in slots
        if table.state[slot] == OPEN
        and table.sent_at[slot]
        and table.ports[slot] == ports
        and table.peer[slot * width : (slot + 1) * width] == about
    ]


def _open_slots(table: Table, lane: int) -> list[int]:
    found: list[int] = []
    at, end = lane * SLOTS - 1, (lane + 1) * SLOTS
    while (at := table.state.find(OPEN, at + 1, end)) >= 0:
        found.append(at)
    return found


def _slots_of(table: Table, lane: int, peer: bytes) -> list[int]:
    width, found, at = table.width, [], 0
    # Octets are searched much quicker than pages, and copied quicker still.
    peers = table.peer[lane * SLOTS * width : (lane + 1) * SLOTS * width]
    while (at := peers.find(peer, at)) >= 0:
        if at % width == 0:
            found.append(lane * SLOTS + at // width)
        at += width - at % width
    return found
