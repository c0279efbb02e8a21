"""Ways: what a simulated socket knows of echo requests that have left, for others with the same header.

What is known is the IP header and what becomes of the request; nothing is sent or heard here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from anyicmp.engine.room import queue_cost
from anyicmp.net.transport import SocketSpec
from anyicmp.testing import rows
from anyicmp.testing.internet.express import Course, course, readdressed
from anyicmp.testing.topology import Host, ip_header
from anyicmp.wire.batch import PacketBatch

if TYPE_CHECKING:
    from anyicmp.testing.network import SimulatedNetwork

__all__ = ["Known", "Ways"]

REMEMBERED = 4_096
"""Ways that are remembered at a time."""


class Known(NamedTuple):
    """What is the same for all rows with these fields.

    Attributes:
        header: the IP header.
        course: what becomes of them, None where each must be looked at.
        form: of the replies' rows, see `rows.drain`.
        host: what was put at the address.
    """

    header: bytes
    course: Course | None
    form: tuple[Any, ...]
    host: Host | None

    def to(self, peer: bytes) -> Known:
        """The same for another address of the host, or for another one at which there is none."""
        header, found, form, host = self
        found = None if found is None else found.to(peer)
        return Known(readdressed(header, peer), found, form, host)


class Ways:
    """By destination, apart for all else that decides about the header.

    Until the network changes: then `forget` is called.

    Attributes:
        known: those of rows with the same fields as the one that was asked for last, by destination.
    """

    def __init__(self, network: SimulatedNetwork, spec: SocketSpec, source: bytes, *, whole: bool) -> None:
        """`source`: where rows without an address of their own come from; `whole`: replies with header."""
        self._network, self._spec, self._source, self._whole = network, spec, source, whole
        self._like: dict[tuple[Any, ...], tuple[dict[bytes, Known], dict[int | str, Known]]] = {}
        self._forms: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self._left = REMEMBERED
        self.known: dict[bytes, Known] = {}
        self._by_host: dict[int | str, Known] = {}
        self._probe: object | None = None
        self._length = self._mtu = 0

    def forget(self) -> None:
        """Nothing is known."""
        self._like.clear()
        self._forms.clear()
        self._left, self._probe, self.known, self._by_host = REMEMBERED, None, {}, {}

    def source(self, tx: PacketBatch, i: int) -> bytes:
        """The packed address that row i comes from."""
        return tx.address(tx.local, i) if tx.has_local[i] else self._source

    def like(self, tx: PacketBatch, i: int, length: int) -> dict[bytes, Known]:
        """Those of rows whose fields are row i's, of so many octets."""
        probe, mtu = tx.header[i], self._network.mtu
        # Rows of one `header` differ in destination and octets alone.
        if probe is None or probe is not self._probe or length != self._length or mtu != self._mtu:
            self._probe, self._length, self._mtu = probe, length, mtu
            fields = (
                self.source(tx, i),
                length,
                tx.hop_limit[i],
                tx.traffic_class[i],
                tx.flow_label[i],
                mtu,
            )
            self.known, self._by_host = self._like.setdefault(fields, ({}, {}))
        return self.known

    def find(self, tx: PacketBatch, i: int, length: int, peer: bytes, host: Host | None) -> Known:
        """That of a row which is not known. Raises ValueError where its fields fit into no header."""
        self.like(tx, i, length)
        who = self._who(peer, host)
        alike = None if who is None else self._by_host.get(who)
        known = self._new(tx, i, length, peer, host) if alike is None else alike.to(peer)
        if host is None or known.course is not None:
            if not self._left:
                self.forget()
                self.like(tx, i, length)
            self._left -= 1
            self.known[peer] = known
        if who is not None:
            self._by_host[who] = known
        return known

    def _who(self, peer: bytes, host: Host | None) -> int | str | None:
        """What names the host with an address; None where its other addresses may fare otherwise."""
        if host is not None:
            return id(host)
        internet = self._network.internet
        return "" if internet is None else internet.owner(peer)

    def _new(self, tx: PacketBatch, i: int, length: int, peer: bytes, host: Host | None) -> Known:
        spec, traffic_class = self._spec, tx.traffic_class[i]
        header = ip_header(
            spec.version,
            length,
            self.source(tx, i),
            peer,
            tx.hop_limit[i],
            traffic_class,
            tx.flow_label[i],
            spec.dont_fragment,
        )
        found = self._course(header, host, traffic_class)
        return Known(header, found, () if found is None else self._form(found, length), host)

    def _course(self, header: bytes, host: Host | None, traffic_class: int) -> Course | None:
        """What becomes of all echo requests with an IP header to a host, or to where nothing was put."""
        if host is None:
            internet = self._network.internet
            return None if internet is None else internet.course(header)
        plain = host.way if traffic_class <= 0 else None  # its replies have none
        return None if plain is None else course(plain, header)

    def _form(self, found: Course, length: int) -> tuple[Any, ...]:
        cost, back = queue_cost(length - 8), found.header
        row = (
            rows.packet(0, 0, cost, back, len(back))
            if self._whole
            else rows.message(0, 0, cost, self._spec.version, back, b"")
        )
        form = cost, length + len(back) * self._whole, row.kind, *row[6:]
        return self._forms.setdefault(form, form)
