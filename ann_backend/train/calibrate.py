"""When a hazard is a spike: threshold and refractory time, on validation trials.

Between `fit` and `export` in the training line. The network runs freely in the compiled
engine, once for each threshold: what it hears of its own spikes depends on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ann_backend.metrics import f1_pooled, rate_error_pooled
from ann_backend.train.export import runner
from ann_backend.train.free_run import free_run
from ann_backend.train.model import Network
from ann_backend.train.teacher import Trial

__all__ = ["COARSE", "FINE", "Calibration", "calibrate"]

FINE = tuple(np.arange(0.12, 0.92, 0.04).round(2).tolist())
COARSE = FINE[::4]
F1_SLACK = 0.002


class Calibration(NamedTuple):
    """Readout of the hazard, and the F1@2 ms that it gives."""

    threshold: float
    refractory_ms: float
    f1_2ms: float


def calibrate(
    network: Network,
    trials: Sequence[Trial],
    thresholds: Sequence[float] = FINE,
    *,
    threads: int = 1,
) -> Calibration:
    """Hazard threshold and refractory time for this surrogate.

    F1 is flat over a wide range of thresholds, in which the number of spikes is not:
    of the thresholds within `F1_SLACK` of the best F1@2 ms, the one is taken whose
    number of spikes is nearest the teacher's. The refractory time is 0.8 of the
    teacher's shortest interval, 1 ms at least.

    Parameters
    ----------
    network : Network
    trials : sequence of Trial
        Of one length.
    thresholds : sequence of float
        To choose from.
    threads : int
    """
    spikes = [t.spikes for t in trials]
    shortest = min((float(np.diff(s).min()) for s in spikes if len(s) > 1), default=2.0)
    refractory = max(1.0, round(0.8 * shortest, 2))
    events, bins = [t.events for t in trials], len(trials[0].v)
    trains = []
    for threshold in thresholds:
        make = runner(network, trials[0].cell, threshold, refractory)
        found = free_run(make, events, bins, threads=threads, quiet=True)
        trains.append(found.spikes)
    scores = [f1_pooled(found, spikes, 2.0) for found in trains]
    close = np.flatnonzero(np.array(scores) >= max(scores) - F1_SLACK)
    errors = [abs(rate_error_pooled(trains[k], spikes)) for k in close]
    best = close[int(np.nanargmin(errors))] if np.isfinite(errors).any() else close[0]
    return Calibration(thresholds[best], refractory, scores[best])
