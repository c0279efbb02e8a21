"""An internet that fails on a packet, in a file of its own because the TUN door's child process imports it.

Nothing else is here.
"""

from __future__ import annotations

from anyicmp.testing import Internet


class FailingInternet(Internet):
    """Fails at a packet to 203.0.113.134."""

    def inject(self, packet: bytes, now: int) -> list[tuple[int, bytes]]:
        if packet[16:20] == bytes((203, 0, 113, 134)):
            raise ZeroDivisionError("a packet that this internet fails at")
        return super().inject(packet, now)
