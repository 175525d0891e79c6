"""One figure of what a cell does: its shape, and every experiment on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from ann_backend.cells.l5pc import FAR, HOT, NEAR, SITES_UM, SOMA, START_MS
from ann_backend.cells.published import FEATURES, STEPS_NA
from ann_backend.cells.rig import at
from ann_backend.plots import GREY, ORANGE

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from ann_backend.cells.l5pc import Characterised

__all__ = ["draw"]

BLUE, RED, LIGHT = "#1f78b4", "#c2185b", "#d9d9d9"
HOT_MV = 0.5  # a segment with more than this part of the highest gCaLVA is hot


def draw(cell: Any, found: Characterised, path: Path) -> Path:
    """Draw a characterised L5PC as a PNG.

    Parameters
    ----------
    cell : object
        The cell.
    found : Characterised
        What `characterise` returned for it.
    path : Path
        The PNG; its folder is made if need be.
    """
    figure = Figure(figsize=(13, 8.5), dpi=120, layout="constrained")
    axes = figure.subplot_mosaic(
        [
            ["shape", "rest", "bap", "heights"],
            ["shape", "AP", "EPSP", "AP and EPSP"],
            ["shape", "steps", "rates", "trains"],
        ],
        width_ratios=(0.8, 1, 1, 1),
    )
    _shape(axes["shape"], cell)
    _at_rest(axes["rest"], found)
    _back_propagation(axes["bap"], axes["heights"], found)
    for name, title in (
        ("AP", "AP alone"),
        ("EPSP", "dendritic EPSP alone"),
        ("AP and EPSP", "both: BAC firing"),
    ):
        _pairing(axes[name], found, name, title)
    axes["AP"].legend(frameon=False, fontsize=8, loc="upper right")
    _steps(axes["steps"], found)
    _rates(axes["rates"], found)
    _trains(axes["trains"], found)
    for name, ax in axes.items():
        if name != "shape":
            ax.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def _shape(axes: Axes, cell: Any) -> None:
    """Every segment in x and y, the hot zone in orange, the recorded sites as dots."""
    lines, widths, colours = [], [], []
    dense = max(s.gbar_ann_CaLVA for section in cell.apic for s in section)
    for section in cell.all:
        first, last = (
            np.array([section.x3d(i), section.y3d(i)]) for i in (0, section.n3d() - 1)
        )
        for segment in section:
            half = 0.5 / section.nseg
            ends = [segment.x - half, segment.x + half]
            lines.append([first + x * (last - first) for x in ends])
            widths.append(max(0.7, 0.7 * segment.diam) if segment.diam < 10 else 9)
            hot = getattr(segment, "gbar_ann_CaLVA", 0.0) > HOT_MV * dense
            colours.append(ORANGE if hot else "#4d4d4d")
    axes.add_collection(LineCollection(lines, linewidths=widths, colors=colours))
    for distance, name in ((SITES_UM[NEAR], "620 µm"), (SITES_UM[HOT], "750 µm")):
        segment = at(cell, distance)
        x, y = (
            f(0) + segment.x * (f(1) - f(0)) for f in (segment.sec.x3d, segment.sec.y3d)
        )
        axes.plot(x, y, "o", c=RED, ms=5, zorder=3)
        axes.annotate(name, (x, y), (8, -8), textcoords="offset points", size=8)
    axes.plot([120, 220], [-180, -180], c="k", lw=2)
    axes.text(170, -170, "100 µm", ha="center", va="bottom", size=8)
    axes.set_aspect("equal")
    axes.autoscale_view()
    axes.axis("off")
    count = sum(s.nseg for s in cell.all)
    axes.set_title(
        f"L5PC: {count} segments\nCa hot zone in orange", loc="left", size=10
    )


def _at_rest(axes: Axes, found: Characterised) -> None:
    trace = found.traces["hyperpolarised"]
    axes.plot(trace.t - START_MS, trace.v[SOMA], c=BLUE)
    axes.set(xlabel="time (ms)", ylabel="soma (mV)")
    _title(
        axes,
        f"-50 pA: {found.values['input resistance']:.0f} MΩ, "
        f"{found.values['time constant']:.0f} ms, "
        f"sag {100 * found.values['sag']:.0f} %",
    )


def _back_propagation(left: Axes, right: Axes, found: Characterised) -> None:
    trace = found.traces["AP"]
    shown = [d for d in SITES_UM if d in (0, 200, 400, 620, 800)]
    for k, distance in enumerate(shown):
        shade = BLUE if k == 0 else (0.95 - 0.13 * k, 0.35 + 0.1 * k, 0.05 + 0.1 * k)
        v = trace.v[SITES_UM.index(distance)]
        left.plot(trace.t - START_MS, v, c=shade, label=f"{distance:g} µm")
    left.legend(frameon=False, fontsize=8)
    left.set(xlabel="time (ms)", ylabel="V (mV)", xlim=(-2, 35))
    _title(left, "Back-propagating AP")
    distances, heights = found.curves["bAP"]
    right.plot(distances, heights, "o-", c=BLUE, ms=4, label="L5PC")
    for k, site in enumerate((NEAR, FAR)):
        known = FEATURES[f"bAP at {SITES_UM[site]:g} um"]
        middle = (known.low + known.high) / 2
        label = "published, ± 2 SD" if k == 0 else None
        right.errorbar(
            SITES_UM[site], middle, middle - known.low, fmt="s", c=GREY, label=label
        )
    right.set(xlabel="distance from soma (µm)", ylabel="height (mV)", ylim=(0, None))
    right.legend(frameon=False, fontsize=8)
    _title(right, "... and its height")


def _pairing(axes: Axes, found: Characterised, name: str, title: str) -> None:
    trace = found.traces[name]
    t = trace.t - START_MS
    axes.plot(t, trace.v[HOT], c=ORANGE, label=f"{SITES_UM[HOT]:g} µm")
    axes.plot(t, trace.v[NEAR], c=RED, label=f"{SITES_UM[NEAR]:g} µm")
    axes.plot(t, trace.v[SOMA], c=BLUE, label="soma")
    axes.set(xlabel="time (ms)", ylabel="V (mV)", ylim=(-90, 50), xlim=(-5, 80))
    _title(axes, title)


def _steps(axes: Axes, found: Characterised) -> None:
    """The published steps, one above the other."""
    names = [f"{nA:g} nA" for nA in STEPS_NA if f"{nA:g} nA" in found.traces]
    for k, name in enumerate(names):
        trace = found.traces[name]
        axes.plot(trace.t - START_MS, trace.v[SOMA] + 130 * k, c=BLUE, lw=0.7)
        axes.text(1030, 130 * k - 70, name, size=8, va="center")
    axes.set(xlabel="time (ms)", yticks=[], xlim=(-50, 1250), xticks=(0, 500, 1000))
    axes.spines["left"].set_visible(False)
    _title(axes, "Somatic steps")


def _rates(axes: Axes, found: Characterised) -> None:
    currents, rates = found.curves["f-I"]
    axes.plot(currents, rates, "o-", c=BLUE, ms=4, label="L5PC")
    for k, nA in enumerate(STEPS_NA):
        known = FEATURES[f"{nA:g} nA: rate"]
        middle = (known.low + known.high) / 2
        label = "published, ± 2 SD" if k == 0 else None
        axes.errorbar(nA, middle, middle - known.low, fmt="s", c=GREY, label=label)
    axes.set(xlabel="current (nA)", ylabel="rate (Hz)", ylim=(0, None))
    axes.legend(frameon=False, fontsize=8)
    _title(axes, "f-I curve")


def _trains(axes: Axes, found: Characterised) -> None:
    frequencies, highest = found.curves["trains"]
    known = FEATURES["critical frequency"]
    axes.axvspan(known.low, known.high, color=LIGHT, alpha=0.5, lw=0)
    axes.plot(frequencies, highest, "o-", c=ORANGE, ms=4)
    axes.set(
        xlabel="frequency of five APs (Hz)",
        ylabel=f"peak at {SITES_UM[HOT]:g} µm (mV)",
        xlim=(frequencies[0] - 10, frequencies[-1] + 10),
    )
    _title(axes, "Critical frequency (published: grey)")


def _title(axes: Axes, text: str) -> None:
    axes.set_title(text, loc="left", size=10)
