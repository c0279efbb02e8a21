"""Names: a resolver that hangs, fails or answers oddly blocks nobody and is told apart from silence."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import anyio
import pytest

import anyicmp
from anyicmp import IPAddress, NameLookupError, Prober
from anyicmp.api import resolve
from anyicmp.testing import SimulatedNetwork

pytestmark = pytest.mark.anyio


@pytest.fixture
def system_resolver(network: SimulatedNetwork) -> SimulatedNetwork:
    """A network without a resolver of its own, so that the system's is asked."""
    network.resolve = None  # type: ignore[method-assign, assignment]
    return network


async def test_names_of_the_network(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        assert await prober.resolve("answers.example") == (
            IPv4Address("10.0.0.1"),
            IPv6Address("2001:db8:1::1"),
        )
        assert await prober.resolve("answers.example", family=6) == (IPv6Address("2001:db8:1::1"),)
        assert await prober.resolve("10.0.0.1") == (IPv4Address("10.0.0.1"),)
        with pytest.raises(NameLookupError, match="not an IPv6 address"):
            await prober.resolve("10.0.0.1", family=6)
        with pytest.raises(NameLookupError, match=r"nowhere\.example: .*not known"):
            await prober.resolve("nowhere.example")


async def test_a_resolver_of_the_caller(network: SimulatedNetwork) -> None:
    asked: list[tuple[str, int | None]] = []

    async def resolver(host: str, family: int | None) -> Sequence[IPAddress]:
        asked.append((host, family))
        return [ip_address("2001:db8:1::1"), ip_address("10.0.0.1")]

    async with Prober(network=network, resolver=resolver, family=4) as prober:
        result = await prober.ping("my.example", count=1)
    assert asked == [("my.example", 4)]
    assert (result.host, str(result.target)) == ("my.example", "10.0.0.1")


@pytest.mark.parametrize("failure", [OSError(-3, "try again"), UnicodeError("label too long"), None])
async def test_a_resolver_that_fails(network: SimulatedNetwork, failure: Exception | None) -> None:
    async def resolver(host: str, family: int | None) -> Sequence[IPAddress]:
        if failure is not None:
            raise failure
        return []

    async with Prober(network=network, resolver=resolver) as prober:
        with pytest.raises(NameLookupError) as raised:
            await prober.ping("my.example")
    assert raised.value.host == "my.example"
    assert raised.value.__cause__ is failure


async def test_a_mistake_in_a_resolver_is_not_hidden(network: SimulatedNetwork) -> None:
    async def resolver(host: str, family: int | None) -> Sequence[IPAddress]:
        raise ZeroDivisionError

    async with Prober(network=network, resolver=resolver) as prober:
        with pytest.raises(ZeroDivisionError):
            await prober.ping("my.example")
        with pytest.raises(ZeroDivisionError):
            await prober.sweep(["my.example", "10.0.0.1"])


async def test_a_resolver_that_hangs(network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "LOOKUP_LIMIT", 0.01)

    async def resolver(host: str, family: int | None) -> Sequence[IPAddress]:
        await anyio.sleep_forever()
        raise AssertionError

    async with Prober(network=network, resolver=resolver) as prober:
        with anyio.fail_after(5), pytest.raises(NameLookupError, match="did not answer within"):
            await prober.ping("my.example")
        with anyio.fail_after(5):
            result = await prober.sweep(["my.example", "10.0.0.1"])
    assert sorted(outcome.kind for outcome in result) == ["failed", "reply"]


async def test_the_system_s_resolver_hangs_in_a_thread_of_its_own(
    system_resolver: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop stays responsive, a cancelled call returns at once, the limit is kept."""
    released, asked = threading.Event(), threading.Semaphore(0)

    def hangs(host: str, family: int | None) -> tuple[IPAddress, ...]:
        asked.release()
        released.wait(30)
        return (ip_address("10.0.0.1"),)

    monkeypatch.setattr(resolve, "lookup", hangs)
    monkeypatch.setattr(resolve, "LOOKUP_LIMIT", 0.1)
    try:
        async with Prober(network=system_resolver) as prober:
            with anyio.fail_after(5):
                async with anyio.create_task_group() as tasks:

                    async def limited() -> None:
                        with pytest.raises(NameLookupError, match="did not answer within"):
                            await prober.ping("slow.example")

                    for _ in range(20):
                        tasks.start_soon(limited)
                    # Meanwhile the loop serves others.
                    assert (await prober.ping("10.0.0.1", count=2)).is_alive
                with anyio.move_on_after(0.01) as scope:
                    await prober.ping("slow.example")
                assert scope.cancelled_caught
    finally:
        released.set()
    assert asked.acquire(blocking=False)


async def test_the_system_s_resolver_answers(
    system_resolver: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answers(host: str, family: int | None) -> tuple[IPAddress, ...]:
        if host == "bad.example":
            raise OSError(-2, "Name or service not known")
        return (ip_address("10.0.0.1"),)

    monkeypatch.setattr(resolve, "lookup", answers)
    async with Prober(network=system_resolver) as prober:
        assert (await prober.ping("good.example", count=1)).is_alive
        with pytest.raises(NameLookupError, match="Name or service not known"):
            await prober.ping("bad.example")


async def test_the_function(network: SimulatedNetwork) -> None:
    assert await anyicmp.resolve("127.0.0.1") == (IPv4Address("127.0.0.1"),)
