"""The ICMP envelope: which class reads which type, bytes to message, message to bytes.

The table MESSAGES is the one place that knows all messages. Bodies are read in the files of their
families, which load when the first such message is met. Nothing here sends or receives.
"""

from __future__ import annotations

import struct
from importlib import import_module
from ipaddress import IPv4Address, IPv6Address, ip_address

from anyicmp.errors import DecodeError
from anyicmp.wire.batch import Version
from anyicmp.wire.checksum import checksum, pseudo_header_v6
from anyicmp.wire.extension import ExtensionObject
from anyicmp.wire.ip import IPAddress, Packet, QuotedDatagram, find_transport
from anyicmp.wire.message import Message, Opaque, Unknown
from anyicmp.wire.registry import SOURCES

__all__ = ["MESSAGES", "assemble_error", "decode", "decode_packet", "encode", "message_class"]

MESSAGES: dict[tuple[int, int], str] = {
    (4, 0): "echo:EchoReply",
    (4, 3): "error:DestinationUnreachable",
    (4, 4): "error:SourceQuench",
    (4, 5): "redirect:Redirect",
    (4, 8): "echo:EchoRequest",
    (4, 9): "router:RouterAdvertisement4",
    (4, 10): "router:RouterSolicitation4",
    (4, 11): "error:TimeExceeded",
    (4, 12): "error:ParameterProblem",
    (4, 13): "timestamp:Timestamp",
    (4, 14): "timestamp:TimestampReply",
    (4, 15): "timestamp:InformationRequest",
    (4, 16): "timestamp:InformationReply",
    (4, 17): "timestamp:AddressMaskRequest",
    (4, 18): "timestamp:AddressMaskReply",
    (4, 42): "extended_echo:ExtendedEchoRequest",
    (4, 43): "extended_echo:ExtendedEchoReply",
    (6, 1): "error:DestinationUnreachable",
    (6, 2): "error:PacketTooBig",
    (6, 3): "error:TimeExceeded",
    (6, 4): "error:ParameterProblem",
    (6, 128): "echo:EchoRequest",
    (6, 129): "echo:EchoReply",
    (6, 130): "multicast:MulticastListenerQuery",
    (6, 131): "multicast:MulticastListenerReport",
    (6, 132): "multicast:MulticastListenerDone",
    (6, 133): "neighbor:RouterSolicitation6",
    (6, 134): "neighbor:RouterAdvertisement6",
    (6, 135): "neighbor:NeighborSolicitation",
    (6, 136): "neighbor:NeighborAdvertisement",
    (6, 137): "neighbor:Redirect6",
    (6, 139): "node_information:NodeInformationQuery",
    (6, 140): "node_information:NodeInformationResponse",
    (6, 143): "multicast:MulticastListenerReport2",
    (6, 160): "extended_echo:ExtendedEchoRequest",
    (6, 161): "extended_echo:ExtendedEchoReply",
}
"""(IP version, type) to the module of this package and the class that reads it.

Registered types that are not here are read by `Opaque`, all others by `Unknown`.
"""

_ICMP = 1
_ICMPV6 = 58

_loaded: dict[int, dict[int, type[Message]]] = {4: {}, 6: {}}


def message_class(version: int, number: int) -> type[Message]:
    """The class that reads messages of this IP version and type."""
    where = MESSAGES.get((version, number))
    if where is None:
        return Opaque if number in SOURCES[version] else Unknown
    module, _, name = where.partition(":")
    found: type[Message] = getattr(import_module(f"anyicmp.wire.{module}"), name)
    return found


def decode(
    data: bytes | bytearray | memoryview,
    *,
    version: Version,
    verify: bool = True,
    source: IPAddress | str | None = None,
    destination: IPAddress | str | None = None,
) -> Message:
    """The message whose octets, from the ICMP header on, are `data`.

    `version` is 4 for ICMP and 6 for ICMPv6. With `verify` the checksum is verified; that of ICMPv6
    covers the addresses of the IP packet (RFC 4443 section 2.3) and is verified where both are given.
    A type that nobody registered gives `Unknown`.

    Raises DecodeError, and nothing else, for what the bytes hold; ValueError for another version or
    only one address.
    """
    octets = data if type(data) is bytes else bytes(memoryview(data))
    try:
        readers = _loaded[version]
    except KeyError:
        raise ValueError(f"version is 4 or 6, not {version!r}") from None
    if len(octets) < 4:
        raise DecodeError(f"an ICMP message has at least 4 octets, here are {len(octets)}")
    pseudo = b""
    if source is not None or destination is not None:
        pseudo = _pseudo_header(version, source, destination, len(octets))
    if verify and (pseudo or version == 4):
        # Right is a sum of 0xFFFF (see `checksum`); an odd last octet only multiplies it by 2**8, which
        # has no factor in common with 0xFFFF. Octets that are all zero have the checksum 0xFFFF.
        total = int.from_bytes(pseudo + octets, "big")
        if total % 0xFFFF or not total:
            raise _wrong_checksum(octets, pseudo)
    number = octets[0]
    reader = readers.get(number)
    if reader is None:
        reader = readers[number] = message_class(version, number)
    return reader.parse(octets, version)


def _wrong_checksum(octets: bytes, pseudo: bytes) -> DecodeError:
    found = int.from_bytes(octets[2:4], "big")
    right = checksum(pseudo + octets[:2] + b"\0\0" + octets[4:])
    return DecodeError(f"wrong ICMP checksum: {found:#06x} in the message, {right:#06x} over its octets")


def _pseudo_header(
    version: Version, source: IPAddress | str | None, destination: IPAddress | str | None, length: int
) -> bytes:
    """What the checksum covers beside the message: b"" for ICMP."""
    wanted = IPv4Address if version == 4 else IPv6Address
    packed = []
    for address in (source, destination):
        found = ip_address(address) if isinstance(address, str) else address
        if found is None:
            raise ValueError("the checksum takes source and destination, or neither")
        if not isinstance(found, IPv4Address | IPv6Address):
            raise TypeError(f"an address is an IPv4Address, an IPv6Address or its text, not {found!r}")
        if not isinstance(found, wanted):
            raise ValueError(f"{found} is no address of IP version {version}")
        packed.append(found.packed)
    return pseudo_header_v6(packed[0], packed[1], length, _ICMPV6) if version == 6 else b""


def decode_packet(data: bytes | bytearray | memoryview, *, verify: bool = True) -> Packet:
    """The IP packet (IPv4 or IPv6, header first) in `data`, and the ICMP message in it.

    Octets after the end of the IP packet (link padding) are ignored. With `verify` the checksums of the
    IPv4 header and of the message are verified; an IPv4 header checksum of zero is not, since captures
    on the sending host show it where the network card computes it. Nor is the checksum of an ICMPv6
    message that is still on its way through a routing header: it covers the final destination.

    Raises DecodeError for bytes that are no whole, unfragmented IP packet with ICMP in it.
    """
    octets = data if type(data) is bytes else bytes(memoryview(data))
    version = octets[0] >> 4 if octets else 0
    transport = find_transport(octets, 0, len(octets))
    if transport is None:
        raise DecodeError(f"no complete IP header in {len(octets)} octets")
    protocol, offset, fragment = transport
    if protocol != (_ICMP if version == 4 else _ICMPV6):
        raise DecodeError(f"IPv{version} packet of protocol {protocol}, not ICMP")
    if fragment:
        raise DecodeError(f"a fragment, {fragment} octets into its packet")
    return (_packet_v4 if version == 4 else _packet_v6)(octets, offset, verify)


def _packet_v4(octets: bytes, offset: int, verify: bool) -> Packet:
    if octets[6] & 0x20:
        raise DecodeError("the first fragment of a packet")
    length = int.from_bytes(octets[2:4], "big")
    if length < offset or (verify and length > len(octets)):
        raise DecodeError(f"an IPv4 packet of {length} octets, here are {len(octets)}")
    if verify and octets[10:12] != b"\0\0" and checksum(octets[:offset]):
        raise DecodeError("wrong IPv4 header checksum")
    message = decode(octets[offset:length], version=4, verify=verify)
    source, destination = IPv4Address(octets[12:16]), IPv4Address(octets[16:20])
    return Packet(source=source, destination=destination, ttl=octets[8], message=message)


def _packet_v6(octets: bytes, offset: int, verify: bool) -> Packet:
    # A payload length of 0 is that of a jumbogram (RFC 2675) or of a capture before segmentation.
    length = 40 + int.from_bytes(octets[4:6], "big")
    end = len(octets) if length == 40 else length
    if end < offset or (verify and end > len(octets)):
        raise DecodeError(f"an IPv6 packet of {end} octets, here are {len(octets)}")
    source, destination = IPv6Address(octets[8:24]), IPv6Address(octets[24:40])
    if _is_on_its_way(octets, offset):
        message = decode(octets[offset:end], version=6, verify=False)
    else:
        message = decode(octets[offset:end], version=6, verify=verify, source=source, destination=destination)
    return Packet(source=source, destination=destination, ttl=octets[7], message=message)


def _is_on_its_way(octets: bytes, end: int) -> bool:
    """Whether a routing header before `end` has segments left.

    The checksum then covers the final destination (RFC 8200 section 8.1), and where that stands depends on
    the kind of routing header.
    """
    protocol, offset = octets[6], 40
    while offset < end:
        if protocol == 43 and octets[offset + 3]:
            return True
        if protocol == 44:  # fragment header
            size = 8
        elif protocol == 51:  # authentication header
            size = (octets[offset + 1] + 2) * 4
        else:
            size = (octets[offset + 1] + 1) * 8
        protocol, offset = octets[offset], offset + size
    return False


def encode(
    message: Message, *, source: IPAddress | str | None = None, destination: IPAddress | str | None = None
) -> bytes:
    """The octets of `message`, from the ICMP header on, its checksum set.

    The checksum of ICMPv6 covers the addresses of the IP packet: without them its field is left zero,
    for the kernel to fill (RFC 3542 section 3.1).

    Raises ValueError for a value that does not fit its field, or addresses of the other IP version.
    """
    if not isinstance(message, Message):
        raise TypeError(f"not a message: {message!r}")
    version = message.version
    if version not in _loaded:
        raise ValueError(f"version is 4 or 6, not {version!r}")
    try:
        body = message.pack()
        octets = struct.pack("!BBxx", message.type, message.code) + body
    except (struct.error, OverflowError) as error:
        raise ValueError(f"a value does not fit its field: {error}: {message!r}") from error
    pseudo = b""
    if source is not None or destination is not None:
        pseudo = _pseudo_header(version, source, destination, len(octets))
    if version == 6 and not pseudo:
        return octets
    return octets[:2] + checksum(pseudo + octets).to_bytes(2, "big") + octets[4:]


def assemble_error(
    *,
    version: Version,
    type: int,  # noqa: A002 - the field's own name
    code: int,
    rest: bytes,
    quoted: QuotedDatagram,
    extensions: tuple[ExtensionObject, ...] = (),
) -> Message:
    """An error whose parts come apart, as from the kernel's error queue.

    `rest` are the four octets after the checksum, `quoted` is what the kernel gave of the quoted
    datagram. A type that is no known error gives `Opaque` or `Unknown` with what there is.
    """
    from anyicmp.wire.error import ErrorMessage

    reader = message_class(version, type)
    if issubclass(reader, ErrorMessage):
        return reader.assemble(version, code, rest, quoted, extensions)
    kept = Opaque if reader is Opaque else Unknown
    return kept(version=version, type=type, code=code, body=rest + (quoted.packet or quoted.data))
