"""ICMP echo as a probe method: RFC 792 for IPv4, RFC 4443 section 4 for IPv6.

A probe's payload starts with generation, nonce, the complements of both, the complement of the sequence
and one free word. The complements keep the checksum of all probes of a template equal, and so their
flow: routers that balance by the first octets of the ICMP header send them all the same way.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from struct import Struct
from sys import byteorder
from typing import TYPE_CHECKING, ClassVar

from anyicmp.methods.base import ENOUGH, Answer, Answers, EchoedToken, Replies, Template
from anyicmp.methods.echo_columns import (
    GENERATION_COMPLEMENT,
    NONCE,
    NONCE_COMPLEMENT,
    SEQUENCE,
    SEQUENCE_COMPLEMENT,
    Alike,
    complement,
    sequences_from,
)
from anyicmp.methods.echo_payload import HEADER, LARGEST, PREFIX, template_of
from anyicmp.methods.flow import quoted_at
from anyicmp.wire.batch import UNSET, PacketBatch, RowKind, Version
from anyicmp.wire.checksum import checksum
from anyicmp.wire.wide import ramp

if TYPE_CHECKING:
    from anyicmp.wire import QuotedDatagram

__all__ = ["EchoMethod"]

FEW = 4
"""Below this many rows, one by one is quicker than by columns."""

MOST_ROWS = 256
"""Ready-made rows kept; callers who give each probe its own payload make ever new ones."""

MOST_FORMS = 64
"""Forms of replies of which it is kept what they have in common: 16 KB each."""

_ECHO = Struct("!BBHHH")
_WORDS = Struct("!II")
_ECHOED = Struct("!B3xHHII")
_STAMP = Struct("!IIIIH")
_TOKEN = Struct("!HQQH")
_RENEWED = Struct("!HIIIIH")
_NONCE = Struct("!I")
_FULL, _BOTH_FULL = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF

_REQUEST: dict[int, int] = {4: 8, 6: 128}
_REPLY: dict[int, int] = {4: 0, 6: 129}
_PROTOCOL: dict[int, int] = {4: 1, 6: 58}
_ANSWERS: dict[int, dict[int, int]] = {
    # A source quench changes nothing any more (RFC 6633), and a redirect not this probe.
    4: {
        0: Answer.REPLY,
        3: Answer.ERROR,
        4: Answer.NOTICE,
        5: Answer.NOTICE,
        11: Answer.ERROR,
        12: Answer.ERROR,
    },
    6: {129: Answer.REPLY, 1: Answer.ERROR, 2: Answer.ERROR, 3: Answer.ERROR, 4: Answer.ERROR},
}


class EchoMethod:
    """Echo requests of one IP version; see `methods.base.ProbeMethod` for the contract."""

    FLOWS: ClassVar[int] = 0xFFFE
    PORT: ClassVar[int | None] = None
    # A flow is kept by compensating words in the payload, so there must be room for them.
    SIZES: ClassVar[tuple[int, int, int]] = (PREFIX, LARGEST, 56)

    name = "icmp"

    def __init__(self, version: Version) -> None:
        self.version: Version = version
        self.protocol = _PROTOCOL[version]
        self._request = _REQUEST[version]
        self._answers = _ANSWERS[version]
        self._reply = _REPLY[version]
        self._rows: dict[tuple[Template, int], tuple[bytes, tuple[bytes, bytes]]] = {}
        self._expected: dict[tuple[int, int], tuple[bytes, bytes]] = {}
        self._alike: dict[object, Alike] = {}
        self._identifiers: tuple[int, ...] = ()
        self._verify = False

    def identify(self, identifiers: Sequence[int], *, verify: bool) -> None:
        self._identifiers = tuple(identifiers)
        self._verify = verify
        self._rows.clear()
        self._expected.clear()
        self._alike.clear()

    @property
    def own_flow(self) -> int:
        return self._identifiers[0] % 0xFFFF

    def template(
        self, *, size: int, payload: bytes | None = None, flow: int | None = None, port: int | None = None
    ) -> Template:
        """Raises ValueError for a size outside 0 to 65,507 octets.

        Payloads below 20 octets, and those given by the caller, carry no token. Echo has no ports.
        """
        return template_of(size, payload, flow, UNSET if flow is None or self.version == 4 else flow + 1)

    def _row(self, template: Template, lane: int) -> tuple[bytes, tuple[bytes, bytes]]:
        """The probe of a lane with sequence, generation and nonce 0, and what `replies` expects back.

        That is the checksum, and the octets behind the token.
        """
        found = self._rows.get((template, lane))
        if found is not None:
            return found
        payload = bytearray(template.data)
        blank = _ECHO.pack(self._request, 0, 0, self._identifiers[lane], 0)
        if template.carries_token:
            complements = _STAMP.pack(0, 0, _FULL, _FULL, 0xFFFF)
            payload[: len(complements)] = complements
            if template.flow is not None:
                # What the free word must add so that the checksum over all comes out as `flow`.
                short = checksum(blank + payload) - template.flow
                payload[18:20] = (short % 0xFFFF).to_bytes(2, "big")
        value = checksum(blank + payload).to_bytes(2, "big")
        row = blank[:2] + value + blank[4:] + bytes(payload)
        back = checksum(bytes((self._reply, 0, 0, 0)) + row[4:]).to_bytes(2, "big")
        if len(self._rows) >= MOST_ROWS:
            self._rows.clear()
        self._rows[template, lane] = found = row, (back, row[26:])
        return found

    def stamp(self, tx: PacketBatch, start: int, stop: int, token: int, template: Template) -> None:
        lane = token >> 48
        row, back = self._row(template, lane)
        length, n = len(row), stop - start
        if template.carries_token:
            self._expected[lane, length] = back
            stamp = self._stamp_columns if n >= FEW else self._stamp_rows
            stamp(tx, start, stop, token, row)
        else:
            self._sum_rows(tx, start, stop, token, row)
        if n == 1:
            tx.length[start], tx.lane[start], tx.token[start] = length, lane, token
            return
        tx.length[start:stop] = array("I", [length]) * n
        tx.lane[start:stop] = bytes((lane,)) * n
        tx.token[start:stop] = array("Q", ramp(token, 1, n).to_bytes(8 * n, byteorder))

    def _stamp_rows(self, tx: PacketBatch, start: int, stop: int, token: int, row: bytes) -> None:
        slot, data, length = tx.slot, tx.data, len(row)
        generation, sequence = token >> 16 & _FULL, token & 0xFFFF
        for i in range(start, stop):
            at = i * slot
            data[at : at + length] = row
            (nonce,) = _NONCE.unpack_from(tx.nonce, 4 * i)
            words = generation << 32 | nonce
            _TOKEN.pack_into(data, at + SEQUENCE, sequence, words, words ^ _BOTH_FULL, sequence ^ 0xFFFF)
            sequence += 1

    def _sum_rows(self, tx: PacketBatch, start: int, stop: int, token: int, row: bytes) -> None:
        """Without a token the sequence changes the checksum."""
        slot, data, length = tx.slot, tx.data, len(row)
        for i in range(start, stop):
            at = i * slot
            data[at : at + length] = row[:2] + b"\0\0" + row[4:]
            data[at + 6 : at + 8] = (token & 0xFFFF).to_bytes(2, "big")
            value = checksum(memoryview(data)[at : at + length])
            data[at + 2 : at + 4] = value.to_bytes(2, "big")
            token += 1

    def _stamp_columns(self, tx: PacketBatch, start: int, stop: int, token: int, row: bytes) -> None:
        slot, n = tx.slot, stop - start
        generation, sequence = token >> 16 & _FULL, token & 0xFFFF
        sample = bytearray(row.ljust(slot, b"\0"))
        _WORDS.pack_into(sample, HEADER, generation, 0)
        _WORDS.pack_into(sample, HEADER + 8, generation ^ _FULL, 0)
        arena = memoryview(tx.data)[start * slot : stop * slot]
        arena[:] = bytes(sample) * n
        halves, words = arena.cast("H"), arena.cast("I")
        sequences = sequences_from(sequence, n)
        halves[SEQUENCE // 2 :: slot // 2] = memoryview(sequences).cast("H")
        halves[SEQUENCE_COMPLEMENT // 2 :: slot // 2] = memoryview(complement(sequences)).cast("H")
        nonces = tx.nonce[4 * start : 4 * stop]
        words[NONCE // 4 :: slot // 4] = memoryview(nonces).cast("I")
        words[NONCE_COMPLEMENT // 4 :: slot // 4] = memoryview(complement(nonces)).cast("I")

    def renew(self, tx: PacketBatch, i: int, token: int, nonce: int) -> None:
        generation, sequence = token >> 16 & _FULL, token & 0xFFFF
        complements = generation ^ _FULL, nonce ^ _FULL, sequence ^ 0xFFFF
        _RENEWED.pack_into(tx.data, i * tx.slot + SEQUENCE, sequence, generation, nonce, *complements)
        tx.token[i] = token

    def head_of_reply(self, tx: PacketBatch, i: int) -> bytes:
        back, _ = self._expected[tx.lane[i], tx.length[i]]
        return bytes((self._reply, 0)) + (back if self._verify else b"")

    def is_reply(self, rx: PacketBatch, i: int, tx: PacketBatch, head: bytes) -> bool:
        data, begin = rx.data, i * rx.slot
        at = begin + rx.start[i]
        return (
            data[at + 4 : begin + rx.length[i]] == tx.data[4 : tx.length[0]]
            and data.startswith(head, at)
            and not (rx.kind[i] or rx.truncated[i])  # RowKind.ICMP is 0
        )

    def reply(self, rx: PacketBatch, i: int) -> EchoedToken | None:
        begin, end = i * rx.slot + rx.start[i], i * rx.slot + rx.length[i]
        size, lane = end - begin - HEADER, rx.lane[i]
        if rx.kind[i] or rx.truncated[i] or size < ENOUGH:  # RowKind.ICMP is 0
            return None
        kind, identifier, sequence, generation, nonce = _ECHOED.unpack_from(rx.data, begin)
        if kind != self._reply or identifier != self._identifiers[lane]:
            return None
        if self._verify and checksum(rx.data[begin:end]):
            return None
        return lane, sequence, generation, nonce, size

    def replies(self, rx: PacketBatch, n: int) -> Replies | None:
        lane, start, length = rx.lane[0], rx.start[0], rx.length[0]
        found = self._alike_of(rx, lane, start, length)
        if (
            found is None
            or rx.lane.count(lane, 0, n) != n
            or rx.kind.count(RowKind.ICMP, 0, n) != n
            or rx.truncated.find(1, 0, n) >= 0
            or rx.start[:n] != array("I", [start]) * n
            or rx.length[:n] != array("I", [length]) * n
        ):
            return None
        return found.replies(rx, n)

    def _alike_of(self, rx: PacketBatch, lane: int, start: int, length: int) -> Alike | None:
        """What whole replies of such a form have in common, by the template that was stamped last."""
        expected = self._expected.get((lane, length - start))
        if expected is None or start % 4:
            return None
        form = lane, start, rx.slot, rx.capacity, expected
        found = self._alike.get(form)
        if found is None:
            value, rest = expected
            head = bytes((self._reply, 0)) + value + self._identifiers[lane].to_bytes(2, "big")
            if len(self._alike) >= MOST_FORMS:
                self._alike.clear()
            found = self._alike[form] = Alike(rx, lane, start, head=head, rest=rest, verify=self._verify)
        return found

    def tokens(self, rx: PacketBatch, n: int) -> Answers:
        answers = Answers(n)
        data, slot, kinds = rx.data, rx.slot, rx.kind
        for i in range(n):
            begin, end = i * slot + rx.start[i], i * slot + rx.length[i]
            kind = kinds[i]
            if kind == RowKind.LOCAL_ERROR:
                answers.kinds[i] = Answer.NOTICE  # the send call told the same
                continue
            if kind == RowKind.DATA or end - begin < HEADER:
                answers.kinds[i] = Answer.MALFORMED if end - begin < HEADER else Answer.FOREIGN
                continue
            answer = self._answers.get(data[begin], Answer.FOREIGN)
            if answer == Answer.FOREIGN or (kind == RowKind.ERROR and answer == Answer.REPLY):
                continue
            if self._verify and kind == RowKind.ICMP and not rx.truncated[i] and checksum(data[begin:end]):
                answers.kinds[i] = Answer.MALFORMED
                continue
            if answer != Answer.REPLY:
                begin = self._quoted(rx, i, end)
                if begin < 0:
                    continue
            lane = rx.lane[i]
            if int.from_bytes(data[begin + 4 : begin + 6], "big") != self._identifiers[lane]:
                continue
            generation = 0
            # A router that quotes less pads with zeros up to its extensions (RFC 4884 section 3).
            padded = answer != Answer.REPLY and not any(
                data[begin + GENERATION_COMPLEMENT : begin + HEADER + ENOUGH]
            )
            if end - begin >= HEADER + ENOUGH and not padded:
                generation, answers.nonces[i] = _WORDS.unpack_from(data, begin + HEADER)
                answers.whole[i] = 1
            sequence = data[begin + 6] << 8 | data[begin + 7]
            answers.tokens[i] = lane << 48 | generation << 16 | sequence
            answers.sizes[i] = end - begin - HEADER
            answers.kinds[i] = answer
        return answers

    def _quoted(self, rx: PacketBatch, i: int, end: int) -> int:
        """Offset in the arena of the echo request that an error quotes, -1 if it quotes none of ours."""
        at, data = quoted_at(rx, i, self.protocol), rx.data
        if at < 0 or end - at < HEADER or data[at] != self._request or data[at + 1] != 0:
            return -1
        return at

    def rewritten(
        self, quoted: QuotedDatagram, template: Template, source: bytes, target: bytes
    ) -> tuple[str, ...] | None:
        data = quoted.data
        if len(data) < HEADER:
            return None
        differs = {
            "source": quoted.source is not None and quoted.source.packed != source,
            "identifier": data[4:6] != self._identifiers[0].to_bytes(2, "big"),
            # The checksum of ICMPv6 also covers the addresses: the kernel completes it.
            "checksum": self.version == 4 and int.from_bytes(data[2:4], "big") != template.flow,
        }
        changed = tuple(name for name, other in differs.items() if other)
        return None if quoted.source is None and not changed else changed

    def echoes(self, rx: PacketBatch, i: int, template: Template) -> bool:
        return rx.message(i)[HEADER:] == template.data
