"""Print the ICMP errors and redirects that reach this host: python examples/listen.py [SECONDS]."""

from __future__ import annotations

import sys

import anyio

import anyicmp

KINDS = ("destination unreachable", "time exceeded", "packet too big", "redirect")


async def main(seconds: float) -> None:
    """Hear for so many seconds. It needs raw sockets."""
    print(f"listening for {seconds:g} s")
    try:
        async with anyicmp.open_listener(KINDS) as messages:
            with anyio.move_on_after(seconds):
                async for received in messages:
                    print(received.source, received.message.explain())
    except anyicmp.SocketPermissionError as error:
        print(error)


if __name__ == "__main__":
    anyio.run(main, float(sys.argv[1]) if len(sys.argv) > 1 else 0.5)
