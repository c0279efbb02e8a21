"""Whether the kernel stamps is found out when a transport opens, with a kernel that is slow, old or mute."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from anyicmp.net import stamping
from anyicmp.net.ancillary import Message
from anyicmp.wire.batch import Version


def kernel(monkeypatch: pytest.MonkeyPatch, *answers: bool | int) -> Iterator[bool | int]:
    """A kernel that stamps or does not, one answer a datagram; a number is the errno of that datagram."""
    left = iter(answers)

    def arrives(_sock: object, _asked: tuple[Message, ...]) -> bool:
        answer = next(left)
        if isinstance(answer, bool):
            return answer
        raise OSError(answer, "as asked")

    monkeypatch.setattr(stamping, "_arrives_stamped", arrives)
    return left


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ((True,), (True, True)),
        ((False, False, False, True), (True, True)),
        ((False,) * (stamping.TRIES + 1), (False, True)),
        ((errno.EINVAL, True), (True, False)),
        ((errno.EINVAL, False, True), (True, False)),
        ((errno.ENETUNREACH,), (True, True)),
        ((errno.EPERM,), (True, True)),
        ((False, errno.EAGAIN), (True, True)),
        ((errno.EINVAL, errno.EAGAIN), (True, False)),
    ],
)
def test_what_is_found_out(
    monkeypatch: pytest.MonkeyPatch, answers: tuple[bool | int, ...], found: tuple[bool, bool]
) -> None:
    """A slow kernel is waited for, not for ever; an old one (EINVAL) still stamps what arrives."""
    left = kernel(monkeypatch, *answers)
    assert stamping.try_stamps(4) == found
    assert list(left) == []


@pytest.mark.parametrize("version", [4, 6])
def test_this_kernel_stamps(version: Version) -> None:
    arriving, _ = stamping.try_stamps(version)
    assert arriving
