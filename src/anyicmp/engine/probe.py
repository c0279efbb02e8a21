"""Probe: what a plan asks of the kernel for its probes, and its way into a row.

The bytes behind the IP header are the method's.
"""

from __future__ import annotations

from array import array

import attrs

from anyicmp.wire.batch import UNSET, PacketBatch

__all__ = ["Probe"]


@attrs.frozen(kw_only=True)
class Probe:
    """What all probes of a plan to one address share: fields of the IP header, and the wish for a stamp.

    Attributes:
        peer: packed destination, 4 or 16 octets.
        scope: interface index of a link-local destination, else 0.
        hop_limit, traffic_class, flow_label: UNSET leaves them to the kernel.
        local: packed address to send from, None leaves it to the kernel.
        interface: index of the interface to send through, 0 leaves it to the routing table.
        stamped: the kernel shall tell when each probe leaves (`RowKind.STAMP`).
    """

    peer: bytes
    scope: int = 0
    hop_limit: int = UNSET
    traffic_class: int = UNSET
    flow_label: int = UNSET
    local: bytes | None = None
    interface: int = 0
    stamped: bool = False

    def write_header(self, tx: PacketBatch, start: int, stop: int, *, keep: bool = False) -> None:
        """Write the columns of rows [start, stop), all but the peer's.

        `keep`: the plan writes over none of them but the scope's.
        """
        n, width = stop - start, tx.width
        tx.scope[start:stop] = array("I", [self.scope]) * n
        if keep and tx.header[start] is self and tx.header[start:stop].count(self) == n:
            return
        tx.hop_limit[start:stop] = array("h", [self.hop_limit]) * n
        tx.traffic_class[start:stop] = array("h", [self.traffic_class]) * n
        tx.flow_label[start:stop] = array("i", [self.flow_label]) * n
        tx.interface[start:stop] = array("I", [self.interface]) * n
        tx.has_local[start:stop] = bytes([self.local is not None]) * n
        tx.stamped[start:stop] = bytes([self.stamped]) * n
        if self.local is not None:
            tx.local[start * width : stop * width] = self.local * n
        tx.header[start:stop] = [self if keep else None] * n

    def write(
        self,
        tx: PacketBatch,
        i: int,
        *,
        hop_limit: int | None = None,
        peer: bytes | None = None,
        scope: int | None = None,
    ) -> None:
        """Write the columns of row i; what is given overrides the probe's own."""
        width = tx.width
        tx.peer[i * width : (i + 1) * width] = self.peer if peer is None else peer
        tx.scope[i] = self.scope if scope is None else scope
        if tx.header[i] is self and hop_limit is None:
            return
        tx.header[i] = self if hop_limit is None else None
        tx.hop_limit[i] = self.hop_limit if hop_limit is None else hop_limit
        tx.traffic_class[i] = self.traffic_class
        tx.flow_label[i] = self.flow_label
        tx.interface[i] = self.interface
        tx.has_local[i] = self.local is not None
        tx.stamped[i] = self.stamped
        if self.local is not None:
            tx.local[i * width : (i + 1) * width] = self.local
