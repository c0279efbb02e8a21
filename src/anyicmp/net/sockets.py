"""One ICMP socket, opened and configured for its specification; and the remedy where that is refused.

Everything that is a socket's property and not a packet's is set here, before the first packet can
arrive. No row is sent or received here. See icmp(7), ip(7), ipv6(7), raw(7), socket(7).
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from struct import pack

import attrs

from anyicmp.errors import SocketPermissionError, UnsupportedError
from anyicmp.net import constants as c
from anyicmp.net import filters
from anyicmp.net.stamping import ask_for_stamps
from anyicmp.net.transport import SocketSpec
from anyicmp.wire.batch import Version

__all__ = [
    "BUFFER",
    "FAMILY",
    "PROTOCOL",
    "TRANSPORT",
    "configure",
    "drops",
    "empty",
    "hear_errors",
    "interface_index",
    "open_sender",
    "open_socket",
    "queued",
    "remedy",
]

BUFFER = 8 << 20
"""Octets asked for where the specification names none: room for about ten thousand echo replies."""

FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
PROTOCOL = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
TRANSPORT = {"udp": socket.IPPROTO_UDP, "tcp": socket.IPPROTO_TCP}
NO_FAMILY = (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, getattr(errno, "ESOCKTNOSUPPORT", 0))
GROUP_RANGE = Path("/proc/sys/net/ipv4/ping_group_range")  # one setting for both IP versions


def open_socket(spec: SocketSpec, raw: bool, identifier: int | None) -> socket.socket:
    """A bound, non-blocking ICMP socket; `identifier` is what a raw socket's filter passes, None: nothing.

    Raises PermissionError (the socket itself is refused), SocketPermissionError (an option is),
    UnsupportedError, ValueError (no such interface or local address) and OSError (no descriptors left).
    """
    version = spec.version
    try:
        sock = socket.socket(
            FAMILY[version], socket.SOCK_RAW if raw else socket.SOCK_DGRAM, PROTOCOL[version]
        )
    except OSError as error:
        if error.errno in NO_FAMILY:
            wanted = "raw" if raw else "datagram"
            raise UnsupportedError(f"this system has no {wanted} ICMP sockets for IPv{version}") from None
        raise
    try:
        sock.setblocking(False)
        configure(sock, spec, raw)
        if raw and sys.platform == "linux":
            # A kernel without filters only costs us work: the methods look at every row anyway.
            with contextlib.suppress(OSError):
                filters.attach(sock, version, *_wanted(spec, identifier))
                empty(sock)
        _bind(sock, spec, raw)
    except BaseException:
        sock.close()
        raise
    return sock


def configure(sock: socket.socket, spec: SocketSpec, raw: bool) -> None:
    """Set what the specification asks for. Raises SocketPermissionError, UnsupportedError, ValueError."""
    PLATFORMS.get(sys.platform, _elsewhere)(sock, spec, raw)


def open_sender(spec: SocketSpec) -> socket.socket:
    """A raw socket that only sends, and is told where the queue behind it drops packets.

    Linux tells only sockets with an error queue, and fills a raw socket's with every error that comes to
    this host (ip(7), IP_RECVERR): so it does not listen, and has hardly any room for what nobody reads.
    """
    sock = open_socket(attrs.evolve(spec, receive_buffer=0), True, None)
    hear_errors(sock, spec.version)
    return sock


def _wanted(spec: SocketSpec, identifier: int | None) -> tuple[bytes, tuple[int, ...]]:
    """What a raw ICMP socket shall hear: a program for its filter, and types."""
    if identifier is None:
        return filters.nothing(), ()
    version, errors = spec.version, filters.ERRORS[spec.version]
    if spec.method == "icmp":
        return filters.program(version, identifier), (filters.REPLY[version], *errors)
    return filters.quoting(version, TRANSPORT[spec.method]), errors


def hear_errors(sock: socket.socket, version: Version) -> None:
    """Give a socket an error queue (ip(7), IP_RECVERR)."""
    if version == 4:
        sock.setsockopt(c.SOL_IP, c.IP_RECVERR, 1)
    else:
        sock.setsockopt(c.SOL_IPV6, c.IPV6_RECVERR, 1)


def empty(sock: socket.socket) -> None:
    """Throw away what came before the filter was there: until then a raw socket hears everything."""
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.recv(1)


def _linux(sock: socket.socket, spec: SocketSpec, raw: bool) -> None:
    level = c.SOL_IP if spec.version == 4 else c.SOL_IPV6
    discover, errors, rfc4884 = (
        (c.IP_MTU_DISCOVER, c.IP_RECVERR, c.IP_RECVERR_RFC4884)
        if spec.version == 4
        else (c.IPV6_MTU_DISCOVER, c.IPV6_RECVERR, c.IPV6_RECVERR_RFC4884)
    )
    with contextlib.suppress(OSError):
        ask_for_stamps(sock)
    if not raw:
        # Ping sockets are born with SO_REUSEADDR, which lets another process take the identifier over.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        sock.setsockopt(level, errors, 1)
        with contextlib.suppress(OSError):  # Linux before 5.9
            sock.setsockopt(level, rfc4884, 1)
    if spec.version == 6:
        sock.setsockopt(level, c.IPV6_RECVHOPLIMIT, 1)
    elif not raw:  # a raw IPv4 row carries its header
        sock.setsockopt(level, c.IP_RECVTTL, 1)
    sock.setsockopt(level, discover, c.PMTUDISC_PROBE if spec.dont_fragment else c.PMTUDISC_DONT)
    # The kernel doubles what it is asked for, to count its own overhead (socket(7), SO_RCVBUF).
    receive = BUFFER if spec.receive_buffer is None else spec.receive_buffer // 2
    _buffer(sock, c.SO_RCVBUFFORCE, socket.SO_RCVBUF, receive)
    send = BUFFER if spec.send_buffer is None else spec.send_buffer // 2
    _buffer(sock, c.SO_SNDBUFFORCE, socket.SO_SNDBUF, send)
    if spec.broadcast:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if spec.mark is not None:
        _allowed(
            lambda: sock.setsockopt(c.SOL_SOCKET, c.SO_MARK, pack("@I", spec.mark)),
            f"marking packets ({spec.mark}) needs the capability CAP_NET_ADMIN",
        )
    if spec.interface is not None:
        name = socket.if_indextoname(interface_index(spec.interface))
        _allowed(
            lambda: sock.setsockopt(c.SOL_SOCKET, c.SO_BINDTODEVICE, os.fsencode(name) + b"\0"),
            f"binding to the interface {spec.interface} needs the capability CAP_NET_RAW",
        )


def _elsewhere(sock: socket.socket, spec: SocketSpec, raw: bool) -> None:
    """The documented interfaces of other platforms; not tried."""
    asked = {"interface": spec.interface, "mark": spec.mark, "dont_fragment": spec.dont_fragment or None}
    for name, value in asked.items():
        if value is not None:
            raise UnsupportedError(f"{name} is known to work on Linux only")
    receive = BUFFER if spec.receive_buffer is None else spec.receive_buffer
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, option, receive)
    if spec.broadcast:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    level, name = (
        (socket.IPPROTO_IP, "IP_RECVTTL") if spec.version == 4 else (socket.IPPROTO_IPV6, "IPV6_RECVHOPLIMIT")
    )
    if (wanted := getattr(socket, name, None)) is not None:
        sock.setsockopt(level, wanted, 1)


PLATFORMS: dict[str, Callable[[socket.socket, SocketSpec, bool], None]] = {"linux": _linux}


def _buffer(sock: socket.socket, force: int, option: int, octets: int) -> None:
    # Only CAP_NET_ADMIN may pass net.core.rmem_max; what is granted is read back by the transport.
    try:
        sock.setsockopt(c.SOL_SOCKET, force, octets)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, option, octets)


def _allowed(call: Callable[[], None], otherwise: str) -> None:
    try:
        call()
    except PermissionError:
        raise SocketPermissionError(otherwise) from None


def _bind(sock: socket.socket, spec: SocketSpec, raw: bool) -> None:
    # A datagram socket is bound even to no address: that is when the kernel chooses its identifier.
    if raw and spec.source is None:
        return
    source = spec.source or bytes(4 if spec.version == 4 else 16)
    host = socket.inet_ntop(FAMILY[spec.version], source)
    scope = interface_index(spec.interface) if spec.interface is not None and spec.version == 6 else 0
    try:
        sock.bind((host, 0) if spec.version == 4 else (host, 0, 0, scope))
    except PermissionError:
        raise
    except OSError as error:
        if spec.source is None:
            raise
        raise ValueError(f"{host} is no usable source address here: {error.strerror}") from None


def interface_index(name: str) -> int:
    """The index of a network interface, given by name or as a decimal index. Raises ValueError for none."""
    try:
        return socket.if_nametoindex(name)
    except OSError:
        if name.isdecimal() and any(index == int(name) for index, _ in socket.if_nameindex()):
            return int(name)
        raise ValueError(f"no network interface is named {name!r}") from None


def drops(sock: socket.socket) -> int:
    """Packets that the kernel dropped at this socket for want of receive buffer; 0 where it does not tell."""
    return _memory(sock, c.MEMINFO_DROPS)


def queued(sock: socket.socket) -> int:
    """Octets of receive buffer that are taken, by the error queue too; 0 where the system does not tell."""
    return _memory(sock, c.MEMINFO_QUEUED)


def _memory(sock: socket.socket, word: int) -> int:
    if sys.platform != "linux":
        return 0
    words = sock.getsockopt(c.SOL_SOCKET, c.SO_MEMINFO, c.MEMINFO_SIZE)
    return int.from_bytes(words[4 * word : 4 * word + 4], sys.byteorder)


def remedy(version: Version, privileged: bool | None) -> str:
    """What to do where no socket of the wanted kind (as in `SocketSpec.privileged`) may be opened."""
    if sys.platform != "linux":
        return f"no ICMP socket may be opened for IPv{version}: run as administrator (root)"
    capability = f"setcap cap_net_raw+ep {os.path.realpath(sys.executable)}"
    if privileged:
        return (
            f"no raw ICMP socket may be opened for IPv{version}: "
            f"it needs the capability CAP_NET_RAW, for example by '{capability}'"
        )
    try:
        now = " ".join(GROUP_RANGE.read_text("ascii").split())
    except OSError:
        now = "unknown"
    group = (
        f"allow this process's group {os.getegid()} with "
        f'\'sysctl -w net.ipv4.ping_group_range="0 2147483647"\' (now "{now}")'
    )
    if privileged is False:
        return f"no datagram ICMP socket may be opened for IPv{version}: {group}"
    return f"no ICMP socket may be opened for IPv{version}: {group}, or grant CAP_NET_RAW with '{capability}'"
