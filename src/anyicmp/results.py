"""The rows that people get: outcomes of probes, statistics, traces.

Frozen values and nothing else: no I/O, no clock, no algorithm. A result itself is always true.
Round trips and times are float seconds; what has no value is None, never 0 or NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from operator import attrgetter
from typing import TYPE_CHECKING, ClassVar, Literal

import attrs

from anyicmp.shown import as_bundle, as_html, as_rich, plot

if TYPE_CHECKING:
    from anyicmp.wire import Message

__all__ = [
    "KINDS",
    "Capabilities",
    "ErrorReply",
    "IPAddress",
    "NoReply",
    "Outcome",
    "PingResult",
    "ProberStatistics",
    "RateLoss",
    "Reply",
    "SendFailure",
    "Statistics",
    "SweepProgress",
]

IPAddress = IPv4Address | IPv6Address

KINDS: tuple[str, ...] = ("reply", "error", "timeout", "failed")
"""The kinds of outcome; `OutcomeBatch.kinds` holds indices into this tuple."""


@attrs.frozen(kw_only=True, order=False, weakref_slot=False)
class Reply:
    """The target answered.

    Attributes:
        host: the name as asked, or None.
        target: the address that was probed.
        sequence: number of the probe from 0 (in a sweep: the target's number); never wraps.
        sent_at: Unix time of sending, in seconds.
        source: who answered.
        rtt: round trip in seconds.
        ttl: hop limit of the reply as it arrived, None where the platform does not tell.
        size: octets of echo data that came back.
        duplicates: further copies heard before this row was made.
        clock: "kernel" if the kernel's receive timestamp was used, "user" if the program's clock.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    kind: ClassVar[Literal["reply"]] = "reply"
    host: str | None = None
    target: IPAddress
    sequence: int
    sent_at: float
    source: IPAddress
    rtt: float
    ttl: int | None = None
    size: int
    duplicates: int = 0
    clock: Literal["kernel", "user"] = "user"


@attrs.frozen(kw_only=True, order=False)
class ErrorReply:
    """A router, or the target, answered with an ICMP error. Fields as in `Reply`, and:

    Attributes:
        source: who reported the error.
        message: the decoded ICMP message with its quoted datagram and extensions.
        type: its ICMP type.
        code: its ICMP code.
        reason: what it means, one sentence for people.
        local: this host itself reported it, not a router, because no neighbour answered (arp(7), RFC 4861).
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    kind: ClassVar[Literal["error"]] = "error"
    host: str | None = None
    target: IPAddress
    sequence: int
    sent_at: float
    source: IPAddress
    rtt: float
    ttl: int | None = None
    clock: Literal["kernel", "user"] = "user"
    message: Message
    type: int
    code: int
    reason: str
    local: bool = False


@attrs.frozen(kw_only=True, order=False, weakref_slot=False)
class NoReply:
    """Nothing was heard within `timeout` seconds of sending. Fields as in `Reply`."""

    _repr_html_ = as_html
    __rich__ = as_rich

    kind: ClassVar[Literal["timeout"]] = "timeout"
    host: str | None = None
    target: IPAddress
    sequence: int
    sent_at: float
    timeout: float


@attrs.frozen(kw_only=True, order=False)
class SendFailure:
    """The probe never left this host.

    Attributes:
        target: the address, None where the name led to none.
        sent_at: Unix time of the attempt in seconds.
        errno: the system's error number, None where no system call failed.
        reason: why, for people.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    kind: ClassVar[Literal["failed"]] = "failed"
    host: str | None = None
    target: IPAddress | None
    sequence: int
    sent_at: float
    errno: int | None
    reason: str


Outcome = Reply | ErrorReply | NoReply | SendFailure


@attrs.frozen(kw_only=True, order=False, weakref_slot=False)
class Statistics:
    """Counts and round-trip figures of a series of probes to one target (or of a whole sweep).

    Attributes:
        sent: probes that left this host.
        received: probes with a `Reply` (in a `Hop`: with an error too).
        errors: probes that ended with an `ErrorReply`.
        failed: probes that could not be sent (not in `sent`).
        duplicates: further copies of answers.
        late: answers after their probe's timeout.
        loss: share, 0 to 1, of the ended probes that got no answer; None before the first has ended.
        last, minimum, average, maximum, median, p95, p99: round trips in seconds.
        stddev: sample standard deviation (n - 1), None below two.
        jitter: RFC 3550 section 6.4.1's smoothed jitter, of round trips instead of one-way times; None
            where they are of several hosts.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    sent: int = 0
    received: int = 0
    errors: int = 0
    failed: int = 0
    duplicates: int = 0
    late: int = 0
    loss: float | None = None
    last: float | None = None
    minimum: float | None = None
    average: float | None = None
    maximum: float | None = None
    stddev: float | None = None
    median: float | None = None
    p95: float | None = None
    p99: float | None = None
    jitter: float | None = None


_kind = attrgetter("kind")

_TRIPS = ("last", "minimum", "average", "maximum", "median", "p95", "p99")
"""The figures of one round trip: all are that round trip."""


@attrs.frozen(kw_only=True, order=False, weakref_slot=False)
class PingResult:
    """What came of pinging one host.

    Attributes:
        target: the address probed.
        host: the name as asked, None where an address was given.
        outcomes: one for each probe that ended, in order of sequence.
        statistics: of these probes.
    """

    _repr_html_ = as_html
    __rich__ = as_rich
    _repr_mimebundle_ = as_bundle
    plot = plot

    target: IPAddress
    host: str | None = None
    outcomes: tuple[Outcome, ...]
    statistics: Statistics

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Statistics:
            # Of one reply they say nothing that the reply does not: they are made when someone looks.
            if name != "statistics":
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            (reply,) = self.outcomes
            trip = dict.fromkeys(_TRIPS, reply.rtt)
            object.__setattr__(self, name, Statistics(sent=1, received=1, loss=0.0, **trip))
            return self.statistics

    @property
    def is_alive(self) -> bool:
        """Whether at least one probe was answered by the target."""
        return "reply" in map(_kind, self.outcomes)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self.outcomes)


@attrs.frozen(kw_only=True, order=False)
class SweepProgress:
    """How far a sweep is.

    Attributes:
        done: targets that have an outcome.
        total: targets in all, None where that cannot be known beforehand.
        sent: probes that left this host, retries included.
        received: targets that answered.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    done: int
    total: int | None
    sent: int
    received: int


@attrs.frozen(kw_only=True, order=False)
class RateLoss:
    """Whether a sweep lost answers because it was fast: what its targets say when probed again slowly.

    If the rate makes no difference, a target that answers once of its two times is as likely to do so the
    first time as the second. The test is McNemar's, exact.

    Attributes:
        rate: targets a second in the sweep, on average.
        slow_rate: targets a second when some were probed again.
        silent, recovered: how many that had been silent were probed again, and how many of them answered.
        answered, lost: how many that had answered were probed again, and how many of them stayed silent.
        loss: share, 0 to 1, of the hosts that answer which the sweep called silent, an estimate.
        slow_loss: the same when probed again; None where nobody had answered.
        chance: probability that as many recover if the rate makes no difference.
        rises: whether loss rises with the rate: `chance` is below one in a million.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    rate: float
    slow_rate: float
    silent: int
    recovered: int
    answered: int
    lost: int
    loss: float
    slow_loss: float | None
    chance: float
    rises: bool


@attrs.frozen(kw_only=True, order=False)
class ProberStatistics:
    """Counts of all that a prober sent and heard.

    Attributes:
        sent: probes that left.
        received: answers that were matched to a probe in flight.
        duplicates: further copies of an answer.
        late: answers to a probe whose timeout had passed.
        dropped: packets that the kernel dropped for want of buffer (an upper bound).
        foreign: well-formed messages that answer none of this prober's probes.
        malformed: messages with a wrong checksum or form.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    sent: int = 0
    received: int = 0
    duplicates: int = 0
    late: int = 0
    dropped: int = 0
    foreign: int = 0
    malformed: int = 0


@attrs.frozen(kw_only=True, order=False)
class Capabilities:
    """What works here.

    Attributes:
        families: IP versions that echo sockets may be opened for, a subset of (4, 6).
        privileged: whether raw sockets may be opened.
        methods: names of the probe methods that work.
        listen: whether all ICMP that reaches this host can be heard.
        clock: "kernel" or "user": which clock stamps what is received.
        missing: what does not work, and what would enable it.
    """

    _repr_html_ = as_html
    __rich__ = as_rich

    families: tuple[int, ...]
    privileged: bool
    methods: tuple[str, ...]
    listen: bool
    clock: Literal["kernel", "user"]
    missing: dict[str, str] = attrs.field(factory=dict, hash=False)
