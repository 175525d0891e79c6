"""The benchmark's figure: cost against the number of cells, one panel a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from ann_backend.bench.engines import ENGINES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw"]

# in the order of the engines
COLOURS = ["#9a9a9a", "#333333", "#d95f02", "#a6761d"]
COLOURS += ["#e7298a", "#e6ab02", "#1b9e77", "#7570b3"]
DASHES = {1: "-", 2: "--"}  # threads


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Draw us per neuron-ms, medians with the range of the repeats.

    Parameters
    ----------
    rows : sequence of mappings
        Of `measure`.
    path : Path
        The PNG to write.
    """
    timed = [row for row in rows if row["us_per_neuron_ms"] is not None]
    names = list(dict.fromkeys(row["cell"] for row in timed))
    figure = Figure(figsize=(2.5 + 4.5 * max(1, len(names)), 4.5), dpi=130)
    figure.set_layout_engine("constrained")
    for k, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), k + 1)
        _panel(axes, [row for row in timed if row["cell"] == name])
        axes.set_title(name, loc="left", size=11)
    found = [a.get_legend_handles_labels() for a in figure.axes]
    handles = {label: h for pair in found for h, label in zip(*pair, strict=True)}
    figure.legend(
        handles=list(handles.values()),
        loc="outside right upper",
        frameon=False,
        fontsize=8,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def _panel(axes: Axes, rows: list[Mapping[str, Any]]) -> None:
    for engine, threads in dict.fromkeys((r["engine"], r["threads"]) for r in rows):
        mine = [r for r in rows if (r["engine"], r["threads"]) == (engine, threads)]
        us = [row["us_per_neuron_ms"] for row in mine]
        axes.errorbar(
            [row["cells"] for row in mine],
            us,
            yerr=[
                [max(u - r["us_min"], 0.0) for u, r in zip(us, mine, strict=True)],
                [max(r["us_max"] - u, 0.0) for u, r in zip(us, mine, strict=True)],
            ],
            color=COLOURS[list(ENGINES).index(engine) % len(COLOURS)],
            ls=DASHES.get(threads, ":"),
            marker="o",
            mfc=None if threads == 1 else "white",
            ms=4,
            label=f"{engine}, {threads} core{'s' if threads > 1 else ''}",
        )
    axes.set(xscale="log", yscale="log", xlabel="cells", ylabel="µs per neuron-ms")
    axes.spines[["top", "right"]].set_visible(False)
