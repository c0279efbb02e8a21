"""Tests that several processes have between them: each is run by one of them."""

from __future__ import annotations

from itertools import chain, zip_longest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import Shared


def of(*modules: str) -> list[Any]:
    """Tests of modules, without a loop."""
    return [SimpleNamespace(path=Path(module), number=i) for i, module in enumerate(modules)]


def test_one_after_the_other_the_first_has_all(tmp_path: Path) -> None:
    items = of("a", "a", "b", "c")
    assert list(Shared(tmp_path)._taken(items)) == items
    assert list(Shared(tmp_path)._taken(items)) == []


@pytest.mark.parametrize("processes", [2, 3])
def test_in_turns_each_has_whole_modules_and_together_they_have_all(tmp_path: Path, processes: int) -> None:
    items = of(*"aaabbcddddeff")
    shares: list[list[Any]] = [[] for _ in range(processes)]
    for row in zip_longest(*[Shared(tmp_path)._taken(items) for _ in range(processes)]):
        for share, item in zip(shares, row, strict=True):
            share += [] if item is None else [item]
    assert all(shares)
    assert sorted(item.number for item in chain(*shares)) == list(range(len(items)))
    modules = [{item.path for item in share} for share in shares]
    assert sum(map(len, modules)) == len(set.union(*modules)) == 6
