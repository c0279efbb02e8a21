"""What the step "echo" tells programs: the request and the reply, field by field and octet by octet.

Reads packets and outcomes; judges nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anyicmp.api.facts import Facts
from anyicmp.errors import DecodeError
from anyicmp.wire import EchoReply, EchoRequest, decode_packet
from anyicmp.wire.pcapng import CapturedPacket

__all__ = ["echo_data"]

Fields = dict[str, Any]

ECHOED = ("identifier", "sequence", "data")
"""What a reply has of its request (RFC 792)."""


def echo_data(facts: Facts) -> dict[str, Any]:
    """Counts, the first request and what came of it, and the attempts with ports."""
    request, reply = _pair(facts.packets)
    target = facts.target
    return {
        "sent": facts.asked - len(facts.failures),
        "received": len(facts.replies),
        "rtt": min((reply.rtt for reply in facts.replies), default=None),
        "request": request,
        "reply": reply,
        "attempts": {attempt.name: attempt.answered(target) for attempt in facts.attempts},
    }


def _pair(packets: Sequence[CapturedPacket]) -> tuple[Fields | None, Fields | None]:
    """The first request that was answered, and its reply; or the first of each."""
    requests = [_fields(packet) for packet in packets if packet.outbound]
    answers = [_fields(packet) for packet in packets if not packet.outbound]
    for request in requests:
        for answer in answers:
            if "sequence" in answer and all(answer[name] == request.get(name) for name in ECHOED):
                return request, answer
    return next(iter(requests), None), next(iter(answers), None)


def _fields(captured: CapturedPacket) -> Fields:
    """An IP packet's fields and octets. `rebuilt` names what of the octets the socket did not tell."""
    octets = captured.octets
    found: Fields = {"octets": octets, "rebuilt": captured.comment or None}
    try:
        packet = decode_packet(octets)
    except DecodeError:
        return found  # say, with a wrong checksum
    message = packet.message
    found |= {
        "source": packet.source,
        "destination": packet.destination,
        "ttl": packet.ttl,
        "type": int(message.type),
        "code": message.code,
    }
    at = (octets[0] & 15) * 4 if octets[0] >> 4 == 4 else 40
    found["checksum"] = int.from_bytes(octets[at + 2 : at + 4], "big")
    if isinstance(message, (EchoRequest, EchoReply)):
        found |= {
            "identifier": message.identifier,
            "sequence": message.sequence,
            "data": message.data,
        }
    else:
        found["explanation"] = message.explain()
    return found
