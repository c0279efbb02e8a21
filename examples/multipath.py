"""Show all load-balanced ways to a host: python examples/multipath.py [HOST]."""

from __future__ import annotations

import sys

import anyio

import anyicmp


async def main(host: str) -> None:
    """Find all ways to `host`, and print the graph."""
    graph = await anyicmp.multipath(host, confidence=0.95, timeout=1.0)
    for node in graph.nodes:
        behind = [edge.target for edge in graph.edges if (edge.ttl, edge.source) == (node.ttl, node.address)]
        print(f"{node.ttl:3}  {node.address or '*'}", *(f"-> {address or '*'}" for address in behind))
    print(f"{graph.probes} probes, {len(graph.diamonds)} places where the ways part")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1")
