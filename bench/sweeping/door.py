"""A process behind a TUN device of the namespace it runs in, until its input ends.

    door.py planter    two hosts of 10.94.0.0/24 (and of fd94::/64) that are silent, and yet something comes
                       back of each probe: of the one a reply with a wrong checksum, of the other a right
                       reply from a wrong source
    door.py far        10.93.0.0/16 answers after 20 ms

It makes the device and its addresses, and says so in a line. Nobody is measured here.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys

from anyicmp.testing.pump import Pump, hurry, open_device
from anyicmp.wire import checksum

DELAY = 20_000_000
"""Nanoseconds from the far door's taking of a packet to its answer."""

WIRING = {
    "planter": ["addr add 10.94.0.1/24 dev planter", "addr add fd94::1/64 dev planter nodad"],
    "far": ["addr add 10.93.0.1/16 dev far"],
}
BAD_CHECKSUM, WRONG_SOURCE, NOBODY = 2, 3, 4
"""Last octet of the planter's hosts, and of whoever answers in the second one's place."""

REQUEST, REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}
Answers = list[tuple[int, bytes]]


def reply(packet: bytes) -> bytearray | None:
    """The IP packet that answers an echo request, its checksum right; None if it is none."""
    version = packet[0] >> 4
    begin, source, width = (20, 12, 4) if version == 4 else (40, 8, 16)
    protocol = packet[9] if version == 4 else packet[6]
    if protocol != {4: 1, 6: 58}[version] or packet[begin] != REQUEST[version]:
        return None
    back = bytearray(packet)
    back[source : source + width] = packet[source + width : source + 2 * width]
    back[source + width : source + 2 * width] = packet[source : source + width]
    back[begin] = REPLY[version]
    # One octet has changed, by the same amount everywhere: RFC 1624 section 3.
    whole = (packet[begin + 2] << 8 | packet[begin + 3]) + ((REQUEST[version] - REPLY[version]) * 256)
    whole = (whole & 0xFFFF) + (whole >> 16) if whole >= 0 else whole - 1 & 0xFFFF
    back[begin + 2 : begin + 4] = whole.to_bytes(2, "big")
    return back


class Planter:
    """Bad answers, at once."""

    def inject(self, packet: bytes, now: int) -> Answers:
        back = reply(packet)
        if back is None:
            return []
        version = back[0] >> 4
        checksum_at, last = (22, 15) if version == 4 else (42, 23)
        if back[last] == BAD_CHECKSUM:
            back[checksum_at] ^= 0x55
        elif back[last] == WRONG_SOURCE:
            back[last] = NOBODY
            if version == 4:
                back[10:12] = b"\0\0"
                back[10:12] = checksum(bytes(back[:20])).to_bytes(2, "big")
            else:  # the addresses are in the sum (RFC 4443 section 2.3)
                whole = (back[42] << 8 | back[43]) - (NOBODY - WRONG_SOURCE)
                back[42:44] = (whole if whole >= 0 else whole + 0xFFFF).to_bytes(2, "big")
        else:
            return []
        return [(now, bytes(back))]


class Far:
    """Good answers, late."""

    def inject(self, packet: bytes, now: int) -> Answers:
        back = reply(packet)
        return [] if back is None else [(now + DELAY, bytes(back))]


def main(name: str) -> None:
    """Open the device, say so, pump until the input ends, and say how late the latest answer was."""
    device = open_device(name)
    lines = [f"link set {name} addrgenmode none", f"link set {name} txqueuelen 20000 up", *WIRING[name]]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)
    print("open", flush=True)
    if name == "far":
        hurry()
    pump = Pump(device, Planter() if name == "planter" else Far())
    with contextlib.suppress(KeyboardInterrupt):
        pump.run(sys.stdin.fileno())


if __name__ == "__main__":
    main(sys.argv[1])
