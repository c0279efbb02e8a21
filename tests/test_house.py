"""The house rules, checked on the syntax tree of every file of the package.

Each rule is a function from a file to its breaches, and each is shown to fail on a source that breaks it.
`docs/explanation/house.md` says why the rules are there.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

PACKAGE = Path(__file__).parent.parent / "src" / "anyicmp"

LEAVES = ("errors", "results", "paths", "shown", "states", "tables", "findings")
EXTRAS = ("cli", "compat", "export", "plot", "cluster")
# What each room may import besides itself; `wire.*` is a whole room, `wire` its public shelf alone.
# One way: nothing ever imports what stands above it.
IMPORTS: dict[str, tuple[str, ...]] = {
    "errors": (),
    "shown": (),
    "words": (),
    "results": ("shown",),
    "paths": ("results", "shown"),
    "states": ("results", "shown"),
    "tables": ("results", "shown"),
    "findings": ("results", "shown"),
    "wire": LEAVES,
    "methods": (*LEAVES, "wire.*"),
    "engine": (*LEAVES, "wire.*", "methods.*"),
    "net": (*LEAVES, "wire.*"),
    "host": (*LEAVES, "wire.*"),
    "api": (*LEAVES, "wire.*", "methods.*", "engine.*", "net.*", "host.*"),
    # `api.environment` holds the default that a simulated network may stand in for.
    "testing": (
        *LEAVES,
        "wire.*",
        "methods.*",
        "engine.*",
        "net.transport",
        "net.listening",
        "api.environment",
    ),
    "__init__": (*LEAVES, "wire", "engine.outcome", "api.*"),
    "__main__": ("cli.*",),
    **dict.fromkeys(EXTRAS, ("__init__", "wire", "testing", "words", *EXTRAS)),
}
# What only annotations name: an ErrorReply carries a message, a SweepResult hands out batches.
IMPORTS_FOR_TYPES = {"results": ("wire", "engine.outcome"), "paths": ("wire",), "findings": ("wire",)}
# The engine's mechanism; every other file there is a plan, which knows neither a method nor another plan.
MECHANISM = (
    "__init__",
    "addresses",
    "belief",
    "block",
    "changes",
    "cohort",
    "collection",
    "counts",
    "exchange",
    "gathering",
    "heard",
    "histogram",
    "lone",
    "loss",
    "matching",
    "outcome",
    "pacer",
    "per_network",
    "permutation",
    "plan",
    "position",
    "probe",
    "quarantine",
    "rate_loss",
    "reserved",
    "room",
    "rows",
    "schedule",
    "segments",
    "stamps",
    "standing",
    "statistics",
    "stopping",
    "suspects",
    "table",
    "targets",
    "vertex",
    "window",
)
PLAN_IMPORTS = (
    *LEAVES,
    "engine.cohort",
    "engine.outcome",
    "engine.plan",
    "engine.probe",
    "engine.segments",
    "engine.vertex",
    "methods.base",
    "wire.batch",
)

ASYNC_ROOMS = ("api", "testing", *EXTRAS)
SYSTEM_ROOMS = ("net", "host")
RANDOM_ROOMS = ("api", "testing")
# The clocks; a driver's turns: of all plans, of a series of pings that is alone, and the sending of both.
THE_CLOCK = ("api/clock.py", "api/driver.py", "api/alone.py", "api/sending.py")
# Doors to the world outside in a room that has none; each with the reason why it may use select and a clock.
REAL_DOORS = {
    "testing/pump.py": "a process between a TUN device and a simulated internet: to write an answer "
    "when it is due, it must know the real time and wait for it more precisely than in milliseconds",
    "cli/agent_http.py": "an HTTP server: it says itself of which family its socket is",
    "testing/loop.py": "an event loop: it looks for what sockets and threads brought before time passes",
    "testing/keeper_trio.py": "trio's mock clock is a virtual one, and others may move it too",
}

SYSTEM = frozenset({"_socket", "ctypes", "select", "selectors", "socket"})
CLOCK_MODULES = frozenset({"time"})
CLOCK_CALLS = frozenset({"current_time", "now", "time", "times", "today", "utcnow"})
RANDOM_MODULES = frozenset({"random", "secrets"})
RANDOM_NAMES = frozenset({"getrandom", "urandom", "uuid1", "uuid4", "SystemRandom"})
VAGUE = frozenset({"common", "helpers", "manager", "misc", "tools", "util", "utils"})

LONGEST = 350
# Files that may be longer than one sitting, each with the reason.
LONG_FILES: dict[str, str] = {}


@dataclass(frozen=True)
class File:
    """One file of the package: its path inside the package, its text, its tree."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return parsed(self)

    @property
    def module(self) -> str:
        """The dotted name inside the package, `wire.batch` or `wire.__init__`."""
        return self.path.removesuffix(".py").replace("/", ".")

    @property
    def room(self) -> str:
        return self.module.partition(".")[0]


@cache
def parsed(file: File) -> ast.Module:
    """Each rule looks at each file."""
    return ast.parse(file.text, file.path)


Rule = Callable[[File], Iterator[str]]


def modules_named(file: File) -> Iterator[tuple[ast.stmt, str, list[str]]]:
    """Each import statement, the absolute name of the module it names, and the names it takes from there."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name, []
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = ["anyicmp", *file.module.split(".")][: -node.level]
                base = ".".join([*parents, base] if base else parents)
            yield node, base, [alias.name for alias in node.names]


def imports_of_the_package(file: File) -> Iterator[tuple[str, bool]]:
    """What a file imports of the package, as `wire.batch`, and whether for its type annotations only."""
    for_types = {
        statement
        for branch in ast.walk(file.tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test).endswith("TYPE_CHECKING")
        for statement in branch.body
    }
    for_types_lines = {statement.lineno for statement in for_types}
    for node, base, names in modules_named(file):
        top, _, inner = base.partition(".")
        if top == "anyicmp":
            only_types = node.lineno in for_types_lines
            taken = [f"{inner}.{name}".lstrip(".") for name in names]
            modules = [name for name in taken if is_module(name)]
            if not modules or len(modules) < len(taken):
                modules.append(inner or "__init__")
            for module in modules:
                yield module, only_types


def is_module(name: str) -> bool:
    path = PACKAGE.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(
        name == pattern or (pattern.endswith(".*") and f"{name}.".startswith(pattern[:-1]))
        for pattern in patterns
    )


def import_rule(file: File) -> Iterator[str]:
    """Rooms import one way; plans know neither each other nor a method; extras use public names only."""
    if file.room not in IMPORTS:
        yield f"the room {file.room!r} is not in the table of rooms"
        return
    is_plan = file.room == "engine" and file.module.rpartition(".")[2] not in MECHANISM
    allowed = PLAN_IMPORTS if is_plan else (*IMPORTS[file.room], f"{file.room}.*")
    for name, for_types in imports_of_the_package(file):
        if not matches(name, allowed + IMPORTS_FOR_TYPES.get(file.room, ()) * for_types):
            yield f"imports {name}"


def async_rule(file: File) -> Iterator[str]:
    """Coroutines live at the door only: the engine, the codec and the sockets know no event loop."""
    if file.room not in ASYNC_ROOMS:
        for node in ast.walk(file.tree):
            if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await) or (
                isinstance(node, ast.comprehension) and node.is_async
            ):
                yield f"{type(node).__name__} outside {', '.join(ASYNC_ROOMS)}"


def system_rule(file: File) -> Iterator[str]:
    """The system's own interface is used by the rooms that stand next to it."""
    if file.room not in SYSTEM_ROOMS and file.path not in REAL_DOORS:
        for _, base, names in modules_named(file):
            if base.partition(".")[0] in SYSTEM or (base == "anyio" and "socket" in names):
                yield f"imports {base}"


def clock_rule(file: File) -> Iterator[str]:
    """The driver reads the clock, once a turn; everyone else is told the time."""
    if file.path in THE_CLOCK or file.path in REAL_DOORS:
        return
    for _, base, names in modules_named(file):
        if base in CLOCK_MODULES or CLOCK_CALLS.intersection(names):
            yield f"imports {base}"
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and node.attr in CLOCK_CALLS:
            yield f"reads {ast.unparse(node)}"


def random_rule(file: File) -> Iterator[str]:
    """Chance is drawn at the door and handed in, so that the engine can be replayed."""
    if file.room not in RANDOM_ROOMS:
        for _, base, names in modules_named(file):
            if base in RANDOM_MODULES or RANDOM_NAMES.intersection(names):
                yield f"imports {base}"
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Attribute) and node.attr in RANDOM_NAMES:
                yield f"draws {ast.unparse(node)}"


def charter_rule(file: File) -> Iterator[str]:
    """A file opens with what lives there and what never does; a package front may say it in one line."""
    charter = (ast.get_docstring(file.tree) or "").strip()
    if not charter:
        yield "has no charter"
    elif len(charter.splitlines()) < 2 and not file.path.endswith("__init__.py"):
        yield "has a charter of one line: say too what never lives here"


def length_rule(file: File) -> Iterator[str]:
    """A file is read in one sitting."""
    lines = len(file.text.splitlines())
    if lines > LONGEST and file.path not in LONG_FILES:
        yield f"has {lines} lines, more than {LONGEST}"


def name_rule(file: File) -> Iterator[str]:
    """A file is named by the field's terms: a vague name collects what belongs nowhere."""
    for part in file.module.split("."):
        if VAGUE.intersection(part.split("_")):
            yield f"is named {part!r}"


RULES: tuple[Rule, ...] = (
    import_rule,
    async_rule,
    system_rule,
    clock_rule,
    random_rule,
    charter_rule,
    length_rule,
    name_rule,
)


@pytest.mark.parametrize("rule", RULES)
def test_the_package_keeps_the_rule(rule: Rule) -> None:
    files = [File(str(path.relative_to(PACKAGE)), path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")]
    assert len(files) > 3
    breaches = [f"{file.path} {breach}" for file in files for breach in rule(file)]
    assert not breaches, "\n".join(breaches)


def test_no_exemption_has_outlived_its_file() -> None:
    for path, reason in LONG_FILES.items():
        assert reason
        assert len((PACKAGE / path).read_text("utf-8").splitlines()) > LONGEST
    for path, reason in REAL_DOORS.items():
        assert reason
        elsewhere = File("testing/elsewhere.py", (PACKAGE / path).read_text("utf-8"))
        assert [*system_rule(elsewhere), *clock_rule(elsewhere)], f"{path} needs no exemption"


BREACHES = [
    (import_rule, "engine/exchange.py", "from anyicmp.net.transport import Transport"),
    (import_rule, "engine/exchange.py", "import anyicmp.api.driver"),
    (import_rule, "engine/exchange.py", "from ..net import transport"),
    (import_rule, "engine/exchange.py", "from anyicmp import errors, net"),
    (import_rule, "engine/trace.py", "from anyicmp.engine.ping import PingPlan"),
    (import_rule, "engine/trace.py", "from anyicmp.methods.echo import EchoMethod"),
    (import_rule, "engine/trace.py", "from anyicmp.wire import decode"),
    (import_rule, "net/mmsg.py", "def f():\n    from anyicmp.engine.table import Table"),
    (import_rule, "wire/icmp.py", "from anyicmp.methods.base import Template"),
    (import_rule, "results.py", "from anyicmp.wire import Message"),
    (import_rule, "api/driver.py", "from anyicmp.testing import SimulatedNetwork"),
    (import_rule, "testing/network.py", "from anyicmp.net.mmsg import Transport"),
    (import_rule, "testing/network.py", "from anyicmp.api.prober import Prober"),
    (import_rule, "cli/ping.py", "from anyicmp.api.prober import Prober"),
    (import_rule, "cli/ping.py", "from anyicmp.wire.icmp import MESSAGES"),
    (import_rule, "attic/ping.py", ""),
    (async_rule, "engine/exchange.py", "async def take(): pass"),
    (async_rule, "net/mmsg.py", "class A:\n    async def send(self): await self.f()"),
    (async_rule, "wire/icmp.py", "async def f():\n    async with x: pass\n    return [y async for y in z]"),
    (system_rule, "api/driver.py", "import socket"),
    (system_rule, "wire/ip.py", "from socket import inet_pton"),
    (system_rule, "engine/table.py", "import select, ctypes"),
    (system_rule, "methods/echo.py", "def f():\n    import ctypes.util"),
    (clock_rule, "engine/table.py", "import time"),
    (clock_rule, "api/ping.py", "from time import monotonic_ns"),
    (clock_rule, "api/ping.py", "from anyio import current_time"),
    (clock_rule, "api/ping.py", "now = loop.time()"),
    (clock_rule, "testing/network.py", "import trio\nnow = trio.current_time"),
    (clock_rule, "testing/tun.py", "import time"),
    (system_rule, "testing/tun.py", "import select"),
    (clock_rule, "results.py", "import datetime\ndatetime.datetime.now()"),
    (random_rule, "engine/sweep.py", "import random"),
    (random_rule, "net/mmsg.py", "import os\ntoken = os.urandom(8)"),
    (random_rule, "methods/echo.py", "from secrets import token_bytes"),
    (charter_rule, "wire/ip.py", "import struct"),
    (charter_rule, "wire/ip.py", '"""Headers."""'),
    (length_rule, "wire/ip.py", "\n" * (LONGEST + 1)),
    (name_rule, "wire/utils.py", ""),
    (name_rule, "net/socket_helpers.py", ""),
]


@pytest.mark.parametrize(("rule", "path", "source"), BREACHES)
def test_a_rule_finds_its_breach(rule: Rule, path: str, source: str) -> None:
    assert list(rule(File(path, source)))


ALLOWED = [
    (
        import_rule,
        "engine/exchange.py",
        "from anyicmp.methods.base import Template\nimport anyicmp.wire.batch",
    ),
    (import_rule, "engine/trace.py", "from anyicmp.engine.outcome import OutcomeBatch"),
    (import_rule, "engine/trace.py", "from anyicmp.wire.batch import PacketBatch"),
    (import_rule, "results.py", "if TYPE_CHECKING:\n    from anyicmp.wire import Message"),
    (import_rule, "testing/network.py", "from anyicmp.net.transport import Transport"),
    (import_rule, "cli/ping.py", "from anyicmp import Prober\nfrom anyicmp.cli.human import show"),
    (async_rule, "api/ping.py", "async def ping(): await x"),
    (system_rule, "net/mmsg.py", "import ctypes, socket, select"),
    (clock_rule, "api/driver.py", "import time"),
    (clock_rule, "testing/pump.py", "import time"),
    (clock_rule, "engine/table.py", "def take(now): return now"),
    (random_rule, "api/prober.py", "import secrets"),
    (charter_rule, "wire/ip.py", '"""Headers.\n\nNo measurement.\n"""'),
    (name_rule, "wire/ip.py", ""),
]


@pytest.mark.parametrize(("rule", "path", "source"), ALLOWED)
def test_a_rule_lets_the_rest_pass(rule: Rule, path: str, source: str) -> None:
    assert list(rule(File(path, source))) == []
