"""Ways: what a simulated socket knows of echo requests that have left, for others with the same header.

What is known is the IP header and what becomes of the request; nothing is sent or heard here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from anyicmp.engine.room import queue_cost
from anyicmp.net.transport import SocketSpec
from anyicmp.testing import rows
from anyicmp.testing.internet.express import Course, course
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


class Ways:
    """By destination, apart for all else that decides about the header.

    Until the network changes: then `forget` is called.
    """

    def __init__(self, network: SimulatedNetwork, spec: SocketSpec, source: bytes, *, whole: bool) -> None:
        """`source`: where rows without an address of their own come from; `whole`: replies with header."""
        self._network, self._spec, self._source, self._whole = network, spec, source, whole
        self._like: dict[tuple[Any, ...], dict[bytes, Known]] = {}
        self._forms: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self._left = REMEMBERED
        self._last: dict[bytes, Known] = {}
        self._probe: object | None = None
        self._length = self._mtu = 0

    def forget(self) -> None:
        """Nothing is known."""
        self._like.clear()
        self._forms.clear()
        self._left, self._probe, self._last = REMEMBERED, None, {}

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
            self._last = self._like.setdefault(fields, {})
        return self._last

    def find(self, tx: PacketBatch, i: int, length: int, peer: bytes, host: Host | None) -> Known:
        """That of a row which is not known. Raises ValueError where its fields fit into no header."""
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
        known = Known(header, found, () if found is None else self._form(found, length), host)
        if host is None or found is not None:
            if not self._left:
                self.forget()
            self._left -= 1
            self.like(tx, i, length)[peer] = known
        return known

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
