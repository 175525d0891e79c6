"""The figure of a comparison: where stability agrees, rates, CV, correlation, PSTH.

After `compare.py`: its results go in, a PNG comes out.
"""

import map as rett_map
import numpy as np

NEURON, SURROGATE, FLOOR = "#404040", "#d95f02", "#a8a8a8"
STABLE, UNSTABLE = "#9ecae1", "#08519c"
SCATTERS = (
    ("rate_Hz", "rate (Hz)"),
    ("cv", "CV of intervals"),
    ("correlation", "correlation of pairs"),
)


def plane(axes, points):
    """Stability in NEURON, and where the surrogate or twice the step differs."""
    p = 100 * np.array([one["connectivity"] for one in points])
    drive = np.array([one["drive_Hz"] for one in points])
    stable = {
        side: np.array([one[side]["stable"] for one in points])
        for side in ("neuron", "double", "surrogate")
    }
    for value, color, label in (
        (True, STABLE, "stable"),
        (False, UNSTABLE, "unstable"),
    ):
        at = stable["neuron"] == value
        axes.scatter(p[at], drive[at], s=26, c=color, label=f"{label} in NEURON")
    at = stable["surrogate"] != stable["neuron"]
    look = {"s": 90, "facecolors": "none", "edgecolors": SURROGATE, "linewidths": 1.5}
    axes.scatter(p[at], drive[at], **look, label="surrogate differs")
    at = stable["double"] != stable["neuron"]
    axes.scatter(p[at], drive[at], s=40, marker="x", c="k", lw=1, label="2 dt differs")
    for x, style, _ in rett_map.MARKS:
        axes.axvline(100 * x, c="#cccccc", ls=style, zorder=0)
    axes.set(xlabel="connectivity (%)", ylabel="inhibition of a cell (Hz)")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.4 * (high - low))  # room for the legend


def against(axes, points, name):
    """A statistic of each point against NEURON's, with NEURON's floor behind it."""

    def values(side):
        return np.array([one[side][name] for one in points], float)  # None: NaN

    true = values("neuron")
    looks = (
        ("other", {"c": FLOOR, "marker": "x", "s": 16, "label": "other background"}),
        ("double", {"edgecolors": FLOOR, "facecolors": "none", "label": "2 dt"}),
        ("surrogate", {"c": SURROGATE, "s": 14, "label": "surrogate"}),
    )
    for side, look in looks:
        axes.scatter(true, values(side), **look)
    ends = axes.get_xlim()
    axes.plot(ends, ends, c="#cccccc", lw=1, zorder=0)
    axes.set(xlabel="NEURON")


def psth(axes, points, stable):
    """Mean PSTH of the points that are stable in NEURON, or of the others."""
    these = [one for one in points if one["neuron"]["stable"] == stable]
    looks = (
        ("other", FLOOR, ":", "other background"),
        ("double", FLOOR, "-", "2 dt"),
        ("neuron", NEURON, "-", "NEURON"),
        ("surrogate", SURROGATE, "-", "surrogate"),
    )
    for side, color, style, label in looks if these else ():
        mean = np.mean([one[side]["psth_Hz"] for one in these], axis=0)
        edges = np.linspace(0, rett_map.network.END_MS, len(mean) + 1)
        axes.stairs(mean, edges, color=color, ls=style, label=label, lw=1.3)
    axes.set(xlabel="time (ms)", ylabel="rate (Hz)")
    axes.set_yscale("symlog", linthresh=10)  # the stimulus beside the rest
    kind = "stable" if stable else "unstable"
    axes.set_title(f"PSTH, {len(these)} {kind} points", loc="left", size=11)


def draw(results, path):
    """Draw a comparison's results to a PNG."""
    from matplotlib.figure import Figure

    points = results["points"]
    figure = Figure(figsize=(13, 8), dpi=120, layout="constrained")
    sides = figure.subplots(2, 3)
    plane(sides[0, 0], points)
    found = f"agreement {results['agreement']:.0%}, 2 dt "
    found += f"{results['floor']['double']['agreement']:.0%}"
    sides[0, 0].set_title(found, loc="left", size=11)
    for axes, (name, title) in zip(sides.flat[1:4], SCATTERS, strict=True):
        against(axes, points, name)
        axes.set_title(title, loc="left", size=11)
    for axes, stable in zip(sides.flat[4:], (True, False), strict=True):
        psth(axes, points, stable)
    for axes in sides.flat:
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
