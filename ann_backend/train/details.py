"""What the figures of a validation need beside its numbers.

Beside `validate`: a record for each trial, the interspike intervals, a few traces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend.train.tally import Response, Tally, scores

__all__ = ["details"]

EXAMPLES, EXAMPLE_MS = 3, 400
INTERVALS_MS = np.geomspace(1.0, 10_000.0, 41)

Floats = NDArray[np.float64]


def details(
    found: Response,
    true: Response,
    half: Response,
    sums: Tally,
    floor: Tally,
    properties: Mapping[str, Floats],
) -> dict[str, Any]:
    """Records of the trials, histograms of the intervals, examples.

    Parameters
    ----------
    found, true, half : Response
        The surrogate's, the teacher's, the teacher's at half its step.
    sums, floor : Tally
        Of the surrogate and of the floor.
    properties : dict of str to array, shape (trials,)

    Returns
    -------
    dict
        ``trials``, ``intervals`` and ``examples``.
    """
    seconds = sums.bins / 1e3
    trials = [
        {
            "rate_Hz": float(sums.found[k] / seconds[k]),
            "rate_Hz_teacher": float(sums.true[k] / seconds[k]),
            **{name: float(values[k]) for name, values in properties.items()},
            **_each("", scores(sums, one)),
            **_each("floor_", scores(floor, one)),
        }
        for k, one in enumerate(np.eye(len(seconds)))
    ]
    trains = {"surrogate": found, "teacher": true, "half_step": half}
    histograms = {name: _intervals(r.spikes) for name, r in trains.items()}
    return {
        "trials": trials,
        "intervals": {"edges_ms": INTERVALS_MS.tolist(), **histograms},
        "examples": _examples(found, true, sums),
    }


def _each(prefix: str, found: Mapping[str, float]) -> dict[str, float]:
    return {f"{prefix}{key}": found[key] for key in ("auc", "f1_2ms", "vm_rmse_mV")}


def _intervals(trains: list[Floats]) -> list[int]:
    gaps = np.concatenate([np.empty(0), *(np.diff(s) for s in trains)])
    return [int(n) for n in np.histogram(gaps, INTERVALS_MS)[0]]


def _examples(found: Response, true: Response, sums: Tally) -> list[dict[str, Any]]:
    """The busiest stretch of a trial of low, of middling and of high rate."""
    active = np.argsort(sums.true)[np.sort(sums.true) > 0]
    if not len(active):
        return []
    places = np.linspace(0.2, 0.9, EXAMPLES) * (len(active) - 1)
    chosen = dict.fromkeys(int(active[round(p)]) for p in places)
    return [_example(found, true, k) for k in chosen]


def _example(found: Response, true: Response, k: int) -> dict[str, Any]:
    times = true.spikes[k]
    last = max(0, true.v.shape[1] - EXAMPLE_MS)
    starts = np.clip(times - 0.3 * EXAMPLE_MS, 0, last).astype(int)
    ahead = np.searchsorted(times, starts + EXAMPLE_MS)
    start = int(starts[np.argmax(ahead - np.searchsorted(times, starts))])
    part = [r.cut(start, start + EXAMPLE_MS) for r in (found, true)]
    return {
        "trial": k,
        "rate_Hz_teacher": len(times) * 1e3 / true.v.shape[1],
        "start_ms": start,
        "v_mV": [round(float(v), 2) for v in part[0].v[k]],
        "v_mV_teacher": [round(float(v), 2) for v in part[1].v[k]],
        "spikes_ms": part[0].spikes[k].tolist(),
        "spikes_ms_teacher": part[1].spikes[k].tolist(),
    }
