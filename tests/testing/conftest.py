"""What tests of simulated internets behind devices share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from anyicmp.testing import tun

from namespaces import python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AT_ONCE = 3
"""Scenarios that are played at the same time: most of them wait most of the time."""


@pytest.fixture(scope="module")
def behind_the_device(
    request: pytest.FixtureRequest, needs_namespaces: None, needs_tun: None
) -> Iterator[Callable[..., dict[str, Any]]]:
    """What the module's function `play_behind` returns for a case; all that were selected are played."""
    play, name = request.module.play_behind, "test_behind_a_tun_device"
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    chosen = [item for item in items if item.module is request.module and item.originalname == name]
    cases = [tuple(item.callspec.params.values()) for item in chosen]
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(AT_ONCE) as pool:
        # The pump starts from an interpreter that has imported what it needs.
        patch.setattr(tun, "PUMP", tuple(python("-m", "anyicmp.testing.pump")))
        played = {case: pool.submit(play, *case) for case in cases}
        yield lambda *case: played[case].result()
        pool.shutdown(cancel_futures=True)
