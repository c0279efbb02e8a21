"""Options that several subcommands share, named as the Python options; `-c`, `-W` and so on as in ping.

Only names, types and help texts. Whether a value is in range is the library's to say.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import attrs
import click
from click.shell_completion import CompletionItem

from anyicmp.cli.loop import BACKENDS

if TYPE_CHECKING:
    from anyicmp.testing import SimulatedNetwork

__all__ = [
    "CLUSTER",
    "DONT_FRAGMENT",
    "DSCP",
    "SIZE",
    "TIMEOUT",
    "TTL",
    "Setting",
    "command_options",
    "one_of",
]

P = ParamSpec("P")
Option = Callable[[Callable[..., Any]], Callable[..., Any]]


@attrs.frozen(kw_only=True)
class Setting:
    """What every subcommand is told.

    Attributes:
        backend: a key of `loop.BACKENDS`.
        as_json: print JSON instead of text for people.
        prober: options for `anyicmp.Prober`.
        live: draw on a terminal, where it can be drawn on.
    """

    backend: str
    as_json: bool
    prober: dict[str, Any]
    live: bool = True


TIMEOUT = click.option(
    "-W", "--timeout", type=float, default=1.0, show_default=True, metavar="SECONDS",
    help="How long one probe waits for its answer.",
)  # fmt: skip
SIZE = click.option("-s", "--size", type=int, metavar="OCTETS", help="Echo data in a probe.  [default: 56]")
TTL = click.option("-t", "--ttl", type=int, metavar="N", help="Hop limit of the probes, 1 to 255.")
DSCP = click.option("--dscp", type=int, metavar="N", help="Differentiated services code point, 0 to 63.")
DONT_FRAGMENT = click.option(
    "--dont-fragment", is_flag=True, default=None, help="Forbid routers and this host to fragment probes."
)

CLUSTER = click.option(
    "--cluster", metavar="ADDRESS", help="Probe from the workers of a Dask cluster: tls://scheduler:8786."
)


def one_of(*values: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """What shells propose for an option whose values the library checks."""
    return lambda context, parameter, begun: [value for value in values if value.startswith(begun)]


def _interfaces(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    system = Path("/sys/class/net")
    names = (path.name for path in system.iterdir()) if system.is_dir() else ()
    return sorted(name for name in names if name.startswith(begun))


def _scenarios(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    if begun and "demo".startswith(begun):
        return [CompletionItem("demo")]
    return [CompletionItem(begun, type="file")]


_EVERYWHERE: tuple[Option, ...] = (
    click.option("-4", "family", flag_value=4, type=int, help="IPv4 only."),
    click.option("-6", "family", flag_value=6, type=int, help="IPv6 only."),
    click.option(
        "-I", "--interface", metavar="NAME", shell_complete=_interfaces, help="Interface to send through."
    ),
    click.option("--source", metavar="ADDRESS", help="Local address to send from."),
    click.option("--mark", type=int, metavar="N", help="Firewall mark of the packets (CAP_NET_ADMIN)."),
    click.option(
        "--privileged/--unprivileged",
        default=None,
        help="Insist on raw sockets, or on datagram ones.  [default: the best allowed]",
    ),
    click.option(
        "--simulate",
        metavar="FILE|demo",
        shell_complete=_scenarios,
        help="Probe a simulated internet, of a TOML file or the built-in one, in virtual time.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else on standard output."),
    click.option(
        "--live/--no-live", default=True, help="Draw on a terminal, or print lines only.  [default: live]"
    ),
    click.option(
        "--backend",
        type=click.Choice(list(BACKENDS)),
        default="asyncio",
        show_default=True,
        help="Event loop to run on.",
    ),
)


def command_options(*options: Option) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a subcommand these options and those that all have.

    The function is called with a `Setting` and with those of its own options that have a value: what is
    not given is not passed on, so that the library's defaults hold.
    """

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        @wraps(function)
        def command(*, backend: str, as_json: bool, live: bool, simulate: str | None, **given: Any) -> int:
            own = {name: value for name, value in given.items() if value is not None}
            shared = {name: own.pop(name) for name in _FOR_PROBER if name in own}
            if simulate is not None:
                shared["network"] = _simulated(simulate)
            return function(Setting(backend=backend, as_json=as_json, live=live, prober=shared), **own)

        decorated: Callable[..., int] = command
        for option in reversed((*options, *_EVERYWHERE)):
            decorated = option(decorated)
        return decorated

    return decorate


def _simulated(scenario: str) -> SimulatedNetwork:
    """The network of a scenario, in which everything is allowed."""
    from anyicmp.testing import SimulatedNetwork

    return SimulatedNetwork.from_toml(scenario, privileged=True)


_FOR_PROBER = ("family", "interface", "source", "mark", "privileged")
