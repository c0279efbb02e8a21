"""`anyicmp listen`: one line, or one object, for each message; which connection it is about."""

from __future__ import annotations

import json
import subprocess
from ipaddress import ip_address

import pytest

from anyicmp import Received
from anyicmp.cli.__main__ import main
from anyicmp.cli.listen import about, received_line
from anyicmp.export import to_dict
from anyicmp.wire import (
    DestinationUnreachable,
    EchoReply,
    Message,
    QuotedDatagram,
    Redirect,
    Redirect6,
    RedirectedHeader,
    TimeExceeded,
)
from cli.running import COMMAND, run, start

from namespaces import namespaces

HERE, THERE, ROUTER = (ip_address(address) for address in ("192.0.2.1", "198.51.100.7", "192.0.2.254"))


def quoted(protocol: int, data: bytes = b"") -> QuotedDatagram:
    return QuotedDatagram(source=HERE, destination=THERE, protocol=protocol, data=data)


TCP = quoted(6, (40312).to_bytes(2, "big") + (443).to_bytes(2, "big"))
ECHO = quoted(1, bytes((8, 0, 0, 0, 0x12, 0x67, 0, 5)))


@pytest.mark.parametrize(
    ("datagram", "text"),
    [
        (TCP, "tcp 192.0.2.1:40312 > 198.51.100.7:443"),
        (ECHO, "icmp 192.0.2.1 > 198.51.100.7 id=4711 seq=5"),
        (quoted(17), "udp 192.0.2.1 > 198.51.100.7"),
        (quoted(47), "protocol 47 192.0.2.1 > 198.51.100.7"),
        (QuotedDatagram(), "protocol None ? > ?"),
        (
            QuotedDatagram(
                source=ip_address("2001:db8::1"), destination=ip_address("2001:db8::2"), protocol=17,
                data=b"\x04\x00\x00\x35",
            ),
            "udp [2001:db8::1]:1024 > [2001:db8::2]:53",
        ),
    ],
)  # fmt: skip
def test_which_connection_it_is_about(datagram: QuotedDatagram, text: str) -> None:
    assert about(datagram) == text


@pytest.mark.parametrize(
    ("message", "says", "which"),
    [
        (DestinationUnreachable(code=13, quoted=TCP), "type=3 code=13: Communi", " [tcp 192.0.2.1:40312"),
        (TimeExceeded(quoted=ECHO), "type=11 code=0: TTL exceeded", " [icmp 192.0.2.1"),
        (Redirect(code=1, gateway=THERE, quoted=ECHO), "type=5 code=1: Redirect for the host", " [icmp"),
        (Redirect6(options=(RedirectedHeader(quoted=TCP),)), "type=137 code=0: Redirect", " [tcp"),
        (EchoReply(identifier=1, sequence=2), "type=0 code=0: Echo reply", ""),
    ],
)
def test_a_line_is_one_message(message: Message, says: str, which: str) -> None:
    heard = Received(
        message=message, source=ROUTER, destination=HERE, interface="eth0", ttl=64, received_at=86_400.25
    )
    line = received_line(heard)
    assert line.startswith(f"00:00:00.250000 eth0 192.0.2.254 > 192.0.2.1 ttl=64 {says}")
    assert which in line
    assert line.endswith("]") == bool(which)
    assert json.loads(json.dumps(to_dict(heard)))["message"]["type"] == int(message.type)


def test_what_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", "--simulate", "demo"]) == 2
    assert "there is nothing to hear" in capsys.readouterr().err
    assert main(["listen", "--count", "0"]) == 2
    assert main(["listen", "--type", "pigeon"]) == 2
    err = capsys.readouterr().err
    assert "no kind of ICMP message is 'pigeon'" in err
    assert err.count("\n") == 2


@pytest.mark.usefixtures("needs_namespaces")
@pytest.mark.once
@pytest.mark.parametrize(
    "backend", ["asyncio", *(pytest.param(loop, marks=pytest.mark.slow) for loop in ("uvloop", "trio"))]
)
def test_messages_of_a_real_host(backend: str) -> None:
    """It hears what others send, and ends by itself after as many messages as were asked for."""
    arguments = ("listen", "-4", "--type", "echo-request", "-c", "2", "--json", "--backend", backend)
    with namespaces("alone") as (name,):
        inside = ("ip", "netns", "exec", name)
        with start("ping", "-c", "0", "-i", "0.05", "127.0.0.1", before=inside) as pinging:
            done = subprocess.run(
                [*inside, *COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False
            )
            pinging.terminate()
            pinging.communicate()
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 2
    for one in lines:
        assert (one["interface"], one["source"], one["message"]["type"]) == ("lo", "127.0.0.1", 8)


@pytest.mark.usefixtures("needs_unprivileged")
def test_without_the_right_it_says_what_helps() -> None:
    done = run("listen", "-c", "1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "CAP_NET_RAW" in done.stderr
    assert done.stderr.count("\n") == 1
