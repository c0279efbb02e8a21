"""`anyicmp routes` and `anyicmp neighbors`: columns for people, JSON Lines for programs."""

from __future__ import annotations

import json
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from anyicmp import NextHop, Route
from anyicmp.cli.__main__ import main
from anyicmp.cli.tables import route_lines
from cli.running import BACKENDS


@pytest.mark.parametrize("backend", BACKENDS)
def test_routes_of_the_demo(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["routes", "--simulate", "demo", "--backend", backend]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out == (
        "Destination          Gateway          Flags  Metric  Interface\n"
        "192.0.2.1/32         *                UH          0  sim0\n"
        "0.0.0.0/0            192.0.2.1        UG          0  sim0\n"
        "2001:db8:0:1::1/128  *                UH          0  sim0\n"
        "::/0                 2001:db8:0:1::1  UG          0  sim0\n"
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_neighbors_of_the_demo(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["neighbors", "--simulate", "demo", "-4", "--backend", backend]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out == (
        "Address    Link address       Interface  State\n192.0.2.1  02:00:00:00:00:01  sim0       reachable\n"
    )


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["routes", "--simulate", "demo", "-6", "--local", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["destination"], row["gateway"], row["table"]) for row in found] == [
        ("2001:db8:0:1::10/128", None, 255),
        ("2001:db8:0:1::1/128", None, 254),
        ("::/0", "2001:db8:0:1::1", 254),
    ]
    assert list(found[0]) == [
        "destination",
        "gateway",
        "interface",
        "flags",
        "metric",
        "source",
        "table",
        "type",
        "next_hops",
        "mtu",
    ]
    assert main(["neighbors", "--simulate", "demo", "-6", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "address": "2001:db8:0:1::1",
        "link_address": "02:00:00:00:00:02",
        "interface": "sim0",
        "state": "reachable",
    }


def test_the_way_to_one_host(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["routes", "server.demo", "--simulate", "demo"]) == 0
    assert capsys.readouterr().out == (
        "Destination  Gateway    Flags  Metric  Interface\n"
        "0.0.0.0/0    192.0.2.1  UG          0  sim0       src 192.0.2.10\n"
    )


def test_no_way_to_a_host(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A node without a router: what is not on the link lies nowhere."""
    scenario = tmp_path / "lone.toml"
    scenario.write_text('[host.near]\naddress = "192.0.2.9"\n[[link]]\npath = ["client", "near"]\n')
    assert main(["routes", "10.0.0.1", "--simulate", str(scenario)]) == 1
    assert capsys.readouterr() == ("", "anyicmp: no route leads to 10.0.0.1\n")
    assert main(["routes", "192.0.2.9", "--simulate", str(scenario)]) == 0


def test_one_interface_alone(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("routes", "neighbors"):
        assert main([command, "--simulate", "demo", "-I", "sim0", "--json"]) == 0
        assert capsys.readouterr().out.count("\n") in (2, 4)
        assert main([command, "--simulate", "demo", "-I", "eth9", "--json"]) == 0
        assert capsys.readouterr().out == ""


def test_all_that_a_route_may_be() -> None:
    ways = (
        NextHop(gateway=ip_address("10.0.0.1"), interface="eth0", weight=1),
        NextHop(interface="tun0", weight=3, up=False),
    )
    rows = [
        Route(destination=ip_network("10.20.0.0/16"), flags="UG", next_hops=ways),
        Route(destination=ip_network("10.30.0.0/16"), flags="!", metric=7, type="unreachable", table=100),
        Route(destination=ip_network("10.50.0.0/16"), flags="!", type="prohibit", table=0),
        Route(
            destination=ip_network("0.0.0.0/0"),
            gateway=ip_address("10.0.0.1"),
            interface="eth0",
            flags="UGM",
            source=ip_address("10.0.0.2"),
            mtu=1400,
        ),
    ]
    assert list(route_lines(rows)) == [
        "Destination   Gateway   Flags  Metric  Interface",
        "10.20.0.0/16            UG          0",
        "              10.0.0.1                 eth0       weight 1",
        "              *                        tun0       weight 3 down",
        "10.30.0.0/16  *         !           7  *          unreachable table 100",
        "10.50.0.0/16  *         !           0  *          prohibit by a policy rule",
        "0.0.0.0/0     10.0.0.1  UGM         0  eth0       src 10.0.0.2 mtu 1400",
    ]
