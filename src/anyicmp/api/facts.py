"""What a diagnosis has found out so far, and what each of its steps makes of it: values only.

Who finds it out is in `diagnose.py`, what follows from it in `judgement.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from errno import EPERM
from typing import Any

import attrs

from anyicmp.findings import Received, Status, StepName
from anyicmp.paths import PathMtu, Trace
from anyicmp.results import ErrorReply, IPAddress, Outcome, Reply, SendFailure
from anyicmp.tables import Interface, Neighbor, Route
from anyicmp.wire import DestinationUnreachable
from anyicmp.wire.pcapng import CapturedPacket

__all__ = ["Attempt", "Facts", "Finding", "failed"]

PORT_UNREACHABLE = {4: 3, 6: 4}


@attrs.frozen(kw_only=True)
class Attempt:
    """Probes to a port of the host, with the usual hop limit, and what became of them."""

    method: str
    port: int
    outcomes: tuple[Outcome, ...] = ()

    @property
    def name(self) -> str:
        """Such as "TCP port 443"."""
        return f"{self.method.upper()} port {self.port}"

    def answered(self, target: IPAddress) -> bool:
        """Whether the host itself answered: a port that is closed is an answer, a prohibition is none."""
        return any(isinstance(outcome, Reply) or _is_closed(outcome, target) for outcome in self.outcomes)

    def refusal(self, target: IPAddress) -> ErrorReply | None:
        """What somebody reported of it, other than the host that the port is closed."""
        errors = (outcome for outcome in self.outcomes if isinstance(outcome, ErrorReply))
        return next((error for error in errors if not _is_closed(error, target)), None)


def _is_closed(outcome: Outcome, target: IPAddress) -> bool:
    match outcome:
        case ErrorReply(source=source, message=DestinationUnreachable(version=version, code=code)):
            return source == target and code == PORT_UNREACHABLE[version]
    return False


@attrs.define(kw_only=True)
class Facts:
    """What is known; a step fills in its part. None, or empty: not known.

    Attributes:
        host: as asked.
        is_address: whether that is an address and no name.
        addresses: all of the name's; the first is the target.
        name_error: why there are none.
        route: that to the target; `routed`: whether the routing table could be read.
        interfaces: of this host.
        neighbor: what is known of the next hop; `heard`: something came back through it;
            `needs_link_address`: whether packets to it need one.
        echo: outcomes of the echo requests, as far as they have ended; `asked`: how many there were.
        packets: the IP packets of the first of them, as they left and came.
        attempts: probes to ports of the host.
        trace: the way there; `traced_by`: what it was probed with, such as "TCP port 443".
        mtu: the path's.
        redirects: heard while probing, about the target.
        redirected: the gateway that the kernel has taken over from one.
        unread: steps that could not be looked at, and why.
    """

    host: str
    is_address: bool = False
    addresses: tuple[IPAddress, ...] = ()
    name_error: str | None = None
    route: Route | None = None
    routed: bool = False
    interfaces: tuple[Interface, ...] = ()
    neighbor: Neighbor | None = None
    heard: bool = False
    needs_link_address: bool = True
    echo: tuple[Outcome, ...] = ()
    asked: int = 0
    packets: tuple[CapturedPacket, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    trace: Trace | None = None
    mtu: PathMtu | None = None
    redirects: tuple[Received, ...] = ()
    redirected: IPAddress | None = None
    unread: dict[StepName, str] = attrs.field(factory=dict)

    @property
    def target(self) -> IPAddress:
        """The address that is tried; there is one once the step "name" is over without a fault."""
        return self.addresses[0]

    @property
    def next_hop(self) -> IPAddress:
        """Whose link address packets to the target need."""
        gateway = self.route.gateway if self.route is not None else None
        return self.target if gateway is None else gateway

    @property
    def who(self) -> str:
        """The host by name and address, or by what there is."""
        return str(self.target) if self.is_address else f"{self.host} ({self.target})"

    @property
    def replies(self) -> tuple[Reply, ...]:
        """The host's answers to echo."""
        return tuple(outcome for outcome in self.echo if isinstance(outcome, Reply))

    @property
    def failures(self) -> tuple[SendFailure, ...]:
        """The requests that never left."""
        return tuple(outcome for outcome in self.echo if isinstance(outcome, SendFailure))

    @property
    def unsent(self) -> SendFailure | None:
        """Why nothing leaves this host, if that is so.

        Linux does not tell a datagram socket of ICMPv6 that the own firewall drops what it sends; one with
        ports is told.
        """
        if self.failures and len(self.failures) == self.asked:
            return self.failures[-1]
        if self.answering is not None:
            return None
        outcomes = (outcome for attempt in self.attempts for outcome in attempt.outcomes)
        failures = (outcome for outcome in outcomes if isinstance(outcome, SendFailure))
        return next((failure for failure in failures if failure.errno == EPERM), None)

    @property
    def echo_error(self) -> ErrorReply | None:
        """What somebody reported of an echo request."""
        return next((outcome for outcome in self.echo if isinstance(outcome, ErrorReply)), None)

    @property
    def answering(self) -> Attempt | None:
        """An attempt that the host answered: of TCP where there is one."""
        found = [attempt for attempt in self.attempts if attempt.answered(self.target)]
        return next((attempt for attempt in found if attempt.method == "tcp"), next(iter(found), None))

    @property
    def refusal(self) -> ErrorReply | None:
        """What somebody reported of an attempt."""
        found = (attempt.refusal(self.target) for attempt in self.attempts)
        return next((error for error in found if error is not None), None)


@attrs.frozen(kw_only=True)
class Finding:
    """What a step comes to.

    Attributes:
        status, detail, data: as in `DiagnosisStep`.
        verdict: of a failed step the culprit and the next thing to do, in words.
        culprit: the address of whoever is to blame, or has reported the fault.
        ends: it makes no sense to look at the steps behind; `detail` of these says why.
    """

    status: Status
    detail: str
    data: Mapping[str, Any] = attrs.field(factory=dict)
    verdict: str = ""
    culprit: IPAddress | None = None
    ends: str = ""


def failed(
    detail: str,
    verdict: str,
    *,
    data: Mapping[str, Any],
    culprit: IPAddress | None = None,
    error: ErrorReply | None = None,
    ends: str = "",
) -> Finding:
    """A step that failed. `error`: what somebody reported; the rest as in `Finding`."""
    told = {
        "address": culprit,
        "type": None if error is None else int(error.type),
        "code": None if error is None else error.code,
    }
    return Finding(
        status="failed", detail=detail, data={**data, **told}, verdict=verdict, culprit=culprit, ends=ends
    )
