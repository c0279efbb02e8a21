"""A prober after a fork: the child may not use it, and does not disturb the parent by letting go of it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from threading import Thread

import anyio
import pytest

import anyicmp
from anyicmp import ClosedError, Prober

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("needs_icmp_socket")]


def in_child(call: Callable[[], str]) -> str:
    """What a call says in a forked process, which then ends without cleaning up."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of the resolver may be there
        child = os.fork()
    if not child:
        try:
            said = call()
        except BaseException as error:  # noqa: BLE001 - a forked child must not go on with the tests
            said = repr(error)
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


async def test_a_child_s_use_is_an_error_and_the_parent_goes_on() -> None:
    async with Prober() as prober, prober.open_ping("127.0.0.1", interval=0.01) as stream:
        await anext(stream)

        async def every_way() -> str:
            with pytest.raises(ClosedError) as refused:
                await prober.ping("127.0.0.1")
            await stream.__aexit__(None, None, None)
            await prober.aclose()
            still = sum(driver.transport.fileno() >= 0 for driver in prober._drivers.values())
            return f"{refused.value}; {still} descriptors"

        def use() -> str:
            # In a thread of its own: this one is inside the parent's loop still, as far as trio knows.
            said: list[str] = []
            thread = Thread(target=lambda: said.append(anyio.run(every_way)))
            thread.start()
            thread.join(10)
            return said[0]

        assert in_child(use) == (
            "the prober was opened by another process: open one in this process; 0 descriptors"
        )
        with anyio.fail_after(5):
            for _ in range(20):
                assert (await anext(stream)).kind == "reply"
        assert (await prober.ping("127.0.0.1", count=2, interval=0.01)).is_alive


def test_a_child_may_open_its_own(anyio_backend: object) -> None:
    """What multiprocessing does by default on older Pythons."""
    ping = partial(anyicmp.ping, "127.0.0.1", count=2, interval=0.01)
    assert anyio.run(ping).is_alive
    assert in_child(lambda: str(anyio.run(ping).is_alive)) == "True"
