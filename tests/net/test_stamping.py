"""Whether the kernel stamps is found out when a transport opens, with a kernel that is slow, old or mute."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from anyicmp.net import stamping
from anyicmp.wire.batch import Version
from net.bench import FAMILY, LOOPBACK
from net.conftest import inside

from namespaces import command, namespaces

BEYOND = (socket.SOL_SOCKET, 0x7FFF, bytes(4))
"""A wish that no kernel knows, as SCM_TS_OPT_ID is to one before 6.13."""


def kernel(monkeypatch: pytest.MonkeyPatch, *answers: bool | int) -> Iterator[bool | int]:
    """A kernel that stamps or does not, one answer a datagram; a number is the errno of that datagram."""
    left = iter(answers)

    def arrives(_sock: object) -> bool:
        answer = next(left)
        if isinstance(answer, bool):
            return answer
        raise OSError(answer, "as asked")

    monkeypatch.setattr(stamping, "_arrives_stamped", arrives)
    return left


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ((True,), True),
        ((False, False, False, True), True),
        ((False,) * (stamping.TRIES + 1), False),
        ((errno.ENETUNREACH,), True),
        ((errno.EPERM,), True),
        ((False, errno.EAGAIN), True),
    ],
)
def test_what_is_found_out(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[bool | int, ...], found: bool, old: bool
) -> None:
    """A slow kernel is waited for, not for ever; an old one still stamps what arrives."""
    left = kernel(monkeypatch, *answers)
    if old:
        monkeypatch.setattr(stamping, "stamp_wish", lambda _: (BEYOND,))
    assert stamping.try_stamps(4) == (found, not old)
    assert list(left) == []


@pytest.mark.parametrize("version", [4, 6])
def test_this_kernel_stamps(version: Version) -> None:
    arriving, _ = stamping.try_stamps(version)
    assert arriving


@pytest.mark.usefixtures("needs_namespaces")
def test_a_host_without_loopback_still_knows_what_its_kernel_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """And to ask the kernel sends nothing, where there is loopback."""
    with namespaces("alone") as (alone,), inside(alone):
        for version, host in LOOPBACK.items():
            with socket.socket(FAMILY[version], socket.SOCK_DGRAM) as discard:
                discard.setblocking(False)
                discard.bind((host, stamping.DISCARD))
                stamping.try_stamps(version)
                with pytest.raises(BlockingIOError):
                    discard.recv(1)
        command(alone, ["ip", "link", "set", "lo", "down"]).check_returncode()
        now = {version: stamping.try_stamps(version)[1] for version in LOOPBACK}
        monkeypatch.setattr(stamping, "stamp_wish", lambda _: (BEYOND,))
        assert {version: stamping.try_stamps(version) for version in LOOPBACK} == {
            4: (True, False),
            6: (True, False),
        }
    assert now[4] == now[6]
