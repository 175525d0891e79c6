"""Trials as the arrays of a shard, and back.

Beside `dataset` in the training line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend.train.cell import CellDescription
from ann_backend.train.trial import Trial

__all__ = ["pack", "unpack"]


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
    spike = np.concatenate([[0], np.cumsum(a["spike_count"])])
    return [
        Trial(
            cell=cell,
            seed=seed,
            drives=a["drives"][k],
            events_sha256=str(a["events_sha256"][k]),
            v=a["v"][k],
            sites=a["sites"][k],
            spikes=a["spikes"][spike[k] : spike[k + 1]],
            ap_sum=a["ap_sum"][k],
            ap_count=int(a["ap_count"][k]),
        )
        for k, seed in enumerate(seeds)
    ]
