"""Events of a window of several trials, as tensors.

Beside `model` in the training line; letters as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ann_backend.train.events import Events

__all__ = ["Input"]


class Input(NamedTuple):
    """Events of T bins and B rows; tensors of shape (E,).

    Attributes
    ----------
    place : int64
        bin * B + row.
    channel : int64
    weight : float32
    age : float32
        From the event to its bin's end, ms.
    bins, rows : int
    """

    place: torch.Tensor
    channel: torch.Tensor
    weight: torch.Tensor
    age: torch.Tensor
    bins: int
    rows: int

    @classmethod
    def of(cls, events: Sequence[Events], start: int, stop: int) -> Input:
        """Events with ``start <= t < stop`` ms of some trials, one in each row."""
        cuts = [slice(*np.searchsorted(e.t, (start, stop))) for e in events]
        t = np.concatenate([e.t[c] for e, c in zip(events, cuts, strict=True)])
        n = np.floor(t)
        row = np.repeat(np.arange(len(events)), [c.stop - c.start for c in cuts])
        parts = [(e.channel[c], e.weight[c]) for e, c in zip(events, cuts, strict=True)]
        return cls(
            torch.from_numpy((n.astype(np.int64) - start) * len(events) + row),
            torch.from_numpy(np.concatenate([p[0] for p in parts]).astype(np.int64)),
            torch.from_numpy(np.concatenate([p[1] for p in parts])),
            torch.from_numpy((n + 1.0 - t).astype(np.float32)),
            stop - start,
            len(events),
        )

    def to(self, device: torch.device) -> Input:
        """The same events on a device."""
        moved = [x.to(device) for x in self[:4]]
        return Input(moved[0], moved[1], moved[2], moved[3], self.bins, self.rows)
