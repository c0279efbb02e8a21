"""What the messages are about whose content is kept, not read.

Sentences only, keyed by IP version and type, without the document's name, which the registry holds.
"""

from __future__ import annotations

__all__ = ["OPAQUE"]

_PRIVATE_ERROR = "an error message of somebody's experiment; its sender can explain it"
_PRIVATE = "a message of somebody's experiment; its sender can explain it"
_RESERVED = "a number that is reserved and that nobody should send"

OPAQUE: dict[int, dict[int, str]] = {
    4: {
        6: "a gateway named another address for a host; the message is obsolete",
        **dict.fromkeys(range(19, 30), _RESERVED),
        30: "a router tells that a packet with the traceroute option passed it; the message is obsolete",
        31: "a packet could not be converted between IPv4 and TP/IX; the message is obsolete",
        32: "a router told where a mobile host is now; the message is obsolete",
        33: "a host asked for another's IPv6 address; the message is obsolete",
        34: "a host told its IPv6 address; the message is obsolete",
        35: "a mobile host registered itself; the message is obsolete",
        36: "a mobile host's registration was answered; the message is obsolete",
        37: "someone asks a host for its domain name; the message is obsolete",
        38: "a host tells its domain name; the message is obsolete",
        39: "a message of the SKIP key management; the protocol is obsolete",
        40: "a packet of an IPsec session of the Photuris key management failed its checks",
        41: "a message of an experimental mobility protocol; only its participants need it",
        253: _PRIVATE,
        254: _PRIVATE,
        255: _RESERVED,
    },
    6: {
        0: _RESERVED,
        100: _PRIVATE_ERROR,
        101: _PRIVATE_ERROR,
        127: _RESERVED,
        138: "an administrator gives the site's routers another prefix",
        141: "a host asks which IPv6 addresses belong to a link-layer address",
        142: "a host tells which IPv6 addresses belong to its link-layer address",
        144: "a mobile host asks for the home agents of its network",
        145: "a home agent tells a mobile host which home agents there are",
        146: "a mobile host asks its home agent for the prefixes of its network",
        147: "a home agent tells a mobile host the prefixes of its network",
        148: "a host asks a router for the certificates that prove its right to advertise",
        149: "a router sends the certificates that prove its right to advertise",
        150: "a message of an experimental mobility protocol; only its participants need it",
        151: "a router tells that it forwards multicast on this link",
        152: "someone asks which routers forward multicast on this link",
        153: "a router tells that it no longer forwards multicast on this link",
        154: "a mobile host and its routers prepare a fast handover",
        155: "nodes of a low-power network exchange their routes",
        156: "a node of an ILNP session tells that its locators changed",
        157: "a router of a low-power network asks whether an address is in use",
        158: "a router of a low-power network answers whether an address is in use",
        159: "nodes of a low-power network tell which multicast packets they hold",
        200: _PRIVATE,
        201: _PRIVATE,
        255: _RESERVED,
    },
}
"""IP version to type to a clause."""
