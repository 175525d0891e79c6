"""The benchmark's figures: cost against the number of cells, or along all axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from ann_backend.bench.engines import ENGINES
from ann_backend.bench.scaling import LABELS
from ann_backend.bench.table import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw", "draw_scaling"]

# in the order of the engines
COLOURS = ["#9a9a9a", "#333333", "#d95f02", "#a6761d"]
COLOURS += ["#e7298a", "#e6ab02", "#1b9e77", "#7570b3"]
DASHES = {1: "-", 2: "--"}  # threads
CORES = {1: ", 1 core", 2: ", 2 cores"}  # 0: one, or as the axis says


def draw(rows: Sequence[Row], path: Path) -> Path:
    """Draw us per neuron-ms, medians with the range of the repeats.

    Parameters
    ----------
    rows : sequence of mappings
        Of `measure`.
    path : Path
        The PNG to write.
    """
    panels = {
        (0, k): (name, "cells", [row for row in rows if row["cell"] == name])
        for k, name in enumerate(dict.fromkeys(row["cell"] for row in rows))
    }
    return _figure(panels, path, inch=4.5)


def draw_scaling(rows: Sequence[Row], path: Path) -> Path:
    """Draw the same along each axis, a small panel for each cell and axis.

    Parameters
    ----------
    rows : sequence of mappings
        Of `scaling`.
    path : Path
        The PNG to write.
    """
    panels = {}
    for i, name in enumerate(dict.fromkeys(row["cell"] for row in rows)):
        for k, axis in enumerate(dict.fromkeys(row["axis"] for row in rows)):
            mine = [r for r in rows if (r["cell"], r["axis"]) == (name, axis)]
            panels[i, k] = name, axis, mine
    return _figure(panels, path, inch=2.8)


def _figure(
    panels: Mapping[tuple[int, int], tuple[str, str, list[Row]]],
    path: Path,
    *,
    inch: float,
) -> Path:
    """Lay out panels: place -> title, axis and rows; one legend."""
    down, across = (1 + max(place) for place in zip(*panels, strict=True))
    figure = Figure(figsize=(2.5 + inch * across, inch * down), dpi=130)
    figure.set_layout_engine("constrained")
    for (i, k), (name, axis, rows) in panels.items():
        axes = figure.add_subplot(down, across, across * i + k + 1)
        _panel(axes, [r for r in rows if r["us_per_neuron_ms"] is not None], axis)
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


def _panel(axes: Axes, rows: list[Row], axis: str) -> None:
    def line(row: Row) -> tuple[str, int]:
        return row["engine"], 0 if "axis" in row else row["threads"]

    for engine, threads in dict.fromkeys(line(row) for row in rows):
        mine = [row for row in rows if line(row) == (engine, threads)]
        us = [row["us_per_neuron_ms"] for row in mine]
        axes.errorbar(
            [row.get("at", row["cells"]) for row in mine],
            us,
            yerr=[
                [max(u - r["us_min"], 0.0) for u, r in zip(us, mine, strict=True)],
                [max(r["us_max"] - u, 0.0) for u, r in zip(us, mine, strict=True)],
            ],
            color=COLOURS[list(ENGINES).index(engine) % len(COLOURS)],
            ls=DASHES.get(threads, "-"),
            marker="o",
            mfc="white" if threads > 1 else None,
            ms=4,
            label=engine + CORES.get(threads, ""),
        )
    axes.set(xscale="log", yscale="log", xlabel=LABELS[axis], ylabel="µs per neuron-ms")
    axes.spines[["top", "right"]].set_visible(False)
