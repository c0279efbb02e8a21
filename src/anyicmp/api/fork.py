"""What a fork does to open sockets: the child has copies of them, and they are still the parent's.

A child that used them would take the parent's answers, and by closing its loop's watchers it would remove
the parent's, for both share one epoll(7). So the child lets go of all of them before it does anything else.
"""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet

__all__ = ["leave_to_parent"]


class Owner(Protocol):
    """Has descriptors."""

    def abandon(self) -> None:
        """In a child process: close the copies, touch nothing else, refuse to be used."""
        ...


_owners: WeakSet[Owner] = WeakSet()


def leave_to_parent(owner: Owner) -> None:
    """Have an owner abandon its descriptors in each child that this process forks."""
    _owners.add(owner)


def _in_child() -> None:
    for owner in list(_owners):
        owner.abandon()
    _owners.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
