"""How good a surrogate is: each number with its definition. numpy only.

Spike times and durations are in ms, rates in Hz, voltages in mV. A trial is one
run from `finitialize`; pooled numbers take all trials together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "auc",
    "burst_fraction",
    "f1",
    "f1_pooled",
    "isi_ks",
    "matched",
    "matches",
    "precision_recall",
    "rate_error",
    "rate_error_pooled",
    "variance_explained",
    "vm_rmse",
]

Trains = Sequence[NDArray[np.float64]]


def auc(score: ArrayLike, spike: ArrayLike) -> float:
    """Area under the ROC curve over all given 1 ms bins.

    Parameters
    ----------
    score : array
        The surrogate's hazard in each bin.
    spike : array of bool, same shape
        Whether the teacher spikes in that bin.

    Returns
    -------
    float
        Ties count one half (Mann & Whitney 1947). NaN if all bins are alike.
    """
    s, y = np.ravel(score), np.ravel(spike).astype(bool)
    positives = int(y.sum())
    negatives = y.size - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    _, where, count = np.unique(s, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    rank = (last - 0.5 * (count - 1))[where]
    wins = float(rank[y].sum()) - 0.5 * positives * (positives + 1)
    return wins / (positives * negatives)


def matches(found: ArrayLike, true: ArrayLike, window_ms: float) -> int:
    """Pairs of spikes within +-window_ms, one to one, greedily in time order.

    Parameters
    ----------
    found, true : array
        Sorted spike times.
    window_ms : float

    Returns
    -------
    int
        Going forward in time each spike takes the earliest free partner, which
        for one window of fixed width is the largest number of pairs there is.
    """
    return len(matched(found, true, window_ms))


def matched(
    found: ArrayLike, true: ArrayLike, window_ms: float
) -> list[tuple[int, int]]:
    """Which spikes `matches` counts: the index in `found`, the index in `true`.

    Parameters
    ----------
    found, true : array
        Sorted spike times.
    window_ms : float
    """
    a, b = np.ravel(found), np.ravel(true)
    i = j = 0
    both = []
    while i < len(a) and j < len(b):
        # a hair, so that a lag of exactly the window counts whatever its rounding
        if abs(a[i] - b[j]) <= window_ms + 1e-9:
            both.append((i, j))
            i, j = i + 1, j + 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return both


def f1(pairs: int, found: int, true: int) -> float:
    """F1 from numbers of spikes: 2 pairs / (found + true).

    Parameters
    ----------
    pairs : int
        From `matches`, summed over the trials.
    found, true : int
        Spikes of the surrogate, of the teacher, in all.

    Returns
    -------
    float
        1 if neither has a spike.
    """
    return 2.0 * pairs / (found + true) if found + true else 1.0


def f1_pooled(found: Trains, true: Trains, window_ms: float) -> float:
    """F1@d of all trials together; d is window_ms, see `matches` and `f1`.

    Parameters
    ----------
    found, true : sequences of arrays
        Spike times of each trial: the surrogate's, the teacher's.
    window_ms : float
    """
    pairs = sum(matches(a, b, window_ms) for a, b in zip(found, true, strict=True))
    return f1(pairs, sum(len(x) for x in found), sum(len(x) for x in true))


def precision_recall(
    found: Trains, true: Trains, window_ms: float = 10.0
) -> tuple[float, float]:
    """Precision and recall with the window of Olah et al., eLife 11:e79535 (2022).

    Parameters
    ----------
    found, true : sequences of arrays
        Spike times of each trial.
    window_ms : float
        Full width: a pair is within +- half of it.

    Returns
    -------
    precision, recall : float
        NaN where there is no spike to divide by.
    """
    pairs = sum(
        matches(a, b, window_ms / 2.0) for a, b in zip(found, true, strict=True)
    )
    n_found, n_true = sum(len(x) for x in found), sum(len(x) for x in true)
    return (
        pairs / n_found if n_found else float("nan"),
        pairs / n_true if n_true else float("nan"),
    )


def vm_rmse(found: ArrayLike, true: ArrayLike, *, clip_mV: float = -55.0) -> float:
    """Root mean square difference of voltages, both clipped from above, in mV.

    Parameters
    ----------
    found, true : array, same shape
        Soma voltage at the bins' ends.
    clip_mV : float
    """
    a, b = _clipped(found, true, clip_mV)
    return float(np.sqrt(np.mean((a - b) ** 2)))


def variance_explained(
    found: ArrayLike, true: ArrayLike, *, clip_mV: float = -55.0
) -> float:
    """One minus mean square error over the teacher's variance, both clipped.

    Parameters
    ----------
    found, true : array, same shape
        Soma voltage at the bins' ends; variance about the mean of all samples.
    clip_mV : float

    Returns
    -------
    float
        NaN if the teacher's voltage does not vary.
    """
    a, b = _clipped(found, true, clip_mV)
    variance = float(np.var(b))
    return 1.0 - float(np.mean((a - b) ** 2)) / variance if variance else float("nan")


def rate_error(
    found: Trains, true: Trains, duration_ms: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rate of each trial, surrogate less teacher.

    Parameters
    ----------
    found, true : sequences of arrays
        Spike times of each trial.
    duration_ms : float
        Of each trial.

    Returns
    -------
    difference, rate : array, shape (trials,)
        In Hz; `rate` is the teacher's. A bar of x % means
        ``abs(difference) <= max(x / 100 * rate, 0.1)``.
    """
    count = np.array([[len(a), len(b)] for a, b in zip(found, true, strict=True)])
    rates = count.reshape(-1, 2) * 1e3 / duration_ms
    return rates[:, 0] - rates[:, 1], rates[:, 1]


def rate_error_pooled(found: Trains, true: Trains) -> float:
    """Relative error of the number of spikes in all trials together.

    Parameters
    ----------
    found, true : sequences of arrays
        Spike times of each trial.

    Returns
    -------
    float
        (found - true) / true; NaN if the teacher has no spike.
    """
    n_found, n_true = sum(len(x) for x in found), sum(len(x) for x in true)
    return (n_found - n_true) / n_true if n_true else float("nan")


def isi_ks(found: Trains, true: Trains) -> float:
    """Kolmogorov-Smirnov distance of the interspike intervals of all trials.

    Parameters
    ----------
    found, true : sequences of arrays
        Spike times of each trial; intervals are within trials.

    Returns
    -------
    float
        Largest difference of the two distribution functions; NaN without intervals.
    """
    a, b = _intervals(found), _intervals(true)
    if len(a) == 0 or len(b) == 0:
        return float("nan")
    at = np.concatenate([a, b])
    below = [np.searchsorted(np.sort(x), at, side="right") / len(x) for x in (a, b)]
    return float(np.max(np.abs(below[0] - below[1])))


def burst_fraction(spikes: Trains, *, interval_ms: float = 20.0) -> float:
    """Share of spikes with a neighbour in their trial closer than interval_ms.

    Parameters
    ----------
    spikes : sequence of arrays
        Spike times of each trial.
    interval_ms : float

    Returns
    -------
    float
        NaN without spikes.
    """
    near, total = 0, 0
    for times in spikes:
        close = np.diff(times) < interval_ms
        near += int(np.sum(np.append(close, False) | np.append(False, close)))
        total += len(times)
    return min(near, total) / total if total else float("nan")


def _clipped(
    found: ArrayLike, true: ArrayLike, clip_mV: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a = np.minimum(np.asarray(found, np.float64), clip_mV)
    b = np.minimum(np.asarray(true, np.float64), clip_mV)
    return a, b


def _intervals(trains: Trains) -> NDArray[np.float64]:
    return np.concatenate([np.empty(0), *(np.diff(x) for x in trains)])
