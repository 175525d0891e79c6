"""What the trials of an epoch hear of spikes: the teacher's, when the network has them.

Beside `fit` in the training line. Taught by the teacher's spikes alone, a network
trusts their times, and is lost after its own first spike that came a little early or
late; told all of its own, it hears of spikes that the teacher has not, and learns to
ignore them and to fire less. So it hears the teacher's spikes, each at the time of
its own where it has one near: those of a free run before each epoch. An idea of
Bengio et al., NeurIPS 2015 (scheduled sampling), but for what is told in common.
"""

from __future__ import annotations

from collections.abc import Sequence

from ann_backend.metrics import matched
from ann_backend.train.export import Spiking, runner
from ann_backend.train.free_run import free_run
from ann_backend.train.model import Network
from ann_backend.train.teacher import Trial

__all__ = ["NEAR_MS", "listen"]

NEAR_MS = 5.0


def listen(
    network: Network,
    trials: Sequence[Trial],
    spiking: Spiking | None,
    threads: int,
) -> list[list[float]]:
    """Spike times in ms that each trial hears in an epoch.

    Parameters
    ----------
    network : Network
    trials : sequence of Trial
    spiking : Spiking, optional
        Of the network; without it all hear the teacher's.
    threads : int
    """
    heard = [t.spikes.tolist() for t in trials]
    if spiking is None or not network.shape.tree:
        return heard
    make = runner(network, trials[0].cell, spiking)
    for bins in sorted({len(t.v) for t in trials}):
        alike = [k for k, t in enumerate(trials) if len(t.v) == bins]
        events = [trials[k].events for k in alike]
        ran = free_run(make, events, bins, threads=threads, quiet=True)
        for k, own in zip(alike, ran.spikes, strict=True):
            for i, j in matched(own, trials[k].spikes, NEAR_MS):
                heard[k][j] = float(own[i])
    return heard
