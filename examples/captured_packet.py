"""Explain a captured IP packet, given as hexadecimal digits: python examples/captured_packet.py HEX.

Nothing is sent. Whatever the octets are, they are decoded, or DecodeError says what is wrong with them.
"""

from __future__ import annotations

import sys

from anyicmp.wire import (
    DecodeError,
    DestinationUnreachable,
    EchoReply,
    EchoRequest,
    TimeExceeded,
    decode_packet,
)

EXAMPLE = (
    "450000380000000040017cb9cb007101c000020a0b00f4ff00000000"
    "4500001c0000000040017c86c000020acb0071500800f7f700070001"
)


def main(digits: str) -> None:
    """Print what the packet says."""
    try:
        packet = decode_packet(bytes.fromhex(digits))
    except DecodeError as error:
        print("no ICMP packet:", error)
        return
    print(f"{packet.source} > {packet.destination}, hop limit {packet.ttl}")
    match packet.message:
        case EchoRequest(identifier=identifier, sequence=sequence):
            print(f"asks, number {sequence} of {identifier}")
        case EchoReply(identifier=identifier, sequence=sequence):
            print(f"answers number {sequence} of {identifier}")
        case DestinationUnreachable(quoted=quoted) | TimeExceeded(quoted=quoted) if quoted is not None:
            print(f"about a packet to {quoted.destination}: {packet.message.explain()}")
        case message:
            print(message.explain())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else EXAMPLE)
