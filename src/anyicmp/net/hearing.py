"""Raw sockets that only hear: one for each IP version, behind one descriptor, filtered by type in the kernel.

What a message says is for the codec, who waits for it is for the doors. Linux only: raw(7), ip(7), RFC 3542.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
from struct import unpack_from
from typing import Any

from anyicmp.errors import SocketPermissionError, UnsupportedError
from anyicmp.net import constants as c
from anyicmp.net import filters
from anyicmp.net.listening import Heard, ListenSpec
from anyicmp.net.sockets import BUFFER, FAMILY, PROTOCOL, drops, empty, interface_index, remedy
from anyicmp.net.stamping import ask_for_stamps
from anyicmp.wire.batch import Version

__all__ = ["RawListening"]

LARGEST = 65_535
CONTROL = 512
AT_ONCE = 256
"""Messages of one IP version that one call returns at most, so that a flood leaves others their turns."""

SECOND = 1_000_000_000


class RawListening:
    """See `Listening`."""

    def __init__(self, spec: ListenSpec) -> None:
        self._spec = spec
        self._sockets: dict[Version, socket.socket] = {}
        self._names: dict[int, str | None] = {}
        self._room = memoryview(bytearray(LARGEST))
        self._lost = 0
        self._closed = False
        self._poll = select.epoll()
        lacking: UnsupportedError | None = None
        try:
            for version in spec.types:
                try:
                    self._open(version)
                except UnsupportedError as error:
                    lacking = error
            if lacking is not None and not self._sockets:
                raise lacking
        except BaseException:
            self.close()
            raise

    def _open(self, version: Version) -> None:
        try:
            sock = socket.socket(FAMILY[version], socket.SOCK_RAW, PROTOCOL[version])
        except PermissionError:
            raise SocketPermissionError(remedy(version, True)) from None
        except OSError as error:
            raise UnsupportedError(
                f"this system has no raw ICMP sockets for IPv{version}: {error.strerror}"
            ) from None
        self._sockets[version] = sock
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            ask_for_stamps(sock)
        if version == 4:
            sock.setsockopt(c.SOL_IP, c.IP_PKTINFO, 1)
        else:
            sock.setsockopt(c.SOL_IPV6, c.IPV6_RECVPKTINFO, 1)
            sock.setsockopt(c.SOL_IPV6, c.IPV6_RECVHOPLIMIT, 1)
        asked = self._spec.receive_buffer
        octets = BUFFER if asked is None else asked // 2  # the kernel doubles it (socket(7))
        try:
            sock.setsockopt(c.SOL_SOCKET, c.SO_RCVBUFFORCE, octets)
        except PermissionError:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)
        if self._spec.interface is not None:
            name = socket.if_indextoname(interface_index(self._spec.interface))
            sock.setsockopt(c.SOL_SOCKET, c.SO_BINDTODEVICE, os.fsencode(name) + b"\0")
        wanted = self._spec.types[version]
        if wanted is not None:
            filters.attach_types(sock, version, wanted)
        empty(sock)  # until now it heard everything, from every interface
        self._poll.register(sock.fileno(), select.EPOLLIN)

    def fileno(self) -> int:
        """See `Listening.fileno`."""
        return self._poll.fileno()

    def recv(self) -> list[Heard]:
        """See `Listening.recv`."""
        heard: list[Heard] = []
        for version, sock in self._sockets.items():
            for _ in range(AT_ONCE):
                try:
                    size, control, _, name = sock.recvmsg_into([self._room], CONTROL)
                except OSError:
                    break  # nothing waits; or the interface has gone, and nothing will
                one = self._read(version, bytes(self._room[:size]), control, name)
                if one is not None:
                    heard.append(one)
        return heard

    def _read(
        self, version: Version, octets: bytes, control: list[tuple[int, int, bytes]], name: Any
    ) -> Heard | None:
        destination, ttl, index, when = b"", None, 0, 0
        for level, kind, data in control:
            if (level, kind) == (c.SOL_SOCKET, c.SO_TIMESTAMPING):
                seconds, nanoseconds = unpack_from("@ll", data)
                when = seconds * SECOND + nanoseconds
            elif (level, kind) == (c.SOL_IP, c.IP_PKTINFO):
                (index,) = unpack_from("@i", data)
            elif (level, kind) == (c.SOL_IPV6, c.IPV6_PKTINFO):
                destination, index = unpack_from("@16si", data)
            elif (level, kind) == (c.SOL_IPV6, c.IPV6_HOPLIMIT):
                (ttl,) = unpack_from("@i", data)
        if version == 4:
            header = (octets[0] & 15) * 4 if len(octets) >= 20 else len(octets)
            if len(octets) < max(20, header):
                return None  # no kernel delivers such
            source, destination, ttl, octets = octets[12:16], octets[16:20], octets[8], octets[header:]
        else:
            source = socket.inet_pton(FAMILY[6], name[0].partition("%")[0])
        return Heard(
            version=version,
            source=source,
            destination=destination,
            interface=self._name(index),
            ttl=ttl,
            when=when,
            octets=octets,
        )

    def _name(self, index: int) -> str | None:
        if index not in self._names:
            try:
                self._names[index] = socket.if_indextoname(index)
            except OSError:
                return None  # it has gone since
        return self._names[index]

    def dropped(self) -> int:
        """See `Listening.dropped`."""
        if not self._closed:
            self._lost = sum(map(drops, self._sockets.values()))
        return self._lost

    def close(self) -> None:
        """See `Listening.close`."""
        if not self._closed:
            self.dropped()
            self._closed = True
            self._poll.close()
            for sock in self._sockets.values():
                sock.close()
