"""From facts to findings: whether a step is well, who is to blame, and the verdict in words.

Pure: facts in, findings out. What is looked at, and when, is in `inquiry.py`. A new step is a line in JUDGES.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from anyicmp.api.echo_data import echo_data
from anyicmp.api.facts import Facts, Finding, failed
from anyicmp.api.local_judgement import judge_name, judge_neighbor, judge_route
from anyicmp.api.wording import and_list, icmp, milliseconds, remedy, says
from anyicmp.findings import StepName
from anyicmp.paths import Hop
from anyicmp.results import ErrorReply, IPAddress
from anyicmp.wire import TimeExceeded

__all__ = ["JUDGES", "conclude", "judge"]


def judge(name: StepName, facts: Facts) -> Finding:
    """What a step comes to by what is known."""
    if (why := facts.unread.get(name)) is not None:
        return Finding(status="skipped", detail=why)
    return JUDGES[name](facts)


def _redirects(facts: Facts) -> tuple[str, list[dict[str, Any]]]:
    """What redirects have come to, in words and for programs."""
    found: dict[tuple[IPAddress, IPAddress], dict[str, Any]] = {}
    for heard in facts.redirects:
        gateway = getattr(heard.message, "gateway", None) or getattr(heard.message, "target", None)
        if gateway is not None:
            found[heard.source, gateway] = {
                "source": heard.source,
                "gateway": gateway,
                "type": int(heard.message.type),
                "code": heard.message.code,
                "taken": gateway == facts.redirected,
            }
    words = [
        f"{one['source']} redirects to {one['gateway']}, and this host has "
        f"{'taken' if one['taken'] else 'not taken'} it over"
        for one in found.values()
    ]
    if facts.redirected is not None and not any(one["taken"] for one in found.values()):
        words.append(f"a redirect has put {facts.redirected} in the gateway's place")
        found[facts.redirected, facts.redirected] = {
            "source": None, "gateway": facts.redirected, "type": None, "code": None, "taken": True,
        }  # fmt: skip
    return "".join(f"; {text}" for text in words), list(found.values())


def _echo(facts: Facts) -> Finding:
    target, data = facts.target, echo_data(facts)
    more, data["redirects"] = _redirects(facts)
    replies = facts.replies
    if replies:
        best = min(reply.rtt for reply in replies)
        detail = (
            f"{len(replies)} of {facts.asked} requests answered, the fastest in {milliseconds(best)}{more}"
        )
        return Finding(status="ok", detail=detail, data=data)
    error, other = facts.echo_error, facts.answering
    instead = f"{other.name} answers, echo does not" if other is not None else ""
    usable = "the host can be talked with, only ping cannot tell"
    if error is not None:
        what = (
            f"this host got no answer from {facts.next_hop} on its link ({icmp(error.message)})"
            if error.local
            else says(error)
        )
        culprit = facts.next_hop if error.local else error.source
        verdict = f"{instead}: {what}; {usable}" if instead else f"{what}: {remedy(error)}"
        ends = "" if isinstance(error.message, TimeExceeded) else what
        return failed(what + more, verdict, data=data, culprit=culprit, error=error, ends=ends)
    if (unsent := facts.unsent) is not None:
        what = f"this host cannot send to {target}: {unsent.reason}"
        advice = "check its own firewall and routes"
        verdict = f"{instead}: {what}; {advice}" if instead else f"{what}; {advice}"
        return failed(what, verdict, data=data, ends="nothing could be sent")
    if instead:
        return failed(instead, f"{instead}: echo is filtered; {usable}", data=data)
    tried = and_list(["echo", *(attempt.name for attempt in facts.attempts)])
    refusal = facts.refusal
    what = f"no answer to {tried}" if refusal is None else f"no answer to echo, and {says(refusal)}"
    verdict = "" if refusal is None else f"{says(refusal)}: {remedy(refusal)}"
    reporter = None if refusal is None else refusal.source
    return failed(what + more, verdict, data=data, culprit=reporter, error=refusal)


def _hop(hop: Hop) -> dict[str, Any]:
    return {
        "ttl": hop.ttl,
        "addresses": hop.addresses,
        "rtt": hop.statistics.median,
        "rate_limited": hop.rate_limited,
    }


def _path(facts: Facts) -> Finding:
    trace = facts.trace
    if trace is None:
        return Finding(status="skipped", detail="the way was not traced")
    seen = [hop for hop in trace.hops if hop.addresses]
    last = seen[-1].addresses[0] if seen else None
    data = {"hops": [_hop(hop) for hop in trace.hops], "reached": trace.reached, "method": trace.method}
    if trace.reached:
        silent = sum(not hop.addresses for hop in trace.hops)
        quiet = f", {silent} of them silent" if silent else ""
        far = f"{len(trace.hops)} hop{'s' if len(trace.hops) != 1 else ''}{quiet}"
        return Finding(status="ok", detail=far, data=data)
    if facts.replies:
        return Finding(
            status="ok", detail=f"the host answers, but farther than {len(trace.hops)} hops", data=data
        )
    if trace.loop:
        where = "between" if len(trace.loop) > 1 else "through silent routers and"
        what = f"packets circle {where} {and_list(trace.loop)}"
        advice = "these routers hold each other for the next hop: ask whoever runs them"
        error = next((e for hop in seen for e in hop.outcomes if isinstance(e, ErrorReply)), None)
        culprit = next(iter(trace.loop))
        return failed(what, f"{what}: {advice}", data=data, culprit=culprit, error=error)
    stop = trace.stopped_by
    if isinstance(stop, ErrorReply):
        return failed(says(stop), f"{says(stop)}: {remedy(stop)}", data=data, culprit=stop.source, error=stop)
    if last is None:
        via = facts.next_hop
        what = f"nobody on the way answers, not even {via}"
        if via != facts.target:
            what = f"the path ends silently at the gateway {via}"
        return failed(what, f"{what}: it forwards nothing, or a firewall", data=data, culprit=via)
    what = f"the path ends silently after {last}"
    return failed(what, f"{what}: a firewall, or the host is off", data=data, culprit=last)


def _mtu(facts: Facts) -> Finding:
    found = facts.mtu
    if found is None or found.mtu is None:
        return Finding(status="skipped", detail="it could not be told")
    by = found.limited_by
    data = {
        "mtu": found.mtu,
        "limited_by": by,
        "limited_at": found.limited_at,
        "black_hole": found.black_hole,
        "confirmed": found.confirmed,
    }
    if found.black_hole:
        where = f"behind {by}" if by is not None else "on the way"
        what = f"packets above {found.mtu} bytes vanish {where}"
        advice = (
            "nobody reports it, so connections hang: let ICMP 'too big' pass there, or send smaller packets "
            f"(an MTU of {found.mtu}, or a clamped TCP MSS)"
        )
        return failed(what, f"answers come, but {what}: {advice}", data=data, culprit=by)
    limit = f", limited by {by}, which says so" if by is not None else ""
    return Finding(status="ok", detail=f"packets of up to {found.mtu} bytes pass{limit}", data=data)


JUDGES: dict[StepName, Callable[[Facts], Finding]] = {
    "name": judge_name,
    "route": judge_route,
    "neighbor": judge_neighbor,
    "echo": _echo,
    "path": _path,
    "mtu": _mtu,
}
"""Step to what reads the facts; each assumes that no step before it has ended the diagnosis."""


def conclude(facts: Facts, findings: Mapping[StepName, Finding]) -> tuple[str, IPAddress | None]:
    """The verdict, and the address of whoever is to blame or has reported the fault."""
    faults = {name: one for name, one in findings.items() if one.status == "failed"}
    if not faults:
        return _all_well(facts, findings), None
    if isinstance(getattr(facts.echo_error, "message", None), TimeExceeded) and "path" in faults:
        del faults["echo"]  # the way says where the packets circle
    said = [one for one in faults.values() if one.verdict]
    if not said:
        # Nothing but the silence of the host.
        why = "a firewall, or the host is off"
        if _is_ok(findings.get("path")):
            why = "yet it answered when the way was traced, so most packets are lost"
        return f"{faults['echo'].detail}: {why}", None
    culprits = [one.culprit for one in said if one.culprit is not None]
    return "; ".join(one.verdict for one in said), culprits[0] if culprits else None


def _all_well(facts: Facts, findings: Mapping[StepName, Finding]) -> str:
    if findings.get("echo") is None or findings["echo"].status != "ok":
        return "not finished: no time was left"
    parts = [findings["echo"].detail]
    parts += [findings[name].detail for name in ("path", "mtu") if _is_ok(findings.get(name))]
    return f"{facts.who} answers: {'; '.join(parts)}"


def _is_ok(finding: Finding | None) -> bool:
    return finding is not None and finding.status == "ok"
