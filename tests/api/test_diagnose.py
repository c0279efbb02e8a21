"""A diagnosis names the step, the address and the message of each fault, and blames nobody else.

In virtual time; on a real kernel in `kernel/test_diagnose.py`.
"""

from __future__ import annotations

import attrs
import pytest

import anyicmp
from anyicmp import Diagnosis
from anyicmp.findings import STEPS
from anyicmp.testing import SimulatedNetwork
from api.diagnosis_rows import ROWS, Row, network

pytestmark = pytest.mark.anyio

CASES = [
    pytest.param(row, version, id=f"{name}-{version}") for name, row in ROWS.items() for version in row.versions
]


def check(found: Diagnosis, row: Row, version: int, *, hears: bool) -> None:
    """Compare a diagnosis with its row."""
    assert tuple(step.name for step in found.steps) == STEPS
    failed = [step for step in found.steps if step.status == "failed"]
    assert found.ok == (row.step is None), found
    assert [step.name for step in failed][:1] == ([] if row.step is None else [row.step]), found
    wanted = None if row.address is None else row.address[version]
    assert (None if found.culprit is None else str(found.culprit)) == wanted, found
    if failed:
        told = [(step.data["type"], step.data["code"]) for step in failed if step.data["address"] == found.culprit]
        assert (row.message or {version: (None, None)})[version] in told, found
        assert wanted is None or wanted in found.verdict
    named = {word.strip(",;:()") for word in found.verdict.split()}
    assert named.isdisjoint(address[version] for address in row.innocent), found.verdict
    for words in row.says:
        if words != "redirects to" or hears:
            assert words in found.verdict, found.verdict


async def diagnosed(row: Row, version: int, *, privileged: bool) -> Diagnosis:
    scene = network(privileged=privileged, **row.scene)
    row.breaks(scene, version)
    return await anyicmp.diagnose(row.host[version], network=scene, family=version)


@pytest.mark.parametrize("privileged", [False, True], ids=["datagram", "raw"])
@pytest.mark.parametrize(("row", "version"), CASES)
async def test_the_fault_is_found_and_nobody_else_is_blamed(row: Row, version: int, privileged: bool) -> None:
    check(await diagnosed(row, version, privileged=privileged), row, version, hears=privileged)
