"""A child that awaits pings of 127.0.0.1 with anyicmp: `awaited.py [TASKS, EACH, BACKEND]`; prints JSON."""

from __future__ import annotations

import json
import sys
import time

import anyio

import anyicmp


async def main(tasks: int, each: int) -> dict[str, float]:
    """So many tasks, each one ping after the other."""
    got = 0
    async with anyicmp.Prober(privileged=True) as prober:

        async def one() -> None:
            nonlocal got
            for _ in range(each):
                result = await prober.ping("127.0.0.1", count=1)
                got += result.is_alive

        await prober.ping("127.0.0.1", count=1)
        cpu, began = time.process_time(), time.perf_counter()
        async with anyio.create_task_group() as group:
            for _ in range(tasks):
                group.start_soon(one)
        return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu, "got": got}


if __name__ == "__main__":
    tasks, each, backend = json.loads(sys.argv[1])
    print(json.dumps(anyio.run(main, tasks, each, backend=backend)))
