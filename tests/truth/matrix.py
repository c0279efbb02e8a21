"""Runs the table of `cases.py` through the real kernel, and shows what came of it.

    python tests/truth/matrix.py          runs everything and prints the matrix (as root)
    python tests/truth/matrix.py page     writes docs/reference/truth.md

Each kind of socket has a namespace of its own before the simulated internet; in each of them three children,
one for each event loop, ping all hosts at once. What is right is decided in `cases.py`.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from anyicmp import ErrorReply, PingResult, Prober, Reply
from anyicmp.api.environment import Environment
from anyicmp.testing import Internet, Topology
from anyicmp.testing.tun import behind_tun

HERE = Path(__file__).parent
if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))

from truth.cases import CASES, COLUMNS, FORGER, GATEWAY, GROUPS, ROUTER, SOCKETS, VERSIONS, Case, address  # noqa: E402

HEAD = """\
# What each kind of answer comes to

What a ping of two probes says of each kind of answer, through the real kernel. `tests/truth` runs every cell
on asyncio, uvloop and trio, and the three agree. `python tests/truth/matrix.py` prints what it finds.

A cell names the outcome of both probes: who answered, if not the target; type, code and MTU of an error;
the octets of data, if not 56. Then come the counts of `prober.statistics` that are not 0. A word in brackets:
such a packet never reaches this kind of socket, and [Answers](../explanation/answers.md) says why."""
PAGE = HERE.parents[1] / "docs" / "reference" / "truth.md"
LOOPS = {
    "asyncio": ("asyncio", {}),
    "asyncio+uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}
SLOW = {4: "10.3.0.1", 6: "2001:db8:3::1"}
NAMES = {**dict.fromkeys(ROUTER, "router"), **dict.fromkeys(FORGER, "forger")}

PATIENCE = 300
"""Seconds after which a child hangs; on a busy machine it takes a minute."""

Cells = dict[tuple[str, str, int, int], str]
"""(socket, loop, IP version, number of the case) to what came of it."""


def internet() -> Internet:
    """A router, and behind it a host for each case and IP version."""
    there = [
        (number, version, case)
        for number, case in enumerate(CASES)
        for version in VERSIONS
        if version in case.versions
    ]
    redirected = [address(number, version) for number, version, case in there if case.redirect]
    topology = Topology(name="truth")
    topology.router("router", *ROUTER, redirect=[{"to": redirected, "gateway": GATEWAY}])
    # Its replies arrive after everything that is still on its way when they are asked for.
    topology.host("slow", *SLOW.values(), echo={"delay": "1 s"})
    topology.link("client", "router", "slow", delay="1 ms")
    for number, version, case in there:
        name = f"case{number}v{version}"
        topology.host(name, address(number, version), **case.keywords(version))
        topology.link("router", name)
    return Internet(topology)


# In the child.


def cell(result: PingResult, prober: Prober) -> str:
    """What came of one case, as `cases.py` writes it."""
    seen = sorted({_outcome(outcome, str(result.target)) for outcome in result.outcomes})
    counted = prober.statistics
    counts = [
        f"{name} {number}"
        for name in ("duplicates", "late", "foreign", "malformed")
        if (number := getattr(counted, name))
    ]
    return ", ".join([" / ".join(seen), *counts])


def _outcome(outcome: Any, target: str) -> str:
    source = str(getattr(outcome, "source", target))
    by = "" if source == target else f" from {NAMES.get(source, source)}"
    match outcome:
        case Reply():
            return f"reply{'' if outcome.size == 56 else f' size {outcome.size}'}{by}"
        case ErrorReply():
            message = outcome.message
            mtu = getattr(message, "mtu", None) or getattr(message, "next_hop_mtu", None)
            return f"error {outcome.type}/{outcome.code}{f' mtu {mtu}' if mtu else ''}{by}"
        case _:
            return str(outcome.kind)


async def play(socket: str, first_identifier: int) -> list[tuple[int, int, str]]:
    """Ping the hosts of all cases; (IP version, number of the case, what came of it) each."""
    identifiers = itertools.count(first_identifier, 7)

    def entropy(octets: int) -> bytes:
        # Raw sockets of one identifier would hear one another: each counts what it hears.
        return next(identifiers).to_bytes(2, "big") if octets == 2 else os.urandom(octets)

    open_prober = partial(
        Prober, network=Environment(entropy=entropy), privileged=socket == "raw", receive_buffer=1 << 20
    )
    found: list[tuple[int, int, str]] = []
    for version in VERSIONS:
        results: dict[int, tuple[PingResult, Prober]] = {}

        async def one(
            number: int,
            case: Case,
            version: int = version,
            results: dict[int, tuple[PingResult, Prober]] = results,
        ) -> None:
            prober = open_prober(family=version)
            await prober.open()
            result = await prober.ping(
                address(number, version), count=2, interval=0.02, timeout=1.0, **case.options
            )
            results[number] = result, prober

        async with anyio.create_task_group() as tasks:
            for number, case in enumerate(CASES):
                if version in case.versions:
                    tasks.start_soon(one, number, case)
        async with open_prober(family=version) as prober:
            settled = await prober.ping(SLOW[version], count=2, interval=0.1, timeout=5.0)
        assert settled.statistics.received == 2
        for number, (result, prober) in sorted(results.items()):
            found.append((version, number, cell(result, prober)))
            await prober.aclose()
    return found


# In the parent.


def run_one(socket: str, loop: str, command: list[str]) -> list[tuple[int, int, str]]:
    """One child, and what it found."""
    done = subprocess.run(
        command,
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        stdin=subprocess.DEVNULL,
    )
    # A raw IPv6 socket counts messages with a wrong checksum as dropped, and that is all that is said.
    said = [line for line in done.stderr.splitlines() if "wrong checksum: a raw IPv6 socket" not in line]
    if done.returncode != 0 or said:
        raise AssertionError(f"{socket} {loop}: the child ended with {done.returncode}:\n{done.stderr}")
    rows: list[tuple[int, int, str]] = json.loads(done.stdout)
    return rows


def run() -> Cells:
    """The whole matrix, as it is through the real kernel."""
    cells: Cells = {}
    with (
        behind_tun(internet()) as raw,
        behind_tun(internet()) as datagram,
        ThreadPoolExecutor(len(SOCKETS) * len(LOOPS)) as pool,
    ):
        networks = {"raw": raw, "datagram": datagram}
        children = {}
        for socket in SOCKETS:
            for number, loop in enumerate(LOOPS):
                argv = [
                    sys.executable,
                    "-W",
                    "error",
                    __file__,
                    "child",
                    socket,
                    loop,
                    str(1000 + 3000 * number),
                ]
                children[socket, loop] = pool.submit(run_one, socket, loop, networks[socket].command(argv))
        for (socket, loop), child in children.items():
            for version, number, text in child.result():
                cells[socket, loop, version, number] = text
    return cells


def wrong(cells: Cells) -> list[str]:
    """Cells that are not as they should be."""
    said = []
    for number, case in enumerate(CASES):
        for socket, version in COLUMNS:
            wanted = case.wanted(socket, version)
            for loop in LOOPS:
                found = cells.get((socket, loop, version, number))
                if found != (wanted and wanted.partition(" [")[0]):
                    said.append(
                        f"{case.name}, {socket} IPv{version}, {loop}: {found!r} instead of {wanted!r}"
                    )
    return said


def report(cells: Cells) -> str:
    """The matrix for a terminal: a line for each case and socket, what came of it on the three loops."""
    lines = []
    for number, case in enumerate(CASES):
        for socket, version in COLUMNS:
            if (wanted := case.wanted(socket, version)) is not None:
                found = sorted({cells[socket, loop, version, number] for loop in LOOPS})
                fact = wanted.partition(" [")[2]
                lines.append(
                    f"{case.name:<48} {socket:<9}IPv{version}  {' | '.join(found)}"
                    + (f" [{fact}" if fact else "")
                )
    return "\n".join(lines) + "\n"


def page() -> str:
    """docs/reference/truth.md."""
    lines = [HEAD]
    for title, cases in GROUPS.items():
        heads = [f"{socket}, IPv{version}" for socket, version in COLUMNS]
        lines += ["", f"## {title}", "", f"| what comes | {' | '.join(heads)} |", "|---|---|---|---|---|"]
        for case in cases:
            row = [case.wanted(socket, version) or "" for socket, version in COLUMNS]
            lines.append(f"| {case.name} | {' | '.join(row)} |")
    return "\n".join([*lines, ""])


def main(argv: list[str]) -> int:
    """What the charter says."""
    match argv:
        case ["child", socket, loop, identifier]:
            backend, options = LOOPS[loop]
            found = anyio.run(play, socket, int(identifier), backend=backend, backend_options=options)
            sys.stdout.write(json.dumps(found))
            return 0
        case ["page"]:
            PAGE.write_text(page(), "utf-8")
            return 0
        case _:
            cells = run()
            sys.stdout.write(report(cells))
            said = wrong(cells)
            sys.stdout.write("".join(f"WRONG {line}\n" for line in said))
            return bool(said)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
