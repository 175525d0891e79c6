"""Sums over trials from which every pooled metric follows, for any choice of trials.

Between the responses and `validate`: bins of trials and bootstrap draws differ only
in how often each trial counts, so spikes are matched and voltages compared once.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ann_backend import metrics

if TYPE_CHECKING:
    from ann_backend.train.dataset import Dataset

__all__ = [
    "KEYS",
    "USUAL_HZ",
    "WINDOWS_MS",
    "Response",
    "Tally",
    "intervals",
    "scores",
    "tally",
    "usual",
]

WINDOWS_MS = (0.5, 1.0, 2.0, 5.0)
KEYS = (
    "auc",
    *(f"f1_{window:g}ms" for window in WINDOWS_MS),
    "vm_rmse_mV",
    "variance_explained",
    "rate_error",
)
USUAL_HZ = 0.1, 20.0  # output rates over which fidelity is judged
PAPER = WINDOWS_MS.index(5.0)  # a window of 10 ms in all, Olah et al. 2022

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Response:
    """What a cell or its surrogate did in some trials.

    Attributes
    ----------
    hazard : array, shape (trials, T), or None
        Spike probability in each bin; None for the biophysical cell.
    v : array, shape (trials, T)
        Soma voltage at the bins' ends, mV.
    spikes : list of arrays
        Times in ms, from the first bin's start.
    """

    hazard: NDArray[np.float32] | None
    v: NDArray[np.float32]
    spikes: list[Floats]

    @classmethod
    def of_teacher(cls, data: Dataset) -> Response:
        """What the biophysical cell did."""
        return cls(
            None, np.stack([t.v for t in data.trials]), [t.spikes for t in data.trials]
        )

    def cut(self, start_ms: int, stop_ms: int) -> Response:
        """Return a stretch of every trial, its times counted from the start."""
        hazard = None if self.hazard is None else self.hazard[:, start_ms:stop_ms]
        inside = [s[(s >= start_ms) & (s < stop_ms)] - start_ms for s in self.spikes]
        return Response(hazard, self.v[:, start_ms:stop_ms], inside)

    def first(self, trials: int) -> Response:
        """Return the first trials."""
        hazard = None if self.hazard is None else self.hazard[:trials]
        return Response(hazard, self.v[:trials], self.spikes[:trials])


@dataclasses.dataclass(frozen=True)
class Tally:
    """Sums of one response against another; K trials, D windows of `WINDOWS_MS`.

    Attributes
    ----------
    pairs : array, shape (D, K)
        Matched spikes.
    found, true : array, shape (K,)
        Spikes of the surrogate, of the teacher.
    square, total, total_square : array, shape (K,)
        Of the clipped voltages: the squared difference; the teacher's own sum, and
        its square, both less the clip.
    bins, spiking : array, shape (K,)
        Bins of 1 ms, and those in which the teacher spikes.
    wins : array, shape (K, K)
        Spiking bins of trial i scored above silent bins of trial j; ties are halves.
    """

    pairs: Floats
    found: Floats
    true: Floats
    square: Floats
    total: Floats
    total_square: Floats
    bins: Floats
    spiking: Floats
    wins: Floats


def tally(found: Response, true: Response, *, clip_mV: float) -> Tally:
    """Match the spikes and compare the voltages of each trial.

    Parameters
    ----------
    found, true : Response
        The surrogate's, the teacher's, on the same events. A response without a
        hazard, such as the teacher's at half its step, has its bins scored by
        their nearness to its own spikes.
    clip_mV : float
        Both voltages are clipped here from above.
    """
    trials, bins = true.v.shape
    both = list(zip(found.spikes, true.spikes, strict=True))
    spike = np.zeros((trials, bins), bool)
    for k, times in enumerate(true.spikes):
        spike[k, np.minimum(times.astype(int), bins - 1)] = True
    voltage = [_voltage(a, b, clip_mV) for a, b in zip(found.v, true.v, strict=True)]
    square, total, total_square = np.array(voltage).T
    return Tally(
        pairs=np.array(
            [[metrics.matches(a, b, w) for a, b in both] for w in WINDOWS_MS], float
        ),
        found=np.array([len(a) for a, _ in both], float),
        true=np.array([len(b) for _, b in both], float),
        square=square,
        total=total,
        total_square=total_square,
        bins=np.full(trials, float(bins)),
        spiking=spike.sum(1).astype(float),
        wins=_wins(found, spike),
    )


def scores(sums: Tally, times: ArrayLike | None = None) -> dict[str, float]:
    """Every pooled metric; see `metrics` for the definitions.

    Parameters
    ----------
    sums : Tally
    times : array, shape (K,), optional
        How often each trial counts; once by default.

    Returns
    -------
    dict
        `KEYS`, and precision and recall in the window of the paper. NaN where a
        metric is not defined. ``rate_error`` is (found - true) / true spikes.
    """
    m = np.ones(len(sums.true)) if times is None else np.asarray(times, float)
    pairs, found, true = sums.pairs @ m, float(sums.found @ m), float(sums.true @ m)
    spiking, bins = float(sums.spiking @ m), float(sums.bins @ m)
    error = _ratio(float(sums.square @ m), bins)
    mean = _ratio(float(sums.total @ m), bins)
    variance = _ratio(float(sums.total_square @ m), bins) - mean**2
    f1 = [2.0 * p / (found + true) if found + true else 1.0 for p in pairs]
    auc = _ratio(float(m @ sums.wins @ m), spiking * (bins - spiking))
    values = (auc, *f1, np.sqrt(error), 1.0 - _ratio(error, variance))
    return {
        **dict(zip(KEYS, (*values, _ratio(found - true, true)), strict=True)),
        "precision_10ms": _ratio(float(pairs[PAPER]), found),
        "recall_10ms": _ratio(float(pairs[PAPER]), true),
    }


def intervals(
    sums: Tally,
    times: ArrayLike | None = None,
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Confidence intervals: percentile bootstrap over whole trials (Efron 1979).

    Parameters
    ----------
    sums : Tally
    times : array, shape (K,), optional
        Trials to draw from: those that count at all.
    level : float
    draws, seed : int

    Returns
    -------
    dict of str to (low, high)
        Of every key of `scores`.
    """
    trials = len(sums.true)
    chosen = np.arange(trials) if times is None else np.flatnonzero(times)
    rng = np.random.default_rng(seed)
    drawn = [
        scores(sums, np.bincount(rng.choice(chosen, len(chosen)), minlength=trials))
        for _ in range(draws)
    ]
    tail = 50.0 * (1.0 - level)
    bounds = {}
    for key in drawn[0]:
        values = np.array([each[key] for each in drawn])
        values = values[np.isfinite(values)]
        low, high = (
            np.percentile(values, [tail, 100 - tail])
            if len(values)
            else (
                float("nan"),
                float("nan"),
            )
        )
        bounds[key] = (float(low), float(high))
    return bounds


def usual(sums: Tally) -> NDArray[np.bool_]:
    """Which trials have a usual output rate, shape (trials,)."""
    rate = sums.true * 1e3 / sums.bins
    return (rate >= USUAL_HZ[0]) & (rate <= USUAL_HZ[1])


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _voltage(
    found: NDArray[np.float32], true: NDArray[np.float32], clip_mV: float
) -> tuple[float, float, float]:
    a = np.minimum(found.astype(np.float64) - clip_mV, 0.0)
    b = np.minimum(true.astype(np.float64) - clip_mV, 0.0)
    return float(((a - b) ** 2).sum()), float(b.sum()), float((b**2).sum())


def _wins(found: Response, spike: NDArray[np.bool_]) -> Floats:
    """Pairs in the right order, for each trial's spiking and each one's silent bins."""
    trials, bins = spike.shape
    score = found.hazard
    if score is None:
        score = np.stack([_nearness(times, bins) for times in found.spikes])
    owner, positive = np.nonzero(spike)[0], score[spike]
    wins = np.empty((trials, trials))
    for j in range(trials):
        silent = np.sort(score[j][~spike[j]])
        below = np.searchsorted(silent, positive, "left")
        not_above = np.searchsorted(silent, positive, "right")
        wins[:, j] = np.bincount(owner, (below + not_above) / 2.0, trials)
    return wins


def _nearness(times: Floats, bins: int) -> NDArray[np.float32]:
    """Less the distance (ms) of each bin's centre from the nearest spike."""
    centre = np.arange(bins) + 0.5
    if not len(times):
        return np.full(bins, -np.inf, np.float32)
    after = np.searchsorted(times, centre).clip(1, max(1, len(times) - 1))
    near = np.minimum(
        np.abs(centre - times[after - 1]),
        np.abs(centre - times[np.minimum(after, len(times) - 1)]),
    )
    return np.asarray(-near, np.float32)
