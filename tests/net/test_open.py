"""Opening: which sockets are taken, what is refused and what the refusal says, and what capabilities tell."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import pytest

from anyicmp.errors import SocketPermissionError, UnsupportedError
from anyicmp.net import filters, mmsg, portable
from anyicmp.net.transport import WITHHELD, SocketSpec, capabilities, open_transport
from anyicmp.wire.batch import PacketBatch
from net.bench import FAMILY, IDENTIFIERS, LOOPBACK, PROTOCOL, Kind, descriptors, echo

from namespaces import Chain, namespaces, run_in, settings

Open = Callable[..., Any]


def test_the_platform_s_best_calls_are_taken_unless_refused(kind: Kind, opened: Open) -> None:
    wanted = portable.PortableTransport if kind.batched is False else mmsg.BatchedTransport
    assert type(opened()) is wanted
    assert opened().spec.batched is kind.batched


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"interface": "none-such"}, ValueError, "no network interface is named 'none-such'"),
        ({"method": "smoke"}, UnsupportedError, "there are no sockets for the method 'smoke'"),
    ],
)
def test_a_bad_specification_is_one_clear_line_and_leaves_nothing_open(
    kind: Kind, opened: Open, fields: dict[str, Any], error: type[Exception], says: str
) -> None:
    before = descriptors()
    with pytest.raises(error) as caught:
        opened(**fields)
    assert str(caught.value) == says
    assert descriptors() == before


def test_what_a_raw_socket_hears_before_its_filter_is_there_is_thrown_away(
    kind: Kind, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between socket(2) and its filter, a raw socket hears everybody's answers."""
    attach = filters.attach

    def attach_later(*arguments: Any) -> None:
        with socket.socket(FAMILY[kind.version], socket.SOCK_RAW, PROTOCOL[kind.version]) as other:
            other.sendto(echo(kind.version, 12345, 1), (LOOPBACK[kind.version], 0))
        attach(*arguments)

    monkeypatch.setattr(filters, "attach", attach_later)
    assert opened().recv(PacketBatch(kind.version, capacity=4, slot=256), 0) == 0


def test_each_raw_lane_needs_an_identifier(kind: Kind, opened: Open) -> None:
    if kind.raw:
        with pytest.raises(ValueError, match=r"^3 lanes need 3 identifiers, got 2$"):
            opened(lanes=3)
    else:
        assert len(opened(lanes=3).identifiers) == 3  # the kernel chooses them


def test_a_source_that_is_not_ours_is_refused(kind: Kind, opened: Open) -> None:
    foreign = "192.0.2.1" if kind.version == 4 else "2001:db8::1"
    family = socket.AF_INET if kind.version == 4 else socket.AF_INET6
    before = descriptors()
    with pytest.raises(ValueError, match=f"^{foreign} is no usable source address here: "):
        opened(source=socket.inet_pton(family, foreign))
    assert descriptors() == before
    ours = socket.inet_pton(family, LOOPBACK[kind.version])
    assert opened(source=ours).sockets[0].getsockname()[0] == LOOPBACK[kind.version]


def test_an_interface_is_bound_to(kind: Kind, opened: Open) -> None:
    transport = opened(interface="lo")
    so_bindtodevice = 25
    bound = transport.sockets[0].getsockopt(socket.SOL_SOCKET, so_bindtodevice, 16)
    assert bound.rstrip(b"\0") == b"lo"


def test_a_mark_is_set_or_its_right_named(kind: Kind, opened: Open) -> None:
    so_mark = 36
    if os.geteuid() == 0:
        assert opened(mark=77).sockets[0].getsockopt(socket.SOL_SOCKET, so_mark) == 77
    else:
        with pytest.raises(SocketPermissionError, match="CAP_NET_ADMIN"):
            opened(mark=77)


def test_descriptors_are_not_inherited_and_never_block(kind: Kind, opened: Open) -> None:
    transport = opened()
    assert not any(os.get_inheritable(fd) for fd in (transport.fileno(), transport.sockets[0].fileno()))
    assert not transport.sockets[0].getblocking()


def refusals() -> list[object]:
    from anyicmp.errors import SocketPermissionError
    from anyicmp.net.transport import SocketSpec, capabilities, open_transport

    said: list[object] = []
    for version in (4, 6):
        for privileged in (None, True, False):
            try:
                open_transport(SocketSpec(version=version, privileged=privileged)).close()
                said.append(None)
            except SocketPermissionError as error:
                said.append(str(error))
    found = capabilities()
    return [*said, found.families, found.privileged, found.methods, found.listen, sorted(found.missing)]


@pytest.mark.usefixtures("needs_namespaces")
def test_without_any_right_the_remedy_is_named() -> None:
    with namespaces("closed") as (name,):
        settings(name, {"net/ipv4/ping_group_range": "1 0"})
        *said, families, privileged, methods, listen, missing = run_in(name, refusals, uid=65534)
    assert (families, privileged, methods, listen) == ([], False, [], False)
    assert missing == [f"IPv{v} {kind} ICMP sockets" for v in (4, 6) for kind in ("datagram", "raw")]
    for either, raw, datagram in (said[:3], said[3:]):
        for text in (either, datagram):
            assert 'net.ipv4.ping_group_range="0 2147483647"' in text
            assert '(now "1 0")' in text
            assert "group 65534" in text
        for text in (either, raw):
            assert "setcap cap_net_raw+ep /" in text
        assert "ping_group_range" not in raw
        assert "CAP_NET_RAW" not in datagram


@pytest.mark.usefixtures("needs_namespaces")
def test_an_unprivileged_process_gets_datagram_sockets() -> None:
    with namespaces("open") as (name,):
        said = run_in(name, refusals, uid=65534)
    assert [text is None for text in said[:6]] == [True, False, True] * 2
    assert said[6:10] == [[4, 6], False, ["icmp", "udp", "tcp"], False]
    assert said[10] == ["IPv4 raw ICMP sockets", "IPv6 raw ICMP sockets", *sorted(WITHHELD)]


def test_capabilities_are_what_opens(kind: Kind, laboratory: Chain | None) -> None:
    before = descriptors()
    found = capabilities()
    assert descriptors() == before
    assert kind.version in found.families
    assert found.clock == "kernel"
    assert found.methods == ("icmp", "udp", "tcp")
    if laboratory is not None:
        assert found.privileged is found.listen is True
        assert not found.missing


@pytest.mark.usefixtures("needs_icmp_socket")
def test_raw_sockets_are_taken_first() -> None:
    transport = open_transport(SocketSpec(version=4, identifiers=IDENTIFIERS))
    try:
        assert transport.privileged is capabilities().privileged
    finally:
        transport.close()
