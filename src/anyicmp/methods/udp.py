"""UDP datagrams as a probe method: RFC 768.

A flow is a pair of ports. A probe's sequence stands in its IPv4 identification and in its UDP checksum, which
a word of the payload balances: so 8 quoted octets tell it, and a translator that changes the checksum shows.
The payload starts with sequence, balance, nonce and generation. Datagram sockets are told nothing of the UDP
header: of a probe that is quoted without its payload they only know the ports.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, ClassVar

from anyicmp.methods.base import Answer, Answers, EchoedToken, Replies, Template, Told
from anyicmp.methods.flow import (
    ERRORS,
    LARGEST_FLOW,
    flow_of,
    identification_of,
    is_sound,
    label_of,
    port_of,
    quoted_at,
    sequence_of,
)
from anyicmp.wire.batch import PacketBatch, RowKind, Version
from anyicmp.wire.ports import UDP, UDP_HEADER, balance_udp, build_udp

if TYPE_CHECKING:
    from anyicmp.wire import QuotedDatagram

__all__ = ["UdpMethod"]

PREFIX = 12
LARGEST = 65507
PORT = 33434
"""What traceroute(8) begins with."""

BALANCE = UDP_HEADER + 2
PATTERN = bytes(range(256)) * 256
PROOF = slice(PREFIX, PREFIX + 8)
"""What of the payload's pattern tells a target's echo from an answer of its own."""

_TOKEN = Struct("!HHII")


@lru_cache(maxsize=1024)
def _template(size: int, flow: int, port: int, label: int) -> Template:
    if not PREFIX <= size <= LARGEST:
        raise ValueError(f"size must be {PREFIX} to {LARGEST} octets, not {size}")
    return Template(
        data=bytes(PREFIX) + PATTERN[PREFIX:size],
        octets=UDP_HEADER + size,
        size=size,
        flow=flow,
        carries_token=True,
        own_port=port_of(flow),
        port=port,
        label=label,
    )


class UdpMethod:
    """UDP probes of one IP version; see `methods.base.ProbeMethod` for the contract."""

    FLOWS: ClassVar[int] = LARGEST_FLOW
    PORT: ClassVar[int | None] = PORT
    SIZES: ClassVar[tuple[int, int, int]] = (PREFIX, LARGEST, 56)

    name = "udp"
    protocol = UDP

    def __init__(self, version: Version) -> None:
        self.version: Version = version
        self._ending, self._notices = ERRORS[version]
        self._own_port = 0

    def identify(self, identifiers: Sequence[int], *, verify: bool) -> None:
        self._own_port = identifiers[0]

    @property
    def own_flow(self) -> int:
        return flow_of(self._own_port)

    def template(
        self, *, size: int, payload: bytes | None = None, flow: int | None = None, port: int | None = None
    ) -> Template:
        """Raises ValueError for a size outside 12 to 65,507 octets, and for a payload of the caller's."""
        if payload is not None:
            raise ValueError("the payload of UDP probes is the library's own: give a size")
        flow = self.own_flow if flow is None else flow
        return _template(size, flow, PORT if port is None else port, label_of(flow, self.version))

    def stamp(self, tx: PacketBatch, start: int, stop: int, token: int, template: Template) -> None:
        lane, generation, slot = token >> 48, token >> 16 & 0xFFFFFFFF, tx.slot
        for i in range(start, stop):
            sequence = token & 0xFFFF
            nonce = int.from_bytes(tx.nonce[4 * i : 4 * i + 4], "big")
            head = _TOKEN.pack(sequence, 0, nonce, generation)
            row = bytearray(build_udp(template.own_port, template.port, head + template.data[PREFIX:]))
            source, target = tx.address(tx.local, i), tx.address(tx.peer, i)
            number = identification_of(sequence)
            balance = balance_udp(row, source, target, number or 0xFFFF)
            row[BALANCE : BALANCE + 2] = balance.to_bytes(2, "big")
            row[6:8] = (number or 0xFFFF).to_bytes(2, "big")
            tx.data[i * slot : i * slot + len(row)] = row
            tx.length[i], tx.lane[i], tx.token[i], tx.identification[i] = len(row), lane, token, number
            token += 1

    def reply(self, rx: PacketBatch, i: int) -> EchoedToken | None:
        return None

    def renew(self, tx: PacketBatch, i: int, token: int, nonce: int) -> None:
        self.stamp(tx, i, i + 1, token, self.template(size=tx.length[i]))

    def head_of_reply(self, tx: PacketBatch, i: int) -> bytes:
        return b""

    def is_reply(self, rx: PacketBatch, i: int, tx: PacketBatch, head: bytes) -> bool:
        return False

    def replies(self, rx: PacketBatch, n: int) -> Replies | None:
        return None

    def tokens(self, rx: PacketBatch, n: int) -> Answers:
        answers = Answers(n)
        for i in range(n):
            kind, begin, end = rx.kind[i], i * rx.slot + rx.start[i], i * rx.slot + rx.length[i]
            if kind == RowKind.STAMP:
                continue
            if kind == RowKind.LOCAL_ERROR:
                answers.kinds[i] = Answer.NOTICE  # the send call told the same
            elif kind == RowKind.DATA:
                answers.kinds[i] = Answer.REPLY
                answers.sizes[i] = end - begin
                self._bare(rx, i, answers, begin, end, proof=True)
            elif end - begin < 8 or not is_sound(rx, i):
                answers.kinds[i] = Answer.MALFORMED
            elif rx.data[begin] in self._ending:
                self._error(rx, i, answers, Answer.ERROR, begin, end)
            elif rx.data[begin] in self._notices:
                self._error(rx, i, answers, Answer.NOTICE, begin, end)
        return answers

    def _bare(self, rx: PacketBatch, i: int, answers: Answers, begin: int, end: int, *, proof: bool) -> None:
        """A payload that came without its header; the socket tells the ports."""
        answers.ports[i], answers.own_ports[i] = rx.port[i], rx.own_port[i]
        answers.tokens[i], answers.whole[i] = rx.lane[i] << 48, Told.FLOW
        payload = rx.data[begin:end]
        if proof and payload[PROOF] != PATTERN[PROOF][: max(0, len(payload) - PREFIX)]:
            return
        self._read(payload, answers, i, rx.lane[i])

    def _read(self, payload: bytes | bytearray, answers: Answers, i: int, lane: int) -> None:
        """The token of a payload, if it is there; a router that quotes less may pad with zeros."""
        if len(payload) >= PREFIX and any(payload[2:PREFIX]):
            sequence, _, nonce, generation = _TOKEN.unpack_from(payload)
            answers.tokens[i] = lane << 48 | generation << 16 | sequence
            answers.nonces[i], answers.whole[i] = nonce, Told.WHOLE

    def _error(self, rx: PacketBatch, i: int, answers: Answers, kind: int, begin: int, end: int) -> None:
        data, lane = rx.data, rx.lane[i]
        if rx.kind[i] == RowKind.ERROR:
            answers.kinds[i] = kind
            # Behind the quoted payload stand the extensions.
            stop = i * rx.slot + rx.extension[i] if rx.extension[i] else end
            self._bare(rx, i, answers, begin + 8, stop, proof=False)
            return
        at = quoted_at(rx, i, self.protocol)
        if at < 0 or end - at < UDP_HEADER:
            return
        answers.kinds[i], answers.ports[i] = kind, data[at + 2] << 8 | data[at + 3]
        number = data[at + 6] << 8 | data[at + 7]
        if self.version == 4:
            number = data[begin + 12] << 8 | data[begin + 13]
        answers.tokens[i] = lane << 48 | sequence_of(number)
        self._read(data[at + UDP_HEADER : end], answers, i, lane)

    def rewritten(
        self, quoted: QuotedDatagram, template: Template, source: bytes, target: bytes
    ) -> tuple[str, ...] | None:
        data = quoted.data
        if quoted.source is None or len(data) < UDP_HEADER:
            return None
        identification = quoted.identification if self.version == 4 else None
        checksum = int.from_bytes(data[6:8], "big")
        # Sent with the same number in both fields; a payload that was quoted tells which.
        number = checksum if identification is None else identification
        if any(data[BALANCE : UDP_HEADER + PREFIX]):
            number = identification_of(int.from_bytes(data[UDP_HEADER:BALANCE], "big"))
        differs = {
            "source": quoted.source.packed != source,
            "source port": quoted.source_port != template.own_port,
            "identification": identification is not None and number not in (0, identification),
            "checksum": checksum != (number or 0xFFFF),
        }
        return tuple(name for name, other in differs.items() if other)

    def echoes(self, rx: PacketBatch, i: int, template: Template) -> bool:
        return False
