"""TCP connection requests as a probe method: RFC 9293 section 3.10.7.3.

A flow is a pair of ports. A probe's sequence and half of its nonce are the TCP sequence number, which stands
in the first 8 octets of the header: any quote tells it, and so does the target, which acknowledges it. Where
the kernel makes the connections, the transport tells which probe a row is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from errno import ECONNREFUSED
from functools import lru_cache
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
)
from anyicmp.wire.batch import PacketBatch, RowKind, Version
from anyicmp.wire.ports import ACK, RST, SYN, TCP, TCP_HEADER, build_tcp, read_tcp, transport_checksum

if TYPE_CHECKING:
    from anyicmp.wire import QuotedDatagram

__all__ = ["TcpMethod"]

PORT = 80
OPTIONS = bytes.fromhex("020405b4")
"""A maximum segment size of 1,460 octets (RFC 9293 section 3.7.1): some filters drop requests without one."""

OFFSET_AT = 12
ENOUGH = 8
"""Octets that hold both ports and the sequence number."""


@lru_cache(maxsize=1024)
def _template(flow: int, port: int, label: int) -> Template:
    return Template(
        data=b"",
        octets=TCP_HEADER + len(OPTIONS),
        size=0,
        flow=flow,
        carries_token=True,
        own_port=port_of(flow),
        port=port,
        label=label,
    )


class TcpMethod:
    """TCP probes of one IP version; see `methods.base.ProbeMethod` for the contract."""

    FLOWS: ClassVar[int] = LARGEST_FLOW
    PORT: ClassVar[int | None] = PORT
    SIZES: ClassVar[tuple[int, int, int]] = (0, 0, 0)

    name = "tcp"
    protocol = TCP

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
        """Raises ValueError for a payload: a connection request has none."""
        if size or payload is not None:
            raise ValueError("a TCP probe has no payload")
        flow = self.own_flow if flow is None else flow
        return _template(flow, PORT if port is None else port, label_of(flow, self.version))

    def stamp(self, tx: PacketBatch, start: int, stop: int, token: int, template: Template) -> None:
        for i in range(start, stop):
            sequence = token & 0xFFFF
            row = build_tcp(
                template.own_port,
                template.port,
                sequence=int.from_bytes(tx.nonce[4 * i : 4 * i + 2], "big") << 16 | sequence,
                flags=SYN,
                options=OPTIONS,
                source=tx.address(tx.local, i),
                destination=tx.address(tx.peer, i),
            )
            tx.data[i * tx.slot : i * tx.slot + len(row)] = row
            tx.length[i], tx.lane[i], tx.token[i] = len(row), token >> 48, token
            tx.identification[i] = identification_of(sequence)
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
            elif kind == RowKind.CONNECTION:
                if rx.errno[i] in (0, ECONNREFUSED):
                    self._known(rx, i, answers, Answer.REPLY)
            elif kind == RowKind.DATA:
                self._segment(rx, i, answers, begin, end)
            elif end - begin < 8 or not is_sound(rx, i):
                answers.kinds[i] = Answer.MALFORMED
            elif rx.data[begin] in self._ending:
                self._error(rx, i, answers, Answer.ERROR, end)
            elif rx.data[begin] in self._notices:
                self._error(rx, i, answers, Answer.NOTICE, end)
        return answers

    def _known(self, rx: PacketBatch, i: int, answers: Answers, kind: int) -> None:
        answers.kinds[i], answers.tokens[i], answers.whole[i] = kind, rx.token[i], Told.TOKEN
        answers.ports[i] = rx.port[i]

    def _told(self, answers: Answers, i: int, lane: int, number: int) -> None:
        answers.tokens[i] = lane << 48 | number & 0xFFFF
        answers.nonces[i], answers.whole[i] = number & 0xFFFF0000, Told.HALF

    def _segment(self, rx: PacketBatch, i: int, answers: Answers, begin: int, end: int) -> None:
        """What a raw socket hears: the acceptance of a probe, or its refusal; both acknowledge it."""
        header = read_tcp(rx.data, begin, end)
        if header is None:
            answers.kinds[i] = Answer.MALFORMED
            return
        if not header.flags & ACK or not header.flags & (SYN | RST):
            return
        answers.kinds[i], answers.ports[i] = Answer.REPLY, header.source_port
        self._told(answers, i, rx.lane[i], header.acknowledgment - 1 & 0xFFFFFFFF)

    def _error(self, rx: PacketBatch, i: int, answers: Answers, kind: int, end: int) -> None:
        if rx.kind[i] == RowKind.ERROR:
            self._known(rx, i, answers, kind)
            return
        at = quoted_at(rx, i, self.protocol)
        if at < 0 or end - at < ENOUGH:
            return
        data = rx.data
        answers.kinds[i], answers.ports[i] = kind, data[at + 2] << 8 | data[at + 3]
        self._told(answers, i, rx.lane[i], int.from_bytes(data[at + 4 : at + 8], "big"))

    def rewritten(
        self, quoted: QuotedDatagram, template: Template, source: bytes, target: bytes
    ) -> tuple[str, ...] | None:
        data, octets = quoted.data, TCP_HEADER + len(OPTIONS)
        if quoted.source is None or len(data) < ENOUGH:
            return None
        identification = quoted.identification if self.version == 4 else None
        number = identification_of(int.from_bytes(data[6:8], "big"))
        sent = template.own_port.to_bytes(2, "big") + data[2:octets]
        differs = {
            "source": quoted.source.packed != source,
            "source port": quoted.source_port != template.own_port,
            "identification": identification is not None and number not in (0, identification),
            # A router that quotes less may pad with zeros.
            "checksum": len(sent) == octets
            and sent[OFFSET_AT] != 0
            and transport_checksum(TCP, sent, source, target) != int.from_bytes(sent[16:18], "big"),
        }
        return tuple(name for name, other in differs.items() if other)

    def echoes(self, rx: PacketBatch, i: int, template: Template) -> bool:
        return False
