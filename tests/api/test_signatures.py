"""The functions of the module repeat the signatures of the Prober's methods: they may not drift apart."""

from __future__ import annotations

import inspect

import pytest

import anyicmp
from anyicmp import Prober

CALLS = ["ping", "open_ping", "sweep", "open_sweep", "traceroute", "open_traceroute"]
CALLS += ["multipath", "open_multipath"]
LASTING = ["open_monitor"]
"""Calls that share the prober's sockets for as long as they last: they have no identifier of their own."""
ROUTE = {"source", "interface", "mark", "dscp", "dont_fragment"}


def parameters(call: object) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(call).parameters)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*CALLS, *LASTING, "path_mtu", "diagnose", "open_diagnose"])
def test_a_function_takes_what_the_method_takes(name: str) -> None:
    """All but `new_identifier`: whoever opens a prober for one call has new identifiers anyway."""
    method, function = parameters(getattr(Prober, name)), parameters(getattr(anyicmp, name))
    del method["self"]
    method.pop("new_identifier", None)
    assert function.pop("family").default is method.pop("family").default is None
    assert function.pop("options").kind is inspect.Parameter.VAR_KEYWORD
    assert list(function) == list(method)
    assert function == method


@pytest.mark.parametrize("name", ["routes", "route_to", "neighbors", "interfaces"])
def test_a_function_for_the_tables_takes_what_the_method_takes(name: str) -> None:
    """`family` is the call's own there, so that it is no option of the prober."""
    method, function = parameters(getattr(Prober, name)), parameters(getattr(anyicmp, name))
    del method["self"]
    assert function.pop("options").kind is inspect.Parameter.VAR_KEYWORD
    assert function == method


@pytest.mark.parametrize("name", [*CALLS, *LASTING])
def test_every_call_takes_what_concerns_the_header_and_the_socket(name: str) -> None:
    assert set(parameters(getattr(Prober, name))) >= ROUTE


@pytest.mark.parametrize("name", ["source", "interface", "mark"])
def test_a_prober_has_defaults_for_its_sockets(name: str) -> None:
    assert parameters(Prober)[name].default is None
