"""The input of a benchmark: Poisson events on every channel, at exact times.

First in the benchmark's line: every engine draws the same events, of a row from the
row's number and the block of time alone. So rows can be shared out among processes, and
an engine that is measured on fewer rows, or for longer, sees the same input.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ann_backend.train.cell import CellDescription

__all__ = ["BLOCK_MS", "EVENTS_PER_MS", "Batch", "Drive"]

BLOCK_MS = 10  # of simulated time that is drawn at once; runs are multiples of it
# of a cell; where it is not here: its channels' typical rates
EVENTS_PER_MS = {"L5PC": 14.0}


class Batch(NamedTuple):
    """Events of some rows and bins, sorted by time; arrays of shape (E,).

    Attributes
    ----------
    row : int32
        From 0.
    channel : int32
    weight : float64, uS
    t : float64, ms
    edges : int64, shape (T + 1,)
        Where each bin of 1 ms begins, and where the last one ends.
    """

    row: NDArray[np.int32]
    channel: NDArray[np.int32]
    weight: NDArray[np.float64]
    t: NDArray[np.float64]
    edges: NDArray[np.int64]

    def bins(self) -> list[tuple[NDArray[Any], ...]]:
        """Row, channel, weight and time of the events of each bin."""
        cuts = zip(self.edges[:-1].tolist(), self.edges[1:].tolist(), strict=True)
        return [tuple(x[first:last] for x in self[:4]) for first, last in cuts]


@dataclasses.dataclass(frozen=True)
class Drive:
    """Independent Poisson events on the channels of every row.

    Attributes
    ----------
    rate_Hz, weight_uS : array, shape (C,)
        Of each channel; a clamp's rate is 0.
    synapses : array of int, shape (C,)
        That a detailed cell has on each channel; they share its events.
    seed : int
    """

    rate_Hz: NDArray[np.float64]
    weight_uS: NDArray[np.float64]
    synapses: NDArray[np.int64]
    seed: int

    @classmethod
    def of(
        cls,
        cell: CellDescription,
        seed: int,
        *,
        events_per_ms: float | None = None,
        synapses: int | None = None,
    ) -> Drive:
        """The unit weights of a cell's channels; typical rates, at `EVENTS_PER_MS`.

        At these the cells fire: HH at about 34 Hz, L5PC at about 6 Hz.

        Parameters
        ----------
        cell : CellDescription
            Resolved.
        seed : int
        events_per_ms : float, optional
            Instead of that.
        synapses : int, optional
            Of a detailed cell, spread evenly over the channels; those without one have
            no events. By default one on each channel.
        """
        places = [k for k, c in enumerate(cell.channels) if c.role != "current"]
        count = len(places) if synapses is None else synapses
        taken = np.array(places)[np.arange(count) * len(places) // count]
        each = np.bincount(taken, minlength=len(cell.channels))
        rate = np.where(each > 0, [c.rate_Hz for c in cell.channels], 0.0)
        if events_per_ms is None:
            typical = sum(cell.channels[k].rate_Hz for k in places) * 1e-3
            events_per_ms = EVENTS_PER_MS.get(cell.name, typical)
        weight = np.array([c.unit_uS for c in cell.channels])
        return cls(rate * (events_per_ms * 1e3 / rate.sum()), weight, each, seed)

    @property
    def events_per_ms(self) -> float:
        """Of a row, on all channels."""
        return float(self.rate_Hz.sum() * 1e-3)

    def draw(self, rows: range, start: int, bins: int) -> Batch:
        """Draw the events of some rows with ``start <= t < start + bins`` ms.

        Parameters
        ----------
        rows : range
        start, bins : int
            Multiples of `BLOCK_MS`.
        """
        blocks = range(start // BLOCK_MS, (start + bins) // BLOCK_MS)
        parts = [self._block(row, block) for block in blocks for row in rows]
        count = [len(t) for t, _ in parts]
        row = np.tile(np.arange(len(rows), dtype=np.int32), len(blocks))
        row = np.repeat(row, count)
        t = np.concatenate([np.empty(0), *(t for t, _ in parts)])
        channel = np.concatenate([np.empty(0, np.int32), *(c for _, c in parts)])
        order = np.argsort(t, kind="stable")
        row, t, channel = row[order], t[order], channel[order]
        edges = np.searchsorted(t, np.arange(start, start + bins + 1))
        return Batch(row, channel, self.weight_uS[channel], t, edges)

    def _block(
        self, row: int, block: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        rng = np.random.default_rng([self.seed, row, block])
        count = rng.poisson(self.events_per_ms * BLOCK_MS)
        t = (block + rng.random(count)) * BLOCK_MS
        ends = np.cumsum(self.rate_Hz)
        channel = np.searchsorted(ends, rng.random(count) * ends[-1], side="right")
        return t, np.minimum(channel, len(ends) - 1).astype(np.int32)
