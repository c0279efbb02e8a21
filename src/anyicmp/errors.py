"""The exceptions of anyicmp: what is raised, and what to do about it.

Only misuse, missing rights and a closed prober raise. What the network does is a result (`results.py`).
"""

from __future__ import annotations

__all__ = [
    "AnyicmpError",
    "ClosedError",
    "DecodeError",
    "NameLookupError",
    "SocketPermissionError",
    "UnsupportedError",
]


class AnyicmpError(Exception):
    """Base of all exceptions that anyicmp defines."""


class SocketPermissionError(AnyicmpError, PermissionError):
    """No socket of the wanted kind may be opened; the text names the remedy on this platform."""


class NameLookupError(AnyicmpError):
    """A host name, or an address in text, leads to no address.

    Attributes:
        host: the name as asked.
        reason: why, as one clause for people.
    """

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(host, reason)
        self.host = host
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.host}: {self.reason}"


class DecodeError(AnyicmpError, ValueError):
    """Bytes that are not a well-formed message; the only exception that the codec raises for bytes."""


class UnsupportedError(AnyicmpError):
    """This platform or socket cannot do that; the text says what can."""


class ClosedError(AnyicmpError):
    """The prober was closed, before the call or while it was in flight."""
