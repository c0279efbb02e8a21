"""What a live view costs: CPU time and round trips of the same work with it and without it, on a terminal.

    python bench/live.py [ROUNDS [NAME]]

Each round runs every command once with the view and once without, in turn, so that what else the machine does
hits both. Packets go to the loopback interface of a network namespace made here. Run as root.
"""

from __future__ import annotations

import os
import platform
import pty
import re
import subprocess
import sys
from statistics import median

NAMESPACE = f"anyicmp-live-{os.getpid()}"
COMMANDS = {
    "ping, 500 a second": "ping -c 2000 -i 0.002 127.0.0.1",
    "ping, 10 a second": "ping -c 60 -i 0.1 127.0.0.1",
    "sweep of a /16 at 20,000 a second": "sweep 127.1.0.0/16 --rate 20000",
    "trace in rounds, 10 a second": "trace --rounds 50 -i 0.1 127.0.0.1",
}
ROUND_TRIP = re.compile(
    rb"(?:time=|  )(?:\x1b\[\d+m)?([\d.]+)(?:\x1b\[0m)? ms\r?\n"
)  # in the line of a result


def main() -> None:
    """Measure all commands."""
    rounds = int(sys.argv[1]) if sys.argv[1:] else 5
    wanted = " ".join(sys.argv[2:])
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    try:
        subprocess.run(["ip", "netns", "exec", NAMESPACE, "ip", "link", "set", "lo", "up"], check=True)
        print(
            f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}; "
            f"medians of {rounds}"
        )
        print(f"{'':36}{'CPU without':>12}{'with':>9}{'ratio':>8}   median rtt without, with (ms)")
        for name, command in COMMANDS.items():
            if name.startswith(wanted):
                report(name, command.split(), rounds)
    finally:
        subprocess.run(["ip", "netns", "delete", NAMESPACE], check=True)


def report(name: str, command: list[str], rounds: int) -> None:
    """Measure a command and print a line."""
    cpu: dict[bool, list[float]] = {False: [], True: []}
    rtts: dict[bool, list[float]] = {False: [], True: []}
    for number in range(rounds):
        for live in (False, True) if number % 2 else (True, False):
            seconds, rtt = run([*command, "--live" if live else "--no-live"])
            cpu[live].append(seconds)
            rtts[live] += rtt
    ratio = median(with_it / without for with_it, without in zip(cpu[True], cpu[False], strict=True))
    words = ", ".join(f"{median(found):.3f}" for found in (rtts[False], rtts[True]) if found)
    print(
        f"{name:36}{median(cpu[False]):10.3f} s{median(cpu[True]):7.3f} s{ratio:8.3f}   {words}", flush=True
    )


def run(command: list[str]) -> tuple[float, list[float]]:
    """CPU seconds of a command on a terminal, its start included, and the round trips it tells, in ms."""
    inside = ["ip", "netns", "exec", NAMESPACE, sys.executable, "-m", "anyicmp", *command]
    master, slave = pty.openpty()
    child = subprocess.Popen(
        inside, stdin=slave, stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"}
    )
    os.close(slave)
    seen = bytearray()
    while True:
        try:
            octets = os.read(master, 65536)
        except OSError:  # the command has ended
            break
        seen += octets
    os.close(master)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command} ended with {child.returncode}: {bytes(seen[-500:])!r}")
    return usage.ru_utime + usage.ru_stime, [float(found) for found in ROUND_TRIP.findall(seen)]


if __name__ == "__main__":
    main()
