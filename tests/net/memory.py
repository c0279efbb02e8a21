"""A kernel that only moves memory: sendmmsg and recvmmsg by the pointers that they are given, and no packet.

The same queues answer the calls of the standard library's socket, one datagram a call: so what two transports
make of one and the same can be compared. What the tests put into the queues is theirs.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import socket
import struct
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from anyicmp.net import lanes, mmsg, portable
from anyicmp.net.transport import SocketSpec
from anyicmp.wire.batch import Version
from net.bench import FAMILY

Control = tuple[int, int, bytes]

ERRQUEUE, TRUNC, CTRUNC = 0x2000, 0x20, 0x8
ALIGN = 7


class Header(ctypes.Structure):
    """struct mmsghdr where pointers have 8 octets: recvmmsg(2)."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("length", ctypes.c_uint),
    )


@dataclass(frozen=True)
class Datagram:
    """What waits in a queue, or was sent; `address` is packed, b"" where the kernel names nobody."""

    octets: bytes
    address: bytes
    scope: int
    control: tuple[Control, ...]

    def name(self) -> bytes:
        """As a sockaddr."""
        if len(self.address) == 4:
            return struct.pack("=H2x4s8x", socket.AF_INET, self.address)
        return struct.pack("=H6x16sI", socket.AF_INET6, self.address, self.scope) if self.address else b""


class Memory:
    """Queues of what may be received, and a list of what was sent.

    Attributes:
        data, errors: what waits, the error queue apart.
        sent: what was sent, control messages in order of their kind.
        sticky: an error that was read has left its condition, which only a read of the data clears.
    """

    def __init__(self) -> None:
        self.data: deque[Datagram] = deque()
        self.errors: deque[Datagram] = deque()
        self.sent: list[Datagram] = []
        self.sticky = False

    def ready(self) -> tuple[int, int]:
        """What epoll(7) would tell."""
        return 0, (lanes.DATA if self.data else 0) | (lanes.ERRORS if self.errors or self.sticky else 0)

    def _queue(self, flags: int) -> deque[Datagram] | None:
        """The queue to read from; None where the call fails by what an error has left."""
        if flags & ERRQUEUE:
            # Stamps are of nobody.
            self.sticky = self.sticky or any(entry.address for entry in self.errors)
            return self.errors
        self.sticky, failed = False, self.sticky
        return None if failed else self.data

    # As the C library has it.

    def recvmmsg(
        self, _descriptor: int, headers: ctypes.c_void_p, room: int, flags: int, _timeout: None
    ) -> int:
        queue, n = self._queue(flags), 0
        if queue is None:
            ctypes.set_errno(errno.EHOSTUNREACH)
            return -1
        while queue and n < room:
            self._receive(
                Header.from_address((headers.value or 0) + ctypes.sizeof(Header) * n), queue.popleft()
            )
            n += 1
        ctypes.set_errno(0 if n else errno.EAGAIN)
        return n or -1

    def _receive(self, header: Header, datagram: Datagram) -> None:
        name, flags = datagram.name(), 0
        ctypes.memmove(header.name, name, min(len(name), header.namelen))
        header.namelen = len(name)
        assert header.iovlen == 1
        base, size = struct.unpack("@NN", ctypes.string_at(header.iov, 16))
        header.length = min(size, len(datagram.octets))
        ctypes.memmove(base, datagram.octets, header.length)
        if len(datagram.octets) > size:
            flags |= TRUNC
        at, left = header.control, header.controllen
        for level, kind, data in datagram.control:
            octets = struct.pack("@Nii", 16 + len(data), level, kind) + data
            if len(octets) > left:
                flags |= CTRUNC
                break
            ctypes.memmove(at, octets, len(octets))
            space = min(left, (len(octets) + ALIGN) & ~ALIGN)
            at, left = at + space, left - space
        header.controllen = at - header.control
        header.flags = flags

    def sendmmsg(self, _descriptor: int, headers: ctypes.c_void_p, n: int, _flags: int) -> int:
        for i in range(n):
            header = Header.from_address((headers.value or 0) + ctypes.sizeof(Header) * i)
            base, size = struct.unpack("@NN", ctypes.string_at(header.iov, 16))
            name = ctypes.string_at(header.name, header.namelen)
            control, asked = ctypes.string_at(header.control or 0, header.controllen), []
            while control:
                length, level, kind = struct.unpack_from("@Nii", control)
                assert 16 <= length <= len(control)
                asked.append((level, kind, control[16:length]))
                control = control[(length + ALIGN) & ~ALIGN :]
            self._send(ctypes.string_at(base, size), name, asked)
        return n

    def _send(self, octets: bytes, name: bytes, asked: list[Control]) -> None:
        if len(name) == 16:
            family, packed, scope = *struct.unpack("=H2x4s8x", name), 0
        else:
            family, packed, scope = struct.unpack("=H6x16sI", name)
        assert family == (socket.AF_INET if len(packed) == 4 else socket.AF_INET6)
        self.sent.append(Datagram(octets, packed, scope, tuple(sorted(asked))))

    # As the standard library has it.

    def recvmsg_into(self, buffers: list[memoryview], _size: int, flags: int) -> Any:
        queue, (room,) = self._queue(flags), buffers
        if queue is None:
            raise OSError(errno.EHOSTUNREACH, "as an earlier probe's error says")
        if not queue:
            raise BlockingIOError
        datagram = queue.popleft()
        length = min(len(room), len(datagram.octets))
        room[:length] = datagram.octets[:length]
        flags = TRUNC if len(datagram.octets) > length else 0
        if not datagram.address:
            return length, list(datagram.control), flags, None
        host = socket.inet_ntop(FAMILY[4 if len(datagram.address) == 4 else 6], datagram.address)
        name = (host, 0) if len(datagram.address) == 4 else (host, 0, 0, datagram.scope)
        return length, list(datagram.control), flags, name

    def close(self) -> None:
        """There is nothing to close."""

    def sendmsg(self, buffers: list[bytes], asked: list[Control], _flags: int, name: Any) -> None:
        host, _, *rest = name
        packed = socket.inet_pton(FAMILY[6 if rest else 4], host)
        scope = rest[1] if rest else 0
        self.sent.append(Datagram(b"".join(buffers), packed, scope, tuple(sorted(asked))))


Pair = tuple[tuple[mmsg.BatchedTransport, Memory], tuple[portable.PortableTransport, Memory]]


@contextlib.contextmanager
def both(version: Version, raw: bool) -> Iterator[Pair]:
    """A batched transport and a portable one, each with a kernel of its own behind it."""
    spec = SocketSpec(version=version, privileged=raw, identifiers=(1,))
    batched_memory, portable_memory = Memory(), Memory()
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as opened:
        # Any sockets: nothing passes through them.
        patch.setattr(
            lanes.sockets, "open_socket", lambda *_: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        )
        patch.setattr(lanes, "try_stamps", lambda _: (True, True))
        patch.setattr(mmsg, "_sendmmsg", batched_memory.sendmmsg)
        patch.setattr(mmsg, "_recvmmsg", batched_memory.recvmmsg)
        first, second = mmsg.BatchedTransport(spec, raw), portable.PortableTransport(spec, raw)
        for transport, memory in ((first, batched_memory), (second, portable_memory)):
            opened.callback(transport.close)
            patch.setattr(transport, "ready", memory.ready)
        opened.callback(second.sockets[0].close)
        patch.setattr(second, "sockets", [portable_memory])
        patch.setattr(second, "senders", [portable_memory])
        yield (first, batched_memory), (second, portable_memory)
