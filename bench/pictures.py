"""The pictures, as SVG that is the same for the same figures. matplotlib is there after `make bench` only."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.processes import ROOT

FOLDER = ROOT / "docs/bench"
COLOURS = {"floor": "#8a8f98", "bridge": "#1f6feb"}
OTHERS = ("#1f6feb", "#d1570b", "#2a8a4a", "#8250df")
STYLE = {
    "svg.hashsalt": "panelr-bridge",
    "font.size": 10,
    "axes.grid": True,
    "grid.color": "#e4e7eb",
    "axes.edgecolor": "#8a8f98",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "figure.facecolor": "white",
    "legend.frameon": False,
}


def latency(series: Mapping[tuple[str, int], Mapping[str, list[list[float]]]], folder: Path = FOLDER) -> Path:
    """Draw how many orders were answered within a time: a thin line for each run, and the median of them."""
    kinds, levels = sorted({kind for kind, _ in series}, reverse=True), sorted({level for _, level in series})
    figure, axes = _figure(len(levels), len(kinds), 3.2 * len(levels))
    for row, level in enumerate(levels):
        for column, kind in enumerate(kinds):
            axis = axes[row][column]
            for name, runs in series[kind, level].items():
                middle = [median(times) for times in zip(*runs, strict=True)]
                parts = [100 * point / (len(middle) - 1) for point in range(len(middle))]
                for run in runs:
                    axis.plot(run, parts, color=COLOURS[name], linewidth=0.7, alpha=0.45)
                axis.plot(middle, parts, color=COLOURS[name], linewidth=2, label=name)
            axis.set(ylim=(0, 100.5), title=f"{kind}, {level} at a time")
            axis.set(xlabel="milliseconds until the answer", ylabel="% of the orders answered")
            _powers(axis, steps=(1, 2, 5))
    _legend(figure, axes[0][0])
    return _written(figure, folder / "latency.svg")


def throughput(series: Mapping[str, Mapping[str, list[tuple[int, list[float]]]]], folder: Path = FOLDER) -> Path:
    """Draw orders a second against how many are delivered at a time: the median, and from the lowest to the highest."""
    figure, axes = _figure(1, len(series), 3.6)
    for axis, (kind, curves) in zip(axes[0], series.items(), strict=True):
        for name, points in curves.items():
            at, runs = [each for each, _ in points], [figures for _, figures in points]
            middle = [median(each) for each in runs]
            below = [middle[n] - min(each) for n, each in enumerate(runs)]
            above = [max(each) - middle[n] for n, each in enumerate(runs)]
            style = {"marker": "o", "markersize": 4, "capsize": 3, "elinewidth": 1, "label": name}
            axis.errorbar(at, middle, yerr=(below, above), color=COLOURS[name], **style)
        axis.set(xlabel="orders delivered at a time", ylabel="orders a second", title=kind)
        _doubling(axis, sorted({each for points in curves.values() for each, _ in points}))
        axis.set_ylim(bottom=0)
    _legend(figure, axes[0][0])
    return _written(figure, folder / "throughput.svg")


def cost_against_rows(series: Mapping[str, Sequence[tuple[float, float]]], folder: Path = FOLDER) -> Path:
    """Draw milliseconds against rows, one line for each label of `series`; dashed where the colours come again."""
    figure, axes = _figure(1, 1, 3.8)
    axis = axes[0][0]
    for number, (label, points) in enumerate(series.items()):
        rows, times = zip(*sorted(points), strict=True)
        style = {"color": OTHERS[number % len(OTHERS)], "linestyle": "-" if number < len(OTHERS) else "--"}
        axis.plot(rows, times, marker="o", markersize=4, label=label, **style)
    axis.set(xlabel="orders in the database", ylabel="milliseconds")
    _powers(axis, steps=(1,))
    axis.set_ylim(bottom=0)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return _written(figure, folder / "rows.svg")


def _figure(rows: int, columns: int, height: float) -> tuple[Any, Any]:
    """Return a figure and its axes, by row and column."""
    import matplotlib as mpl  # noqa: PLC0415  it is not there where only the tests run

    mpl.use("svg")
    mpl.rcParams.update(STYLE)
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the backend was chosen

    size = (4.6 * max(columns, 1.4), height)
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=size, layout="constrained")
    return figure, axes


def _powers(axis: Any, *, steps: Sequence[int]) -> None:
    """Show x in powers of ten, with numbers that can be read at the `steps` between them."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: PLC0415  as above

    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=steps, numticks=20))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:,.10g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _legend(figure: Any, axis: Any) -> None:
    """Name the lines once, beside the axes, where they cover none."""
    handles, names = axis.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=len(names))


def _doubling(axis: Any, at: Sequence[int]) -> None:
    """Show the concurrency in steps that double."""
    axis.set_xscale("log", base=2)
    axis.set_xticks(at, [str(each) for each in at])


def _written(figure: Any, path: Path) -> Path:
    from matplotlib import pyplot as plt  # noqa: PLC0415  as above

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)
    return path
