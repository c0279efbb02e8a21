"""What a diagnosis of a broken network must come to, as rows, and the comparison.

The networks are simulated ones (`api/diagnosis_rows.py`) and real ones (`kernel/test_diagnose.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from anyicmp.findings import STEPS

__all__ = ["Breaks", "Row", "check"]

Breaks = Callable[[Any, int], None]


@attrs.frozen(kw_only=True)
class Row:
    """One thing that is broken, and what is to be found.

    Attributes:
        host: IP version to what is asked for, None: the usual target.
        scene: keywords of the network; `breaks`: what is changed in it.
        step: the first step that fails, None: nothing does.
        address: IP version to the address that must be named.
        message: IP version to type and code, None: none is to be told.
        innocent: addresses that must not be named in the verdict.
        says: what the verdict must contain.
        versions: those that have this row.
    """

    host: Mapping[int, str] | None = None
    scene: dict[str, Any] = attrs.field(factory=dict)
    breaks: Breaks = lambda scene, version: None
    step: str | None = None
    address: dict[int, str] | None = None
    message: dict[int, tuple[int, int]] | None = None
    innocent: tuple[dict[int, str], ...] = ()
    says: tuple[str, ...] = ()
    versions: tuple[int, ...] = (4, 6)


def check(found: Mapping[str, Any], row: Row, version: int, *, hears: bool = False) -> None:
    """Compare a diagnosis, as JSON has it, with its row. `hears`: redirects are heard, not only seen."""
    assert tuple(step["name"] for step in found["steps"]) == STEPS
    failed = [step for step in found["steps"] if step["status"] == "failed"]
    said = found["verdict"], [(step["name"], step["status"], step["detail"]) for step in found["steps"]]
    assert found["ok"] == (row.step is None), said
    assert [step["name"] for step in failed][:1] == ([] if row.step is None else [row.step]), said
    wanted = None if row.address is None else row.address[version]
    assert found["culprit"] == wanted, said
    assert wanted is None or wanted in found["verdict"], said
    told = [
        (step["data"]["type"], step["data"]["code"])
        for step in failed
        if step["data"]["address"] == found["culprit"]
    ]
    if failed:
        assert (row.message or {version: (None, None)})[version] in told, said
    named = {word.strip(",;:()") for word in found["verdict"].split()}
    assert named.isdisjoint(address[version] for address in row.innocent), said
    for words in row.says:
        if words != "redirects to" or hears:
            assert words in found["verdict"], said
