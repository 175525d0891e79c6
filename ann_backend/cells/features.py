"""Numbers of a voltage trace: spikes, their shape, what a step of current does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["half_width", "passive", "peaks", "spike_times"]

Array = NDArray[np.float64]
SPIKE_MV = -20.0
ONSET_MV_MS = 10.0  # an action potential starts where the voltage climbs this fast


def spike_times(t: Array, v: Array) -> Array:
    """Times (ms) of upward crossings of -20 mV."""
    return t[1:][(v[1:] >= SPIKE_MV) & (v[:-1] < SPIKE_MV)]


def peaks(t: Array, v: Array) -> Array:
    """Highest voltage (mV) of each spike, within 2 ms."""
    return np.array(
        [v[(t >= s) & (t < s + 2.0)].max() for s in spike_times(t, v)], dtype=float
    )


def half_width(t: Array, v: Array) -> float:
    """Mean width (ms) of the spikes halfway from onset to peak; NaN without one."""
    dt = t[1] - t[0]
    widths = []
    for spike in spike_times(t, v):
        start = int(np.searchsorted(t, spike))
        top = start + int(np.argmax(v[start : start + round(2.0 / dt)]))
        onset = start
        while onset > 0 and (v[onset] - v[onset - 1]) / dt > ONSET_MV_MS:
            onset -= 1
        level = (v[onset] + v[top]) / 2
        left, right = top, top
        while left > 0 and v[left] > level:
            left -= 1
        while right < len(v) - 1 and v[right] > level:
            right += 1
        rising = (level - v[left]) / (v[left + 1] - v[left])
        falling = (v[right - 1] - level) / (v[right - 1] - v[right])
        widths.append((right - 1 + falling - left - rising) * dt)
    return float(np.mean(widths)) if widths else float("nan")


def passive(
    t: Array, v: Array, start: float, stop: float, nA: float
) -> dict[str, float]:
    """What a small hyperpolarising step shows.

    Parameters
    ----------
    t, v : ndarray, [T]
        ms, mV.
    start, stop : float
        Of the step, ms.
    nA : float
        Its amplitude.

    Returns
    -------
    dict
        ``resistance`` (steady state, Mohm), ``tau`` (ms, of an exponential through
        the first 60 % of the deflection, less its first ms) and ``sag`` (the part of
        the peak deflection that is gone in the steady state).
    """
    rest = v[t < start][-1]
    during = (t > start) & (t < stop)
    lowest = v[during].min()
    steady = v[(t > stop - 20.0) & (t < stop)].mean()
    falling = during & (t > start + 1.0) & (v > rest + 0.6 * (lowest - rest))
    falling &= t < t[during][np.argmin(v[during])]
    slope = np.polyfit(t[falling], np.log(v[falling] - lowest), 1)[0]
    return {
        "resistance": float((steady - rest) / nA),
        "tau": float(-1.0 / slope),
        "sag": float((lowest - steady) / (lowest - rest)),
    }
