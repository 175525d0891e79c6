"""Figures of results: what both backends made of one script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from ann_backend.cli._runs import Run

GREY, ORANGE = "#7a7a7a", "#d95f02"
STRETCH_MS = 300.0
RASTER_MS = 2000.0
RASTER_ROWS = 30


def compare_figure(neuron: Run, ann: Run, path: Path) -> Path:
    """Draw Vm of one cell and the spikes of all of them, both backends over each other.

    Parameters
    ----------
    neuron, ann
        Two runs of one script, with the same cells in the same order.
    path
        The PNG to write; its folder is made if need be.
    """
    figure = Figure(figsize=(9, 6), dpi=130, layout="constrained")
    top, bottom = figure.subplots(2, 1, height_ratios=(1, 1.1))
    _vm(top, neuron, ann)
    _raster(bottom, neuron, ann)
    for axes in (top, bottom):
        axes.set_xlabel("time (ms)")
        axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def _vm(axes: Axes, neuron: Run, ann: Run) -> None:
    """Soma Vm of the recorded cell that spikes most, over its busiest stretch."""
    cell = int(np.argmax([len(times) for times in neuron.spikes[: len(neuron.vm)]]))
    start = _busiest(neuron.spikes[cell], neuron.t)
    end = start + STRETCH_MS
    # A wide line below and a narrow one above show where they part.
    for run, colour, width, label in (
        (neuron, GREY, 3.0, "NEURON"),
        (ann, ORANGE, 1.2, "ann_backend"),
    ):
        inside = (run.t >= start) & (run.t <= end)
        axes.plot(run.t[inside], run.vm[cell][inside], c=colour, lw=width, label=label)
    axes.set(xlim=(start, min(end, neuron.t[-1])), ylabel="soma Vm (mV)")
    axes.set_title(f"{neuron.names[cell]} where it is busiest", loc="left", size=11)
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, ncols=2)


def _busiest(spikes: NDArray[np.float64], t: NDArray[np.float64]) -> float:
    """Return the start (ms) of the stretch that holds the most spikes."""
    first, last = float(t[0]), float(t[-1]) - STRETCH_MS
    if len(spikes) == 0 or last <= first:
        return first
    starts = np.clip(spikes - 0.1 * STRETCH_MS, first, last)
    ahead = np.searchsorted(spikes, starts + STRETCH_MS, "right")
    return float(starts[np.argmax(ahead - np.searchsorted(spikes, starts))])


def _raster(axes: Axes, neuron: Run, ann: Run) -> None:
    """Spikes of the first cells, a band each: NEURON above, the surrogate below."""
    rows = min(len(neuron.names), RASTER_ROWS)
    for row in range(0, rows, 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#f2f2f2", lw=0)
    for run, colour, shift in ((neuron, GREY, -0.21), (ann, ORANGE, 0.21)):
        axes.eventplot(
            run.spikes[:rows],
            lineoffsets=[row + shift for row in range(rows)],
            linelengths=0.36,
            linewidths=1.4,
            colors=colour,
        )
    axes.set(
        xlim=(neuron.t[0], min(neuron.t[0] + RASTER_MS, neuron.t[-1])),
        ylim=(rows - 0.5, -0.5),
        ylabel="replaced cell",
    )
    if rows <= 12:
        axes.set_yticks(range(rows), neuron.names[:rows], size=8)
    shown = f"{rows} of {len(neuron.names)}" if rows < len(neuron.names) else "all"
    axes.set_title(f"Spikes of {shown} replaced cells", loc="left", size=11)
