"""A child that looks at round trips, and at how late other tasks are; prints JSON.

    rtt.py truth [FIRST, COUNT, PAUSE]                  plain pings, both ends stamped by the kernel
    rtt.py sweep [FIRST, COUNT, RATE, EXACT, BACKEND]   what a sweep reports; RATE null: all it can

All times are in microseconds. The truth is measured without anyicmp: a socket that asks for timestamps of
sending and of receiving (SO_TIMESTAMPING, Documentation/networking/timestamping.rst).
"""

from __future__ import annotations

import inspect
import json
import socket
import struct
import sys
import time
from ipaddress import ip_address

import anyio

import anyicmp

SO_TIMESTAMPING, MSG_ERRQUEUE = 37, 0x2000
TX_SOFTWARE, RX_SOFTWARE, SOFTWARE = 1 << 1, 1 << 3, 1 << 4
TICK, PATIENCE = 0.001, 5.0
WARM_UP = 0xFFFFFFFF


def truth(first: str, count: int, pause: float) -> list[float]:
    """Round trips as the kernel sees them, of probes that leave `pause` seconds after one another."""
    base, left, came, began = int(ip_address(first)), {}, {}, time.perf_counter()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as sock:
        wish = TX_SOFTWARE | RX_SOFTWARE | SOFTWARE
        sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, wish)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        # The kernel begins to stamp a little after it was asked to.
        while not (WARM_UP in left and WARM_UP in came):
            sock.sendto(_request(WARM_UP), (first, 0))
            time.sleep(0.05)  # longer than any round trip here
            _stamps(sock, MSG_ERRQUEUE, left)
            _stamps(sock, 0, came)
            if time.perf_counter() > began + PATIENCE:
                raise SystemExit("the kernel does not stamp")
        left.clear()
        came.clear()
        due = time.perf_counter()
        for i in range(count):
            sock.sendto(_request(i), (str(ip_address(base + i)), 0))
            due = time.perf_counter() if pause == 0.0 else due + pause
            while True:
                _stamps(sock, MSG_ERRQUEUE, left)
                _stamps(sock, 0, came)
                if pause == 0.0 and len(left) == len(came) == i + 1:
                    break
                if time.perf_counter() > due + PATIENCE:
                    raise SystemExit("no answer, or no timestamp of it")
                if time.perf_counter() < due:
                    time.sleep(50e-6)
                elif pause:
                    break
        ended = time.perf_counter() + 0.5
        while len(came) < count and time.perf_counter() < ended:
            _stamps(sock, MSG_ERRQUEUE, left)
            _stamps(sock, 0, came)
    return [(came[i] - left[i]) / 1000 for i in list(came)[count // 10 :] if i in left]


def _request(number: int) -> bytes:
    """An echo request with a number."""
    return struct.pack("!BBHHHI", 8, 0, 0, 0, number & 0xFFFF, number) + bytes(52)


def _stamps(sock: socket.socket, flags: int, stamps: dict[int, int]) -> None:
    """Read what is there; the number of a probe stands behind its header."""
    while True:
        try:
            data, ancillary, _, _ = sock.recvmsg(2048, 512, flags | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPING:
                seconds, nanoseconds = struct.unpack_from("qq", value)
                # A sent packet comes back with its link and IP headers in front.
                stamps[int.from_bytes(data[-56:-52], "big")] = seconds * 1_000_000_000 + nanoseconds


async def sweep(first: str, count: int, rate: float | None, exact: bool) -> tuple[list[float], list[float]]:
    """What a sweep reports; and how late a task is that wants its turn each millisecond."""
    late: list[float] = []

    async def tick() -> None:
        due = time.perf_counter() + TICK
        while True:
            await anyio.sleep(max(0.0, due - time.perf_counter()))
            now = time.perf_counter()
            late.append((now - due) * 1e6)
            due = max(due + TICK, now)

    async with anyicmp.Prober(privileged=True) as prober, anyio.create_task_group() as group:
        group.start_soon(tick)
        last, more = ip_address(first) + (count - 1), {"exact": True} if exact else {}
        async with prober.open_sweep(f"{first}-{last}", rate=rate, **more) as outcomes:
            rtts = [outcome.rtt * 1e6 async for outcome in outcomes if outcome.kind == "reply"]
        group.cancel_scope.cancel()
    return rtts, late


def quantiles(values: list[float]) -> list[float]:
    """101 of them, from the least to the largest: the k-th is exceeded by 100 - k of a hundred."""
    ordered = sorted(values)
    return [ordered[min(len(ordered) - 1, round(k * len(ordered) / 100))] for k in range(101)]


def main(what: str, *arguments: object) -> dict[str, object]:
    """What was asked for."""
    if what == "truth":
        return {"rtt": quantiles(truth(*arguments))}  # type: ignore[arg-type]
    *rest, exact, backend = arguments
    if exact and "exact" not in inspect.signature(anyicmp.Prober.open_sweep).parameters:
        return {}
    rtts, late = anyio.run(sweep, *rest, exact, backend=backend)  # type: ignore[arg-type, call-arg]
    return {"rtt": quantiles(rtts), "got": len(rtts), "late": quantiles(late)}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *json.loads(sys.argv[2]))))
