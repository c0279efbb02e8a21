"""The kernel's timestamps at their edges: before it stamps at all, and where a packet must wait to leave."""

from __future__ import annotations

import pytest

from namespaces import NOBODY, chain, command, namespaces, run_in

pytestmark = [pytest.mark.usefixtures("needs_namespaces"), pytest.mark.once]

NO_SOLICITATIONS = """\
table ip6 quiet {
    chain input {
        type filter hook input priority 0;
        icmpv6 type nd-neighbor-solicit drop
    }
}
"""

each_user = pytest.mark.parametrize("uid", [None, NOBODY], ids=["root", "nobody"])


def first_answers(version: int) -> object:
    """Open sockets where perhaps nobody uses stamps, send at once, read later."""
    import select
    import socket
    import time
    from ipaddress import ip_address

    from anyicmp.engine.probe import Probe
    from anyicmp.methods.echo import EchoMethod
    from anyicmp.net import mmsg  # noqa: F401 - loading it would give the kernel the time that it needs
    from anyicmp.net.transport import SocketSpec, open_transport
    from anyicmp.wire.batch import PacketBatch, RowKind

    host = "127.0.0.1" if version == 4 else "::1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as early:
        # A packet that arrives now has a stamp only if somebody on this machine already uses stamps.
        early.bind(("127.0.0.1", 0))
        early.sendto(b"", early.getsockname())
        early.setsockopt(socket.SOL_SOCKET, 37, 8 | 16)
        before = bool(early.recvmsg(1, 128)[1])
    transport = open_transport(SocketSpec(version=version, identifiers=(77,)))  # type: ignore[arg-type]
    method = EchoMethod(version)  # type: ignore[arg-type]
    method.identify(transport.identifiers, verify=False)
    tx, rx = PacketBatch(version), PacketBatch(version, slot=2048)  # type: ignore[arg-type]
    Probe(peer=ip_address(host).packed).write(tx, 0)
    method.stamp(tx, 0, 1, 1 << 16, method.template(size=56))
    transport.send(tx, 0, 1)
    select.select([transport.fileno()], [], [], 10.0)
    time.sleep(0.02)
    read = time.time_ns()
    n = transport.recv(rx, 0)
    stamp = rx.when[0]
    transport.close()
    assert (n, rx.kind[0]) == (1, RowKind.ICMP)
    return {
        "before": before,
        "stamps": transport.stamps,
        "at_once": stamp < read - 10_000_000 if stamp else None,
    }


@each_user
@pytest.mark.parametrize("version", [4, 6])
def test_the_first_answer_is_stamped_when_it_arrives(version: int, uid: int | None) -> None:
    """Not when it is read. The kernel's switch is one for all namespaces: others may have set it already."""
    with namespaces("client") as (client,):
        for _ in range(5):
            found = run_in(client, first_answers, version, uid=uid)
            # Where the kernel takes longer to begin than opening waits, there is none.
            assert found["at_once"] is not False
            if found["stamps"] and found["at_once"] and not found["before"]:
                return
    # Somebody stamps all the time: what is tested here was never needed.
    assert found["stamps"]
    assert found["at_once"]


def unstamped(_: None) -> object:
    """Sockets whose options the kernel has not acted on yet: packets of before, read after."""
    import socket
    import struct
    import time
    from contextlib import ExitStack

    with ExitStack() as stack:
        options = ((35, 1), (37, 8 | 16), (35, 1))
        sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in options]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        for sock in sockets:
            sock.sendto(b"", sock.getsockname())
        time.sleep(0.002)  # so that a stamp of the arrival differs from one of the reading
        read = time.time_ns()
        stamps = []
        for sock, (option, value) in zip(sockets, options, strict=True):
            sock.setsockopt(socket.SOL_SOCKET, option, value)
            given = [data for _, _, data in sock.recvmsg(1, 128)[1]]
            seconds, nanoseconds = struct.unpack_from("qq", given[0]) if given else (0, 0)
            stamps.append(seconds * 1_000_000_000 + nanoseconds)
    return {"honest": stamps[1] > 0, "inventive": [stamp >= read for stamp in (stamps[0], stamps[2])]}


def test_a_packet_from_before_the_kernel_stamped_gets_no_stamp() -> None:
    """Of the option in use; SO_TIMESTAMPNS gives it the time of its reading.

    Others on the machine may have the kernel stamp at any moment: the packets before and behind tell.
    """
    with namespaces("client") as (client,):
        for _ in range(5):
            found = run_in(client, unstamped, None)
            if all(found["inventive"]):
                assert not found["honest"]
                return


async def to_an_unknown_neighbour(
    target: str, device: str, link_address: str, transmit_stamps: bool
) -> object:
    """Ping a neighbour whose link address becomes known 0.3 seconds later; then once more."""
    import subprocess

    import anyio

    import anyicmp

    class Sent(anyicmp.Observer):
        def on_sent(self, target: object, at: float) -> None:
            sent.append(at)

    sent: list[float] = []
    async with anyicmp.Prober(observer=Sent(), transmit_stamps=transmit_stamps) as prober:
        can = "transmit timestamps" not in prober.capabilities.missing
        outcomes = []

        async def ping() -> None:
            outcomes.extend((await prober.ping(target, count=1, timeout=5.0)).outcomes)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ping)
            await anyio.sleep(0.3)
            known = f"ip neigh replace {target} lladdr {link_address} dev {device} nud permanent".split()
            await anyio.to_thread.run_sync(lambda: subprocess.run(known, check=True))
        await ping()
    first, second = outcomes
    return {
        "can": can,
        "rtts": [first.rtt, second.rtt],
        "clocks": [first.clock, second.clock],
        "waited": first.sent_at - sent[0],
    }


@pytest.mark.parametrize("transmit_stamps", [True, False])
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.usefixtures("needs_nftables")
@pytest.mark.waits
def test_the_wait_for_a_neighbour_is_told_from_the_round_trip(version: int, transmit_stamps: bool) -> None:
    """The kernel keeps the probe until it knows the neighbour; `sent_at` then is when it really left."""
    with chain(routers=0) as lab:
        target = lab.target4 if version == 4 else lab.target6
        # The neighbour answers no question for its link address, and asks none.
        assert command(lab.target, ["ip", "link", "set", "left", "arp", "off"]).returncode == 0
        assert command(lab.target, ["nft", "-f", "-"], stdin=NO_SOLICITATIONS).returncode == 0
        own = command(lab.target, ["cat", "/sys/class/net/left/address"]).stdout.strip()
        other = command(lab.client, ["cat", "/sys/class/net/right/address"]).stdout.strip()
        source = lab.source4 if version == 4 else lab.source6
        back = ["ip", "neigh", "replace", source, "lladdr", other, "dev", "left", "nud", "permanent"]
        assert command(lab.target, back).returncode == 0
        found = run_in(lab.client, to_an_unknown_neighbour, target, "right", own, transmit_stamps)
    first, second = found["rtts"]
    assert second < 0.1
    assert found["clocks"] == ["kernel", "kernel"]
    if transmit_stamps and found["can"]:
        assert first < 0.1
        assert 0.2 < found["waited"] < 2.0
    else:
        assert 0.2 < first < 2.0
        assert abs(found["waited"]) < 0.1


def all_fields(source: str) -> object:
    """Two rows that ask for all that a row can: the largest control messages there are."""
    import select
    from ipaddress import ip_address

    from anyicmp.engine.probe import Probe
    from anyicmp.methods.echo import EchoMethod
    from anyicmp.net.transport import SocketSpec, open_transport
    from anyicmp.wire.batch import PacketBatch, RowKind

    packed = ip_address(source).packed
    version = 4 if len(packed) == 4 else 6
    found = []
    for batched in (None, False):
        transport = open_transport(SocketSpec(version=version, identifiers=(77,), batched=batched))
        method = EchoMethod(version)
        method.identify(transport.identifiers, verify=False)
        tx, rx = PacketBatch(version), PacketBatch(version, slot=2048)
        probe = Probe(
            peer=packed, hop_limit=9, traffic_class=8, flow_label=5, local=packed, interface=1, stamped=True
        )
        for i in range(3):
            probe.write(tx, i)
        method.stamp(tx, 0, 3, 1 << 16, method.template(size=56))
        assert transport.send(tx, 0, 3) == (3, 0)
        at = 0
        while at < 3 + 3 * transport.stamps_sending and select.select([transport.fileno()], [], [], 1.0)[0]:
            at += transport.recv(rx, at)
        kinds = list(rx.kind[:at])
        found.append([kinds.count(RowKind.ICMP), kinds.count(RowKind.STAMP) - 3 * transport.stamps_sending])
        transport.close()
    return found


@each_user
@pytest.mark.parametrize("source", ["127.0.0.1", "::1"])
def test_a_stamp_and_all_fields_fit_into_one_packet_s_control_messages(source: str, uid: int | None) -> None:
    with namespaces("client") as (client,):
        assert run_in(client, all_fields, source, uid=uid) == [[3, 0], [3, 0]]


def with_ports(_: None) -> object:
    """Probes of each method with ports to a closed port of loopback, and what is told of their leaving."""
    import select
    import time
    from ipaddress import ip_address

    from anyicmp.engine.probe import Probe
    from anyicmp.methods import open_method
    from anyicmp.net.transport import SocketSpec, open_transport
    from anyicmp.wire.batch import PacketBatch, RowKind

    found = {}
    for name in ("udp", "tcp"):
        for address in ("127.0.0.1", "::1"):
            packed = ip_address(address).packed
            version = 4 if len(packed) == 4 else 6
            transport = open_transport(SocketSpec(version=version, method=name, hop_limited=True))
            method = open_method(name, version)
            method.identify(transport.identifiers, verify=False)
            tx, rx = PacketBatch(version, slot=128), PacketBatch(version, slot=2048)
            template = method.template(size=56 if name == "udp" else 0, port=9)
            # The kernel makes one connection of a flow at a time.
            rows = 1 if transport.one_per_flow else 3
            for i in range(rows):
                Probe(peer=packed, hop_limit=9, local=packed, stamped=True).write(tx, i)
            method.stamp(tx, 0, rows, 0x12345678 << 16, template)
            before = time.time_ns()
            assert transport.send(tx, 0, rows) == (rows, 0)
            after = time.time_ns()
            at, answers, stamps = 0, 0, []
            while answers < rows and select.select([transport.fileno()], [], [], 1.0)[0]:
                at = transport.recv(rx, 0)
                for i in range(at):
                    if rx.kind[i] == RowKind.STAMP:
                        stamps.append(rx.token[i] & 0xFFFF)
                        assert before <= rx.when[i] <= after
                    elif rx.kind[i] != RowKind.LOCAL_ERROR:
                        answers += method.tokens(rx, at).kinds[i] > 0
            expected = list(range(rows)) if transport.stamps_sending else []
            found[f"{name}{version}"] = [transport.stamps_sending, answers == rows, stamps == expected]
            transport.close()
    return found


@each_user
def test_probes_with_ports_are_stamped_when_they_leave(uid: int | None) -> None:
    """All but connections that the kernel makes itself."""
    with namespaces("client") as (client,):
        can = run_in(client, stamps_sending, None)
        found = run_in(client, with_ports, None, uid=uid)
    for name, (stamps, answered, told) in found.items():
        assert stamps == (can and (uid is None or name.startswith("udp"))), name
        assert answered, name
        assert told, name


def stamps_sending(_: None) -> object:
    from anyicmp.net.transport import SocketSpec, open_transport

    transport = open_transport(SocketSpec(version=4, identifiers=(77,)))
    transport.close()
    return transport.stamps_sending
