"""Tests on real kernels that mostly wait, several of a module at once.

A test that is marked `waits` runs before its turn, in a thread, beside others of its module; in its turn its
end is awaited. So it may ask only for fixtures of the module or the session, and shares with no other what
either changes. Tests that measure, or that need a core, are not marked.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from namespaces import python

AT_ONCE = 4


class Ahead:
    """The tests of one module that run before their turn."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(AT_ONCE)
        self.started: dict[str, Future[Any]] = {}

    def await_end(self, item: pytest.Function) -> None:
        """Raise what the test raised, once it has ended; others of its module start as well."""
        if not self.started:
            python()  # the server of warm children starts once
            for other in item.session.items:
                if isinstance(other, pytest.Function) and other.path == item.path and waits(other):
                    self.started[other.nodeid] = self.pool.submit(other.obj, **arguments(other, item))
        self.started[item.nodeid].result()


def waits(item: pytest.Function) -> bool:
    return item.get_closest_marker("waits") is not None


def arguments(item: pytest.Function, first: pytest.Function) -> dict[str, Any]:
    """A test's parameters, and the fixtures of the module that it asks for."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    names = item._fixtureinfo.argnames
    return {name: given[name] if name in given else first._request.getfixturevalue(name) for name in names}


@pytest.fixture(scope="module")
def ahead() -> Iterator[Ahead]:
    found = Ahead()
    yield found
    found.pool.shutdown(cancel_futures=True)


@pytest.fixture(autouse=True)
def _started_with_the_others(request: pytest.FixtureRequest) -> None:
    if waits(request.node):
        request.getfixturevalue("ahead")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not waits(pyfuncitem):
        return None
    pyfuncitem._request.getfixturevalue("ahead").await_end(pyfuncitem)
    return True
