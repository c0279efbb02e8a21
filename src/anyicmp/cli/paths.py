"""`anyicmp paths`: all load-balanced ways to a host as a tree, for Graphviz or Mermaid, or as one object.

Prints a graph. What is in it was found out by the library.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import anyio
import click

from anyicmp import Diamond, ErrorReply, IPAddress, PathGraph, PathNode, Prober, SendFailure
from anyicmp.cli.loop import run
from anyicmp.cli.options import DONT_FRAGMENT, DSCP, SIZE, TIMEOUT, Setting, command_options, one_of
from anyicmp.cli.progress import spinner
from anyicmp.cli.status import exit_status
from anyicmp.cli.text import count, milliseconds, named, paint, percent, write_lines
from anyicmp.export import to_json

__all__ = ["paths", "paths_lines"]


@click.command(short_help="Find all load-balanced ways to a host.")
@click.argument("host")
@command_options(
    click.option(
        "--method", default="udp", show_default=True, metavar="NAME",
        shell_complete=one_of("udp", "icmp", "tcp"), help="How to probe: udp, icmp or tcp."
    ),
    click.option(
        "--confidence", type=float, default=0.95, show_default=True, metavar="SHARE",
        help="The chance that nothing is missing, above 0 and below 1.",
    ),
    click.option("--per-node", is_flag=True, default=None, help="The confidence is that of each router."),
    click.option("--lite", is_flag=True, default=None, help="Begin with MDA-Lite: far fewer probes."),
    click.option(
        "--rule", default="veitch", show_default=True, metavar="NAME",
        shell_complete=one_of("veitch", "exact"),
        help="How many flows are enough: veitch or exact.",
    ),
    click.option(
        "-m", "--max-hops", type=int, default=30, show_default=True, metavar="N", help="Largest hop limit."
    ),
    click.option(
        "--attempts", type=int, default=3, show_default=True, metavar="N",
        help="Probes of one flow to a silent hop, at most.",
    ),
    TIMEOUT,
    click.option(
        "--port", type=int, metavar="N", help="The target's port.  [default: 33434 of UDP, 80 of TCP]"
    ),
    click.option("--dot", "form", flag_value="dot", help="Print the graph for Graphviz."),
    click.option("--mermaid", "form", flag_value="mermaid", help="Print the graph as a Mermaid flowchart."),
    SIZE,
    DSCP,
    DONT_FRAGMENT,
)  # fmt: skip
def paths(setting: Setting, *, host: str, form: str = "tree", **options: Any) -> int:
    """Find all load-balanced ways to HOST (Multipath Detection Algorithm)."""
    if setting.as_json and form != "tree":
        raise click.UsageError(f"--json and --{form} are two forms of one output: choose one.")
    return run(partial(_paths, setting, host, form, options), setting.backend)


async def _paths(
    setting: Setting, host: str, form: str, options: dict[str, Any], stop: anyio.CancelScope
) -> int:
    result: PathGraph | None = None
    async with Prober(**setting.prober) as prober:
        with stop, spinner(f"looking for all ways to {host}", live=setting.live):
            async with prober.open_multipath(host, **options) as stream:
                try:
                    await stream.wait()
                finally:
                    # Also when Ctrl-C ends it: the ways as far as they are known.
                    result = stream.graph
    if result is None:
        click.echo(f"anyicmp: the search of the ways to {host} was stopped before it began", err=True)
        return exit_status(answered=0, sent=0, failed=0)
    if setting.as_json:
        write_lines([to_json(result)])
    elif form == "tree":
        write_lines(paths_lines(result))
    else:
        write_lines([{"dot": result.to_dot, "mermaid": result.to_mermaid}[form]().rstrip("\n")])
    failed = isinstance(result.stopped_by, SendFailure)
    return exit_status(
        answered=int(result.reached), sent=0 if failed and not result.nodes else result.probes, failed=failed
    )


def paths_lines(result: PathGraph) -> Iterator[str]:
    """What is printed of a graph: a line a node, ways that part and meet again as branches in between."""
    port = "" if result.port is None else f" port {result.port}"
    yield (
        f"paths to {named(result.host, result.target)}, {result.method}{port}, "
        f"{percent(result.confidence)} confidence{' for each router' if result.per_node else ''}"
    )
    tree = _Tree(result)
    ttl, last = 1, max((node.ttl for node in result.nodes), default=0)
    diamonds = {diamond.ttl + 1: diamond for diamond in result.diamonds}
    while ttl <= last:
        if ttl in diamonds:
            yield from tree.branches(diamonds[ttl])
            ttl = tree.end
        else:
            yield from (tree.line(node, "") for node in tree.layers[ttl])
            ttl += 1
    yield from _summary(result)


def _summary(result: PathGraph) -> Iterator[str]:
    yield (
        f"{count(len(result.nodes), 'node')}, {count(len(result.edges), 'link')}, "
        f"{count(len(result.diamonds), 'diamond')}, {count(result.probes, 'probe')}"
    )
    if not result.complete:
        yield paint("stopped before the search was complete: there may be more", "yellow")
    end = result.stopped_by
    if result.reached:
        return
    if isinstance(end, SendFailure):
        yield paint(f"not sent: {end.reason}", "red")
        return
    if isinstance(end, ErrorReply):
        yield f"{end.source}: {end.reason}"
    yield paint(f"{result.target} did not answer", "yellow")


class _Tree:
    """The nodes by hop limit, and what follows each.

    Attributes:
        end: the hop limit behind the diamond that was printed last.
    """

    def __init__(self, result: PathGraph) -> None:
        self.layers: dict[int, list[PathNode]] = {}
        for node in result.nodes:
            self.layers.setdefault(node.ttl, []).append(node)
        self.end = 1
        self._target = result.target
        self._next: dict[tuple[int, IPAddress | None], list[PathNode]] = {}
        by_key = {(node.ttl, node.address): node for node in result.nodes}
        for edge in result.edges:
            self._next.setdefault((edge.ttl, edge.source), []).append(by_key[edge.ttl + 1, edge.target])
        self._shown: set[PathNode] = set()

    def branches(self, diamond: Diamond) -> Iterator[str]:
        """The ways from where they part to where they meet, or to their ends."""
        first = self.end = diamond.ttl + 1
        while len(self.layers.get(self.end, ())) > 1:
            self.end += 1
        inside = [node for ttl in range(first, self.end) for node in self.layers[ttl]]
        led_to = {farther for node in inside for farther in self._behind(node)}
        # Also those of which no link is known, as behind a balancer of packets.
        yield from self._fork([node for node in inside if node not in led_to], "")

    def _behind(self, node: PathNode) -> list[PathNode]:
        """What follows a node within the diamond."""
        return self._next.get((node.ttl, node.address), []) if node.ttl + 1 < self.end else []

    def _fork(self, nodes: list[PathNode], margin: str) -> Iterator[str]:
        for number, node in enumerate(nodes, 1):
            mark, below = ("└─ ", "   ") if number == len(nodes) else ("├─ ", "│  ")
            yield from self._way(node, margin + mark, margin + below)

    def _way(self, node: PathNode, margin: str, further: str) -> Iterator[str]:
        """A node and what is behind it, down to where that forks or was shown before."""
        while True:
            known = node in self._shown
            yield self.line(node, margin, known=known)
            behind = [] if known else self._behind(node)
            self._shown.add(node)
            if len(behind) != 1:
                yield from self._fork(behind, further)
                return
            node, margin = behind[0], further

    def line(self, node: PathNode, margin: str, *, known: bool = False) -> str:
        """A node's line; of one that was shown before, the address alone."""
        who = paint("*", "yellow") if node.address is None else str(node.address)
        text = f"{node.ttl:>2}  {margin}{who}"
        if known:
            return f"{text} (see above)"
        if node.rtt is not None:
            text += f"  {milliseconds(node.rtt)} ms"
        if node.balances is not None:
            text += f"  balances {node.balances}s"
        return f"{text}  ends here" if node.final and node.address != self._target else text
