"""The smallest internet: every address answers echo requests. Tests stand it behind the TUN device.

It is a file of its own because the door's child process imports it. It knows nothing of anyicmp.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Echoing:
    """Answers after `delay` nanoseconds; a packet to `poison` (packed) makes it fail."""

    delay: int = 0
    poison: bytes = b""

    def inject(self, packet: bytes, now: int) -> list[tuple[int, bytes]]:
        """Swap the addresses, which leaves the checksum, and make the request a reply, which changes it."""
        if self.poison and self.poison in packet:
            raise ZeroDivisionError("poison")
        if packet[0] == 0x45 and packet[20] == 8:
            total = int.from_bytes(packet[22:24], "big") + 0x0800
            checksum = ((total & 0xFFFF) + (total >> 16)).to_bytes(2, "big")
            parts = packet[:12], packet[16:20], packet[12:16], b"\0\0", checksum, packet[24:]
        elif packet[0] >> 4 == 6 and packet[6] == 58 and packet[40] == 128:
            total = int.from_bytes(packet[42:44], "big") - 0x0100
            checksum = ((total - (total < 0)) & 0xFFFF).to_bytes(2, "big")
            parts = packet[:8], packet[24:40], packet[8:24], b"\x81\0", checksum, packet[44:]
        else:
            return []
        return [(now + self.delay, b"".join(parts))]
