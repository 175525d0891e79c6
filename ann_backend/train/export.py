"""From a trained network to a bundle's tensors, with its readout calibrated.

Seventh in the training line. Peak picking here is the engine's rule, bin for bin;
its threshold and refractory time come from validation data, the action potential's
template from the teacher's mean waveform.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend.errors import AnnBackendError
from ann_backend.metrics import f1_pooled, rate_error_pooled
from ann_backend.train.cell import CellDescription
from ann_backend.train.dataset import Dataset
from ann_backend.train.fit import outputs
from ann_backend.train.model import V_SCALE_MV, Network, embedding
from ann_backend.train.teacher import AP_START_MS

__all__ = ["calibrate", "pick", "readout", "tensors"]

THRESHOLDS = np.arange(0.16, 0.76, 0.04)
F1_SLACK = 0.002


def tensors(
    cell: CellDescription, network: Network, data: Dataset
) -> dict[str, NDArray[np.float32]]:
    """Weights by their names in the bundle, the inputs' scale folded in.

    Parameters
    ----------
    cell : CellDescription
    network : Network
    data : Dataset
        The training split, for the action potential's template.
    """
    units, tau = embedding(cell)
    lstm, found = network.lstm, {"embedding": units, "tau": tau}
    weight = network.conv_weight / network.scale[:, None]
    named = {"conv_weight": weight, "conv_bias": network.conv_bias}
    for k in range(network.shape.layers):
        named[f"lstm{k}_wx"] = getattr(lstm, f"weight_ih_l{k}").T
        named[f"lstm{k}_wh"] = getattr(lstm, f"weight_hh_l{k}").T
        named[f"lstm{k}_bias"] = getattr(lstm, f"bias_ih_l{k}") + getattr(
            lstm, f"bias_hh_l{k}"
        )
    for k, head in ((1, network.head1), (2, network.head2)):
        named[f"head_w{k}"], named[f"head_b{k}"] = head.weight.T, head.bias
    found |= {name: t.detach().numpy() for name, t in named.items()}
    found["ap"] = _template(cell, data)[1]
    return {k: np.ascontiguousarray(v, np.float32) for k, v in found.items()}


def readout(
    cell: CellDescription, network: Network, train: Dataset, validation: Dataset
) -> dict[str, float]:
    """The bundle's readout, calibrated.

    Parameters
    ----------
    cell : CellDescription
    network : Network
    train : Dataset
        For the action potential's template.
    validation : Dataset
        For the threshold and the refractory time.
    """
    y = outputs(cell, network, validation)
    threshold, refractory = calibrate(y, [t.spikes for t in validation.trials])
    return {
        "threshold_mV": cell.threshold_mV,
        "hazard_threshold": threshold,
        "refractory_ms": refractory,
        "clip_mV": cell.clip_mV,
        "v_offset_mV": cell.v_init_mV,
        "v_scale_mV": V_SCALE_MV,
        "ap_start_ms": _template(cell, train)[0],
        "ap_dt_ms": cell.dt_ms,
    }


def calibrate(
    y: NDArray[np.float32], spikes: list[NDArray[np.float64]]
) -> tuple[float, float]:
    """Hazard threshold and refractory time for this surrogate.

    F1 is flat over a wide range of thresholds, in which the number of spikes is not:
    of the thresholds within `F1_SLACK` of the best F1@1 ms, the one is taken whose
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
    scores = [f1_pooled(found, spikes, 1.0) for found in trains]
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


def _template(cell: CellDescription, data: Dataset) -> tuple[float, NDArray[Any]]:
    """Start in ms and mean waveform of the stretch above the clip."""
    count = sum(t.ap_count for t in data.trials)
    if count == 0:
        raise AnnBackendError(
            f"{cell.name}: expected spikes in the training data, got none; raise the "
            "channels' rate_Hz or unit_uS"
        )
    mean = np.sum([t.ap_sum for t in data.trials], axis=0) / count
    at = round(-AP_START_MS / cell.dt_ms)
    low = np.flatnonzero(mean <= cell.clip_mV)
    first = int(low[low < at].max(initial=-1)) + 1
    last = int(low[low > at].min(initial=len(mean))) - 1
    return (first - at) * cell.dt_ms, mean[first : last + 1].astype(np.float32)
