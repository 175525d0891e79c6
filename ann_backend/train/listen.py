"""Whose spikes the trials of an epoch hear: the teacher's, or the network's own.

Beside `fit` in the training line. Taught by the teacher's spikes alone, a network
trusts them, and is lost after its first mistake; told only of its own, it learns to
ignore them. So the share of its own grows from none to half over the training:
scheduled sampling after Bengio et al., NeurIPS 2015, of whole trials.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ann_backend.train.export import Spiking, runner
from ann_backend.train.free_run import free_run
from ann_backend.train.model import Network
from ann_backend.train.teacher import Trial

__all__ = ["listen"]

OWN = 0.5  # of the trials, at the end of training


def listen(
    network: Network,
    trials: Sequence[Trial],
    spiking: Spiking | None,
    progress: float,
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
    progress : float
        Of the training, from 0 to 1.
    rng : Generator
        Draws whose spikes each of them hears.
    threads : int
    """
    heard = [t.spikes.tolist() for t in trials]
    if spiking is None or not network.shape.tree:
        return heard
    own = np.flatnonzero(rng.random(len(trials)) < OWN * progress).tolist()
    make = runner(network, trials[0].cell, spiking)
    for bins in sorted({len(trials[k].v) for k in own}):
        mine = [k for k in own if len(trials[k].v) == bins]
        events = [trials[k].events for k in mine]
        ran = free_run(make, events, bins, threads=threads, quiet=True)
        for k, spikes in zip(mine, ran.spikes, strict=True):
            heard[k] = spikes.tolist()
    return heard
