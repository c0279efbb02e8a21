"""Sweep through a simulated network: one outcome for each target, whatever the targets are."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Iterator
from ipaddress import IPv4Network, ip_address
from itertools import pairwise

import anyio
import anyio.lowlevel
import pytest

import anyicmp
from anyicmp import NoReply, Prober, Reply, SendFailure
from anyicmp.api import sweep
from anyicmp.testing import Host, SimulatedNetwork
from api.scene import routers

pytestmark = pytest.mark.anyio


async def test_a_network_means_its_hosts(either_network: SimulatedNetwork) -> None:
    async with Prober(network=either_network) as prober:
        result = await prober.sweep("10.1.2.0/24")
    assert {str(outcome.target) for outcome in result} == {str(h) for h in IPv4Network("10.1.2.0/24").hosts()}
    assert sorted(outcome.sequence for outcome in result) == list(range(254))
    assert len(result.alive) == result.statistics.received == 254
    assert all(outcome.rtt == pytest.approx(0.005) for outcome in result.alive if isinstance(outcome, Reply))


async def test_a_large_sweep_loses_nothing_in_a_small_buffer(network: SimulatedNetwork) -> None:
    network.receive_buffer = 20_000
    async with Prober(network=network) as prober:
        result = await prober.sweep("10.1.0.0/22")
        assert prober.statistics.dropped == 0
    assert len(result.alive) == 1022


async def test_every_kind_of_target_in_its_place(network: SimulatedNetwork) -> None:
    network.add("10.0.0.4", Host(path=routers(4, 1), unreachable=1))
    network.add("10.0.0.10", Host(errno=errno.EHOSTUNREACH))
    targets = [
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.4",
        "10.0.0.10",
        "answers.example",
        "nowhere.example",
        "127.0.0.999",
        ip_address("2001:db8:1::1"),
        "2001:db8:2::/125",
        "10.1.0.1-10.1.0.3",
    ]
    async with Prober(network=network) as prober:
        result = await prober.sweep(targets)
    by_number = {outcome.sequence: outcome for outcome in result}
    assert set(by_number) == set(range(18))
    kinds = [by_number[i].kind for i in range(8)]
    assert kinds == ["reply", "timeout", "error", "failed", "reply", "failed", "failed", "reply"]
    assert by_number[4].host == "answers.example"
    unknown = by_number[5]
    assert isinstance(unknown, SendFailure)
    assert (unknown.host, unknown.target, unknown.errno) == ("nowhere.example", None, None)
    assert by_number[6].host == "127.0.0.999"
    assert all(by_number[i].kind == "reply" for i in range(8, 18))
    assert (len(result.alive), len(result.unanswered), len(result.errors), len(result.failed)) == (
        13,
        1,
        1,
        3,
    )
    assert result.statistics.sent == 15
    assert result.statistics.failed == 3


async def test_what_is_excluded_is_not_probed(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        result = await prober.sweep("10.1.0.0/28", exclude=["10.1.0.4/30", "10.1.0.1"])
    assert sorted(int(outcome.target) & 15 for outcome in result if outcome.target) == [
        2, 3, 8, 9, 10, 11, 12, 13, 14,
    ]  # fmt: skip


async def test_reserved_addresses_are_left_out_on_request(network: SimulatedNetwork) -> None:
    targets = ["9.255.255.254-10.0.0.2", "192.168.1.1", "198.51.100.0/30", "2001:db8:2::1", "2a00::1", "::1"]
    async with Prober(network=network) as prober:
        result = await prober.sweep(targets, exclude=["reserved", "2a00::1"], timeout=0.1)
        assert [str(outcome.target) for outcome in result] == ["9.255.255.254", "9.255.255.255"]
        assert len((await prober.sweep(targets, timeout=0.1)).outcomes) == 11


async def test_no_more_names_are_looked_up_at_once_than_are_good(network: SimulatedNetwork) -> None:
    waiting, most = 0, 0

    async def slow(host: str, family: int | None) -> list[str]:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        for _ in range(50):
            await anyio.lowlevel.checkpoint()
        waiting -= 1
        return [f"10.1.0.{int(host.split('.', maxsplit=1)[0][1:])}"]

    async with Prober(network=network, resolver=slow) as prober:
        result = await prober.sweep([f"n{i}.example" for i in range(1, 101)])
    assert len({outcome.target for outcome in result.alive}) == 100
    assert most == sweep.LOOKUPS


async def test_silent_targets_are_probed_again(network: SimulatedNetwork) -> None:
    network.add("10.2.0.1", Host(lost=frozenset({0, 1})))
    async with Prober(network=network) as prober:
        result = await prober.sweep(["10.2.0.1", "10.0.0.2", "10.0.0.1"], retries=2, timeout=0.5)
    kinds = {outcome.sequence: outcome.kind for outcome in result}
    assert kinds == {0: "reply", 1: "timeout", 2: "reply"}
    assert len(network.sent) == 3 + 3 + 1
    assert len(result.outcomes) == 3


async def test_the_rate_is_kept(network: SimulatedNetwork) -> None:
    times: list[int] = []
    network.on_sent = lambda packet: times.append(network.clocks.monotonic())
    async with Prober(network=network) as prober:
        result = await prober.sweep("10.1.0.0/25", rate=10)
    assert len(result.alive) == 126
    assert {later - earlier for earlier, later in pairwise(times)} == {100_000_000}


async def test_both_families_share_a_rate(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        result = await prober.sweep(["10.1.0.0/26", "2001:db8:2::/122"], rate=100)
    assert len(result.alive) == 62 + 63
    times = [outcome.sent_at for outcome in result]
    assert max(times) - min(times) == pytest.approx(1.24)


async def test_no_more_are_in_flight_than_asked_for(network: SimulatedNetwork) -> None:
    network.add("10.3.0.0/16", Host(silent=True))
    async with (
        Prober(network=network) as prober,
        prober.open_sweep("10.3.0.0/24", in_flight=7, timeout=1.0) as stream,
    ):
        await anext(stream)
        assert stream.progress.sent <= 14
        outcomes = [outcome async for outcome in stream]
    assert len(outcomes) == 253
    assert all(isinstance(outcome, NoReply) for outcome in outcomes)
    assert {round(o.sent_at * 1000) % 1000 for o in outcomes} == {0}, "a second between each seven"


async def test_targets_come_from_anywhere(network: SimulatedNetwork) -> None:
    def generated() -> Iterator[str]:
        yield "10.1.0.1"
        yield "10.1.0.2"

    async def trickling() -> AsyncIterator[str]:
        for i in range(1, 4):
            await anyio.lowlevel.checkpoint()
            yield f"10.1.0.{i}"

    async with Prober(network=network) as prober:
        assert len((await prober.sweep(generated())).alive) == 2
        assert len((await prober.sweep(trickling())).alive) == 3
        assert len((await prober.sweep({"10.1.0.1"})).alive) == 1
        assert len((await prober.sweep(iter(()))).outcomes) == 0


async def test_a_mistake_in_an_iterable_is_given_back(network: SimulatedNetwork) -> None:
    def broken() -> Iterator[str]:
        yield "10.1.0.1"
        raise LookupError("the list ends here")

    async with Prober(network=network) as prober:
        with pytest.raises(LookupError, match="the list ends here"):
            await prober.sweep(broken())
        async with prober.open_sweep(broken()) as stream:
            with pytest.raises(LookupError):
                await anext(stream)
        assert (await prober.sweep("10.1.0.1")).alive, "the prober goes on"


async def test_things_that_are_no_targets(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        for wrong in ([], (), "10.0.0.1/24", ["10.0.0.9-10.0.0.1"]):
            with pytest.raises(ValueError, match=r"."):
                await prober.sweep(wrong)
        for wrong in (5, None, b"10.0.0.1"):
            with pytest.raises(TypeError):
                await prober.sweep(wrong)  # type: ignore[arg-type]
        result = await prober.sweep(iter(["10.0.0.1/24", "10.0.0.1", 17]))  # type: ignore[list-item]
    assert sorted(outcome.kind for outcome in result) == ["failed", "failed", "reply"]
    assert len(network.sent) == 1


async def test_progress_and_batches(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober, prober.open_sweep("10.1.0.0/24", in_flight=50) as stream:
        total = 0
        async for batch in stream.batches():
            total += len(batch)
            assert stream.progress.done >= total
        assert total == 254
        assert stream.progress == anyicmp.SweepProgress(done=254, total=254, sent=254, received=254)


async def test_a_slow_consumer_slows_the_sweep_and_loses_nothing(
    network: SimulatedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "UNREAD", 300)
    swept = Prober(network=network)
    async with swept as prober, prober.open_sweep("10.1.0.0/22", in_flight=200) as stream:
        await anext(stream)
        later = anyio.Event()
        network.clocks.after(60.0, later.set)
        await later.wait()
        assert stream.progress.sent <= 600, (
            "it waits for its consumer: what was in flight is all that may come"
        )
        rest = [outcome.sequence async for outcome in stream]
    assert len(rest) == 1021


async def test_leaving_the_block_stops_the_sweep(network: SimulatedNetwork) -> None:
    async with Prober(network=network) as prober:
        async with prober.open_sweep("10.1.0.0/16", rate=100) as stream:
            async for _ in stream:
                break
        sent = len(network.sent)
        await prober.ping("10.0.0.1", count=2)
        assert len(network.sent) == sent + 2


async def test_the_time_limit_returns_what_has_ended(network: SimulatedNetwork) -> None:
    network.turns.automatic = False
    network.clocks.after(0.0, lambda: None)
    async with Prober(network=network) as prober:
        result = await prober.sweep(["10.0.0.10", "127.0.0.999"], time_limit=0.05)
    assert [outcome.kind for outcome in result] == ["failed"]


async def test_a_partial_send_is_gone_on_with(network: SimulatedNetwork) -> None:
    network.rows_per_call = 3
    network.add("10.1.0.7", Host(errno=errno.EHOSTUNREACH))
    async with Prober(network=network) as prober:
        result = await prober.sweep("10.1.0.0/26")
    assert len(result.alive) == 61
    assert [str(outcome.target) for outcome in result.failed] == ["10.1.0.7"]


@pytest.mark.parametrize("full", [errno.EAGAIN, errno.ENOBUFS])
async def test_full_buffers_hold_back_and_lose_nothing(network: SimulatedNetwork, full: int) -> None:
    network.send_buffer = 2000
    network.bandwidth = 1_000_000.0
    network.when_full = full
    async with Prober(network=network) as prober:
        result = await prober.sweep("10.1.0.0/24")
    assert len(result.alive) == 254


async def test_names_are_looked_up_while_others_are_probed(network: SimulatedNetwork) -> None:
    released = anyio.Event()

    async def slow(host: str, family: int | None) -> list[str]:
        await released.wait()
        return ["10.0.0.1"]

    async with (
        Prober(network=network, resolver=slow) as prober,
        prober.open_sweep(["slow.example", "10.1.0.1", "10.1.0.2"]) as stream,
    ):
        first = [await anext(stream), await anext(stream)]
        assert sorted(outcome.sequence for outcome in first) == [1, 2]
        released.set()
        last = await anext(stream)
        assert (last.sequence, last.host, last.kind) == (0, "slow.example", "reply")
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_shuffled_and_in_shards_each_target_comes_once(network: SimulatedNetwork) -> None:
    targets = ["10.1.0.0/26", "answers.example", "2001:db8:2::/122"]
    async with Prober(network=network) as prober:
        parts = [await prober.sweep(targets, shuffle=7, shard=(index, 3)) for index in range(3)]
        shuffled = await prober.sweep(targets, shuffle=7)
    numbers = [outcome.sequence for part in parts for outcome in part]
    assert sorted(numbers) == list(range(62 + 1 + 63))
    assert {outcome.kind for part in parts for outcome in part} == {"reply"}
    by_number = {outcome.sequence: outcome.target for part in parts for outcome in part}
    assert {outcome.sequence: outcome.target for outcome in shuffled} == by_number
    assert str(by_number[62]) == "10.0.0.1"
