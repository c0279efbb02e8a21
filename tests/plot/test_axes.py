"""The pictures on matplotlib: on the axes that were given, with the figures of the result."""

from __future__ import annotations

import attrs
import pytest

from plot.drawn import demo, silence

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra: plot)")
matplotlib.use("agg")
pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def closed() -> object:
    yield
    pyplot.close("all")


@pytest.mark.parametrize("name", ["ping", "sweep", "trace"])
def test_it_draws_on_the_axes_given_and_else_on_new_ones(name: str) -> None:
    _, ax = pyplot.subplots()
    result = getattr(demo(), name)
    assert result.plot(ax) is ax
    assert result.plot() is not ax
    assert "round trip, ms" in {ax.get_xlabel(), ax.get_ylabel()}
    ax.figure.canvas.draw()


def test_the_hops_are_where_the_statistics_say() -> None:
    ax = demo().trace.plot()
    (line,) = ax.lines
    assert list(line.get_xdata()) == [hop.ttl for hop in demo().trace.hops]
    assert list(line.get_ydata()) == [hop.statistics.median * 1e3 for hop in demo().trace.hops]


def test_the_bars_of_a_sweep_count_the_hosts_alive() -> None:
    ax = demo().sweep.plot()
    assert sum(bar.get_height() for bar in ax.patches) == len(demo().sweep.alive)


def test_loss_and_nothing_at_all_are_drawn() -> None:
    rows = tuple(silence("192.0.2.1", i) for i in range(20))
    lost = attrs.evolve(demo().ping, outcomes=rows).plot()
    assert "loss (a fifth of the height: all)" in {text.get_text() for text in lost.get_legend().texts}
    attrs.evolve(demo().ping, outcomes=()).plot()


def test_what_has_no_plot_is_refused() -> None:
    from anyicmp.plot import plot

    with pytest.raises(TypeError, match="no plot of PathMtu"):
        plot(demo().mtu)
