"""A diagnosis names the step, the address and the message of each fault, and blames nobody else.

In virtual time; on a real kernel in `kernel/test_diagnose.py`.
"""

from __future__ import annotations

import pytest

import anyicmp
from anyicmp import Diagnosis
from anyicmp.export import to_dict
from api.diagnosis_rows import ROWS, TARGET, network
from diagnosis import Row, check

pytestmark = pytest.mark.anyio

CASES = [
    pytest.param(row, version, id=f"{name}-{version}")
    for name, row in ROWS.items()
    for version in row.versions
]


async def diagnosed(row: Row, version: int, *, privileged: bool) -> Diagnosis:
    scene = network(privileged=privileged, **row.scene)
    row.breaks(scene, version)
    return await anyicmp.diagnose((row.host or TARGET)[version], network=scene, family=version)


@pytest.mark.parametrize("privileged", [False, True], ids=["datagram", "raw"])
@pytest.mark.parametrize(("row", "version"), CASES)
async def test_the_fault_is_found_and_nobody_else_is_blamed(row: Row, version: int, privileged: bool) -> None:
    found = await diagnosed(row, version, privileged=privileged)
    check(to_dict(found), row, version, hears=privileged)
