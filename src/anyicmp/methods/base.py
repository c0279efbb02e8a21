"""The contract of a probe method: what the bytes of a probe look like, and how its answers are told.

One method, one file beside this one and one line in METHODS. A method holds no probe, no clock and no
socket: what is in flight is the engine's, what travels is the transport's.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

import attrs

from anyicmp.wire.batch import UNSET, PacketBatch, Version

if TYPE_CHECKING:
    from anyicmp.wire import QuotedDatagram

__all__ = ["ENOUGH", "Answer", "Answers", "EchoedToken", "ProbeMethod", "Replies", "Template", "Told"]

ENOUGH = 16
"""Octets of payload that an answer must bring back for generation and nonce to be read from it."""


@attrs.frozen(eq=False)
class Template:
    """The constant part of a plan's probes.

    Attributes:
        data: the probe's octets as far as they are the same for all.
        octets: of the whole probe, from the transport header on.
        size: octets of payload (echo: the data behind the 8-octet header).
        flow: what load balancers may hash of it, None where each probe has its own.
        carries_token: whether the payload has room for generation and nonce; without them an answer is
            matched by identifier, sequence, source and the whole payload.
        own_port, port: this host's port and the target's, 0 where the method has none.
        label: IPv6 flow label that belongs to the flow, UNSET: the kernel's choice.
    """

    data: bytes
    octets: int
    size: int
    flow: int | None
    carries_token: bool
    own_port: int = 0
    port: int = 0
    label: int = UNSET

    @property
    def words(self) -> tuple[int, int] | None:
        """What `tokens` reads as generation and nonce of an echo of `data`, None where it is too short."""
        if self.size < ENOUGH:
            return None
        return int.from_bytes(self.data[:4], "big"), int.from_bytes(self.data[4:8], "big")


class Answer:
    """Kinds of what `tokens` found in a row (plain integers, they live in columns)."""

    FOREIGN = 0
    """Not an answer to any probe of this method: count it, drop it."""
    REPLY = 1
    """The target's own answer."""
    ERROR = 2
    """An ICMP error about a probe."""
    NOTICE = 3
    """About a probe, but not its end (a redirect, a source quench: the probe travels on)."""
    MALFORMED = 4
    """An answer whose checksum or form is wrong: count it, drop it."""


class Told:
    """How much a row tells of the probe that it answers (plain integers, they live in a column)."""

    SEQUENCE = 0
    """Lane and sequence."""
    WHOLE = 1
    """Generation and nonce too."""
    HALF = 2
    """Lane, sequence and the upper 16 bits of the nonce."""
    TOKEN = 3
    """The whole token, and from the transport itself: nobody could forge it."""
    FLOW = 4
    """No more than the lane and both ports: which probe of the flow it is the row does not tell."""


class Answers:
    """Columns parallel to the rows of a received batch.

    Attributes:
        kinds: an `Answer` a row.
        tokens: the bits of the probe's token that the row tells: see `whole`.
        nonces: the 32-bit nonce that came back, where `whole` is `Told.WHOLE` or `Told.HALF`.
        whole: a `Told` a row.
        sizes: octets of payload that came back (echo data).
        ports: the target's port, 0 where the method has none.
        own_ports: this host's port, where `whole` is `Told.FLOW`.
    """

    __slots__ = ("kinds", "nonces", "own_ports", "ports", "sizes", "tokens", "whole")

    def __init__(self, n: int) -> None:
        self.kinds = bytearray(n)
        self.tokens: list[int] = [0] * n
        self.nonces: list[int] = [0] * n
        self.whole = bytearray(n)
        self.sizes: list[int] = [0] * n
        self.ports: list[int] = [0] * n
        self.own_ports: list[int] = [0] * n


@attrs.frozen(eq=False)
class Replies:
    """Columns of a received batch whose rows all are whole replies that one lane heard.

    Attributes:
        lane: the lane.
        sequences, nonces: what came back, one a row; in_a_row: whether each sequence is one more than the
            one before.
        generation: what came back in all rows.
        size: octets of payload, the same in all rows.
    """

    lane: int
    sequences: array[int]
    in_a_row: bool
    generation: int
    nonces: array[int]
    size: int


EchoedToken = tuple[int, int, int, int, int]
"""What one whole reply brings back: lane, sequence, generation, nonce, octets of payload."""


class ProbeMethod(Protocol):
    """What bytes. Tokens are integers of lane (8 bits), generation (32 bits) and sequence (16 bits).

    Attributes:
        name: in METHODS.
        version: 4 or 6.
        protocol: number of its probes' protocol in the IP header.
        FLOWS: the highest number of a flow.
        PORT: the target's port where the caller names none; None: the method has no ports.
        SIZES: fewest, most and usual octets of payload of a probe whose flow is kept.
    """

    FLOWS: ClassVar[int]
    PORT: ClassVar[int | None]
    SIZES: ClassVar[tuple[int, int, int]]

    name: str
    version: Version
    protocol: int

    def __init__(self, version: Version) -> None: ...

    def identify(self, identifiers: Sequence[int], *, verify: bool) -> None:
        """Take the identifiers of the transport's lanes, as the kernel or the caller chose them.

        `verify`: the kernel does not check the messages' checksums (raw IPv4), so `tokens` must.
        """
        ...

    @property
    def own_flow(self) -> int:
        """The flow of probes for which the caller chose none: it stays the same as long as the transport."""
        ...

    def template(
        self, *, size: int, payload: bytes | None = None, flow: int | None = None, port: int | None = None
    ) -> Template:
        """The constant part of probes with `size` octets of payload, or with the payload given.

        `flow` chooses what load balancers hash (echo: the checksum; else this host's port), None takes what
        comes out. `port` is the target's, None: the method's usual one.
        """
        ...

    def stamp(self, tx: PacketBatch, start: int, stop: int, token: int, template: Template) -> None:
        """Write rows [start, stop) as probes with tokens token, token + 1, ... (one lane, one generation).

        Writes data, length, lane and token; the nonces were put into `tx.nonce` before.
        """
        ...

    def tokens(self, rx: PacketBatch, n: int) -> Answers:
        """Tell for each of the first n rows which probe it answers, and how. Never raises for bytes.

        Of errors that quote an IP header it writes the quoted destination to `rx.original`.
        """
        ...

    def reply(self, rx: PacketBatch, i: int) -> EchoedToken | None:
        """What row i brings back if it is a whole and sound reply; None where `tokens` must look at it."""
        ...

    def renew(self, tx: PacketBatch, i: int, token: int, nonce: int) -> None:
        """Give the probe in row i, whose template carries a token and whose lane stays, another token."""
        ...

    def head_of_reply(self, tx: PacketBatch, i: int) -> bytes:
        """How the reply to the probe in row i begins, whatever its token; the rest of it is as it was sent.

        Nothing where that is not known before. Where the kernel verifies checksums, they are left out.
        """
        ...

    def is_reply(self, rx: PacketBatch, i: int, tx: PacketBatch, head: bytes) -> bool:
        """Whether row i is, octet for octet, the reply to the probe in row 0 of `tx`, with that head."""
        ...

    def replies(self, rx: PacketBatch, n: int) -> Replies | None:
        """The first n rows at once if all are whole replies alike; None where `tokens` must look at each.

        What it returns is what `tokens` would have told, checksums included.
        """
        ...

    def rewritten(
        self, quoted: QuotedDatagram, template: Template, source: bytes, target: bytes
    ) -> tuple[str, ...] | None:
        """What translators changed of a quoted probe that was sent between these packed addresses.

        Names of fields: "source", "source port", "identifier", "identification", "checksum". None where what
        is quoted does not tell.
        """
        ...

    def echoes(self, rx: PacketBatch, i: int, template: Template) -> bool:
        """Whether the reply in row i carries the payload of a template that has no room for a token."""
        ...
