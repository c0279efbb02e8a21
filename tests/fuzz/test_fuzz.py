"""The fuzz target: its seeds and former findings always, a bounded run of new inputs where atheris is."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_decode import one_input, seeds

HERE = Path(__file__).parent
FOUND = sorted((HERE / "found").iterdir())
RUNS = 30_000


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_former_findings_stay_mended(path: Path):
    one_input(path.read_bytes())


def test_every_seed_is_read():
    inputs = seeds()
    assert len(inputs) > 300
    for data in inputs:
        one_input(data)


@pytest.mark.once
def test_a_bounded_run_finds_nothing(tmp_path: Path):
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is not installed (extra: fuzz)")
    target = [sys.executable, str(HERE / "fuzz_decode.py"), str(tmp_path / "corpus")]
    options = [f"-runs={RUNS}", "-max_len=512", "-seed=1", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run([*target, *options], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    runs = re.search(r"Done (\d+) runs", done.stderr)
    assert runs
    assert int(runs[1]) >= RUNS
