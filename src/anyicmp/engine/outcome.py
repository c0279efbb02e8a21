"""OutcomeBatch: how probes ended, as columns; rows for people are made when someone looks.

The engine writes the columns, plans and front doors read them. No matching and no timing happens here.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from errno import EHOSTUNREACH, ENETUNREACH
from functools import cache, cached_property
from ipaddress import IPv6Address
from itertools import chain, islice, repeat
from operator import truediv
from os import strerror
from typing import TYPE_CHECKING, Any, overload

from anyicmp.engine.addresses import address, addresses
from anyicmp.engine.heard import ErrorBytes
from anyicmp.engine.rows import CLOCKS, ROWS, Answered, new_no_replies, new_replies, reply
from anyicmp.results import IPAddress, Outcome
from anyicmp.wire.batch import Version
from anyicmp.wire.registry import Type4, Type6

if TYPE_CHECKING:
    from anyicmp.wire import Message

__all__ = ["ERROR", "FAILED", "REPLY", "TIMEOUT", "OutcomeBatch"]

SECOND = 1_000_000_000

UNKNOWN = b"\xff\xff"
"""A hop limit that nobody told, as it stands in its column."""

TOGETHER = 64
"""Rows that are made together."""

REPLY, ERROR, TIMEOUT, FAILED = range(4)
"""Indices into `results.KINDS`."""

UNREACHABLE = {4: int(Type4.DESTINATION_UNREACHABLE), 6: int(Type6.DESTINATION_UNREACHABLE)}

_REASONS = {
    ENETUNREACH: "no route leads to this network",
    EHOSTUNREACH: "this host cannot reach the address: no route, or no neighbour answered",
}


class OutcomeBatch(Sequence[Outcome]):
    """Outcomes of one IP version, of one call. A sequence of rows that owns its columns.

    Attributes:
        version: 4 or 6.
        packed: the targets' addresses, 4 or 16 octets each.
        sequences: number of each probe (in a sweep: of its target).
        rtts: float64 seconds, NaN where nothing answered.
        kinds: indices into `anyicmp.KINDS`, one octet each.
        tags: the plan's cookies.
        scopes: interface index of link-local targets, else 0.
        sources: who answered or reported, packed as `packed`; zeros where nobody did.
        ttls: hop limit of the answer, -1 where unknown.
        sizes: octets of echo data.
        duplicates: further copies heard before this batch was made.
        kernel: 1 where the kernel's timestamp was used.
        sent_at: float64 Unix time of sending.
        trips, departed: `rtts` and `sent_at` in nanoseconds, in batches whose rows came all at once.
        timeout: seconds that these probes waited at most.
        errors: the ICMP errors by index.
        local: the rows whose error this host itself reported.
        failures: errno (or None) and reason by index, of probes that did not leave.
        host: the name as asked, for all rows; `hosts` by sequence where a sweep has several names.
        copies, late: tags of probes that were answered again, or after their timeout.
        doubtful: tags of probes without an answer, which this host may have lost itself.
        unclear: for each answer that may be about several probes in flight, the tags of these.
        ended: tags of probes with several answers (`Plan.many`) whose timeout has come.
        nowhere: its rows are names, or texts, that led to no address.
        zones: scope to the scope id as the caller wrote it; else the interface's index stands in addresses.
    """

    def __init__(self, version: Version) -> None:
        self.version: Version = version
        self.packed = bytearray()
        self.sequences: array[int] = array("Q")
        self.trips: array[int] = array("q")
        self.kinds = bytearray()
        self.tags: array[int] = array("Q")
        self.scopes: array[int] = array("I")
        self.sources = bytearray()
        self.ttls: array[int] = array("h")
        self.sizes: array[int] = array("I")
        self.duplicates: array[int] = array("I")
        self.kernel = bytearray()
        self.departed: array[int] = array("q")
        self.timeout = 0.0
        self.errors: dict[int, ErrorBytes] = {}
        self.local: set[int] = set()
        self.failures: dict[int, tuple[int | None, str | None]] = {}
        self.host: str | None = None
        self.hosts: Mapping[int, str] = {}
        self.zones: Mapping[int, str] = {}
        self.nowhere = False
        self.copies: list[int] = []
        self.late: list[int] = []
        self.doubtful: set[int] = set()
        self.unclear: list[tuple[int, ...]] = []
        self.ended: list[int] = []

    # Of whole columns in nanoseconds, seconds are made when someone asks for them.

    @cached_property
    def rtts(self) -> array[float]:
        return array("d", map(truediv, self.trips, repeat(SECOND)))

    @cached_property
    def sent_at(self) -> array[float]:
        return array("d", map(truediv, self.departed, repeat(SECOND)))

    def append(
        self,
        kind: int,
        *,
        target: bytes | bytearray,
        scope: int,
        tag: int,
        sent_at: float,
        rtt: float = float("nan"),
        source: bytes | bytearray | None = None,
        ttl: int = -1,
        size: int = 0,
        duplicates: int = 0,
        kernel: bool = False,
    ) -> None:
        """Add one outcome; its sequence is its tag until the plan says otherwise."""
        self.kinds.append(kind)
        self.packed += target
        self.scopes.append(scope)
        self.tags.append(tag)
        self.sequences.append(tag)
        self.sent_at.append(sent_at)
        self.rtts.append(rtt)
        self.sources += source if source is not None else bytes(len(target))
        self.ttls.append(ttl)
        self.sizes.append(size)
        self.duplicates.append(duplicates)
        self.kernel.append(kernel)

    def count_copy(self, tag: int) -> None:
        """Another copy of an answer came; a row of this batch shows it, an older one cannot."""
        self.copies.append(tag)
        if tag in self.tags:
            self.duplicates[self.tags.index(tag)] += 1

    def plain_replies(self) -> Iterator[tuple[int, Answered]] | None:
        """Tag and values of each row, if all are replies of the targets themselves, and no more is told."""
        n = len(self.kinds)
        if (
            self.kinds.count(REPLY) != n
            or self.sources != self.packed
            or self.copies
            or self.late
            or self.ended
        ):
            return None
        clocks, hops = map(CLOCKS.__getitem__, self.kernel), [ttl if ttl >= 0 else None for ttl in self.ttls]
        values = zip(self.sequences, self.sent_at, self.rtts, hops, self.sizes, clocks, strict=True)
        return zip(self.tags, values, strict=True)

    def endings(self, many: bool) -> int:
        """How many probes ended with this batch; with `many`, a reply is not a probe's end."""
        replies = self.kinds.count(REPLY) if many else 0
        return len(self.kinds) - replies + len(self.ended)

    @staticmethod
    def joined(batches: Iterable[OutcomeBatch]) -> tuple[OutcomeBatch, ...]:
        """The same outcomes in as few batches as can be, which take little memory. Their tags are gone."""
        from anyicmp.engine.gathering import Gathering

        found = Gathering()
        for batch in batches:
            found.add(batch)
        return found.batches()

    def only(self, rows: list[int]) -> OutcomeBatch:
        """A batch with these rows alone, in this order."""
        batch = OutcomeBatch(self.version)
        for i in rows:
            batch._copy(self, i)
        batch.errors = {k: self.errors[i] for k, i in enumerate(rows) if i in self.errors}
        batch.local = {k for k, i in enumerate(rows) if i in self.local}
        batch.failures = {k: self.failures[i] for k, i in enumerate(rows) if i in self.failures}
        batch.timeout, batch.host, batch.hosts, batch.zones = self.timeout, self.host, self.hosts, self.zones
        batch.nowhere = self.nowhere
        batch.doubtful, batch.unclear = self.doubtful, self.unclear
        batch.copies, batch.late, batch.ended = self.copies, self.late, self.ended
        return batch

    def take(self, other: OutcomeBatch, i: int) -> None:
        """Add row i of another batch, one that nobody answered, with the same timeout."""
        self._copy(other, i)
        self.timeout = other.timeout
        if other.tags[i] in other.doubtful:
            self.doubtful.add(other.tags[i])

    def _copy(self, other: OutcomeBatch, i: int) -> None:
        width = 4 if self.version == 4 else 16
        self.append(
            other.kinds[i],
            target=bytes(other.packed[i * width : (i + 1) * width]),
            scope=other.scopes[i],
            tag=other.tags[i],
            sent_at=other.sent_at[i],
            rtt=other.rtts[i],
            source=bytes(other.sources[i * width : (i + 1) * width]),
            ttl=other.ttls[i],
            size=other.sizes[i],
            duplicates=other.duplicates[i],
            kernel=bool(other.kernel[i]),
        )
        self.sequences[-1] = other.sequences[i]

    def __len__(self) -> int:
        return len(self.kinds)

    @overload
    def __getitem__(self, index: int) -> Outcome: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Outcome]: ...
    def __getitem__(self, index: int | slice) -> Outcome | Sequence[Outcome]:
        if isinstance(index, slice):
            return [self.row(i) for i in range(*index.indices(len(self)))]
        i = index + len(self) if index < 0 else index
        if not 0 <= i < len(self):
            raise IndexError("no such outcome in the batch")
        return self.row(i)

    def __iter__(self) -> Iterator[Outcome]:
        return chain.from_iterable(self.parts())

    def parts(self) -> Iterator[Sequence[Outcome]]:
        """The rows, some at a time: made in few calls, and kept no longer than they are looked at."""
        n, kind = len(self), self.kinds[0] if self.kinds else FAILED
        alike = kind in (REPLY, TIMEOUT) and self.kinds.count(kind) == n
        if not alike or (self.version == 6 and any(self.scopes)):
            rows = map(self.row, range(n))
            return iter(lambda: list(islice(rows, TOGETHER)), [])
        targets = addresses(self.packed, self.version)
        hosts = map(self.hosts.get, self.sequences) if self.hosts else repeat(self.host)
        if kind == TIMEOUT:
            waited = repeat(self.timeout)
            silent = zip(hosts, targets, self.sequences, self.sent_at, waited, strict=False)
            return iter(lambda: new_no_replies(islice(silent, TOGETHER)), [])
        unknown = UNKNOWN in self.ttls.tobytes()
        columns = zip(
            hosts,
            targets,
            self.sequences,
            # Seconds that nobody has asked for are made for these rows alone.
            [when / SECOND for when in self.departed] if len(self.departed) == n else self.sent_at,
            targets if self.sources == self.packed else addresses(self.sources, self.version),
            self.rtts,
            [ttl if ttl >= 0 else None for ttl in self.ttls] if unknown else _shared(self.ttls),
            _shared(self.sizes),
            _shared(self.duplicates),
            map(CLOCKS.__getitem__, _shared(self.kernel)),
            strict=False,
        )
        return iter(lambda: new_replies(islice(columns, TOGETHER)), [])

    def row(self, i: int) -> Outcome:
        """Row i for people, by the names of the batch."""
        return ROWS[self.kinds[i]](self, i, self.host_of(i), None)

    def row_of(self, i: int, host: str | None, target: IPAddress) -> Outcome:
        """Row i for people, by the name and the address that its caller asked for."""
        zone = target.scope_id if isinstance(target, IPv6Address) else None
        if self.kinds[i] != REPLY:
            return ROWS[self.kinds[i]](self, i, host, zone)
        return reply(self, i, host, zone, target)

    def target(self, i: int, zone: str | None = None) -> IPAddress:
        """The address that probe i went to."""
        scope = self.scopes[i]
        return address(self.packed, i, self.version, zone or self.zones.get(scope) or scope)

    def source(self, i: int, zone: str | None = None) -> IPAddress:
        """Who answered or reported."""
        scope = self.scopes[i]
        return address(self.sources, i, self.version, zone or self.zones.get(scope) or scope)

    def message(self, i: int) -> Message:
        """The decoded ICMP error of row i. Raises KeyError where row i is none."""
        return self.errors[i].message(self.version)

    def is_unreachable(self, i: int) -> bool:
        """Whether row i is an error that ends the way, instead of naming a router on it."""
        return self.errors[i].data[0] == UNREACHABLE[self.version]

    def why_failed(self, i: int) -> str:
        """Why probe i did not leave, for people. Raises KeyError where it did."""
        errno, reason = self.failures[i]
        return reason or _REASONS.get(errno or 0) or strerror(errno or 0)

    def find_local(self, own_address: Callable[[bytes, int], bytes]) -> None:
        """Find the unreachables that this host itself reported: to its own address it goes from that one."""
        width, own = 4 if self.version == 4 else 16, cache(own_address)
        for i in filter(self.is_unreachable, self.errors):
            reporter = bytes(self.sources[i * width : (i + 1) * width])
            if own(reporter, self.scopes[i]) == reporter:
                self.local.add(i)

    def host_of(self, i: int) -> str | None:
        """The name under which the target was asked for, None where it was an address."""
        return self.hosts.get(self.sequences[i]) if self.hosts else self.host


def _shared(column: Any) -> Iterable[int]:
    """The column; where all rows say the same, only once said."""
    n = len(column)
    return repeat(column[0], n) if column[:1] * n == column else column
