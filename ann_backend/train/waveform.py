"""The shape of the action potential: the surrogate's against the teacher's.

Beside `validate`. A surrogate's spike is the bundle's template; the teacher's is the
mean over the spikes of the trials, at its own step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend.bundle import Bundle
from ann_backend.train.tally import Response

__all__ = ["around_spikes", "peak_and_width", "waveform"]

NEAR_MS = 5.0

Floats = NDArray[np.float64]


def peak_and_width(v: Floats, dt_ms: float, base_mV: float) -> tuple[float, float]:
    """Peak of an action potential and its width at half the height above a base.

    Parameters
    ----------
    v : array
        Voltage, mV, one action potential.
    dt_ms : float
    base_mV : float
        The clip: a template holds only what is above it.

    Returns
    -------
    peak_mV, width_ms : float
        The width is between the crossings of (peak + base) / 2 next to the peak,
        interpolated; NaN where the voltage does not cross it on both sides.
    """
    top = int(np.argmax(v))
    half = (float(v[top]) + base_mV) / 2.0
    rise = np.flatnonzero(v[:top] < half)
    fall = np.flatnonzero(v[top:] < half)
    if not len(rise) or not len(fall):
        return float(v[top]), float("nan")
    a, b = int(rise[-1]), top + int(fall[0])
    start = a + (half - v[a]) / (v[a + 1] - v[a])
    stop = b - (half - v[b]) / (v[b - 1] - v[b])
    return float(v[top]), float(stop - start) * dt_ms


def around_spikes(found: Response, true: Response) -> float:
    """RMSE (mV) of the unclipped voltages within 5 ms of the teacher's spikes.

    NaN without spikes.
    """
    square, count = 0.0, 0
    for a, b, times in zip(found.v, true.v, true.spikes, strict=True):
        if not len(times):
            continue
        end = np.arange(1.0, len(b) + 1)
        after = np.searchsorted(times, end - NEAR_MS, "left")
        near = times[np.minimum(after, len(times) - 1)]
        inside = np.abs(end - near) <= NEAR_MS
        square += float(((a[inside] - b[inside]).astype(np.float64) ** 2).sum())
        count += int(inside.sum())
    return float(np.sqrt(square / count)) if count else float("nan")


def waveform(
    bundle: Bundle, teachers_ap: tuple[Floats, float, float] | None
) -> tuple[dict[str, float] | None, dict[str, Any] | None]:
    """Peak, width and course of the surrogate's and of the teacher's spike.

    Parameters
    ----------
    bundle : Bundle
    teachers_ap : (array, float, float), or None
        The teacher's mean voltage around its spikes, mV; the time of the first sample
        from the crossing of the threshold, ms; the step of the samples, ms. None
        where it has no spike.

    Returns
    -------
    dict
        ``peak_mV``, ``width_ms`` (at half the height above the clip) of both, and the
        RMSE over the template's time. None without a teacher's spike.
    dict or None
        The two courses, ``t_ms`` and ``v_mV``.
    """
    if teachers_ap is None:
        return None, None
    mean_v, start_ms, dt_ms = teachers_ap
    readout = bundle.manifest.readout
    template = bundle.tensors["ap"].astype(np.float64)
    t = readout.ap_start_ms + readout.ap_dt_ms * np.arange(len(template))
    teacher_t = start_ms + dt_ms * np.arange(len(mean_v))
    aligned = np.interp(t, teacher_t, mean_v)
    mine = peak_and_width(
        np.pad(template, 1, constant_values=readout.clip_mV),
        readout.ap_dt_ms,
        readout.clip_mV,
    )
    teachers = peak_and_width(mean_v, dt_ms, readout.clip_mV)
    numbers = {
        "peak_mV": mine[0],
        "peak_mV_teacher": teachers[0],
        "width_ms": mine[1],
        "width_ms_teacher": teachers[1],
        "rmse_mV": float(np.sqrt(np.mean((template - aligned) ** 2))),
    }
    return numbers, {
        "t_ms": t.tolist(),
        "v_mV": template.tolist(),
        "t_ms_teacher": teacher_t.tolist(),
        "v_mV_teacher": mean_v.tolist(),
    }
