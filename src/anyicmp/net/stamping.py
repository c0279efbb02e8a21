"""The kernel's timestamps: how a socket asks for them, and whether they come.

Whether they do is looked at on loopback when a transport opens; later each packet says for itself. What a
stamp says of a round trip is for the engine. See timestamping.rst in the kernel's Documentation/networking.
"""

from __future__ import annotations

import select
import socket
from errno import EINVAL

from anyicmp.net import constants as c
from anyicmp.net.ancillary import stamp_wish
from anyicmp.wire.batch import Version

__all__ = ["ask_for_stamps", "try_stamps"]

HEARD = c.RX_SOFTWARE | c.SOFTWARE
FLAGS = HEARD | c.OPT_ID | c.OPT_TSONLY

LOOPBACK: dict[Version, tuple[socket.AddressFamily, str]] = {
    4: (socket.AF_INET, "127.0.0.1"),
    6: (socket.AF_INET6, "::1"),
}

TRIES, PAUSE = 10, 0.0005
CONTROL = 128
DISCARD = 9


def ask_for_stamps(sock: socket.socket) -> None:
    """Have the kernel stamp all that the socket receives, and of what it sends the packets that ask for it.

    Of a connection that is not made yet only what it receives: the kernel refuses the rest. The option is
    not SO_TIMESTAMPNS: that one makes a stamp up when a packet without one is read.
    Raises OSError where the kernel has no stamps.
    """
    flags = HEARD if sock.type == socket.SOCK_STREAM else FLAGS
    sock.setsockopt(c.SOL_SOCKET, c.SO_TIMESTAMPING, flags)


def try_stamps(version: Version) -> tuple[bool, bool]:
    """Whether packets are stamped when they arrive, and whether they may ask for a stamp when they leave.

    A socket must have asked for stamps already. The kernel begins to stamp a little after the first
    socket of the whole system has, from a work queue; this waits for it, 5 ms at most, and a busy kernel may
    begin after that. A few datagrams travel over loopback, from a socket to itself. Where they cannot,
    stamps are taken to come: a packet that has none says so.
    """
    family, host = LOOPBACK[version]
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            try:
                ask_for_stamps(sock)
            except OSError:
                return False, False
            try:
                sock.bind((host, 0))
            except OSError:
                return True, _may_ask(sock, host)
            return _begins_to_stamp(sock), _may_ask(sock, host)
    except OSError:
        return True, True


def _may_ask(sock: socket.socket, host: str) -> bool:
    """Whether the kernel takes a packet that asks for a stamp. None leaves, so it needs no way to anyone."""
    try:
        sock.sendmsg([b""], stamp_wish(0), c.MSG_PROBE, (host, DISCARD))
    except OSError as error:
        return error.errno != EINVAL  # Linux before 6.13 knows no SCM_TS_OPT_ID
    return True


def _begins_to_stamp(sock: socket.socket) -> bool:
    """Whether the kernel stamps within its time, or nothing comes that tells."""
    try:
        for _ in range(TRIES):
            if _arrives_stamped(sock):
                return True
            select.select([], [], [], PAUSE)
        return _arrives_stamped(sock)
    except OSError:
        return True


def _arrives_stamped(sock: socket.socket) -> bool:
    """Send an empty datagram to oneself and read it. Raises OSError where it does not leave or arrive."""
    sock.sendto(b"", sock.getsockname())
    select.select([sock], [], [], PAUSE)
    return bool(sock.recvmsg(1, CONTROL)[1])
