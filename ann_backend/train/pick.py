"""Peak picking, bin for bin as the engine does it, and its calibration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ann_backend.metrics import f1_pooled, rate_error_pooled

__all__ = ["calibrate", "pick"]

THRESHOLDS = np.arange(0.12, 0.92, 0.04)
F1_SLACK = 0.002


def calibrate(
    y: NDArray[np.float32], spikes: list[NDArray[np.float64]]
) -> tuple[float, float]:
    """Hazard threshold and refractory time for this surrogate.

    F1 is flat over a wide range of thresholds, in which the number of spikes is not:
    of the thresholds within `F1_SLACK` of the best F1@2 ms, the one is taken whose
    number of spikes is nearest the teacher's.

    Parameters
    ----------
    y : array, shape (trials, T, 3)
        Free-running outputs.
    spikes : list of arrays
        The teacher's, for each trial.

    Returns
    -------
    hazard_threshold, refractory_ms : float
        The refractory time is 0.8 of the teacher's shortest interval, 1 ms at least.
    """
    shortest = min((float(np.diff(s).min()) for s in spikes if len(s) > 1), default=2.0)
    refractory = max(1.0, round(0.8 * shortest, 2))
    trains = [pick(y, threshold, refractory) for threshold in THRESHOLDS]
    scores = [f1_pooled(found, spikes, 2.0) for found in trains]
    close = np.flatnonzero(np.array(scores) >= max(scores) - F1_SLACK)
    errors = [abs(rate_error_pooled(trains[k], spikes)) for k in close]
    best = close[int(np.nanargmin(errors))] if np.isfinite(errors).any() else close[0]
    return round(float(THRESHOLDS[best]), 4), refractory


def pick(
    y: NDArray[np.float32], threshold: float, refractory_ms: float
) -> list[NDArray[np.float64]]:
    """Spike times by the engine's causal rule.

    Parameters
    ----------
    y : array, shape (trials, T, 3)
    threshold, refractory_ms : float

    Returns
    -------
    list of arrays
        Spike times in ms for each trial.
    """
    p = 1.0 / (1.0 + np.exp(-y[..., 0]))
    offset = 1.0 / (1.0 + np.exp(-y[..., 1].astype(np.float64)))
    trials, bins = p.shape
    before, last = np.zeros(trials, np.float32), np.full(trials, -1e9)
    found: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
    for n in range(bins):
        t = n + offset[:, n]
        spike = (p[:, n] + before >= threshold) & (t - last >= refractory_ms)
        before = np.where(spike, np.float32(0.0), p[:, n])
        if spike.any():
            last[spike] = t[spike]
            found.append((np.flatnonzero(spike), t[spike]))
    rows = np.concatenate([np.empty(0, np.int64), *(r for r, _ in found)])
    times = np.concatenate([np.empty(0), *(t for _, t in found)])
    return [times[rows == k] for k in range(trials)]
