"""When a hazard is a spike: threshold, memory, refractory time, on validation trials.

Between `fit` and `export` in the training line. The network runs freely in the compiled
engine, once for each choice: what it hears of its own spikes depends on it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ann_backend.metrics import f1_pooled
from ann_backend.train.export import Spiking, runner
from ann_backend.train.free_run import free_run
from ann_backend.train.model import Network
from ann_backend.train.tally import USUAL_HZ
from ann_backend.train.teacher import Trial

__all__ = ["COARSE", "FINE", "calibrate"]

WINDOWS_MS = (1.0, 2.0, 5.0)  # of the F1 that the score is the mean of
# Thresholds, and memories in ms. A short memory is deaf to a small hazard that lasts: a
# network that has missed a spike under a constant current then stays silent.
FINE = (
    (0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8),
    (1.0, 3.0, 10.0, 20.0, 40.0, 80.0, 160.0),
)
COARSE = (0.3, 0.4, 0.55), (3.0, 20.0, 80.0)
RATE = 0.05  # of the teacher's: how far off the number of spikes may be


def calibrate(
    network: Network,
    trials: Sequence[Trial],
    grid: tuple[Sequence[float], Sequence[float]] = FINE,
    *,
    threads: int = 1,
) -> tuple[Spiking, float]:
    """Readout of this surrogate's hazard, and the best score that any gave.

    The score is the mean of F1@1, 2 and 5 ms, which is best with too few spikes: those
    in doubt are left out, all of them under a constant current. So the best is taken
    of the choices whose number of spikes is within `RATE` of the teacher's; where none
    is, the nearest number. The refractory time is 0.8 of the teacher's shortest
    interval, 1 ms at least.

    Parameters
    ----------
    network : Network
    trials : sequence of Trial
        Of one length. Those beyond usual output rates do not count, if there are
        others: one in a plateau has more spikes than twenty of these.
    grid : (sequence of float, sequence of float)
        Thresholds, and memories in ms, to choose from.
    threads : int
    """
    every, bins = [t.spikes for t in trials], len(trials[0].v)
    shortest = min((float(np.diff(s).min()) for s in every if len(s) > 1), default=2.0)
    refractory = max(1.0, round(0.8 * shortest, 2))
    most = USUAL_HZ[1] * 1e-3 * bins
    usual = [t for t in trials if len(t.spikes) <= most] or trials
    events, spikes = [t.events for t in usual], [t.spikes for t in usual]
    choices = [Spiking(*pair, refractory) for pair in itertools.product(*grid)]
    trains = []
    for choice in choices:
        make = runner(network, trials[0].cell, choice)
        found = free_run(make, events, bins, threads=threads, quiet=True)
        trains.append(found.spikes)
    f1 = [[f1_pooled(found, spikes, w) for w in WINDOWS_MS] for found in trains]
    scores = np.mean(f1, axis=1)
    counts = np.array([sum(map(len, some)) for some in (spikes, *trains)])
    off = np.abs(np.log((counts[1:] + 0.5) / (counts[0] + 0.5)))  # none is far off
    near = off <= max(RATE, off.min())
    best = int(np.where(near, scores, -1.0).argmax())
    return choices[best], float(scores.max())
