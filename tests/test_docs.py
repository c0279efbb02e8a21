"""The documentation runs: each page is read to its end, and shows what its blocks print.

A simulated internet stands behind all of it: nothing is sent, and time is virtual. What cannot run is listed
in `docs_not_run.txt`, with the reason. With ANYICMP_WRITE_DOCS in the environment the pages are corrected.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from anyicmp.testing import Host, SimulatedNetwork, VirtualTimeLoop
from doc_blocks import read, write
from doc_page import Block, blocks, shows

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    if any(block.language in {"python", "console", "sh", "toml"} for block in blocks(page))
)
NOT_RUN = [
    tuple(part.strip() for part in line.split(" | "))
    for line in (Path(__file__).parent / "docs_not_run.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


def is_left_out(block: Block) -> bool:
    first = block.text.partition("\n")[0]
    return any(block.page == ROOT / page and first.startswith(begin) for page, begin, _why in NOT_RUN)


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """Virtual time stands still when nothing is due: a page that waits for ever must not be waited for."""

    def too_long(*_: object) -> None:
        raise TimeoutError("the page takes longer than 30 s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    time.tzset()  # the page has had its own time zone


@pytest.fixture
def internet() -> SimulatedNetwork:
    """What the pages talk about: the demo, its server under the name of an example, and this host."""
    network = SimulatedNetwork.from_toml("demo", privileged=True)
    network.name("server.example", "203.0.113.80", "2001:db8:300::80")
    network.name("localhost", "127.0.0.1", "::1")
    network.add("127.0.0.0/8", Host(delay=50e-6))
    return network


@pytest.mark.once
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_page_shows_what_its_blocks_print(
    page: Path, internet: SimulatedNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(asyncio.events, "new_event_loop", VirtualTimeLoop)
    with internet.activate():
        wrong = list(read(page, {block for block in blocks(page) if is_left_out(block)}))
    if "ANYICMP_WRITE_DOCS" in os.environ:
        write(page, wrong)
    assert not wrong, "\n".join(f"{block} must say\n{correct}" for block, correct in wrong)


def test_the_links_of_the_readme_lead_somewhere() -> None:
    """Those between the pages of `docs/` are looked at when the site is built."""
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


@pytest.mark.parametrize("line", NOT_RUN, ids=" | ".join)
def test_what_is_not_run_is_still_there(line: tuple[str, str, str]) -> None:
    page, begin, why = line
    assert why
    assert any(block.text.startswith(begin) for block in blocks(ROOT / page))


@pytest.mark.parametrize(
    ("page", "printed", "fits"),
    [
        ("a\nb", "a\nb\n", True),
        ("a\nb", "a\n", False),
        ("a", "a\nb\n", False),
        ("", "", True),
        ("", "a\n", False),
        ("a\n...\nz", "a\nb\nc\nz\n", True),
        ("a\n...\nz", "a\nb\nc\n", False),
        ("...", "", True),
    ],
)
def test_what_a_page_shows_is_compared_line_by_line(page: str, printed: str, fits: bool) -> None:
    assert shows(page, printed) is fits
