"""Where a surrogate breaks down: its accuracy by what the trials are like.

Beside `validate`: trials are binned by their output rate, the scale of their weights,
their number of synapses and their synchrony, each bin with its spikes and its floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend.train.tally import KEYS, Tally, scores

__all__ = ["EDGES_HZ", "breakdown", "failures", "fano"]

EDGES_HZ = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, np.inf)
QUANTILES = 4  # bins of every property but the output rate
SHARE_OF_FLOOR = 0.9  # F1@2 ms below this share of the floor's is a failure
FEWEST_SPIKES = 50  # of a bin, to be called a failure
WINDOW_MS = 5.0

Floats = NDArray[np.float64]


def fano(t: Floats, duration_ms: float) -> float:
    """Synchrony of a trial's input: variance over mean of its events in 5 ms.

    Parameters
    ----------
    t : array
        Event times, ms.
    duration_ms : float

    Returns
    -------
    float
        1 for Poisson input; NaN without events.
    """
    edges = np.arange(0.0, duration_ms + WINDOW_MS / 2, WINDOW_MS)
    count = np.histogram(t, edges)[0]
    return float(count.var() / count.mean()) if count.any() else float("nan")


def breakdown(
    sums: Tally, floor: Tally, properties: Mapping[str, Sequence[float] | Floats]
) -> dict[str, list[dict[str, Any]]]:
    """Scores of the trials, by bins of each property.

    Parameters
    ----------
    sums, floor : Tally
        The surrogate's and the floor's, over the same K trials.
    properties : mapping of str to K numbers
        NaN leaves a trial out. ``output_rate_Hz`` has fixed bins, every other
        property its quartiles.

    Returns
    -------
    dict of str to list of dict
        A record a bin: ``low`` and ``high`` of the property, ``trials``, the
        teacher's ``spikes``, `KEYS`, and the same with ``floor_`` before.
    """
    return {
        name: [
            _record(sums, floor, np.asarray(values), inside)
            for inside in _bins(name, np.asarray(values, float))
        ]
        for name, values in properties.items()
    }


def failures(bins: Mapping[str, list[dict[str, Any]]]) -> list[str]:
    """Bins with enough spikes whose F1@2 ms is below 90 % of the floor's, in words."""
    return [
        f"{name} {b['low']:.3g} to {b['high']:.3g}: F1@2 ms {b['f1_2ms']:.3f}, floor "
        f"{b['floor_f1_2ms']:.3f} ({b['spikes']} spikes)"
        for name, records in bins.items()
        for b in records
        if b["spikes"] >= FEWEST_SPIKES
        and b["f1_2ms"] < SHARE_OF_FLOOR * b["floor_f1_2ms"]
    ]


def _bins(name: str, values: Floats) -> list[NDArray[np.bool_]]:
    """Masks of the bins that hold a trial."""
    there = values[np.isfinite(values)]
    if name == "output_rate_Hz":
        edges = np.array(EDGES_HZ)
    elif len(there):
        edges = np.unique(np.quantile(there, np.arange(QUANTILES) / QUANTILES))
        edges = np.append(edges, np.inf)
    else:
        return []
    masks = [(values >= a) & (values < b) for a, b in pairwise(edges)]
    return [inside for inside in masks if inside.any()]


def _record(
    sums: Tally, floor: Tally, values: Floats, inside: NDArray[np.bool_]
) -> dict[str, Any]:
    found, best = scores(sums, inside), scores(floor, inside)
    return {
        "low": float(values[inside].min()),
        "high": float(values[inside].max()),
        "trials": int(inside.sum()),
        "spikes": int(sums.true[inside].sum()),
        **{key: found[key] for key in KEYS},
        **{f"floor_{key}": best[key] for key in KEYS},
    }
