"""Prometheus' text, a collector, and OpenTelemetry gauges: the same figures, under names that others use."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any

import anyio
import pytest

from anyicmp import BUCKETS, Monitor, MonitorTarget, Prober
from anyicmp.export import CONTENT_TYPE, Exposition
from anyicmp.testing import Host, SimulatedNetwork
from api.scene import made, routers
from api.test_monitor import changes_until

pytestmark = pytest.mark.anyio

ODD = 'a"b\\c\nd'


async def watched(prober: Prober, network: SimulatedNetwork) -> Monitor:
    network.add("10.0.0.7", Host(copies=2, delay=0.0001))
    network.add("10.0.0.51", Host(path=routers(4, 3), unreachable=13))
    network.add("10.0.0.52", Host(errno=101))
    targets = [
        MonitorTarget("answers.example", labels={"site": ODD}, dscp=46),
        MonitorTarget("10.0.0.7", key="copier"),
        "10.0.0.51",
        "10.0.0.52",
        "nowhere.example",
        "2001:db8:1::1",
    ]
    monitor = prober.open_monitor(targets)
    await monitor.__aenter__()
    await changes_until(monitor, network, 9.5)
    return monitor


def rendered(monitor: Monitor) -> str:
    exposition = Exposition(monitor)
    assert len(list(exposition.steps(targets=4))) == -(-len(monitor) // 4)
    return exposition.text


def samples(text: str) -> dict[str, float]:
    return {
        found[1]: float(found[2])
        for line in text.splitlines()
        if not line.startswith("#")
        for found in [re.fullmatch(r"(.*) (\S+)", line)]
        if found
    }


async def test_the_text_has_smokeping_s_names_labels_and_buckets() -> None:
    network = made(privileged=True)
    async with Prober(network=network) as prober:
        monitor = await watched(prober, network)
        text = rendered(monitor)
        monitor.remove("copier")
        assert "10.0.0.7" not in rendered(monitor)
        await monitor.__aexit__(None, None, None)
    found = samples(text)
    named = 'ip="10.0.0.1",host="answers.example",source="",tos="184",site="a\\"b\\\\c\\nd"'
    copier = 'ip="10.0.0.7",host="10.0.0.7",source="",tos="0",key="copier"'
    filtered = 'ip="10.0.0.51",host="10.0.0.51",source="",tos="0"'
    refused = 'ip="10.0.0.52",host="10.0.0.52",source="",tos="0"'
    nowhere = 'ip="",host="nowhere.example",source="",tos="0"'
    expected = {
        f"smokeping_requests_total{{{named}}}": 10,
        f"smokeping_response_ttl{{{named}}}": 64,
        f'smokeping_response_duration_seconds_bucket{{{named},le="0.0064"}}': 0,
        f'smokeping_response_duration_seconds_bucket{{{named},le="0.0128"}}': 10,
        f'smokeping_response_duration_seconds_bucket{{{named},le="26.2144"}}': 10,
        f'smokeping_response_duration_seconds_bucket{{{named},le="+Inf"}}': 10,
        f"smokeping_response_duration_seconds_count{{{named}}}": 10,
        f'smokeping_response_duration_seconds_bucket{{{copier},le="5e-05"}}': 0,
        f'smokeping_response_duration_seconds_bucket{{{copier},le="0.0001"}}': 10,
        f"smokeping_response_duplicates_total{{{copier}}}": 10,
        f"smokeping_requests_total{{{filtered}}}": 10,
        f'anyicmp_icmp_errors_total{{{filtered},type="3",code="13",'
        'reason="communication administratively prohibited"}': 10,
        f"anyicmp_target_up{{{filtered}}}": 0,
        f"smokeping_requests_total{{{refused}}}": 0,
        f"smokeping_send_errors_total{{{refused}}}": 10,
        f'anyicmp_send_failures_total{{{refused},reason="ENETUNREACH"}}': 10,
        f"anyicmp_target_resolved{{{nowhere}}}": 0,
        f"anyicmp_target_resolved{{{named}}}": 1,
        f"anyicmp_target_up{{{named}}}": 1,
        "anyicmp_targets": 6,
        "smokeping_receive_errors_total": 0,
    }
    assert {name: found.get(name) for name in expected} == expected
    assert found[f"smokeping_response_duration_seconds_sum{{{named}}}"] == pytest.approx(0.1)
    assert sum("_bucket{" + named in name for name in found) == len(BUCKETS) + 1


async def test_an_official_parser_reads_it_and_a_collector_says_the_same() -> None:
    pytest.importorskip("prometheus_client")
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.parser import text_string_to_metric_families

    from anyicmp.export.prometheus import MonitorCollector

    def values(text: str) -> dict[Any, float]:
        families = list(text_string_to_metric_families(text))
        assert len({family.name for family in families}) == len(families)
        return {
            (each.name, frozenset((name, value) for name, value in each.labels.items() if name != "le"),
             float(each.labels["le"]) if "le" in each.labels else None): each.value
            for family in families
            for each in family.samples
        }  # fmt: skip

    network = made(privileged=True)
    registry = CollectorRegistry(auto_describe=True)
    async with Prober(network=network) as prober:
        monitor = await watched(prober, network)
        registry.register(MonitorCollector(monitor))
        ours, theirs = values(rendered(monitor)), values(generate_latest(registry).decode())
        await monitor.__aexit__(None, None, None)
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")
    assert any(name == "smokeping_requests_total" for name, _, _ in ours)
    assert {("site", ODD)} & {pair for _, labels, _ in ours for pair in labels}
    assert ours == theirs


async def test_gauges_for_opentelemetry() -> None:
    pytest.importorskip("opentelemetry.metrics")
    from opentelemetry.metrics import CallbackOptions, NoOpMeter

    from anyicmp.export.opentelemetry import instrument

    class Meter(NoOpMeter):
        def __init__(self) -> None:
            super().__init__("test")
            self.gauges: dict[str, Any] = {}

        def create_observable_gauge(
            self, name: str, callbacks: Any = None, unit: str = "", description: str = ""
        ) -> Any:
            self.gauges[name] = callbacks
            return super().create_observable_gauge(name, callbacks, unit, description)

    def observed(name: str) -> dict[str, tuple[float, Any]]:
        found: Iterable[Any] = meter.gauges[name][0](CallbackOptions())
        return {each.attributes["net.peer.name"]: (each.value, each.attributes) for each in found}

    network, meter = made(privileged=True), Meter()
    async with Prober(network=network) as prober:
        monitor = await watched(prober, network)
        instrument(monitor, meter)
        round_trips = {f"ping.rtt.{each}" for each in ("min", "max", "avg", "stddev")}
        assert set(meter.gauges) == {*round_trips, "ping.loss.ratio"}
        average, loss = observed("ping.rtt.avg"), observed("ping.loss.ratio")
        await monitor.__aexit__(None, None, None)
    attributes = {"net.peer.ip": "10.0.0.1", "net.peer.name": "answers.example", "site": ODD}
    assert average["answers.example"] == (pytest.approx(10.0), attributes)
    assert set(average) == {"answers.example", "10.0.0.7", "2001:db8:1::1"}
    assert {name: value for name, (value, _) in loss.items()} == {
        "answers.example": 0.0,
        "10.0.0.7": 0.0,
        "10.0.0.51": 1.0,
        "2001:db8:1::1": 0.0,
    }


@pytest.mark.parametrize(
    ("module", "missing", "extra"),
    [("prometheus", "prometheus_client", "prometheus"), ("opentelemetry", "opentelemetry", "otel")],
)
def test_without_its_extra_an_exporter_says_so(
    module: str, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, f"anyicmp.export.{module}", raising=False)
    with pytest.raises(ImportError, match=f"extra '{extra}'"):
        __import__(f"anyicmp.export.{module}")


async def test_nobody_waits_for_a_long_step() -> None:
    """A step renders as many targets as asked, so that other tasks have their turns."""
    network = made(privileged=True)
    async with (
        Prober(network=network) as prober,
        prober.open_monitor([f"10.1.0.{i}" for i in range(45)]) as monitor,
    ):
        await changes_until(monitor, network, 2)
        exposition, turns = Exposition(monitor), 0
        for _ in exposition.steps():
            await anyio.lowlevel.checkpoint()
            turns += 1
        assert turns == 3
        assert exposition.text.count("smokeping_requests_total{") == 45
