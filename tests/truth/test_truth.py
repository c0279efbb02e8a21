"""An answer can be believed: each cell of the table, through the real kernel, on three loops.

`python tests/truth/matrix.py` prints what is found; so does `pytest -rP tests/truth`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from truth import matrix
from truth.cases import CASES, COLUMNS, SOCKETS, VERSIONS

FACTS = Path(__file__).parents[2] / "docs" / "explanation" / "answers.md"

NOT_APPLICABLE = {
    "checksum": 3,
    "identifier": 8,
    "redirect": 2,
    "type": 1,
    "fragmentation": 1,
    "reassembly": 1,
}
"""Cells whose packet never reaches the socket, by the fact that says why."""


@pytest.mark.once
@pytest.mark.usefixtures("needs_namespaces", "needs_tun")
def test_every_cell_is_right() -> None:
    cells = matrix.run()
    sys.stdout.write(matrix.report(cells))
    assert len(cells) == len(matrix.LOOPS) * sum(len(case.versions) * len(SOCKETS) for case in CASES)
    said = matrix.wrong(cells)
    assert not said, "\n".join(said)


def test_one_wrong_cell_is_named() -> None:
    """What is compared is every cell, and the fact in brackets is no part of it."""
    cells = {
        (socket, loop, version, number): (case.wanted(socket, version) or "").partition(" [")[0]
        for number, case in enumerate(CASES)
        for socket, version in COLUMNS
        if version in case.versions
        for loop in matrix.LOOPS
    }
    assert matrix.wrong(cells) == []
    cells["raw", "trio", 6, 1] = "reply"
    del cells["datagram", "asyncio", 4, 3]
    assert len(matrix.wrong(cells)) == 2


def test_the_cells_that_do_not_apply_are_these() -> None:
    found: dict[str, int] = {}
    for case in CASES:
        for socket, version in COLUMNS:
            for fact in re.findall(r"\[(.*)\]", case.wanted(socket, version) or ""):
                found[fact] = found.get(fact, 0) + 1
    assert found == NOT_APPLICABLE
    told = set(re.findall(r"^\| `(\w+)` \|", FACTS.read_text("utf-8"), re.MULTILINE))
    assert told == set(NOT_APPLICABLE)


def test_each_version_has_its_cases_and_their_names_are_told_apart() -> None:
    for version in VERSIONS:
        names = [case.name for case in CASES if version in case.versions]
        assert len(names) == len(set(names)) > 40


def test_the_page_is_up_to_date() -> None:
    """`python tests/truth/matrix.py page` writes it."""
    assert matrix.PAGE.read_text("utf-8") == matrix.page()
