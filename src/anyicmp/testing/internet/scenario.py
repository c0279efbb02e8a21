"""Scenarios in TOML: from a file, or its text, to a topology. Unknown keys are errors.

The tables have the keys of the classes in `topology.py` and `link.py`. Nothing is simulated here.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from anyicmp.testing.internet.tables import ScenarioError
from anyicmp.testing.internet.topology import CLIENT, Topology

__all__ = ["BUILT_IN", "load"]

BUILT_IN = ("demo",)
"""Scenarios that the package brings."""

KEYS = frozenset({"name", "about", "seed", "client", "router", "host", "link", "check"})


def load(scenario: str | Path) -> Topology:
    """The topology of a TOML file (a path), of its text, or of a built-in scenario such as "demo".

    Text is told from a path by its line ends. The top-level table `check` is left to whoever runs the
    scenario. Raises ScenarioError for what cannot be, naming file and key; OSError for the file.
    """
    name, text = _named(scenario)
    try:
        topology = _read(text).copy()
    except ScenarioError as error:
        raise error.within(name) from error
    topology.origin = name
    return topology


def _named(scenario: str | Path) -> tuple[str, str]:
    """Where a scenario is from, "" for text, and its text."""
    if scenario in BUILT_IN:
        built_in = files("anyicmp.testing.internet") / f"{scenario}.toml"
        return str(scenario), built_in.read_text("utf-8")
    if isinstance(scenario, str) and "\n" in scenario:
        return "", scenario
    return str(scenario), Path(scenario).read_text("utf-8")


@lru_cache(maxsize=256)
def _read(text: str) -> Topology:
    # Tests read the same scenario again and again.
    return _topology(_parse(text))


def _parse(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError("", f"no TOML: {error}") from error


def _topology(values: Mapping[str, Any]) -> Topology:
    for key in values:
        if key not in KEYS:
            raise ScenarioError(key, f"unknown key; known here: {', '.join(sorted(KEYS))}")
    topology = Topology(
        name=_of(values, "name", str, ""),
        about=_of(values, "about", str, ""),
        seed=_of(values, "seed", int, 0),
        **_client(_of(values, CLIENT, dict, {})),
    )
    for kind, add in (("router", topology.router), ("host", topology.host)):
        for name, options in _of(values, kind, dict, {}).items():
            try:
                if not isinstance(options, dict):
                    raise ScenarioError("", f"a table is wanted here, not {options!r}")
                options = dict(options)
                address = options.pop("address", ())
                add(name, *([address] if isinstance(address, str) else address), **options)
            except ScenarioError as error:
                raise error.below(f"{kind}.{name}") from error
    for number, options in enumerate(_of(values, "link", list, []), 1):
        try:
            topology.link(*options.get("path", ()), **{k: v for k, v in options.items() if k != "path"})
        except ScenarioError as error:
            raise error.below(f"link[{number}]") from error
    return topology


def _of(values: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
    value = values.get(key, default)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ScenarioError(key, f"of type {kind.__name__}, not {value!r}")
    return value


def _client(values: Mapping[str, Any]) -> dict[str, Any]:
    for key in values:
        if key != "address":
            raise ScenarioError(f"{CLIENT}.{key}", "unknown key; known here: address")
    return {"client": values["address"]} if "address" in values else {}
