"""How good a bundle is: free running through the compiled engine, beside the floor.

Last in the training line; the only stage that crosses to the engine. The floor is
the teacher against itself at half its step, on the same events: no surrogate can
be told from the teacher beyond it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ann_backend import metrics
from ann_backend.bundle import Bundle
from ann_backend.train.dataset import Dataset
from ann_backend.train.sampling import Events

__all__ = [
    "Response",
    "fidelity",
    "floor",
    "free_run",
    "score",
    "where_the_teacher_is_sure",
]

F1_WINDOWS_MS = (0.5, 1.0, 2.0, 5.0)
BLOCK_MS = 5000  # drift is reported by blocks of this length
SURE = 0.95  # F1@1 ms of the teacher with itself at half its step, in one trial
RATE_BAR = (0.03, 0.1)  # a trial's rate is right within max(3 %, 0.1 Hz)


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
        Times in ms.
    """

    hazard: NDArray[np.float32] | None
    v: NDArray[np.float32]
    spikes: list[NDArray[np.float64]]

    @classmethod
    def of_teacher(cls, data: Dataset) -> Response:
        """What the biophysical cell did."""
        return cls(
            None, np.stack([t.v for t in data.trials]), [t.spikes for t in data.trials]
        )


def free_run(
    bundle: Bundle, events: Sequence[Events], bins: int, *, quiet: bool = False
) -> Response:
    """Run a bundle on trials, one row each, with nothing fed back.

    Parameters
    ----------
    bundle : Bundle
    events : sequence of Events
    bins : int
        Bins of 1 ms.
    quiet : bool
        No progress bar.
    """
    from ann_backend._engine import Engine

    rows = len(events)
    engine = Engine(bundle.tensors, bundle.manifest.readout.model_dump(), rows=rows)
    t = np.concatenate([e.t for e in events])
    row = np.repeat(np.arange(rows, dtype=np.int32), [len(e.t) for e in events])
    order = np.argsort(t, kind="stable")
    t, row = t[order], row[order]
    channel = np.concatenate([e.channel for e in events])[order].astype(np.int32)
    weight = np.concatenate([e.weight for e in events])[order].astype(np.float64)
    edges = np.searchsorted(t, np.arange(bins + 1))
    hazard, v = np.empty((rows, bins), np.float32), np.empty((rows, bins), np.float32)
    found: list[tuple[NDArray[np.int32], NDArray[np.float64]]] = []
    for n in tqdm(range(bins), "validate", disable=quiet, unit="bin"):
        now = slice(edges[n], edges[n + 1])
        v[:, n], who, when = engine.step(
            float(n), row[now], channel[now], weight[now], t[now]
        )
        hazard[:, n] = engine.outputs[:, 0]
        found.append((who, when))
    who = np.concatenate([w for w, _ in found])
    when = np.concatenate([s for _, s in found])
    spikes = [when[who == k] for k in range(rows)]
    p = (1.0 / (1.0 + np.exp(-hazard))).astype(np.float32)
    return Response(p, v, spikes)


def score(
    found: Response, true: Response, clip_mV: float, *, start_ms: int = 0
) -> dict[str, float]:
    """Every pooled metric of one response against another.

    Parameters
    ----------
    found, true : Response
        The surrogate's, the teacher's, on the same events.
    clip_mV : float
    start_ms : int
        Where the responses begin in the trial.
    """
    bins = true.v.shape[1]
    result: dict[str, float] = {}
    if found.hazard is not None:
        spike = np.zeros(true.v.shape, bool)
        for k, times in enumerate(true.spikes):
            spike[k, np.minimum(times.astype(int) - start_ms, bins - 1)] = True
        result["auc"] = metrics.auc(found.hazard, spike)
    for window in F1_WINDOWS_MS:
        key = f"f1_{window:g}ms"
        result[key] = metrics.f1_pooled(found.spikes, true.spikes, window)
    each = [
        metrics.f1_pooled([a], [b], 1.0)
        for a, b in zip(found.spikes, true.spikes, strict=True)
    ]
    result["f1_1ms_median_trial"] = float(np.median(each))
    precision, recall = metrics.precision_recall(found.spikes, true.spikes)
    result |= {
        "vm_rmse_mV": metrics.vm_rmse(found.v, true.v, clip_mV=clip_mV),
        "variance_explained": metrics.variance_explained(
            found.v, true.v, clip_mV=clip_mV
        ),
        "rate_error_pooled": metrics.rate_error_pooled(found.spikes, true.spikes),
        "isi_ks": metrics.isi_ks(found.spikes, true.spikes),
        "burst_fraction": metrics.burst_fraction(found.spikes),
        "burst_fraction_teacher": metrics.burst_fraction(true.spikes),
        "precision_10ms": precision,
        "recall_10ms": recall,
    }
    return result


def fidelity(
    bundle: Bundle, data: Dataset, *, draws: int = 100, quiet: bool = False
) -> dict[str, Any]:
    """Measure a bundle on unseen trials.

    Parameters
    ----------
    bundle : Bundle
    data : Dataset
        The test split.
    draws : int
        Bootstrap draws, over trials, for the 95 % confidence intervals.
    quiet : bool
        No progress bar.

    Returns
    -------
    dict
        Pooled metrics, confidence intervals, errors of the trials' rates, the first
        300 ms, and every 5 s.
    """
    true = Response.of_teacher(data)
    trials, bins = true.v.shape
    events = [t.events for t in data.trials]
    found = free_run(bundle, events, bins, quiet=quiet)
    clip = bundle.manifest.readout.clip_mV
    difference, rate = metrics.rate_error(found.spikes, true.spikes, float(bins))
    bar = np.maximum(RATE_BAR[0] * rate, RATE_BAR[1])
    return {
        "trials": trials,
        "seconds_per_trial": bins / 1e3,
        "spikes": sum(len(s) for s in true.spikes),
        "rate_Hz": [float(rate.min()), float(rate.max())],
        **_plain(score(found, true, clip)),
        "rate_trials_within_bar": float(np.mean(np.abs(difference) <= bar + 1e-9)),
        "rate_error_worst_Hz": float(difference[np.argmax(np.abs(difference) / bar)]),
        "confidence_95": _intervals(found, true, clip, draws),
        "first_300ms": _plain(_block(found, true, clip, 0, 300)),
        "blocks": [
            {"start_s": k / 1e3, **_plain(_block(found, true, clip, k, k + BLOCK_MS))}
            for k in range(0, bins - BLOCK_MS + 1, BLOCK_MS)
        ],
    }


def floor(data: Dataset, half: Dataset, clip_mV: float) -> dict[str, Any]:
    """The teacher's own error: its response at half the step against its own.

    Parameters
    ----------
    data, half : Dataset
        The same trials, at the teacher's step and at half of it.
    clip_mV : float
    """
    true, found = Response.of_teacher(data), Response.of_teacher(half)
    return _plain(score(found, true, clip_mV)) | {
        "confidence_95": _intervals(found, true, clip_mV, 100)
    }


def where_the_teacher_is_sure(
    bundle: Bundle, data: Dataset, half: Dataset, *, quiet: bool = False
) -> dict[str, Any]:
    """The scores over the trials in which half the step changes few spikes.

    At the border of depolarisation block the teacher's own spikes depend on its step;
    a surrogate's errors there say little about the surrogate.

    Parameters
    ----------
    data, half : Dataset
        The same trials, at the teacher's step and at half of it.

    Returns
    -------
    dict
        ``trials``, the surrogate's scores, and the ``floor`` on the same trials.
    """
    true, again = Response.of_teacher(data), Response.of_teacher(half)
    agreement = [
        metrics.f1_pooled([a], [b], 1.0)
        for a, b in zip(again.spikes, true.spikes, strict=True)
    ]
    sure = np.flatnonzero(np.array(agreement) >= SURE)
    if not len(sure):
        return {"trials": 0}
    events = [data.trials[k].events for k in sure]
    found = free_run(bundle, events, true.v.shape[1], quiet=quiet)
    true, again = (
        Response(None, r.v[sure], [r.spikes[k] for k in sure]) for r in (true, again)
    )
    clip = bundle.manifest.readout.clip_mV
    return {
        "trials": len(sure),
        **_plain(score(found, true, clip)),
        "floor": _plain(score(again, true, clip)),
    }


def _block(
    found: Response, true: Response, clip_mV: float, start: int, stop: int
) -> dict[str, float]:
    """The scores that can drift, over part of each trial."""
    parts = [_cut(response, start, stop) for response in (found, true)]
    whole = score(parts[0], parts[1], clip_mV, start_ms=start)
    names = ("auc", "f1_1ms", "f1_2ms", "vm_rmse_mV", "rate_error_pooled")
    return {name: whole[name] for name in names}


def _cut(response: Response, start: int, stop: int) -> Response:
    hazard = None if response.hazard is None else response.hazard[:, start:stop]
    spikes = [s[(s >= start) & (s < stop)] for s in response.spikes]
    return Response(hazard, response.v[:, start:stop], spikes)


def _intervals(
    found: Response, true: Response, clip_mV: float, draws: int
) -> dict[str, list[float]]:
    """95 % confidence intervals, over trials, of what the bars are set on."""

    def voltage(trials: NDArray[np.int64]) -> float:
        return metrics.variance_explained(
            found.v[trials], true.v[trials], clip_mV=clip_mV
        )

    def trains(
        statistic: Callable[..., float], *args: float
    ) -> Callable[[NDArray[np.int64]], float]:
        def on(trials: NDArray[np.int64]) -> float:
            drawn = [[r.spikes[k] for k in trials.tolist()] for r in (found, true)]
            return statistic(*drawn, *args)

        return on

    statistics = {
        "f1_1ms": trains(metrics.f1_pooled, 1.0),
        "f1_2ms": trains(metrics.f1_pooled, 2.0),
        "rate_error_pooled": trains(metrics.rate_error_pooled),
        "variance_explained": voltage,
    }
    count = len(true.spikes)
    return {
        name: [
            round(bound, 5)
            for bound in metrics.confidence_interval(statistic, count, draws=draws)
        ]
        for name, statistic in statistics.items()
    }


def _plain(scores: dict[str, float]) -> dict[str, float | None]:
    """Rounded; JSON has no NaN."""
    return {k: round(v, 5) if np.isfinite(v) else None for k, v in scores.items()}
