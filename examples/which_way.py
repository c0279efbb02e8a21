"""Show which way packets to a host leave this one: python examples/which_way.py [HOST]."""

from __future__ import annotations

import sys

import anyio

import anyicmp


async def main(host: str) -> None:
    """Print the route to `host`, and what is known of its gateway."""
    route = await anyicmp.route_to(host)
    if route is None:
        print(f"no route leads to {host}")
        return
    print(f"{host} matches {route.destination}, through {route.interface} ({route.type})")
    if route.gateway is not None:
        for neighbor in await anyicmp.neighbors():
            if (neighbor.address, neighbor.interface) == (route.gateway, route.interface):
                print(f"the gateway {route.gateway} is {neighbor.state}")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1")
