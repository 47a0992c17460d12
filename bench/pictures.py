"""Draw the benchmark's results as SVG. The same figures give the same file, of at most 60 KB.

Latencies are drawn from bins: the range and the median of all runs at each percentile of `BINS`. Text stays text, so no
font is embedded. matplotlib is installed by `make bench` only, so it is imported where it is used.

`python -m bench.pictures build/bench/results.json` draws the pictures again from stored raw results.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.processes import ROOT

FOLDER = ROOT / "docs/bench"
RAW_FOLDER = ROOT / "build/bench"
"""Raw results of the last run; git ignores the folder."""
MAX_BYTES = 60_000
BINS = (*range(0, 100, 5), 98, 99, 100)
"""The percentiles at which latencies are drawn."""
COLOURS = {"floor": "#8a8f98", "bridge": "#1f6feb"}
OTHERS = ("#1f6feb", "#d1570b", "#2a8a4a", "#8250df")
STYLE = {
    "svg.hashsalt": "panelr-bridge",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana"],
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
    """Draw how many orders were answered within a time: the median of the runs, and their range as a band."""
    kinds, levels = sorted({kind for kind, _ in series}, reverse=True), sorted({level for _, level in series})
    figure, axes = _figure(len(levels), len(kinds), 3.2 * len(levels))
    for row, level in enumerate(levels):
        for column, kind in enumerate(kinds):
            axis = axes[row][column]
            for name, runs in series[kind, level].items():
                lowest, middle, highest = bin_latencies(runs)
                axis.fill_betweenx(BINS, lowest, highest, color=COLOURS[name], alpha=0.2, linewidth=0)
                axis.plot(middle, BINS, color=COLOURS[name], linewidth=2, label=name)
            axis.set(ylim=(0, 100.5), title=f"{kind}, {level} at a time")
            axis.set(xlabel="milliseconds until the answer", ylabel="% of the orders answered")
            _use_log_scale(axis, steps=(1, 2, 5))
    _add_legend(figure, axes[0][0])
    return _save(figure, folder / "latency.svg")


def bin_latencies(runs: Iterable[Sequence[float]]) -> tuple[list[float], list[float], list[float]]:
    """Return the lowest, the median and the highest time of the runs at each percentile of `BINS`.

    A run is a list of times at equally spaced percentiles, from 0 to 100.
    """
    binned = [[run[round(each / 100 * (len(run) - 1))] for each in BINS] for run in runs]
    at_percentiles = list(zip(*binned, strict=True))
    return (
        [min(each) for each in at_percentiles],
        [median(each) for each in at_percentiles],
        [max(each) for each in at_percentiles],
    )


def throughput(series: Mapping[str, Mapping[str, list[tuple[int, list[float]]]]], folder: Path = FOLDER) -> Path:
    """Draw orders a second by the number delivered at a time: the median of the runs, and their range as a bar."""
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
        _use_doubling_scale(axis, sorted({each for points in curves.values() for each, _ in points}))
        axis.set_ylim(bottom=0)
    _add_legend(figure, axes[0][0])
    return _save(figure, folder / "throughput.svg")


def cost_against_rows(series: Mapping[str, Sequence[tuple[float, float]]], folder: Path = FOLDER) -> Path:
    """Draw milliseconds by the number of rows: a line for each label, dashed when a colour repeats."""
    figure, axes = _figure(1, 1, 3.8)
    axis = axes[0][0]
    for number, (label, points) in enumerate(series.items()):
        rows, times = zip(*sorted(points), strict=True)
        style = {"color": OTHERS[number % len(OTHERS)], "linestyle": "-" if number < len(OTHERS) else "--"}
        axis.plot(rows, times, marker="o", markersize=4, label=label, **style)
    axis.set(xlabel="orders in the database", ylabel="milliseconds")
    _use_log_scale(axis, steps=(1,))
    axis.set_ylim(bottom=0)
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return _save(figure, folder / "rows.svg")


def redraw(results: Path, folder: Path = FOLDER) -> list[Path]:
    """Draw the pictures of the raw results of a whole run; return the files that were written."""
    parts = json.loads(results.read_text())["parts"]
    latencies: dict[tuple[str, int], dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    rates: dict[str, dict[str, dict[int, list[float]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for each in parts["speed"]["measurements"]:
        concurrency, _, rest = each["case"].partition(" at a time")
        if rest:  # connections kept alive, or a slow Panelr: these are in the tables only
            continue
        rates[each["database"]][each["target"]][int(concurrency)].append(each["per_second"])
        if int(concurrency) in {1, 32}:
            latencies[each["database"], int(concurrency)][each["target"]].append(each["distribution_ms"])
    curves = {kind: {name: sorted(found.items()) for name, found in both.items()} for kind, both in rates.items()}
    growth = {
        f"{kind}: {label}": points
        for kind, times in parts["growth"]["milliseconds_by_rows"].items()
        for label, points in times.items()
    }
    return [latency(latencies, folder), throughput(curves, folder), cost_against_rows(growth, folder)]


def _figure(rows: int, columns: int, height: float) -> tuple[Any, Any]:
    """Return a figure and its axes, by row and column."""
    import matplotlib as mpl  # noqa: PLC0415  not installed where only the tests run

    mpl.use("svg")
    mpl.rcParams.update(STYLE)
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the backend is chosen

    size = (4.6 * max(columns, 1.4), height)
    figure, axes = plt.subplots(rows, columns, squeeze=False, figsize=size, layout="constrained")
    return figure, axes


def _use_log_scale(axis: Any, *, steps: Sequence[int]) -> None:
    """Scale x by powers of ten, and label the `steps` between them."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator  # noqa: PLC0415  as above

    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=steps, numticks=20))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:,.10g}"))
    axis.xaxis.set_minor_locator(NullLocator())


def _add_legend(figure: Any, axis: Any) -> None:
    """Label the lines once for the whole figure, outside the axes."""
    handles, names = axis.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper right", ncols=len(names))


def _use_doubling_scale(axis: Any, at: Sequence[int]) -> None:
    """Scale x by powers of two, and label each concurrency that was measured."""
    axis.set_xscale("log", base=2)
    axis.set_xticks(at, [str(each) for each in at])


def _save(figure: Any, path: Path) -> Path:
    """Write the picture; raise ValueError if it is too large to be committed."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  as above

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)
    if (size := path.stat().st_size) > MAX_BYTES:
        raise ValueError(f"{path.name} has {size:,} bytes, more than {MAX_BYTES:,}: draw fewer points")
    return path


if __name__ == "__main__":
    redraw(Path(sys.argv[1]))
