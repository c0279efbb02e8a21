"""Results in notebooks and terminals: short, escaped, and free for those who never look."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from html.parser import HTMLParser
from ipaddress import IPv4Address

import attrs
import pytest

from anyicmp import Capabilities, ProberStatistics, RateLoss, SendFailure, SweepProgress
from anyicmp.plot import html, renderable
from plot.drawn import HOSTILE, demo, noise, reply, silence

console = pytest.importorskip("rich.console")

NOT_SENT = SendFailure(target=None, host=HOSTILE, sequence=0, sent_at=1e9, errno=None, reason=HOSTILE)
RESULTS = [
    *demo().all,
    *demo().sweep.errors,
    demo().trace.hops[5],
    demo().ping.statistics,
    reply("192.0.2.1", host=HOSTILE),
    silence("192.0.2.1"),
    NOT_SENT,
    attrs.evolve(demo().ping, host=HOSTILE, outcomes=(NOT_SENT, reply("192.0.2.1"))),
    attrs.evolve(demo().trace, host=HOSTILE),
    attrs.evolve(demo().paths, host=HOSTILE),
    attrs.evolve(demo().mtu, host=HOSTILE),
    Capabilities(
        families=(4,), privileged=True, methods=("icmp",), listen=True, clock="kernel", missing={"x": HOSTILE}
    ),
    ProberStatistics(),
    RateLoss(
        rate=1,
        slow_rate=1,
        silent=1,
        recovered=1,
        answered=1,
        lost=1,
        loss=0.5,
        slow_loss=None,
        chance=1,
        rises=False,
    ),
    SweepProgress(done=1, total=None, sent=1, received=1),
]
names = [f"{i}-{type(result).__name__}" for i, result in enumerate(RESULTS)]


class Tags(HTMLParser):
    """The tags of a document; void ones and the shapes of pictures need no end."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.open.append(tag)
        assert not any(name.startswith("on") or name in {"src", "srcdoc"} for name, _ in attributes)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("result", RESULTS, ids=names)
def test_a_notebook_shows_a_few_kilobytes_without_scripts(result: object) -> None:
    text = result._repr_html_()  # type: ignore[attr-defined]
    assert len(text) < 12_000
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert not tags.open
    assert "table" in tags.seen
    assert tags.seen.isdisjoint({"script", "iframe", "object", "link", "img", "a", "b"})
    assert "\x1b" not in text


@pytest.mark.parametrize("result", RESULTS, ids=names)
def test_a_terminal_shows_names_as_they_are(result: object) -> None:
    """Neither as markup of rich nor as commands to the terminal."""
    screen = console.Console(file=io.StringIO(), width=100, force_terminal=True)
    screen.print(result)
    shown = screen.file.getvalue()
    assert len(shown.splitlines()) > 3
    assert "\x1b]" not in shown
    assert "\x00" not in shown
    if HOSTILE in repr(attrs.asdict(result, recurse=False)):  # type: ignore[arg-type]
        assert "[bold]" in shown.replace("\n", "") or "…" in shown


def test_the_picture_of_a_large_sweep_is_small_in_a_notebook() -> None:
    from anyicmp.plot.picture import draw

    assert len(draw(noise(1), width=480, detail=6, titles=False).svg()) < 10_000


def test_a_notebook_may_choose_among_the_forms() -> None:
    bundle = demo().paths._repr_mimebundle_()
    assert list(bundle) == ["text/plain", "text/html", "image/svg+xml", "text/vnd.mermaid"]
    assert bundle["text/vnd.mermaid"].startswith("flowchart")
    for result in (demo().ping, demo().trace, demo().sweep):
        assert list(result._repr_mimebundle_(include=None, exclude=None)) == list(bundle)[:3]


@pytest.mark.parametrize("result", demo().all, ids=lambda result: type(result).__name__)
def test_results_are_what_they_were(result: object) -> None:
    """Showing itself takes nothing from a result: equal when pickled, hashable, without a dict."""
    again = pickle.loads(pickle.dumps(result))
    assert attrs.asdict(again, recurse=False).keys() == attrs.asdict(result, recurse=False).keys()  # type: ignore[arg-type]
    assert not hasattr(result, "__dict__")
    if type(result).__name__ != "SweepResult":
        assert (again, hash(again)) == (result, hash(result))


def test_who_never_looks_never_pays() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import sys, anyicmp; anyicmp.PingResult, anyicmp.SweepResult, anyicmp.Prober\n"
                "print(*[name for name in sys.modules if 'plot' in name or name in ('rich', 'matplotlib')])"
            ),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("show", [html, renderable])
def test_what_is_no_result_is_refused(show: object) -> None:
    with pytest.raises(TypeError, match="a result of anyicmp is wanted, not IPv4Address"):
        show(IPv4Address("192.0.2.1"))  # type: ignore[operator]
