"""An exchange without sockets: rows out, rows in, and a time that the test says.

It builds answers as bytes from the probes that the exchange wrote. It knows no transport and no loop.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

from anyicmp.engine.exchange import Exchange, Results
from anyicmp.engine.outcome import OutcomeBatch
from anyicmp.engine.ping import PingPlan, Series
from anyicmp.engine.probe import Probe
from anyicmp.engine.room import Room
from anyicmp.engine.table import OVER, SLOTS, slot_of
from anyicmp.methods.base import Template
from anyicmp.methods.echo import EchoMethod
from anyicmp.results import Outcome
from anyicmp.testing.topology import REPLY, ip_packet, seal
from anyicmp.wire.batch import STAMP_TOKEN, UNSET, PacketBatch, Quoted, RowKind, Version

SECOND = 1_000_000_000
MS = 1_000_000
START = 1_000 * SECOND
BEGAN = 1_700_000_000 * SECOND

TARGET: dict[Version, bytes] = {4: ip_address("10.0.0.1").packed, 6: ip_address("2001:db8:1::1").packed}
ROUTER: dict[Version, bytes] = {4: ip_address("10.0.9.9").packed, 6: ip_address("2001:db8:9::9").packed}
OTHER: dict[Version, bytes] = {4: ip_address("10.0.0.66").packed, 6: ip_address("2001:db8:1::66").packed}
OWN: dict[Version, bytes] = {4: ip_address("192.0.2.1").packed, 6: ip_address("2001:db8::1").packed}
UNREACHABLE: dict[Version, int] = {4: 3, 6: 1}
EXCEEDED: dict[Version, int] = {4: 11, 6: 3}


class Rig:
    """One exchange with its two batches and clocks; `identifiers` has one of a lane each."""

    def __init__(
        self,
        version: Version = 4,
        *,
        identifiers: tuple[int, ...] = (7,),
        room: int = 1 << 22,
        capacity: int = 64,
        slot: int = 128,
        verify: bool = False,
    ) -> None:
        self.version = version
        self.method = EchoMethod(version)
        self.method.identify(identifiers, verify=verify)
        self.exchange = Exchange(self.method, Room(room, version=version, lanes=len(identifiers)))
        self.tx = PacketBatch(version, capacity=capacity, slot=slot)
        self.rx = PacketBatch(version, capacity=capacity, slot=max(slot, 256) + 128)
        self.now = START
        self.offset = BEGAN - START
        self._nonces = 1

    def ping(
        self,
        number: int | None = 1,
        *,
        size: int = 56,
        payload: bytes | None = None,
        timeout: int = SECOND,
        interval: int = 0,
        many: bool = False,
        target: bytes | None = None,
    ) -> PingPlan:
        """Start a ping."""
        plan = one_series(
            Probe(peer=target or TARGET[self.version]),
            self.method.template(size=size, payload=payload),
            number=number,
            interval=interval,
            timeout=timeout,
            many=many,
        )
        self.exchange.start(plan, self.now)
        return plan

    def fill(self) -> int:
        """Have rows written, with nonces that never repeat."""
        for i in range(self.tx.capacity):
            self.tx.nonce[4 * i : 4 * i + 4] = (self._nonces * 0x9E3779B1 & 0xFFFFFFFF).to_bytes(4, "big")
            self._nonces += 1
        return self.exchange.fill(self.tx, self.now)

    def leave(self, start: int, stop: int, *, took: int = 0) -> None:
        """Rows leave within a call that takes `took` nanoseconds."""
        self.tx.before, self.tx.real = self.now, self.now + self.offset
        self.now += took
        self.tx.after = self.now
        self.exchange.sent(self.tx, start, stop)

    def probe(self) -> bytes:
        """Fill, let all leave; the octets of the first row."""
        n = self.fill()
        assert n
        self.leave(0, n)
        return bytes(self.tx.row(0))

    def pass_time(self, nanoseconds: int) -> None:
        """Both clocks move."""
        self.now += nanoseconds

    def expire(self) -> list[Outcome]:
        """What times out now, as rows."""
        return rows(self.exchange.expire(self.now, self.now + self.offset))

    def use_all_slots_but(self, kept: int) -> None:
        """Use slots of the only lane and close them, so that sequences wrap after `kept` more."""
        table = self.exchange.table
        rest, batch = SLOTS - kept, PacketBatch(self.version, capacity=4096, slot=4)
        plan = self.ping(1)
        self.exchange.forget(plan)
        while rest:
            token, most = table.reserve(min(rest, 4096), 0)
            table.open(token, batch, 0, most, plan)
            for slot in range(slot_of(token), slot_of(token) + most):
                table.close(slot, OVER)
            rest -= most

    # Answers.

    def reply(
        self, probe: bytes, *, peer: bytes | None = None, at: int = 0, lane: int = 0, age: int | None = None
    ) -> int:
        """Write the echo reply to a probe to a row; the row's number. `age`: since the kernel's stamp."""
        peer = peer or TARGET[self.version]
        octets = seal(bytes([REPLY[self.version]]) + probe[1:], self.version, peer, OWN[self.version])
        self._row(at, octets, RowKind.ICMP, peer, lane, age)
        return at

    def error(
        self,
        probe: bytes,
        *,
        kind: int | None = None,
        quoted: Quoted = Quoted.PACKET,
        keep: int = 1 << 16,
        original: bytes | None = None,
        at: int = 0,
        lane: int = 0,
        code: int = 1,
        age: int | None = None,
    ) -> int:
        """Write an ICMP error about a probe, quoting `keep` octets of it; as an ICMP row or a queued one."""
        version = self.version
        original = original or TARGET[version]
        head = bytes([UNREACHABLE[version] if kind is None else kind, code]) + bytes(6)
        if quoted == Quoted.PACKET:
            body = ip_packet(probe, version, OWN[version], original)
            octets = seal(
                head + body[: len(body) - len(probe) + min(keep, len(probe))],
                version,
                ROUTER[version],
                OWN[version],
            )
            self._row(at, octets, RowKind.ICMP, ROUTER[version], lane, age)
            return at
        self._row(at, head + probe[:keep], RowKind.ERROR, ROUTER[version], lane, age)
        self.rx.quoted[at] = quoted
        self.rx.original[at * self.rx.width : (at + 1) * self.rx.width] = original
        self.rx.errno[at] = 113
        return at

    def stamp(self, token: int, *, age: int, at: int = 0) -> int:
        """Write the kernel's word that a probe left `age` nanoseconds ago to a row; the row's number."""
        self._row(at, b"", RowKind.STAMP, bytes(self.rx.width), 0, age)
        self.rx.token[at] = token & STAMP_TOKEN
        return at

    def _row(self, at: int, octets: bytes, kind: RowKind, peer: bytes, lane: int, age: int | None) -> None:
        rx, width = self.rx, self.rx.width
        rx.data[at * rx.slot : at * rx.slot + len(octets)] = octets
        rx.length[at], rx.start[at], rx.kind[at], rx.lane[at] = len(octets), 0, kind, lane
        rx.truncated[at] = rx.quoted[at] = rx.extension[at] = rx.scope[at] = rx.errno[at] = 0
        rx.hop_limit[at], rx.traffic_class[at] = 61, UNSET
        rx.peer[at * width : (at + 1) * width] = peer
        rx.reporter[at * width : (at + 1) * width] = peer
        rx.when[at] = 0 if age is None else self.now + self.offset - age

    def feed(self, n: int = 1) -> list[Outcome]:
        """Match n rows; what ended, as rows."""
        self.rx.after = self.now
        self.rx.real = self.now + self.offset
        return rows(self.exchange.feed(self.rx, n))


def one_series(
    probe: Probe,
    template: Template,
    *,
    number: int | None,
    interval: int,
    timeout: int,
    many: bool = False,
) -> PingPlan:
    """A plan with a single series, to the probe's own peer; done when that is over."""
    plan = PingPlan(probe, template, timeout=timeout, many=many)
    series = Series(probe.peer, probe.scope, number=number, interval=interval)
    plan.add(series)
    heard = plan.heard

    def drop_when_over(outcomes: OutcomeBatch) -> OutcomeBatch:
        told = heard(outcomes)
        if series.over:
            plan.drop(series)
        return told

    plan.heard = drop_when_over  # type: ignore[method-assign]
    return plan


def rows(results: Results) -> list[Outcome]:
    """All outcomes of several plans."""
    return [row for _, batch in results for row in batch]


def ip(packed: bytes) -> IPv4Address | IPv6Address:
    return ip_address(packed)
