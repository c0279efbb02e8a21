"""The oracle scapy: packets in, its layers out."""

from __future__ import annotations

import logging
import warnings
from typing import Any

logging.getLogger("scapy").setLevel(logging.CRITICAL)


def load() -> Any:
    """Scapy's layers for ICMP, ICMPv6 and the label stack; raises ImportError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import scapy
        import scapy.contrib.mpls
        from scapy.layers import inet, inet6

    return scapy, inet, inet6


def dissect(packet: bytes) -> Any:
    """The packet as scapy sees it; None where scapy itself fails on it."""
    _, inet, inet6 = load()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return (inet.IP if packet[0] >> 4 == 4 else inet6.IPv6)(packet)
        except Exception:  # noqa: BLE001 - whatever an oracle does with odd bytes is its own affair
            return None


def layer(packet: Any, name: str) -> Any:
    """The first layer of this class name, or None."""
    while packet is not None and type(packet).__name__ != "NoPayload":
        if type(packet).__name__ == name:
            return packet
        packet = packet.payload
    return None


def layers(packet: Any) -> list[Any]:
    """All layers, outermost first."""
    found = []
    while packet is not None and type(packet).__name__ != "NoPayload":
        found.append(packet)
        packet = packet.payload
    return found


def value(packet: Any, names: str, field: str) -> Any:
    """A field of the first layer that has one of these class names; None where there is none."""
    for name in names.split():
        found = layer(packet, name)
        if found is not None:
            try:
                return found.getfieldval(field)
            except AttributeError:
                return None
    return None
