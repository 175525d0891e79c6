"""Figures of results: what both backends made of one script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from ann_backend.cli._runs import Run

matplotlib.use("Agg")

NEURON_COLOUR = "#404040"
ANN_COLOUR = "#e06c00"
STRETCH_MS = 300.0
RASTER_MS = 2000.0
RASTER_ROWS = 40


def compare_figure(neuron: Run, ann: Run, path: Path) -> Path:
    """Draw Vm of one cell and the spikes of all of them, both backends over each other.

    Parameters
    ----------
    neuron, ann
        Two runs of one script, with the same cells in the same order.
    path
        The PNG to write; its folder is made if need be.
    """
    figure = Figure(figsize=(9, 5.6), dpi=130, layout="constrained")
    rows = min(len(neuron.names), RASTER_ROWS)
    top, bottom = figure.subplots(2, 1, height_ratios=(1.2, 1))
    _vm(top, neuron, ann)
    _raster(bottom, neuron, ann, rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def _vm(axes: Axes, neuron: Run, ann: Run) -> None:
    """Soma Vm of the recorded cell that spikes most, over its busiest stretch."""
    recorded = len(neuron.vm)
    cell = int(np.argmax([len(times) for times in neuron.spikes[:recorded]]))
    start = _busiest(neuron.spikes[cell], float(neuron.t[-1]))
    for run, colour, label in (
        (neuron, NEURON_COLOUR, "NEURON"),
        (ann, ANN_COLOUR, "ann_backend"),
    ):
        inside = (run.t >= start) & (run.t <= start + STRETCH_MS)
        axes.plot(run.t[inside], run.vm[cell][inside], color=colour, lw=1.2, label=label)
    axes.set(
        xlim=(start, start + STRETCH_MS),
        xlabel="time (ms)",
        ylabel="soma Vm (mV)",
        title=f"Soma of {neuron.names[cell]}",
    )
    axes.legend(loc="upper right", frameon=False, ncols=2)


def _busiest(spikes: NDArray[np.float64], end: float) -> float:
    """Start (ms) of a stretch that holds the median spike count of the busy ones."""
    if len(spikes) == 0 or end <= STRETCH_MS:
        return 0.0
    starts = np.clip(spikes - 0.1 * STRETCH_MS, 0.0, end - STRETCH_MS)
    inside = (spikes >= starts[:, None]) & (spikes <= starts[:, None] + STRETCH_MS)
    return float(starts[int(np.argmax(inside.sum(axis=1)))])


def _raster(axes: Axes, neuron: Run, ann: Run, rows: int) -> None:
    """Spikes of the first cells: NEURON above, the surrogate below, row by row."""
    end = min(RASTER_MS, float(neuron.t[-1]))
    for run, colour, shift, label in (
        (neuron, NEURON_COLOUR, -0.2, "NEURON"),
        (ann, ANN_COLOUR, 0.2, "ann_backend"),
    ):
        axes.eventplot(
            run.spikes[:rows],
            lineoffsets=[row + shift for row in range(rows)],
            linelengths=0.36,
            linewidths=1.2,
            colors=colour,
            label=[label] + [None] * (rows - 1),
        )
    axes.set(
        xlim=(0, end),
        ylim=(rows - 0.4, -0.6),
        xlabel="time (ms)",
        ylabel="replaced cell",
        title=f"Spikes of {rows} of {len(neuron.names)} replaced cells",
    )
    axes.yaxis.get_major_locator().set_params(integer=True)
