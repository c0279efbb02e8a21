"""Show how large a packet to a host may be, and who limits it: python examples/path_mtu.py [HOST]."""

from __future__ import annotations

import sys

import anyio

import anyicmp


async def main(host: str) -> None:
    """Find the path's MTU to `host`."""
    found = await anyicmp.path_mtu(host)
    if found.mtu is None:
        print(f"{host} did not answer")
        return
    print(f"{found.mtu} octets")
    if found.limited_by is not None:
        print(f"limited by {found.limited_by}")
    if found.black_hole:
        print("larger packets vanish, and nobody reports it")


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1")
