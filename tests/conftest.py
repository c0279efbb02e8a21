"""What every test may ask for: an event loop, a permission, a tool; and which skips a CI pass allows.

A fixture named `needs_...` skips with the reason when the machine lacks the thing. No test logic lives here.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import uuid
from collections import defaultdict
from contextlib import ExitStack, suppress
from functools import cache
from inspect import iscoroutinefunction
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol
from anyio.pytest_plugin import get_runner

from products import shared

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

LOOPS = {
    "asyncio": ("asyncio", {"use_uvloop": False}),
    "asyncio+uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}
NEEDED_BY_LOOP = {"asyncio+uvloop": "uvloop", "trio": "trio"}


SELDOM = 100_000
"""New objects after which the collector looks at them within a test; behind each test it does anyway."""

ALLOWED_SKIPS = Path(__file__).parent.parent / ".ci" / "allowed-skips.txt"


@pytest.fixture(scope="module", params=list(LOOPS.values()), ids=list(LOOPS))
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """The event loop that runs an asynchronous test: each test runs once on each of the three."""
    loop: tuple[str, dict[str, Any]] = request.param
    name = next(name for name, each in LOOPS.items() if each is loop)
    needed = NEEDED_BY_LOOP.get(name)
    if needed is not None and importlib.util.find_spec(needed) is None:
        pytest.skip(f"the event loop {name} needs the package {needed}")
    return loop


def _why_no_socket(family: int, kind: int, protocol: int) -> str | None:
    try:
        socket.socket(family, kind, protocol).close()
    except OSError as error:
        return error.strerror
    return None


@pytest.fixture(scope="session")
def needs_root() -> None:
    """Skip unless the tests run as root."""
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture(scope="session")
def needs_unprivileged() -> None:
    """Skip unless this process may not open raw sockets."""
    if _why_no_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) is None:
        pytest.skip("needs a process without the capability CAP_NET_RAW")


@pytest.fixture(scope="session")
def needs_raw_socket() -> None:
    """Skip unless raw ICMP sockets may be opened."""
    if why := _why_no_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP):
        pytest.skip(f"needs a raw ICMP socket ({why})")


@pytest.fixture(scope="session")
def needs_ping_socket() -> None:
    """Skip unless datagram ICMP sockets may be opened: net.ipv4.ping_group_range decides, for root too."""
    if why := _why_no_socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP):
        pytest.skip(f"needs a datagram ICMP socket ({why})")


@pytest.fixture(scope="session")
def needs_icmp_socket() -> None:
    """Skip unless an ICMP socket of either kind may be opened."""
    kinds = (socket.SOCK_RAW, socket.SOCK_DGRAM)
    if all(_why_no_socket(socket.AF_INET, kind, socket.IPPROTO_ICMP) for kind in kinds):
        pytest.skip("needs an ICMP socket, raw or datagram")


@pytest.fixture(scope="session")
def needs_ipv6() -> None:
    """Skip unless ::1 is an address of this host."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError as error:
        pytest.skip(f"needs IPv6 on loopback ({error.strerror})")


@pytest.fixture(scope="session")
def needs_iproute2() -> None:
    """Skip unless the program ip is installed."""
    if shutil.which("ip") is None:
        pytest.skip("needs the program ip (iproute2)")


@pytest.fixture(scope="session")
def needs_nftables() -> None:
    """Skip unless the program nft is installed."""
    if shutil.which("nft") is None:
        pytest.skip("needs the program nft (nftables)")


@pytest.fixture(scope="session")
def needs_namespaces(needs_root: None, needs_iproute2: None) -> None:
    """Skip unless network namespaces can be made: root, iproute2, and a kernel that lets us."""
    name = f"anyicmp-{uuid.uuid4().hex[:8]}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"needs network namespaces ({made.stderr.strip()})")
    subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.fixture(scope="session")
def needs_tun() -> None:
    """Skip unless a TUN device can be opened."""
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        pytest.skip(f"needs /dev/net/tun ({error.strerror})")


PURE_ROOMS = ("wire", "methods", "engine", "export", "plot", "differential", "truth")
"""Folders of tests of what knows neither sockets nor clocks."""


def _is_simulated(item: pytest.Item) -> bool:
    """Whether a test lives on a simulated network, and needs nothing of the system's."""
    asked = getattr(item, "fixturenames", ())
    real = any(name.startswith("needs_") or name == "pytester" for name in asked)
    return hasattr(getattr(item, "module", None), "SimulatedNetwork") and not real


NAMES_IT = re.compile("SimulatedNetwork|virtual_time")


def pytest_collection() -> None:
    """Prepare Hypothesis where tests are collected: who only hands them to workers does without.

    Machines that run tests are shared: how long one example takes says nothing about the code.
    """
    from hypothesis import settings

    settings.register_profile("anyicmp", deadline=None)
    settings.load_profile("anyicmp")


@cache
def _may_be_virtual(path: Path) -> bool:
    """Whether a test file, or one below a folder, names what puts its tests on a simulated network."""
    if path.is_dir():
        return any(map(_may_be_virtual, path.rglob("test_*.py")))
    return path.suffix == ".py" and NAMES_IT.search(path.read_text("utf-8")) is not None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m virtual_time` alone imports no module that has no such test."""
    return True if config.option.markexpr == "virtual_time" and not _may_be_virtual(collection_path) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what lives in virtual time, and what does not depend on who runs it; leave out what is `slow`.

    In virtual time the loops share the products of a test's parameters.
    """
    alike: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        simulated = _is_simulated(item) or item.get_closest_marker("virtual_time")
        if simulated and not item.get_closest_marker("programs"):
            item.add_marker(pytest.mark.virtual_time)
            if loop_name(item) is not None and not item.get_closest_marker("slow"):
                alike[item.nodeid.partition("[")[0]].append(item)
            if not _may_be_virtual(item.path):
                raise pytest.UsageError(f"{item.path}: `-m virtual_time` would not find its tests")
        if simulated or item.path.parent.name in PURE_ROOMS:
            item.add_marker(pytest.mark.anybody)
    if os.environ.get("ANYICMP_CI_PASS") == "wheel":  # one loop has all there
        alike.clear()
    for products in alike.values():
        needed = set(shared(list(map(loop_and_values, products))))
        for number, item in enumerate(products):
            if number not in needed:
                item.add_marker(pytest.mark.slow)
    if "ANYICMP_SLOW" not in os.environ:
        slow = {item for item in items if item.get_closest_marker("slow")}
        config.hook.pytest_deselected(items=[item for item in items if item in slow])
        items[:] = [item for item in items if item not in slow]


def loop_name(item: pytest.Item) -> str | None:
    """Which of the three loops a test runs on by `anyio_backend`; None without, and on one of its own."""
    given = item.callspec.params.get("anyio_backend") if hasattr(item, "callspec") else None
    return next((name for name, loop in LOOPS.items() if loop == given), None)


def loop_and_values(item: Any) -> tuple[str, ...]:
    """The names of that loop and of what each `parametrize` and each fixture gives; empty without a loop."""
    loop = loop_name(item)
    if loop is None:
        return ()
    values = list(item.callspec._idlist)
    values.remove(loop)
    return (loop, *values)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave out of a CI pass what is the same there as in another (`once`, `anybody`)."""
    in_pass = os.environ.get("ANYICMP_CI_PASS", "plain")
    if item.get_closest_marker("once") and in_pass != "plain":
        pytest.skip("runs once, in the CI pass plain")
    if item.get_closest_marker("anybody"):
        if in_pass in {"root", "unprivileged", "shut-out"}:
            pytest.skip("does not depend on who runs it, the CI passes plain and wheel have it")
        given = item.callspec.params if hasattr(item, "callspec") else {}
        loop = loop_name(item) or given.get("backend", "asyncio")
        if in_pass == "wheel" and isinstance(loop, str) and loop != "asyncio":
            pytest.skip("on one loop here, the CI pass plain has all")


class OneLoop:
    """Keeps the event loop of a test in virtual time for those behind it that are of its module and its loop.

    Starting and ending one takes as long as many of them. Other tests, and those that are not asynchronous,
    find none.
    """

    def __init__(self) -> None:
        self._held = ExitStack()
        self._key: object = None

    @staticmethod
    def _key_of(item: pytest.Item | None) -> object:
        if item is None or item.get_closest_marker("virtual_time") is None:
            return None
        name = loop_name(item)
        known = name is not None and iscoroutinefunction(getattr(item, "function", None))
        return (item.path, name) if known else None

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Have a loop there if further tests may take it."""
        key = self._key_of(pyfuncitem)
        if key is not None and self._key is None:
            self._held.enter_context(get_runner(*pyfuncitem.funcargs["anyio_backend"]))
            self._key = key
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> Generator[None, object, object]:
        """End it behind the last one."""
        if self._key is not None and self._key_of(nextitem) != self._key:
            self._key = None
            self._held.close()
        return (yield)


class Shared:
    """Runs tests that no other process has taken, where several have the same ones before them.

    Who is first to make a group's file in their folder has the tests of one module on one loop. That is what
    pytest-xdist does, without a further process that is told of each test: `bench/virtual.py` starts them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _taken(self, items: list[pytest.Item]) -> Iterator[pytest.Item]:
        for number, (_, group) in enumerate(groupby(items, lambda item: (item.path, loop_name(item)))):
            with suppress(FileExistsError):
                (self._folder / str(number)).touch(exist_ok=False)
                yield from group

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """As pytest's own, of those that were taken."""
        if session.testsfailed:
            raise session.Interrupted(f"{session.testsfailed} errors while tests were collected")
        items = self._taken(session.items)
        item = next(items, None)
        while item is not None:
            following = next(items, None)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
            if session.shouldstop:
                raise session.Interrupted(session.shouldstop)
            item = following
        return True


class AllowedSkips:
    """Fails a CI pass that skipped for a reason which `.ci/allowed-skips.txt` does not allow in this pass.

    Each line of that file is `passes | regular expression of the reason | why it is allowed`.
    """

    def __init__(self, name: str, lines: Iterable[str]) -> None:
        self.name = name
        self.patterns = []
        self.surprises: list[str] = []
        for line in lines:
            if line.strip() and not line.startswith("#"):
                passes, pattern, _why = (part.strip() for part in line.split(" | "))
                if name in passes.split():
                    self.patterns.append(re.compile(pattern))

    def look_at(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        """Note the skip if no line allows it."""
        if report.skipped and not hasattr(report, "wasxfail") and isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            if not any(pattern.fullmatch(reason) for pattern in self.patterns):
                self.surprises.append(f"{report.nodeid}: {reason}")

    pytest_runtest_logreport = pytest_collectreport = look_at

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Turn a pass with a surprising skip into a failed one."""
        if self.surprises:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        yield

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the surprising skips."""
        for surprise in self.surprises:
            terminalreporter.write_line(f"skip not allowed in pass {self.name!r}: {surprise}", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Watch the skips when a CI pass is named in the environment."""
    config.pluginmanager.register(OneLoop())
    if folder := os.environ.get("ANYICMP_SHARED"):
        config.pluginmanager.register(Shared(Path(folder)))
    if name := os.environ.get("ANYICMP_CI_PASS"):
        config.pluginmanager.register(AllowedSkips(name, ALLOWED_SKIPS.read_text("utf-8").splitlines()))


def pytest_collection_finish() -> None:
    """Let the collector pass over all that stays: it looked through every test again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(SELDOM)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Free what a test has left: the next one takes the same memory, and a socket left open is this one's."""
    gc.collect(1)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """One report of a test that passes, not three: to hand them over takes as long as many a test."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    if all(report.passed for report in reports):
        reports = [report for report in reports if report.when == "call"]
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
