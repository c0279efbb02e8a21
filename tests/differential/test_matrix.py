"""The codec and its oracles agree on every field, or it is known who is right.

`python tests/differential/matrix.py` prints the matrix; `pytest -rP tests/differential` too.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import tshark
from bodies import BODIES
from catalogue import CATALOGUE
from cells import EVERY
from generate import EACH
from known import KNOWN

scapy = pytest.importorskip("scapy", reason="scapy is not installed (extra: test)")

if tshark.TSHARK is None:
    pytest.skip("tshark is not installed (Debian: apt-get install tshark)", allow_module_level=True)

import matrix as differential  # noqa: E402

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory):
    return differential.compute(tmp_path_factory.mktemp("tshark"))


def test_no_cell_disagrees_without_a_reason(computed):
    matrix, packets = computed
    sys.stdout.write(differential.page(matrix, packets))
    unexplained = [
        f"{name} {label} {oracle}: {ours!r}, {theirs!r} in {sample.octets.hex()}"
        for (name, label), tallies in matrix.items()
        for oracle, tally in tallies.items()
        for sample, ours, theirs in tally.unexplained[:1]
    ]
    assert not unexplained, "\n".join(unexplained)


def test_every_class_has_its_share(computed):
    _, packets = computed
    for cls in BODIES:
        assert sum(sample.cls is cls and sample.form == "whole" for sample in packets) >= max(EACH, 200)
        assert all(sample.message is not None for sample in packets if sample.form == "whole")


def test_every_known_disagreement_is_met(computed):
    matrix, _ = computed
    met = {key for tallies in matrix.values() for tally in tallies.values() for key in tally.known}
    assert met == set(KNOWN)


def test_where_both_are_silent_a_byte_constant_stands(computed):
    matrix, _ = computed
    by_name = {
        cls.__name__: (cls, {cell[0]: cell[1] for cell in (*EVERY, *cells)}) for cls, cells in BODIES.items()
    }
    for (name, label), tallies in matrix.items():
        if all(tally.verdict == "silent" for tally in tallies.values()) and not label.startswith("refuses"):
            cls, ours = by_name[name]
            # A field of an object or an option is the same in whichever message it stands.
            shared = [e for e in CATALOGUE if type(e.message) is cls or ":" in label or "." in label]
            values = []
            for entry in shared:
                try:
                    values.append(ours[label](entry.message))
                except AttributeError:  # another class without this field
                    continue
            assert any(value is not None for value in values), (name, label)


def test_the_page_is_current(computed):
    shown = differential.page(*computed)
    kept = differential.PAGE.read_text("utf-8")
    versions = re.compile(r"tshark (\S+) .*scapy (\S+)\..*\n.*hypothesis (\S+)\)")
    with_these, with_those = versions.search(shown), versions.search(kept)
    assert with_these
    assert with_those
    if with_these.groups() != with_those.groups():
        pytest.skip(f"the page was made with tshark, scapy, hypothesis {with_those.groups()}")
    assert kept == shown, "run python tests/differential/matrix.py --write"


def test_the_page_lies_where_readers_find_it():
    assert differential.PAGE.is_relative_to(Path(__file__).parent.parent.parent / "docs")
