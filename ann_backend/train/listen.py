"""What the trials of an epoch hear of spikes: the teacher's, or the network's own.

Beside `fit` in the training line. Taught by the teacher's spikes alone, a network
trusts their times, and is lost after its own first spike that came a little early or
late. So it hears the teacher's spikes, each at the time of its own where it has one
near: those of a free run before each epoch. Of spikes that the teacher has not it
hears in a share of the trials, which hear all of its own: never told of them, it may
go on firing after the first; always told, it learns to fire too little. After Bengio
et al., NeurIPS 2015 (scheduled sampling), of whole trials.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ann_backend.metrics import matched
from ann_backend.train.export import Spiking, runner
from ann_backend.train.free_run import free_run
from ann_backend.train.model import Network
from ann_backend.train.teacher import Trial

__all__ = ["NEAR_MS", "OWN", "listen"]

NEAR_MS = 5.0
OWN = 0.25  # of the trials hear all of the network's own


def listen(
    network: Network,
    trials: Sequence[Trial],
    spiking: Spiking | None,
    rng: np.random.Generator,
    threads: int,
) -> list[list[float]]:
    """Spike times in ms that each trial hears in an epoch.

    Parameters
    ----------
    network : Network
    trials : sequence of Trial
    spiking : Spiking, optional
        Of the network; without it all hear the teacher's.
    rng : Generator
        Draws the trials that hear all of the network's own.
    threads : int
    """
    heard = [t.spikes.tolist() for t in trials]
    if spiking is None or not network.shape.tree:
        return heard
    free = rng.random(len(trials)) < OWN
    make = runner(network, trials[0].cell, spiking)
    for bins in sorted({len(t.v) for t in trials}):
        alike = [k for k, t in enumerate(trials) if len(t.v) == bins]
        events = [trials[k].events for k in alike]
        ran = free_run(make, events, bins, threads=threads, quiet=True)
        for k, own in zip(alike, ran.spikes, strict=True):
            heard[k] = own.tolist() if free[k] else _moved(heard[k], own)
    return heard


def _moved(spikes: list[float], own: NDArray[np.float64]) -> list[float]:
    """The teacher's spikes, each at the time of the network's own that is near."""
    found = list(spikes)
    for i, j in matched(own, spikes, NEAR_MS):
        found[j] = float(own[i])
    return found
