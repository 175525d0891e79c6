"""Trials as the arrays of a shard, and back.

Beside `dataset` in the training line. A shard keeps every crossing of the threshold,
also those within 1 ms of the one before: there a volley of hundreds of nS made the
teacher's second-order step ring, which half the step and stock NEURON do not do. They
are no spikes of the trial, and its waveforms are not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend.train.cell import CellDescription
from ann_backend.train.trial import Trial

__all__ = ["RINGING_MS", "pack", "unpack"]

RINGING_MS = 1.0


def pack(trials: list[Trial]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Trials as arrays; ragged ones flat, with counts."""
    for name in ("drives", "v", "sites", "ap_sum", "ap_count", "events_sha256"):
        yield name, np.stack([np.asarray(getattr(t, name)) for t in trials])
    yield "spike_count", np.array([len(t.spikes) for t in trials])
    yield "spikes", np.concatenate([t.spikes for t in trials])


def unpack(
    cell: CellDescription, seeds: list[int], a: dict[str, NDArray[Any]]
) -> list[Trial]:
    """Trials of a cell again, from their seeds and arrays."""
    crossings = np.split(a["spikes"], np.cumsum(a["spike_count"])[:-1])
    spikes = [t[np.diff(t, prepend=-np.inf) > RINGING_MS] for t in crossings]
    sound = [len(s) == len(t) for s, t in zip(spikes, crossings, strict=True)]
    return [
        Trial(
            cell=cell,
            seed=seed,
            drives=a["drives"][k],
            events_sha256=str(a["events_sha256"][k]),
            v=a["v"][k],
            sites=a["sites"][k],
            spikes=spikes[k],
            ap_sum=a["ap_sum"][k] * sound[k],
            ap_count=int(a["ap_count"][k]) * sound[k],
        )
        for k, seed in enumerate(seeds)
    ]
