"""/probe of the agent: one ping, told in the names of blackbox_exporter and those that it lacks.

Takes a prober and a module, gives text. Nothing is served here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from anyicmp import IPAddress, NameLookupError, PingResult, Prober
from anyicmp.cli.agent_file import Module

__all__ = ["address_hash", "probe"]

HELP = {
    "probe_dns_lookup_time_seconds": "Returns the time taken for probe dns lookup in seconds",
    "probe_duration_seconds": "Returns how long the probe took to complete in seconds",
    "probe_icmp_duration_seconds": "Duration of icmp request by phase",
    "probe_icmp_duration_rtt_max_seconds": "Maximum duration of the round trips",
    "probe_icmp_duration_rtt_min_seconds": "Minimum duration of the round trips",
    "probe_icmp_duration_rtt_stddev_seconds": "Standard deviation of the round trips",
    "probe_icmp_packets_received_count": "Number of ICMP packets received",
    "probe_icmp_packets_sent_count": "Number of ICMP packets sent",
    "probe_icmp_reply_hop_limit": "Replied packet hop limit (TTL for ipv4)",
    "probe_ip_addr_hash": "Specifies the hash of IP address. "
    "It's useful to detect if the IP address changes.",
    "probe_ip_protocol": "Specifies whether probe ip protocol is IP4 or IP6",
    "probe_success": "Displays whether or not the probe was a success",
}


async def probe(prober: Prober, host: str, module: Module, limit: float | None) -> str:
    """Ping a host and say what came of it, in Prometheus' text format.

    `limit`: seconds for all of it, None: as long as the module's probes take.
    """
    began = prober.unix_time()
    target: IPAddress | None = None
    result: PingResult | None = None
    resolved = began
    try:
        target = (await prober.resolve(host, family=module.family))[0]
        resolved = prober.unix_time()
        left = None if limit is None else max(0.05, limit - (resolved - began))
        timeout = module.timeout if left is None else min(module.timeout, left)
        result = await prober.ping(
            target,
            count=module.count,
            interval=module.interval,
            timeout=timeout,
            time_limit=left,
            **module.options,
        )
    except NameLookupError:
        resolved = prober.unix_time()
    took = prober.unix_time() - began
    lines = _lines(target, result, resolved - began, took)
    return "".join(sorted(lines))


def _lines(target: IPAddress | None, result: PingResult | None, lookup: float, took: float) -> Iterator[str]:
    figures = None if result is None else result.statistics
    average = None if figures is None else figures.average
    yield _metric("probe_dns_lookup_time_seconds", lookup)
    yield _metric("probe_duration_seconds", took)
    yield _metric("probe_success", int(result is not None and result.is_alive))
    yield _metric("probe_ip_protocol", 0 if target is None else target.version)
    yield _metric("probe_ip_addr_hash", 0 if target is None else address_hash(target))
    phases = {"resolve": lookup, "rtt": average or 0, "setup": max(0.0, took - lookup - (average or 0))}
    if average is None:
        phases["setup"] = 0
    labelled = [(f'phase="{name}"', value) for name, value in phases.items()]
    yield _metric("probe_icmp_duration_seconds", *labelled)
    if figures is None or result is None:
        return
    yield _metric("probe_icmp_packets_sent_count", figures.sent)
    yield _metric("probe_icmp_packets_received_count", figures.received)
    if figures.minimum is not None and figures.maximum is not None:
        yield _metric("probe_icmp_duration_rtt_min_seconds", figures.minimum)
        yield _metric("probe_icmp_duration_rtt_max_seconds", figures.maximum)
        yield _metric("probe_icmp_duration_rtt_stddev_seconds", figures.stddev or 0)
    hop_limits = [outcome.ttl for outcome in result.outcomes if outcome.kind == "reply" and outcome.ttl]
    if hop_limits:
        yield _metric("probe_icmp_reply_hop_limit", hop_limits[-1])


def _metric(name: str, *values: Any) -> str:
    lines = [f"# HELP {name} {HELP[name]}\n# TYPE {name} gauge\n"]
    for value in values:
        labels, number = value if isinstance(value, tuple) else ("", value)
        lines.append(f"{name}{{{labels}}} {number}\n" if labels else f"{name} {number}\n")
    return "".join(lines)


def address_hash(address: IPAddress) -> int:
    """FNV-1a of 32 bits over the octets of an address, as blackbox_exporter has it."""
    found = 0x811C9DC5
    for octet in address.packed:
        found = ((found ^ octet) * 0x01000193) & 0xFFFFFFFF
    return found
