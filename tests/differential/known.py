"""Known disagreements between the codec and its oracles: what differs, who is right, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from generate import Sample

from anyicmp.wire import (
    InterfaceInformation,
    MplsStack,
    MulticastListenerReport2,
    Opaque,
    RawOption,
    SourceLinkAddress,
    TargetLinkAddress,
)

Applies = Callable[[str, Sample, Any, Any], bool]


@attrs.frozen
class Known:
    """One disagreement: the oracle, where it shows, and who is right."""

    oracle: str
    applies: Applies
    who_is_right: str


EXTENSION_CELLS = (
    "extensions",
    "MplsStack",
    "InterfaceInformation",
    "InterfaceIdentification",
    "ExtendedInformation",
)
OPTION_CELLS = (
    "options",
    "PrefixInformation",
    "RouteInformation",
    "MtuOption",
    "RecursiveDnsServers",
    "SourceLinkAddress",
    "TargetLinkAddress",
)


def extensions_of(sample: Sample) -> tuple[Any, ...]:
    return getattr(sample.message, "extensions", ())


def about_extensions(label: str) -> bool:
    return label.startswith(EXTENSION_CELLS)


def about_options(label: str) -> bool:
    return label.startswith(OPTION_CELLS)


def not_believed(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    return about_extensions(label) and ours is None and extensions_of(sample) == ()


def not_ascii(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    return label.endswith(": name") and any(
        not (name.isascii() and name.isprintable()) for name in ours or ()
    )


def unreadable_quote(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    if not label.startswith("quoted.") or sample.message is None:
        return False
    quoted = sample.message.quoted  # type: ignore[attr-defined]
    return quoted.destination is None


def later_codes(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    return label == "next_hop_mtu" and sample.octets[1] != 4


def long_link_address(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    options = getattr(sample.message, "options", ())
    long = [each for each in options if isinstance(each, SourceLinkAddress | TargetLinkAddress)]
    return about_options(label) and any(len(each.address) > 6 for each in long)


def part(ours: Any, theirs: Any) -> bool:
    """Whether the oracle shows the beginning of what the codec shows."""
    return isinstance(ours, tuple) and isinstance(theirs, tuple) and ours[: len(theirs)] == theirs


def first_object_only(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    return about_extensions(label) and len(extensions_of(sample)) > 1 and part(ours, theirs)


def stops_at_option(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    return about_options(label) and part(ours, theirs)


def named_interface(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    named = [
        each
        for each in extensions_of(sample)
        if isinstance(each, InterfaceInformation) and each.name is not None
    ]
    return about_extensions(label) and bool(named)


def behind_the_bottom(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    stacks = [each.labels for each in extensions_of(sample) if isinstance(each, MplsStack)]
    early = any(entry.bottom for labels in stacks for entry in labels[:-1])
    return about_extensions(label) and early


def rest_of_body(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    return label == "body" and sample.cls is Opaque and theirs in (ours or "")


def raw_option_before(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    options = getattr(sample.message, "options", ())
    raw = any(isinstance(each, RawOption) and len(each.payload) > 6 for each in options)
    return about_options(label) and raw


def auxiliary_words(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    message = sample.message
    return isinstance(message, MulticastListenerReport2) and any(each.auxiliary for each in message.records)


def structure_elsewhere(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    """The length field says another place than octet 128."""
    at = {(4, 3): 5, (4, 11): 5, (4, 12): 5, (6, 1): 4, (6, 3): 4}.get((sample.version, sample.octets[0]))
    if at is None or not (about_extensions(label) or label.startswith("quoted.")):
        return False
    return sample.octets[at] * (4 if sample.version == 4 else 8) not in (0, 128)


def mac_as_eui64(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    return label.endswith("(Ethernet)") and any(len(each) > 12 for each in ours or ())


def not_an_address(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    return label == "subject (address)" and ours is None


def answer_with_error_code(label: str, sample: Sample, ours: Any, theirs: Any) -> bool:
    return label == "addresses" and sample.octets[1] != 0


KNOWN: dict[str, Known] = {
    "T1": Known(
        "tshark",
        not_believed,
        "tshark also shows the objects of an extension structure that is cut off, or whose version or "
        "checksum is wrong. The codec is right for its purpose: what fails these checks of RFC 4884 "
        "section 7 is not half-believed but quoted datagram.",
    ),
    "T2": Known(
        "tshark",
        not_ascii,
        "tshark reads interface names as ASCII, and its text output masks other characters. The codec is "
        "right: RFC 5837 section 4.3 says UTF-8.",
    ),
    "T3": Known(
        "tshark",
        mac_as_eui64,
        "tshark takes a link-layer address option of 16 octets and more for an EUI-64 and its padding "
        "(RFC 4944 section 8). Both are right: the option itself does not say what the link is, so the "
        "codec keeps every octet.",
    ),
    "T4": Known(
        "tshark",
        stops_at_option,
        "tshark stops where it finds an option of a later standard malformed. The codec is right: it keeps "
        "such an option's bytes and goes on, as RFC 4861 section 4.6 asks for unknown options.",
    ),
    "T5": Known(
        "tshark",
        not_an_address,
        "tshark takes the first 16 octets of a node information query's data for the address it is about. "
        "The codec wants exactly 16 (RFC 4620 section 4); other data is left in `data`.",
    ),
    "T6": Known(
        "tshark",
        answer_with_error_code,
        "tshark reads addresses out of a node information response whose code says that there are none. "
        "The codec is right: RFC 4620 section 4 gives the data field no content then.",
    ),
    "T7": Known(
        "tshark",
        rest_of_body,
        "tshark reads the bodies of some of these types itself, and shows as data only what it did not read. "
        "Neither is wrong.",
    ),
    "S1": Known(
        "scapy",
        unreadable_quote,
        "scapy reads a quoted IP header from whatever octets are there, also from a wrong version, a wrong "
        "header length or a header that is cut off (then with its own defaults). The codec is right: what "
        "the quote does not say is None.",
    ),
    "S2": Known(
        "scapy",
        later_codes,
        "scapy shows octets 6 and 7 of every ICMP destination unreachable as next-hop MTU. The codec is "
        "right: only code 4 has that field (RFC 1191 section 4).",
    ),
    "S3": Known(
        "scapy",
        long_link_address,
        "scapy reads every link-layer address option as 8 octets, and what follows a longer one as further "
        "options. The codec is right: the option's length counts (RFC 4861 section 4.6.1).",
    ),
    "S11": Known(
        "scapy",
        raw_option_before,
        "scapy reads options that it knows (type 26, for one) in their usual length and not in the one that "
        "they give, and loses its place. The codec is right: the length counts (RFC 4861 section 4.6).",
    ),
    "S9": Known(
        "scapy",
        named_interface,
        "scapy takes the length octet of an interface name for the octets behind it, reads one too many and "
        "loses its place. The codec is right: the octet counts itself (RFC 5837 section 4.3).",
    ),
    "S10": Known(
        "scapy",
        behind_the_bottom,
        "scapy ends a label stack at the entry with the bottom bit, and takes later entries of the object "
        "for a packet. Neither is wrong: such a stack is malformed, and the codec shows all of it.",
    ),
    "S4": Known(
        "scapy",
        first_object_only,
        "scapy reads the first extension object and leaves the others as raw bytes. The codec is right: RFC "
        "4884 section 7 has one object or more in a structure.",
    ),
    "S5": Known(
        "scapy",
        auxiliary_words,
        "scapy takes the auxiliary data length of a multicast address record for octets, and loses its "
        "place. The codec is right: it counts 32-bit words (RFC 9777 section 5.2.6).",
    ),
    "S6": Known(
        "scapy",
        structure_elsewhere,
        "scapy ignores the length field and always looks for extensions at octet 128. The codec is right: "
        "the structure follows the datagram whose length the field gives (RFC 4884 section 3).",
    ),
    "S7": Known(
        "scapy",
        not_believed,
        "scapy checks neither version nor checksum of the extension structure. The codec is right (see T1).",
    ),
}


def reason_for(oracle: str, label: str, sample: Sample, ours: Any, theirs: Any) -> str | None:
    """The key of the known disagreement that explains a difference, or None."""
    for key, known in KNOWN.items():
        if known.oracle == oracle and known.applies(label, sample, ours, theirs):
            return key
    return None
