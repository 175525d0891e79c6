"""Figures of a validation: the surrogate beside its floor."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ann_backend.plots import GREY, ORANGE

__all__ = ["draw_curve", "figures"]

WINDOWS_MS = (0.5, 1.0, 2.0, 5.0)
LABELS = {
    "output_rate_Hz": "output rate (Hz)",
    "weight_scale": "mean weight over its unit",
    "synapses": "synapses",
    "synchrony": "synchrony (Fano factor)",
}


def draw_curve(
    points: Sequence[Mapping[str, Any]], ahead: Sequence[Mapping[str, Any]], path: Path
) -> Path:
    """Draw accuracy against hours of data.

    Parameters
    ----------
    points, ahead : sequence of mappings
        Measured, and extrapolated (dashed).
    path : Path
        The PNG to write.
    """
    panels = {
        "F1, spikes within": [(f"f1_{w:g}ms", f"{w:g} ms") for w in WINDOWS_MS],
        "ROC AUC": [("auc", "")],
        "Vm: RMSE, mV": [("vm_rmse_mV", "")],
    }
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    for axes, (label, lines) in zip(figure.subplots(1, 3), panels.items(), strict=True):
        for key, name in lines:
            (drawn,) = axes.plot(*_course(points, key), "o-", label=name)
            then = [points[-1], *(p for p in ahead if key in p)]
            axes.plot(*_course(then, key), "--", color=drawn.get_color())
        axes.set(xscale="log", xlabel="biological hours of training data", ylabel=label)
        if len(lines) > 1:
            axes.set_ylim(0, 1.25)  # room for the legend
            axes.legend(frameon=False, ncols=2, loc="upper left")
    figure.savefig(path, dpi=150)
    return path


def _course(points: Sequence[Mapping[str, Any]], key: str) -> tuple[list[Any], ...]:
    return [p["hours"] for p in points], [p[key] for p in points]


def figures(measured: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Draw what a validation found.

    Parameters
    ----------
    measured : dict
        From `train.validate.measure`, with its details.

    Returns
    -------
    dict of str to (caption, SVG)
        In the order of the page.
    """
    drawn = {
        "Spikes": (
            "F1 by window with 95 % confidence intervals over trials, and interspike "
            "intervals.",
            _spikes(measured),
        ),
        "Examples": (
            "The busiest stretch of a trial of low, of middling and of high rate; "
            "the ticks above are the spikes.",
            _examples(measured["details"]["examples"]),
        ),
        "Trials": (
            "Each dot is a trial. The band is the teacher's rate within 5 % or 0.1 Hz.",
            _trials(measured["details"]["trials"]),
        ),
        "Breakdown": (
            "Accuracy by what the trials are like; in brackets the spikes of each bin.",
            _breakdown(measured["breakdown"]),
        ),
    }
    if measured["drift"] is not None:
        caption = (
            "Long trials without a reset, by second. Dashed: the last 10 s of a "
            "surrogate that begins anew 2 s before them; drift is what it does better."
        )
        drawn["Drift"] = (caption, _drift(measured["drift"]))
    if measured["action_potential"] is not None:
        caption = "The action potential above the clip: template and teacher's mean."
        figure = _action_potential(measured["details"]["action_potential"])
        drawn["Action potential"] = (caption, figure)
    if isinstance(measured["current_steps"], Mapping):
        caption = "Rate in steps of current of 1 s, against stock NEURON at dt 0.025."
        drawn["f-I curve"] = (caption, _current_steps(measured["current_steps"]))
    return {name: (text, _svg(figure)) for name, (text, figure) in drawn.items()}


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _panels(rows: int, columns: int, height: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(9, height), layout="constrained")
    axes = list(np.ravel(figure.subplots(rows, columns)))
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(visible=True, color="#eeeeee")
        each.set_axisbelow(True)
    return figure, axes


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _spikes(measured: Mapping[str, Any]) -> Figure:
    figure, (left, right) = _panels(1, 2, 3.2)
    keys = [f"f1_{window:g}ms" for window in WINDOWS_MS]
    sides = (("floor", measured["floor"], GREY), ("surrogate", measured, ORANGE))
    for shift, (label, side, colour) in enumerate(sides):
        value = np.array([_number(side[key]) for key in keys])
        bounds = [side["confidence_95"][key] for key in keys]
        low, high = np.array([[_number(x) for x in pair] for pair in bounds]).T
        left.errorbar(
            np.arange(len(keys)) + 0.12 * (shift - 0.5),
            value,
            yerr=np.maximum([value - low, high - value], 0),
            fmt="o-",
            color=colour,
            label=label,
            capsize=3,
        )
    left.set_xticks(range(len(keys)), [f"{window:g}" for window in WINDOWS_MS])
    left.set(xlabel="window (ms)", ylabel="F1", ylim=(None, 1.01))
    left.legend(frameon=False)
    intervals = measured["details"]["intervals"]
    edges = intervals["edges_ms"]
    for label, colour, width in (("teacher", GREY, 3.0), ("surrogate", ORANGE, 1.3)):
        right.stairs(intervals[label], edges, color=colour, lw=width, label=label)
    right.set(xscale="log", xlabel="interspike interval (ms)", ylabel="count")
    right.legend(frameon=False)
    return figure


def _examples(examples: list[Mapping[str, Any]]) -> Figure:
    figure, axes = _panels(max(1, len(examples)), 1, 2.1 * max(1, len(examples)))
    for each, panel in zip(examples, axes, strict=False):
        sides = (("_teacher", "teacher", GREY, 3.0), ("", "surrogate", ORANGE, 1.2))
        for row, (suffix, label, colour, width) in enumerate(sides):
            v = each[f"v_mV{suffix}"]
            t = each["start_ms"] + np.arange(1, len(v) + 1)
            panel.plot(t, v, color=colour, lw=width, label=label)
            spikes = np.add(each[f"spikes_ms{suffix}"], each["start_ms"])
            height = np.full(len(spikes), 62 - 10 * row)
            panel.plot(spikes, height, "|", ms=7, color=colour, clip_on=False)
        panel.set_ylabel("soma Vm (mV)")
        title = f"trial {each['trial']}, {each['rate_Hz_teacher']:.2g} Hz"
        panel.set_title(title, loc="left", size=10)
    axes[-1].set_xlabel("time (ms)")
    if examples:
        axes[0].legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    return figure


def _trials(trials: list[Mapping[str, Any]]) -> Figure:
    figure, (left, right) = _panels(1, 2, 3.4)
    true = np.array([t["rate_Hz_teacher"] for t in trials])
    mine = np.array([t["rate_Hz"] for t in trials])
    top = max(1.0, true.max(), mine.max())
    line = np.geomspace(0.02, top, 100)
    bar = np.maximum(0.05 * line, 0.1)
    left.fill_between(line, line - bar, line + bar, color="#e6e6e6", lw=0)
    left.plot(np.maximum(true, 0.02), np.maximum(mine, 0.02), "o", ms=3.5, c=ORANGE)
    left.set(
        xscale="log", yscale="log", xlim=(0.018, 1.3 * top), ylim=(0.018, 1.3 * top)
    )
    left.set(xlabel="teacher's rate (Hz)", ylabel="surrogate's rate (Hz)")
    for label, prefix, style in (
        ("floor", "floor_", dict[str, Any](ms=6, mfc="none", c=GREY)),
        ("surrogate", "", dict[str, Any](ms=3.5, c=ORANGE)),
    ):
        f1 = [_number(t[f"{prefix}f1_2ms"]) for t in trials]
        right.plot(np.maximum(true, 0.02), f1, "o", label=label, **style)
    right.set(xlabel="teacher's rate (Hz)", ylabel="F1@2 ms")
    right.set(xscale="log", xlim=(0.018, 1.3 * top), ylim=(0, 1.03))
    right.legend(frameon=False)
    return figure


def _breakdown(bins: Mapping[str, list[Mapping[str, Any]]]) -> Figure:
    shown = {name: records for name, records in bins.items() if records}
    columns = max(1, len(shown))
    figure, axes = _panels(2, columns, 4.6)
    for column, (name, records) in enumerate(shown.items()):
        sides = (("floor", "floor_", GREY), ("surrogate", "", ORANGE))
        for row, (key, title) in enumerate(
            (("f1_2ms", "F1@2 ms"), ("vm_rmse_mV", "Vm RMSE (mV)"))
        ):
            panel = axes[row * columns + column]
            for label, prefix, colour in sides:
                value = [_number(r[f"{prefix}{key}"]) for r in records]
                panel.plot(value, "o-", ms=4, color=colour, label=label)
            panel.set_ylim(0, 1.05 if row == 0 else None)
            panel.set_xticks(range(len(records)))
            if column == 0:
                panel.set_ylabel(title)
        ticks = [
            f"{_short(r['low'])} to {_short(r['high'])} ({r['spikes']})"
            for r in records
        ]
        axes[columns + column].set_xticklabels(
            ticks, size=7, rotation=40, ha="right", rotation_mode="anchor"
        )
        axes[column].set_xticklabels([])
        axes[column].set_title(LABELS.get(name, name), size=9)
    axes[0].legend(frameon=False, loc="lower left")
    return figure


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _drift(drift: Mapping[str, Any]) -> Figure:
    figure, axes = _panels(1, 3, 2.6)
    second = np.arange(drift["seconds"]) + 0.5
    names = (("f1_2ms", "F1@2 ms"), ("vm_rmse_mV", "Vm RMSE (mV)"), ("auc", "ROC AUC"))
    for panel, (key, title) in zip(axes, names, strict=True):
        panel.plot(second, [_number(x) for x in drift[key]], color=ORANGE, lw=1.3)
        anew = _number(drift["last_10s_begun_anew"][key])
        panel.plot(second[-10:][[0, -1]], [anew, anew], "k--", zorder=3)
        panel.ticklabel_format(useOffset=False)
        panel.set(xlabel="time (s)", ylabel=title)
    axes[1].set_ylim(bottom=0)
    return figure


def _action_potential(course: Mapping[str, Any]) -> Figure:
    figure, (panel,) = _panels(1, 1, 2.8)
    panel.plot(
        course["t_ms_teacher"], course["v_mV_teacher"], c=GREY, lw=3, label="teacher"
    )
    panel.plot(course["t_ms"], course["v_mV"], c=ORANGE, lw=1.3, label="surrogate")
    panel.set(xlabel="time from the spike (ms)", ylabel="soma Vm (mV)", xlim=(-2, 6))
    panel.legend(frameon=False)
    return figure


def _current_steps(steps: Mapping[str, Any]) -> Figure:
    figure, (panel,) = _panels(1, 1, 2.8)
    nA = steps["amplitude_nA"]
    panel.plot(nA, steps["rate_Hz_neuron"], "o-", c=GREY, lw=3, label="NEURON")
    panel.plot(nA, steps["rate_Hz"], "o-", c=ORANGE, lw=1.3, label="surrogate")
    panel.set(xlabel="current (nA)", ylabel="rate (Hz)")
    panel.legend(frameon=False)
    return figure
