"""What a diagnosis looks at, step by step: who is asked, in which order, and for how long.

It notes facts; what follows from them is in `judgement.py`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

import anyio

from anyicmp.api.diagnose_options import DiagnoseOptions
from anyicmp.api.echo_requests import EchoRequests
from anyicmp.api.facts import Attempt, Facts
from anyicmp.api.hearer import Hearer
from anyicmp.api.listener import Intake, ListenOptions
from anyicmp.api.path_mtu import path_mtu
from anyicmp.api.resolve import LOOKUP_LIMIT, literal
from anyicmp.api.trace import traceroute
from anyicmp.errors import NameLookupError, SocketPermissionError, UnsupportedError
from anyicmp.findings import Received, StepName
from anyicmp.net.recorder import MemoryRecorder
from anyicmp.results import ErrorReply, IPAddress, Outcome, Reply
from anyicmp.tables import Neighbor, Route
from anyicmp.wire import Redirect, Redirect6

__all__ = ["Inquiry"]

REQUESTS = 3
BETWEEN = 0.2
"""Echo requests, and seconds from one to the next."""

NEIGHBOR_LIMIT = 9.0
"""Seconds. An address that does not resolve fails after 3 (arp(7)), one that has gone stale after 5 more."""

PATIENCE = 4.0
"""Seconds that a request waits where nothing answers: a router takes 3 to find that a host is not there."""

POLL, SLOWER = 0.01, 0.1
"""Seconds between two looks at the neighbour table, at first and at most."""

UDP_PORT = 33_434
FAR = 64
"""The hop limit of the attempts with ports: enough for any way."""

PATH_LIMIT = MTU_LIMIT = 20
"""Timeouts that the trace, and the search for the MTU, may take at most."""

ATTEMPT_LIMIT = 3

LEAST_TIMEOUT = 0.2


class Inquiry:
    """The steps of one diagnosis, and the facts that they bring.

    Attributes:
        facts: what is known by now.
        look: step to what looks at it.
        longest: seconds that all steps take at most.
    """

    def __init__(self, prober: Hearer, host: str | IPAddress, options: DiagnoseOptions) -> None:
        self._prober = prober
        self._host = host
        self._options = options
        self._intake: Intake | None = None
        self.facts = Facts(host=str(host), is_address=literal(host) is not None)
        self.look: dict[StepName, Callable[[], Awaitable[None]]] = {
            "name": self._name,
            "route": self._route,
            "neighbor": self._neighbor,
            "echo": self._echo,
            "path": self._path,
            "mtu": self._mtu,
        }
        timeouts = 1 + ATTEMPT_LIMIT + PATH_LIMIT + MTU_LIMIT
        lookup = 0.0 if self.facts.is_address else LOOKUP_LIMIT
        waits = NEIGHBOR_LIMIT + (REQUESTS - 1) * BETWEEN + PATIENCE
        self.longest = lookup + waits + timeouts * options.timeout

    def close(self) -> None:
        """Nothing is looked at any more."""
        self._stop_hearing()

    async def _name(self) -> None:
        try:
            self.facts.addresses = await self._prober.resolve(
                self._host, family=self._options.probe.family_of(self._host)
            )
        except NameLookupError as error:
            self.facts.name_error = error.reason
            return
        self._check_one_host(self.facts.target.is_multicast)

    def _check_one_host(self, many: bool) -> None:
        if many:
            raise ValueError(f"a diagnosis is of one host, and {self.facts.target} stands for many")

    async def _route_now(self) -> Route | None:
        options = self._options
        return await self._prober.route_to(
            self.facts.target, source=options.source, interface=options.interface, mark=options.mark
        )

    async def _route(self) -> None:
        facts = self.facts
        try:
            facts.interfaces = await self._prober.interfaces()
            facts.route = await self._route_now()
        except (UnsupportedError, OSError) as error:
            facts.unread["route"] = facts.unread["neighbor"] = str(error)
            return
        self._check_one_host(facts.route is not None and facts.route.type in ("broadcast", "multicast"))
        flags = {link.name: link.flags for link in facts.interfaces}
        interface = facts.route.interface if facts.route is not None else None
        linkless = {"NOARP", "LOOPBACK", "POINTOPOINT"}
        facts.needs_link_address = linkless.isdisjoint(flags.get(interface or "", ()))

    async def _neighbor(self) -> None:
        """Send a request, so that the kernel looks for the neighbour, and see what becomes of it."""
        facts, options = self.facts, self._options
        if self._intake is None:
            self._listen()
        if "neighbor" in facts.unread or facts.route is None:
            return
        if facts.route.type == "local" or not facts.needs_link_address:
            return
        async with EchoRequests(
            self._prober, facts.target, options.probe, number=1, timeout=NEIGHBOR_LIMIT
        ) as requests:
            pause = POLL
            while True:
                over = requests.rows.over
                facts.neighbor = await self._known(facts.next_hop, facts.route.interface)
                facts.heard = any(_has_passed(outcome) for outcome in requests.rows.rows)
                state = "" if facts.neighbor is None else facts.neighbor.state
                if over or state in ("reachable", "permanent", "failed"):
                    return
                await anyio.sleep(pause)
                pause = min(pause * 1.5, SLOWER)

    async def _known(self, address: IPAddress, interface: str | None) -> Neighbor | None:
        found = await self._prober.neighbors(4 if address.version == 4 else 6)
        wanted = address.packed
        return next((n for n in found if n.address.packed == wanted and n.interface == interface), None)

    async def _echo(self) -> None:
        """Three requests, of which the first is patient: it still waits while ports are tried."""
        facts, timeout = self.facts, self._options.timeout
        recorder = MemoryRecorder()
        async with (
            self._requests(1, max(timeout, PATIENCE), recorder) as patient,
            self._requests(REQUESTS - 1, timeout, recorder) as others,
        ):
            await others.rows.until_over()
            facts.echo = (*patient.outcomes(), *others.outcomes())
            if not facts.replies:
                facts.attempts = await self._attempts()
                if facts.answering is None:
                    await patient.rows.until_over()
                    facts.echo = (*patient.outcomes(), *others.outcomes())
        facts.asked = REQUESTS
        facts.packets = recorder.packets()
        await self._note_redirects()

    def _requests(self, number: int, timeout: float, recorder: MemoryRecorder) -> EchoRequests:
        return EchoRequests(
            self._prober,
            self.facts.target,
            self._options.probe,
            number=number,
            interval=BETWEEN,
            timeout=timeout,
            tape=self._prober.taped(recorder),
        )

    async def _note_redirects(self) -> None:
        facts = self.facts
        facts.redirects = tuple(one for one in self._stop_hearing() if _concerns(one, facts.target))
        if facts.route is not None and facts.route.type == "unicast":
            route = await self._route_now()
            if route is not None and "D" in route.flags:
                facts.redirected = route.gateway or facts.target

    async def _attempts(self) -> tuple[Attempt, ...]:
        """Ports of the host, all at once."""
        wanted = [("udp", UDP_PORT), *(("tcp", port) for port in self._options.ports)]
        found: dict[int, Attempt] = {}
        failures: list[BaseException] = []

        async def one(number: int, method: str, port: int) -> None:
            try:
                outcomes = await self._attempt(method, port)
            except (SocketPermissionError, UnsupportedError):
                return
            except Exception as error:  # noqa: BLE001 - raised below: a task group would wrap it
                failures.append(error)
                return
            found[number] = Attempt(method=method, port=port, outcomes=outcomes)

        async with anyio.create_task_group() as group:
            for number, (method, port) in enumerate(wanted):
                group.start_soon(one, number, method, port)
        if failures:
            raise failures[0]
        return tuple(found[number] for number in sorted(found))

    async def _attempt(self, method: str, port: int) -> tuple[Outcome, ...]:
        options = self._options.trace(self._prober, method, port, first_hop=FAR, max_hops=FAR)
        limit = ATTEMPT_LIMIT * self._options.timeout
        trace = await traceroute(self._prober, self.facts.target, options, time_limit=limit)
        return tuple(outcome for hop in trace.hops for outcome in hop.outcomes)

    async def _path(self) -> None:
        facts = self.facts
        attempt = facts.answering
        method, port = ("icmp", None) if attempt is None else (attempt.method, attempt.port)
        options = self._options.trace(self._prober, method, port, max_hops=self._options.max_hops)
        limit = PATH_LIMIT * self._options.timeout
        try:
            facts.trace = await traceroute(self._prober, facts.target, options, time_limit=limit)
        except (SocketPermissionError, UnsupportedError) as error:
            facts.unread["path"] = str(error)

    async def _mtu(self) -> None:
        facts, options = self.facts, self._options
        if not facts.replies:
            facts.unread["mtu"] = "the host does not answer echo"
            return
        # Whatever is silent for several round trips stays so: most of the time is spent on silence.
        slowest = max(reply.rtt for reply in facts.replies)
        timeout = min(options.timeout, max(LEAST_TIMEOUT, 4 * slowest))
        try:
            search = options.search(self._prober, timeout)
            limit = MTU_LIMIT * options.timeout
            facts.mtu = await path_mtu(self._prober, facts.target, search, time_limit=limit, on_progress=None)
        except (SocketPermissionError, UnsupportedError) as error:
            facts.unread["mtu"] = str(error)

    def _listen(self) -> None:
        """Hear the redirects of the next steps, where that is allowed."""
        options = ListenOptions.check(
            (Redirect, Redirect6),
            family=self.facts.target.version,
            interface=None,
            buffer=100,
            receive_buffer=None,
        )
        with contextlib.suppress(OSError, UnsupportedError):  # without the right the diagnosis does without
            self._intake = self._prober.intake(options)

    def _stop_hearing(self) -> tuple[Received, ...]:
        """What was heard; nothing more is."""
        intake, self._intake = self._intake, None
        if intake is None:
            return ()
        self._prober.unwatch(intake)
        intake.ended(None)
        return intake.take_all()


def _has_passed(outcome: Outcome) -> bool:
    """Whether something came back, so that the neighbour works."""
    return isinstance(outcome, Reply) or (isinstance(outcome, ErrorReply) and not outcome.local)


def _concerns(heard: Received, target: IPAddress) -> bool:
    match heard.message:
        case Redirect(quoted=quoted):
            return quoted.destination == target
        case Redirect6(destination=destination):
            return destination == target
    return False
