"""A whole sweep as few batches: the same rows, in little memory."""

from __future__ import annotations

import gc
import pickle
import tracemalloc
from array import array
from itertools import groupby
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyicmp.engine import gathering
from anyicmp.engine.collection import Rows, SweepResult
from anyicmp.engine.gathering import Gathering
from anyicmp.engine.outcome import ERROR, FAILED, REPLY, TIMEOUT, ErrorBytes, OutcomeBatch
from anyicmp.results import Statistics
from anyicmp.wire.batch import Quoted, Version

UNREACHABLE = bytes([3, 1]) + bytes(6 + 28)


def batch(version: Version, kinds: list[int], first: int, *, odd: bool = False) -> OutcomeBatch:
    """Outcomes of these kinds, numbered from `first` on; with `odd` each row is unlike the others."""
    made, width = OutcomeBatch(version), 4 if version == 4 else 16
    made.timeout = 1.0
    for k, kind in enumerate(kinds):
        number = first + k
        target = (10 << 24 | number).to_bytes(width, "big")
        if kind in (REPLY, ERROR):
            source = bytes(width - 1) + b"\7" if odd or kind == ERROR else target
            made.append(
                kind,
                target=target,
                scope=0,
                tag=number << 10,
                sent_at=1e9 + number / 7,
                rtt=number / 1e6,
                source=source,
                ttl=64 - number % 3,
                size=number % 1000 if odd else 56,
                duplicates=number % 5 if odd else 0,
                kernel=bool(number % 2) if odd else True,
            )
        else:
            made.append(kind, target=target, scope=0, tag=number << 10, sent_at=1e9 + number / 7)
        if kind == ERROR:
            made.errors[k] = ErrorBytes(
                data=UNREACHABLE, quoted=Quoted.TRANSPORT, extension=0, original=target, protocol=1
            )
            made.local |= {k} if number % 2 else set()
        elif kind == FAILED:
            made.failures[k] = (None, "too far")
    made.sequences = array("Q", range(first, first + len(kinds)))
    return made


@given(
    parts=st.lists(
        st.tuples(
            st.sampled_from([4, 6]),
            st.lists(st.sampled_from([REPLY, ERROR, TIMEOUT, FAILED]), min_size=1, max_size=40),
            st.booleans(),
        ),
        max_size=12,
    ),
    rows=st.sampled_from([1, 30, 65_536]),
)
def test_the_rows_are_the_same_and_in_the_same_order(
    parts: list[tuple[Version, list[int], bool]], rows: int
) -> None:
    kept, gathered, number = [], Gathering(), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gathering, "ROWS", rows)
        for version, kinds, odd in parts:
            made = batch(version, kinds, number, odd=odd)
            number += len(kinds)
            kept.append(made)
            gathered.add(made)
        found = gathered.batches()
    alike = [key for key, _ in groupby(made.version for made in kept)]
    assert len(found) == len(alike) if rows > 480 else len(found) <= len(kept)
    before, after = Rows(kept), Rows(found)
    # NaN, the round trip of nobody, is in no row.
    assert list(before) == list(after) == list(Rows(OutcomeBatch.joined(kept)))
    # What was joined can be joined again, as results of several shards are.
    assert list(SweepResult.of(found)) == list(before)
    assert [before[i] for i in range(len(before))] == [after[i] for i in range(len(after))]
    result = SweepResult(columns=found, statistics=Statistics())
    again = pickle.loads(pickle.dumps(result))
    assert list(again) == list(before)
    assert [len(rows) for rows in (again.alive, again.errors, again.unanswered, again.failed)] == [
        sum(kinds.count(kind) for _, kinds, _ in parts) for kind in (REPLY, ERROR, TIMEOUT, FAILED)
    ]


@pytest.mark.parametrize(("version", "most"), [(4, 40), (6, 72)])
@pytest.mark.parametrize("alive", [1.0, 0.3, 0.0])
def test_a_result_takes_few_octets_a_target(version: Version, most: int, alive: float) -> None:
    """With a duplicate here and there; in batches of 64, as they come."""
    count, random, first = 20_032, Random(1), 0
    gc.collect()
    tracemalloc.start()
    gathered = Gathering()
    while first < count:
        made = batch(version, [REPLY if random.random() < alive else TIMEOUT for _ in range(64)], first)
        made.duplicates[5] = first // 64 % 20 == 0
        gathered.add(made)
        first += 64
    del made
    found = gathered.batches()
    gc.collect()
    octets, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(map(len, found)) == count
    assert octets / count <= most
