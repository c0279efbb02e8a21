"""ICMP echo as a probe method: RFC 792 for IPv4, RFC 4443 section 4 for IPv6.

A probe's payload starts with generation, nonce, the complements of both, the complement of the sequence
and one free word. The complements keep the checksum of all probes of a template equal, and so their
flow: routers that balance by the first octets of the ICMP header send them all the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct

from anyicmp.methods.base import Answer, Answers, Template
from anyicmp.wire.batch import PacketBatch, Quoted, RowKind, Version
from anyicmp.wire.checksum import checksum
from anyicmp.wire.ip import find_transport

__all__ = ["EchoMethod"]

HEADER = 8
TOKEN = 16
PREFIX = 20
LARGEST = 65507
PATTERN = bytes(range(256)) * 256

_ECHO = Struct("!BBHHH")
_WORDS = Struct("!II")
_STAMP = Struct("!IIIIH")
_FULL = 0xFFFFFFFF

_REQUEST: dict[int, int] = {4: 8, 6: 128}
_PROTOCOL: dict[int, int] = {4: 1, 6: 58}
_DESTINATION: dict[int, int] = {4: 16, 6: 24}
_ANSWERS: dict[int, dict[int, int]] = {
    4: {0: Answer.REPLY, 3: Answer.ERROR, 11: Answer.ERROR, 12: Answer.ERROR, 5: Answer.NOTICE},
    6: {129: Answer.REPLY, 1: Answer.ERROR, 2: Answer.ERROR, 3: Answer.ERROR, 4: Answer.ERROR},
}


@lru_cache(maxsize=64)
def _template(size: int, payload: bytes | None, flow: int | None) -> Template:
    if payload is not None:
        return Template(data=payload, size=len(payload), flow=flow, carries_token=False)
    if not 0 <= size <= LARGEST:
        raise ValueError(f"size must be 0 to {LARGEST} octets, not {size}")
    carries = size >= PREFIX
    data = bytes(PREFIX) + PATTERN[PREFIX:size] if carries else PATTERN[:size]
    return Template(data=data, size=size, flow=flow, carries_token=carries)


class EchoMethod:
    """Echo requests of one IP version; see `methods.base.ProbeMethod` for the contract."""

    name = "icmp"

    def __init__(self, version: Version) -> None:
        self.version: Version = version
        self._request = _REQUEST[version]
        self._answers = _ANSWERS[version]
        self._identifiers: tuple[int, ...] = ()
        self._verify = False

    def identify(self, identifiers: Sequence[int], *, verify: bool) -> None:
        self._identifiers = tuple(identifiers)
        self._verify = verify

    def template(self, *, size: int, payload: bytes | None = None, flow: int | None = None) -> Template:
        """Raises ValueError for a size outside 0 to 65,507 octets.

        Payloads below 20 octets, and those given by the caller, carry no token.
        """
        return _template(size, payload, flow)

    def _row(self, template: Template, lane: int) -> bytes:
        """The probe of a lane with sequence, generation and nonce 0 (and their complements not yet in)."""
        identifier = self._identifiers[lane]
        payload = bytearray(template.data)
        blank = _ECHO.pack(self._request, 0, 0, identifier, 0)
        if template.carries_token:
            complements = _STAMP.pack(0, 0, _FULL, _FULL, 0xFFFF)
            payload[: len(complements)] = complements
            if template.flow is not None:
                # What the free word must add so that the checksum over all comes out as `flow`.
                short = checksum(blank + payload) - template.flow
                payload[18:20] = (short % 0xFFFF).to_bytes(2, "big")
        value = checksum(blank + payload)
        return _ECHO.pack(self._request, 0, value, identifier, 0) + bytes(payload)

    def stamp(self, tx: PacketBatch, start: int, stop: int, token: int, template: Template) -> None:
        lane, generation = token >> 48, token >> 16 & _FULL
        row = template.rows.get(self._identifiers[lane] << 1 | (self.version == 6))
        if row is None:
            row = self._row(template, lane)
            template.rows[self._identifiers[lane] << 1 | (self.version == 6)] = row
        slot, data, length = tx.slot, tx.data, len(row)
        stamp = _STAMP.pack_into
        for i in range(start, stop):
            at = i * slot
            data[at : at + length] = row
            sequence = token & 0xFFFF
            data[at + 6 : at + 8] = sequence.to_bytes(2, "big")
            if template.carries_token:
                nonce = int.from_bytes(tx.nonce[4 * i : 4 * i + 4], "big")
                stamp(
                    data, at + HEADER, generation, nonce, generation ^ _FULL, nonce ^ _FULL, sequence ^ 0xFFFF
                )
            else:
                data[at + 2 : at + 4] = b"\0\0"
                value = checksum(memoryview(data)[at : at + length])
                data[at + 2 : at + 4] = value.to_bytes(2, "big")
            tx.length[i] = length
            tx.lane[i] = lane
            tx.token[i] = token
            token += 1

    def tokens(self, rx: PacketBatch, n: int) -> Answers:
        answers = Answers(n)
        data, slot, kinds = rx.data, rx.slot, rx.kind
        for i in range(n):
            begin, end = i * slot + rx.start[i], i * slot + rx.length[i]
            kind = kinds[i]
            if kind == RowKind.STAMP:
                answers.kinds[i], answers.tokens[i] = Answer.STAMP, rx.token[i]
                continue
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
                begin = self._quoted(rx, i, begin, end)
                if begin < 0:
                    continue
            lane = rx.lane[i]
            if int.from_bytes(data[begin + 4 : begin + 6], "big") != self._identifiers[lane]:
                continue
            generation = 0
            if end - begin >= HEADER + TOKEN:
                generation, answers.nonces[i] = _WORDS.unpack_from(data, begin + HEADER)
                answers.whole[i] = 1
            sequence = data[begin + 6] << 8 | data[begin + 7]
            answers.tokens[i] = lane << 48 | generation << 16 | sequence
            answers.sizes[i] = end - begin - HEADER
            answers.kinds[i] = answer
        return answers

    def _quoted(self, rx: PacketBatch, i: int, begin: int, end: int) -> int:
        """Offset in the arena of the echo request that an error quotes, -1 if it quotes none of ours."""
        data, at = rx.data, begin + HEADER
        if rx.kind[i] == RowKind.ICMP or rx.quoted[i] == Quoted.PACKET:
            at = self._past_quoted_header(rx, i, at, end)
        elif rx.quoted[i] == Quoted.PAYLOAD:
            return -1
        if at < 0 or end - at < HEADER or data[at] != self._request or data[at + 1] != 0:
            return -1
        return at

    def _past_quoted_header(self, rx: PacketBatch, i: int, at: int, end: int) -> int:
        data, width = rx.data, rx.width
        found = find_transport(data, at, end)
        if found is None or data[at] >> 4 != self.version:
            return -1
        protocol, transport, fragment = found
        if protocol != _PROTOCOL[self.version] or fragment:
            return -1
        destination = at + _DESTINATION[self.version]
        rx.original[i * width : (i + 1) * width] = data[destination : destination + width]
        return transport

    def echoes(self, rx: PacketBatch, i: int, template: Template) -> bool:
        return rx.message(i)[HEADER:] == template.data
