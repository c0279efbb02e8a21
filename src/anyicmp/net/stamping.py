"""The kernel's timestamps: how a socket asks for them, and whether they come.

Whether they do is tried on loopback when a transport opens, not at each packet. What a stamp says of a round
trip is for the engine. See timestamping.rst in the kernel's Documentation/networking.
"""

from __future__ import annotations

import select
import socket
from errno import EINVAL

from anyicmp.net import constants as c
from anyicmp.net.ancillary import Message, stamp_wish
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
    socket of the whole system has, from a work queue; this waits for it, 5 ms at most. A few datagrams
    travel over loopback, from a socket to itself. Where they cannot, stamps are taken to come: a packet
    that has none says so.
    """
    family, host = LOOPBACK[version]
    leaving = True
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            try:
                ask_for_stamps(sock)
            except OSError:
                return False, False
            sock.bind((host, 0))
            try:
                stamped = _arrives_stamped(sock, stamp_wish(0))
            except OSError as error:
                if error.errno != EINVAL:
                    raise
                leaving, stamped = False, False  # Linux before 6.13 knows no SCM_TS_OPT_ID
            for _ in range(TRIES):
                if stamped:
                    break
                select.select([], [], [], PAUSE)
                stamped = _arrives_stamped(sock, ())
            return stamped, leaving
    except OSError:
        return True, leaving


def _arrives_stamped(sock: socket.socket, asked: tuple[Message, ...]) -> bool:
    """Send an empty datagram to oneself and read it. Raises OSError where it does not leave or arrive."""
    sock.sendmsg([b""], asked, 0, sock.getsockname())
    select.select([sock], [], [], PAUSE)
    return bool(sock.recvmsg(1, CONTROL)[1])
