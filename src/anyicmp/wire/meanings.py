"""What the codes of the common errors mean for the one whose packet caused them, in words.

Sentences only, keyed by IP version and code; the bytes are read elsewhere.
"""

from __future__ import annotations

__all__ = ["PARAMETER_PROBLEM", "REDIRECT", "TIME_EXCEEDED", "UNREACHABLE", "by_code"]

Meanings = dict[int, dict[int, str]]
"""IP version to code to a sentence."""

UNREACHABLE: Meanings = {
    4: {
        0: "Network unreachable: a router has no route to the destination's network (RFC 792).",
        1: "Host unreachable: the last router gets no answer from the host on its link; it is off or "
        "not there (RFC 792).",
        2: "Protocol unreachable: the host was reached, but it does not speak this transport protocol "
        "(RFC 792).",
        3: "Port unreachable: the host was reached, but nothing listens on this port (RFC 792).",
        4: "Fragmentation needed, but the packet says don't fragment: the next link is smaller, so send "
        "smaller packets (RFC 792, RFC 1191).",
        5: "Source route failed: the packet cannot follow the route that its sender prescribed (RFC 792).",
        6: "Destination network unknown: a router knows that the network does not exist "
        "(RFC 1122 section 3.2.2.1).",
        7: "Destination host unknown: a router knows that the host does not exist "
        "(RFC 1122 section 3.2.2.1).",
        8: "Source host isolated: a router is cut off from the sender's network; the code is obsolete "
        "(RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1).",
        9: "Network administratively prohibited: a filter forbids traffic to the destination's network "
        "(RFC 1122 section 3.2.2.1).",
        10: "Host administratively prohibited: a filter forbids traffic to the destination host "
        "(RFC 1122 section 3.2.2.1).",
        11: "Network unreachable for this type of service: there is a route, but not for the packet's "
        "traffic class (RFC 1122 section 3.2.2.1).",
        12: "Host unreachable for this type of service: the host's link does not take the packet's "
        "traffic class (RFC 1122 section 3.2.2.1).",
        13: "Communication administratively prohibited: a filter, most often a firewall, forbids this "
        "traffic (RFC 1812 section 5.2.7.1).",
        14: "Host precedence violation: the first router does not permit the packet's precedence for "
        "this destination (RFC 1812 section 5.2.7.1).",
        15: "Precedence cutoff in effect: the packet's precedence is below what the network's operators "
        "require (RFC 1812 section 5.2.7.1).",
    },
    6: {
        0: "No route to destination: a router has no route for this address (RFC 4443 section 3.1).",
        1: "Administratively prohibited: a filter, most often a firewall, forbids this traffic "
        "(RFC 4443 section 3.1).",
        2: "Beyond scope of source address: the sender's address is not valid as far as the destination "
        "is; use an address of wider scope (RFC 4443 section 3.1).",
        3: "Address unreachable: the last router gets no answer from the host on its link; it is off or "
        "not there (RFC 4443 section 3.1).",
        4: "Port unreachable: the host was reached, but nothing listens on this port (RFC 4443 section 3.1).",
        5: "Source address failed ingress or egress policy: a router does not accept packets from this "
        "source address; a wrong uplink is the common reason (RFC 4443 section 3.1).",
        6: "Reject route to destination: a router is told to refuse all traffic to this prefix "
        "(RFC 4443 section 3.1).",
        7: "Error in source routing header: the packet cannot follow the route that it carries "
        "(RFC 6550 section 20.18).",
        8: "Headers too long: a router cannot process a chain of headers as long as this packet's "
        "(RFC 8883 section 4).",
        9: "Error in P-Route: the packet cannot follow a projected route of an RPL network (RFC 9914).",
    },
}

TIME_EXCEEDED: Meanings = {
    4: {
        0: "TTL exceeded in transit: the packet used up its TTL at this router, as traceroute wants it; "
        "else there is a routing loop or the TTL is too small (RFC 792).",
        1: "Fragment reassembly time exceeded: the destination host waited in vain for the missing "
        "fragments of a packet (RFC 792).",
    },
    6: {
        0: "Hop limit exceeded in transit: the packet used up its hop limit at this router, as traceroute "
        "wants it; else there is a routing loop or the hop limit is too small (RFC 4443 section 3.3).",
        1: "Fragment reassembly time exceeded: the destination host waited in vain for the missing "
        "fragments of a packet (RFC 4443 section 3.3).",
    },
}

PARAMETER_PROBLEM: Meanings = {
    4: {
        0: "Parameter problem: the packet's IP header cannot be processed at the pointer (RFC 792).",
        1: "Missing a required option: the packet's IP header lacks an option that the network requires "
        "(RFC 1108, RFC 1122 section 3.2.2.5).",
        2: "Bad length: a length in the packet's IP header, found at the pointer, is wrong (RFC 792).",
    },
    6: {
        0: "Erroneous header field: a field at the pointer cannot be processed (RFC 4443 section 3.4).",
        1: "Unrecognized next header: the host does not know the protocol named at the pointer "
        "(RFC 4443 section 3.4).",
        2: "Unrecognized IPv6 option: the host does not know the option at the pointer and must drop the "
        "packet (RFC 4443 section 3.4).",
        3: "Incomplete first fragment: the first fragment does not hold all of the packet's headers "
        "(RFC 7112 section 5).",
        4: "Segment routing upper-layer error: what stands behind the routing header, at the pointer, is "
        "not allowed at this node (RFC 8754 section 4.3.1.2).",
        5: "Unrecognized next header on the way: a router does not know the header named at the pointer "
        "(RFC 8883 section 3.1).",
        6: "Extension header too big: a router does not process the header at the pointer for its size "
        "(RFC 8883 section 3.2).",
        7: "Extension header chain too long: the headers exceed what a router processes, at the pointer "
        "(RFC 8883 section 3.3).",
        8: "Too many extension headers: a router stops at the header at the pointer (RFC 8883 section 3.4).",
        9: "Too many options: the extension header at the pointer has more options than a router "
        "processes (RFC 8883 section 3.5).",
        10: "Option too big: a router does not process the option at the pointer for its size "
        "(RFC 8883 section 3.6).",
    },
}

REDIRECT: Meanings = {
    4: {
        0: "Redirect for the network: send packets for this whole network through the gateway; today's "
        "hosts take it for the one host only (RFC 792, RFC 1122 section 3.2.2.2).",
        1: "Redirect for the host: send packets for this one host through the gateway (RFC 792).",
        2: "Redirect for the type of service and network: send packets of this traffic class for this "
        "whole network through the gateway (RFC 792).",
        3: "Redirect for the type of service and host: send packets of this traffic class for this one "
        "host through the gateway (RFC 792).",
    },
}

_SOURCE = {4: "RFC 792", 6: "RFC 4443"}


def by_code(meanings: Meanings, version: int, code: int, name: str) -> str:
    """The sentence for a code; for an unregistered one a sentence that says so."""
    return meanings[version].get(
        code, f"{name}: the reporter gives code {code}, which nobody registered ({_SOURCE[version]})."
    )
