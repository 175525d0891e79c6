"""Which channels of a cell share traces: one group for branch, kind and place.

Beside `model` in the training line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ann_backend.train.cell import ChannelDescription

__all__ = ["Groups"]


class Groups(NamedTuple):
    """Which channels share traces.

    Attributes
    ----------
    of : array of int64, shape (C, places)
        A channel's groups; those of branch b are b * R to (b + 1) * R.
    start : array of float32, shape (C, places)
        Embedding to begin with, 1/uS.
    tau : array of float32, shape (G, K), ms
    sign : array of float32, shape (G,)
        -1 where the group is of inhibitory channels.
    branches : int
    """

    of: NDArray[np.int64]
    start: NDArray[np.float32]
    tau: NDArray[np.float32]
    sign: NDArray[np.float32]
    branches: int

    @classmethod
    def plan(cls, channels: Sequence[ChannelDescription], places: int) -> Groups:
        """One group for each branch, kind of channel and place on the branch.

        Parameters
        ----------
        channels : sequence of ChannelDescription
        places : int
        """
        kinds: dict[int, list[tuple[Any, ...]]] = {}
        slot = []
        for c in channels:
            seen = kinds.setdefault(c.branch, [])
            kind = (c.role, c.tau_ms)
            if kind not in seen:
                seen.append(kind)
            slot.append(seen.index(kind))
        branches = max(kinds) + 1  # also of a soma without channels
        per_branch = places * max(len(seen) for seen in kinds.values())
        total = branches * per_branch
        tau = np.ones((total, len(channels[0].tau_ms)), np.float32)
        sign = np.ones(total, np.float32)
        of = np.empty((len(channels), places), np.int64)
        start = np.empty((len(channels), places), np.float32)
        for k, c in enumerate(channels):
            of[k] = c.branch * per_branch + slot[k] * places + np.arange(places)
            tau[of[k]] = c.tau_ms
            sign[of[k]] = -1.0 if c.role == "inhibitory" else 1.0
            start[k] = _share(c, channels, places) / c.unit_uS
        return cls(of, start, tau, sign, branches)


def _share(
    c: ChannelDescription, channels: Sequence[ChannelDescription], places: int
) -> NDArray[np.float64]:
    """Shares of the places: the first is the near end of the branch."""
    if places == 1:
        return np.ones(1)
    along = [o.distance_um for o in channels if o.branch == c.branch]
    x = (c.distance_um - min(along)) / max(max(along) - min(along), 1.0)
    at = np.linspace(0.0, 1.0, places)
    return np.maximum(1.0 - np.abs(x - at) * (places - 1), 0.05)
