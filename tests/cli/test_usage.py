"""The command's manners: what it says of wrong usage, and that it offers what the library has."""

from __future__ import annotations

import importlib
import inspect
import sys
from ipaddress import IPv4Address

import click
import pytest

import anyicmp
from anyicmp import Prober, SocketPermissionError
from anyicmp.cli.__main__ import COMMANDS, main
from anyicmp.cli.status import exit_status
from anyicmp.methods import method_class
from cli.running import COMMAND

from namespaces import NOBODY, command, namespaces, settings

CALLS = {
    "ping": Prober.ping,
    "sweep": Prober.sweep,
    "trace": Prober.open_traceroute,
    "paths": Prober.multipath,
    "mtu": Prober.path_mtu,
}
# `completion`, `manual`, `decode` and `report` touch no network: they have no options for sockets. Tables and
# what is heard need no host to probe.
TABLES = ["routes", "neighbors"]
OTHERS = ("completion", "manual", "decode", "listen", "report", *TABLES)
PROBING = [name for name in COMMANDS if name not in OTHERS]

REFUSED = [
    ("ping -W -1 127.0.0.1", "timeout"),
    ("ping -s 70000 127.0.0.1", "size"),
    ("ping -t 300 127.0.0.1", "ttl"),
    ("ping -c -1 127.0.0.1", "count"),
    ("ping -i nan 127.0.0.1", "interval"),
    ("ping -i soon 127.0.0.1", "'soon' is not a valid float"),
    ("ping --dscp 64 127.0.0.1", "dscp"),
    ("ping --source here 127.0.0.1", "source"),
    ("ping", "HOST"),
    ("ping 127.0.0.999", "127.0.0.999: "),
    ("ping 127.0.0.0/24", "use sweep"),
    ("ping -6 127.0.0.1", "not an IPv6 address"),
    ("ping --backend twisted 127.0.0.1", "twisted"),
    ("sweep", "no targets"),
    ("sweep 10.0.0.1/24", "10.0.0.1/24: has host bits set"),
    ("sweep 127.0.0.1 --rate -1", "rate"),
    ("sweep 127.0.0.1 --retries -1", "retries"),
    ("sweep 127.0.0.1 --in-flight 0", "in_flight"),
    ("sweep 127.0.0.1 --exclude nowhere/33", "nowhere/33"),
    ("sweep 127.0.0.1 -W 0", "timeout"),
    ("sweep --from /nonexistent/targets", "/nonexistent/targets: No such file or directory"),
    ("sweep --from /dev/null", "no targets"),
    ("trace", "HOST"),
    ("trace -m 300 127.0.0.1", "max_hops"),
    ("trace -f 9 -m 8 127.0.0.1", "first_hop"),
    ("trace -q 0 127.0.0.1", "probes"),
    ("trace --method smoke 127.0.0.1", "smoke"),
    ("trace 127.0.0.999", "127.0.0.999: "),
    ("paths", "HOST"),
    ("paths --confidence 1 127.0.0.1", "confidence"),
    ("paths --method smoke 127.0.0.1", "smoke"),
    ("paths --json --dot 127.0.0.1", "--json and --dot"),
    ("mtu", "HOST"),
    ("mtu -q 0 127.0.0.1", "probes"),
    ("mtu -m 300 127.0.0.1", "max_hops"),
    ("neighbors 127.0.0.1", "127.0.0.1"),
    ("routes -I no-such 127.0.0.1", "no-such"),
    ("fly", "fly"),
    ("", "Missing command"),
    ("ping --no-such-option 127.0.0.1", "--no-such-option"),
]


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize(("line", "named"), REFUSED)
def test_a_mistake_is_one_line_and_status_2(
    line: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("anyicmp: ")
    assert err.count("\n") == 1
    assert named in err


@pytest.mark.usefixtures("needs_icmp_socket")
@pytest.mark.parametrize("subcommand", [*(name for name in PROBING if name != "diagnose"), "routes"])
def test_an_unknown_name_is_one_line_and_status_2(
    subcommand: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The top-level domain `invalid` is reserved and never resolves (RFC 6761 section 6.4).

    To a diagnosis that is a finding.
    """
    assert main([subcommand, "host.invalid"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("anyicmp: host.invalid: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("backend", ["uvloop", "trio"])
def test_a_backend_that_is_not_installed_is_named_with_its_extra(
    backend: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, backend, None)  # what a failed import leaves behind
    assert main(["ping", "127.0.0.1", "--backend", backend]) == 2
    assert capsys.readouterr().err == (
        f"anyicmp: the backend {backend} needs the extra '{backend}': pip install 'anyicmp[{backend}]'\n"
    )


@pytest.mark.parametrize("subcommand", PROBING)
def test_missing_permission_is_one_line_however_long_the_remedy(
    subcommand: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def refuse(self: Prober) -> None:
        raise SocketPermissionError("no socket:\n  ask the administrator")

    monkeypatch.setattr(Prober, "open", refuse)
    assert main([subcommand, "127.0.0.1"]) == 2
    assert capsys.readouterr() == ("", "anyicmp: no socket: ask the administrator\n")


@pytest.mark.usefixtures("needs_namespaces")
@pytest.mark.parametrize("subcommand", PROBING)
def test_a_user_who_is_shut_out_is_told_what_to_change(subcommand: str) -> None:
    with namespaces("shut") as (shut,):
        settings(shut, {"net/ipv4/ping_group_range": "1 0"})
        child = command(shut, [*COMMAND, subcommand, "127.0.0.1"], uid=NOBODY)
    assert (child.returncode, child.stdout) == (2, "")
    assert child.stderr.startswith("anyicmp: ")
    assert child.stderr.count("\n") == 1
    assert "net.ipv4.ping_group_range" in child.stderr


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr() == (f"anyicmp {anyicmp.__version__}\n", "")


def test_the_help_lists_all_subcommands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.partition("Commands:\n")[2].splitlines()] == list(COMMANDS)


def options_of(name: str) -> dict[str, click.Parameter]:
    module, _, attribute = COMMANDS[name].partition(":")
    found: click.Command = getattr(importlib.import_module(f"anyicmp.cli.{module}"), attribute)
    return {parameter.name or "": parameter for parameter in found.params}


@pytest.mark.parametrize("name", [*PROBING, *TABLES, "listen"])
def test_every_subcommand_has_the_options_that_all_have(name: str) -> None:
    common = {"family", "interface", "source", "privileged", "as_json", "backend"}
    assert common <= options_of(name).keys()


@pytest.mark.parametrize("name", CALLS)
def test_options_have_the_library_s_names_and_defaults(name: str) -> None:
    """An option whose default is None is not passed on: then the library's own default holds anyway."""
    signature = inspect.signature(CALLS[name]).parameters
    only_here = {
        "family",
        "privileged",
        "simulate",
        "as_json",
        "live",
        "backend",
        "files",
        "everything",
        "form",
    }
    only_here |= {"cluster", "vantage"}  # the calls of `anyicmp.cluster`
    for option, parameter in options_of(name).items():
        if option in only_here:
            continue
        assert option in signature
        default = parameter.to_info_dict()["default"]
        if default is not None and isinstance(parameter, click.Option) and not parameter.multiple:
            assert default == signature[option].default


def test_sizes_named_in_the_help_are_the_library_s() -> None:
    size = options_of("ping")["size"]
    assert isinstance(size, click.Option)
    assert "[default: 56]" in (size.help or "")
    assert method_class("icmp").SIZES[2] == method_class("udp").SIZES[2] == 56


def test_the_status_says_answered_not_answered_or_not_sent() -> None:
    assert exit_status(answered=1, sent=4, failed=1) == 0
    assert exit_status(answered=0, sent=4, failed=1) == 1
    assert exit_status(answered=0, sent=0, failed=3) == 2


def test_an_internal_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what the user can change becomes one line; a bug keeps its traceback, in no group."""

    async def crash(self: Prober) -> None:
        raise KeyError(IPv4Address("127.0.0.1"))

    monkeypatch.setattr(Prober, "open", crash)
    with pytest.raises(KeyError):
        main(["ping", "127.0.0.1"])
