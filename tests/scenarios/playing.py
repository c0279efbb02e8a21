"""Plays a scenario: makes the call that its table `check` asks for, and writes the outcome as lines of text.

The door that the call goes through is the caller's to choose. What is expected stands in the scenarios.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections import Counter
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import anyio

import anyicmp
from anyicmp import ErrorReply, Outcome, PingResult, Prober, Reply, SweepResult, Trace
from anyicmp.export import to_dict
from anyicmp.wire import InterfaceInformation

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.toml"))

CHANCE_AND_TIME = frozenset(
    {"sent_at", "rtt", "last", "minimum", "average", "maximum", "stddev", "median", "p95", "p99", "jitter"}
)
"""Fields that a clock decides."""

PROBERS_OWN = frozenset({"data", "packet", "identification", "flow", "flow_label"})
"""Fields with octets that hold identifiers and nonces, and labels, which each prober or kernel chooses."""


@cache
def check_of(name: str) -> dict[str, Any]:
    """The table `check` of a scenario."""
    check: dict[str, Any] = tomllib.loads((HERE / f"{name}.toml").read_text("utf-8"))["check"]
    return check


def with_method(check: dict[str, Any], method: str) -> dict[str, Any]:
    """The same call with another method of probing; what has no sense for it is left out."""
    options = {**check.get("options", {}), "method": method}
    if method == "tcp":
        options.pop("size", None)
    return {**check, "options": options}


def wanted(check: dict[str, Any], method: str, *, privileged: bool) -> list[str]:
    """What must come of a traceroute with a method: only the target's own answer is another one.

    Of a connection that the kernel made nobody tells the hop limit.
    """
    unreachable = "1/4" if ":" in check["target"] else "3/3"
    answer = {
        "icmp": lambda found: found[0],
        "udp": lambda found: f"error {unreachable} from {found[1]} ttl {found[2]}",
        "tcp": lambda found: f"reply from {found[1]} ttl {found[2] if privileged else None} size 0",
    }[method]
    lines = (privileged and check.get("raw")) or check["outcome"]
    return [re.sub(r"reply from (\S+) ttl (\S+) size \d+", answer, line) for line in lines]


async def play(check: dict[str, Any], prober: Prober) -> PingResult | SweepResult | Trace:
    """Make the call of a scenario; its result."""
    options = dict(check.get("options", {}))
    if isinstance(options.get("payload"), str):
        options["payload"] = bytes.fromhex(options["payload"])
    target = check["target"]
    match check["call"]:
        case "ping":
            return await prober.ping(target, **options)
        case "sweep" | "counts":
            return await prober.sweep(target, **options)
        case "traceroute":
            return await prober.traceroute(target, **options)
        case "rounds":
            async with prober.open_traceroute(target, **options) as stream:
                return [trace async for trace in stream][-1]
        case call:
            raise ValueError(f"no such call: {call}")


def what(outcome: Outcome) -> str:
    """An outcome in short."""
    match outcome:
        case Reply():
            many = f" duplicates {outcome.duplicates}" if outcome.duplicates else ""
            return f"reply from {outcome.source} ttl {outcome.ttl} size {outcome.size}{many}"
        case ErrorReply():
            mtu = getattr(outcome.message, "mtu", getattr(outcome.message, "next_hop_mtu", None))
            return f"error {outcome.type}/{outcome.code} from {outcome.source} ttl {outcome.ttl}" + (
                f" mtu {mtu}" if mtu is not None else ""
            )
        case _:
            return outcome.kind


def lines(check: dict[str, Any], result: PingResult | SweepResult | Trace) -> list[str]:
    """What the table `check` calls `outcome`: everything of a result that people look for, but no times."""
    if check["call"] == "counts":
        counts = Counter(outcome.kind for outcome in result.outcomes)
        return [f"{counts[kind]} {kind}" for kind in anyicmp.KINDS if counts[kind]]
    if isinstance(result, Trace):
        return [_hop(hop) for hop in result.hops] + ["reached" if result.reached else "not reached"]
    said = [f"{outcome.sequence} {what(outcome)}" for outcome in result.outcomes]
    if isinstance(result, SweepResult):
        rows = sorted(result.outcomes, key=lambda outcome: outcome.target or ip_address(0))
        said = [f"{outcome.target} {what(outcome)}" for outcome in rows]
    counted = result.statistics
    return [
        *said,
        (
            f"sent {counted.sent} received {counted.received} errors {counted.errors} "
            f"duplicates {counted.duplicates} late {counted.late}"
        ),
    ]


def _hop(hop: anyicmp.Hop) -> str:
    seen = Counter(what(outcome) for outcome in hop.outcomes)
    parts = [f"{hop.ttl} " + ", ".join(f"{number}x {text}" for text, number in sorted(seen.items()))]
    if hop.mpls:
        labels = (f"{label.label}/{label.traffic_class}/{label.ttl}" for label in hop.mpls)
        parts.append("mpls " + " ".join(labels))
    objects = {
        extension.name
        for outcome in hop.outcomes
        for extension in getattr(getattr(outcome, "message", None), "extensions", ())
        if isinstance(extension, InterfaceInformation)
    }
    return "; ".join(parts + [f"interface {name}" for name in sorted(objects, key=str)])


def quotes(result: PingResult | SweepResult | Trace) -> list[str]:
    """What raw sockets see of the quoted IP headers: hop, source, TTL and octets of the quoted packet."""
    said = []
    for hop in getattr(result, "hops", ()):
        for outcome in hop.outcomes[:1]:
            quoted = getattr(getattr(outcome, "message", None), "quoted", None)
            if quoted is not None:
                said.append(f"{hop.ttl} {quoted.source} ttl {quoted.ttl} octets {len(quoted.packet)}")
    return said


def milliseconds(result: PingResult | SweepResult | Trace) -> list[float]:
    """The round trips of a ping, or the first one of each hop, to the microsecond; none of a sweep."""
    if isinstance(result, SweepResult):
        return []
    if isinstance(result, Trace):
        outcomes = [outcome for hop in result.hops for outcome in hop.outcomes[:1]]
    else:
        outcomes = list(result.outcomes)
    return [round(outcome.rtt * 1000, 3) for outcome in outcomes if isinstance(outcome, (Reply, ErrorReply))]


def plain(value: Any) -> Any:
    """All fields of a result, except times and what each prober chooses anew."""
    if isinstance(value, dict):
        return {
            key: plain(each)
            for key, each in value.items()
            if key not in CHANCE_AND_TIME and key not in PROBERS_OWN
            # Of an outcome these are the copies that were read with it.
            if key != "duplicates" or "kind" not in value
        }
    return [plain(each) for each in value] if isinstance(value, list) else value


def fields(check: dict[str, Any], result: PingResult | SweepResult | Trace) -> Any:
    """All fields of a result as plain values; of a sweep the outcomes in order, or only their counts."""
    if check["call"] == "counts":
        return lines(check, result)
    if isinstance(result, SweepResult):
        rows = sorted(result.outcomes, key=lambda outcome: outcome.sequence)
        return plain([to_dict(row) for row in (*rows, result.statistics)])
    return plain(to_dict(result))


async def main(name: str, privileged: bool, method: str = "icmp") -> dict[str, Any]:
    """Play a scenario with the sockets of this system."""
    check = check_of(name) if method == "icmp" else with_method(check_of(name), method)
    async with Prober(privileged=privileged) as prober:
        result = await play(check, prober)
    return {
        "lines": lines(check, result),
        "quotes": quotes(result),
        "milliseconds": milliseconds(result),
        "fields": fields(check, result),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(anyio.run(main, sys.argv[1], sys.argv[2] == "raw", *sys.argv[3:])))
