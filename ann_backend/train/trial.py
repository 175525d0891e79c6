"""What the cell did in a trial, taken stretch by stretch from the recorded voltages.

Beside the teacher in the training line.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend.errors import AnnBackendError
from ann_backend.train.cell import CellDescription
from ann_backend.train.events import Events
from ann_backend.train.plan import Plan
from ann_backend.train.sampling import draw_plan
from ann_backend.train.stream import draw_events

__all__ = ["AP_START_MS", "AP_STOP_MS", "Record", "Trial"]

AP_START_MS, AP_STOP_MS = -4.0, 10.0  # the stretch averaged around each spike


@dataclasses.dataclass(frozen=True)
class Trial:
    """One trial: what went in, and what the biophysical cell did.

    Attributes
    ----------
    cell : CellDescription
        Resolved.
    seed : int
    drives : array of float64, shape (STRETCHES,)
        With the seed, what the events are drawn from.
    events_sha256 : str
    v : array of float32, shape (T,)
        Soma voltage at the end of each 1 ms bin, mV.
    sites : array of float16, shape (S, T)
        Likewise at the cell's `sites`.
    spikes : array of float64, shape (N,)
        Times of the upward crossings of the threshold, ms; linear between steps.
        Without ringing (`shard`).
    ap_sum : array of float64, shape (A,)
        Sum of the soma voltage around the spikes, at the teacher's step.
    ap_count : int
        Spikes in that sum.
    """

    cell: CellDescription = dataclasses.field(repr=False)
    seed: int
    drives: NDArray[np.float64]
    events_sha256: str
    v: NDArray[np.float32]
    sites: NDArray[np.float16]
    spikes: NDArray[np.float64]
    ap_sum: NDArray[np.float64]
    ap_count: int

    @functools.cached_property
    def events(self) -> Events:
        """The input, drawn when first asked for, and kept."""
        return self.redraw()

    @functools.cached_property
    def plan(self) -> Plan:
        """What the trial's input was drawn from, with the drives."""
        return draw_plan(self.cell, self.seed, duration_ms=len(self.v))

    def redraw(self) -> Events:
        """Draw the input anew, without keeping it.

        Raises
        ------
        AnnBackendError
            It is not the input that the teacher had.
        """
        events = draw_events(self.cell, self.plan, self.drives)
        if events.digest() != self.events_sha256:
            raise AnnBackendError(
                f"seed {self.seed} of {self.cell.name}: expected events of hash "
                f"{self.events_sha256[:12]}, drew others (numpy {np.__version__}); "
                "use the numpy that the trials were made with, or generate them anew"
            )
        return events


class Record:
    """What a row did: bin-end voltages, spikes, the waveform around them."""

    def __init__(self, cell: CellDescription, steps_per_ms: int) -> None:
        self.steps, self.threshold = steps_per_ms, cell.threshold_mV
        self.before = round(-AP_START_MS * steps_per_ms)
        self.after = round(AP_STOP_MS * steps_per_ms)
        self.v: list[NDArray[np.float32]] = []
        self.sites: list[NDArray[np.float16]] = []
        self.spikes: list[NDArray[np.float64]] = []
        self.ap_sum = np.zeros(self.before + self.after + 1)
        self.ap_count = 0
        self.last: NDArray[np.float64] = np.empty(0)
        self.bins = 0

    def take(self, traces: list[Any], stop_ms: int) -> int:
        """Take a stretch; return its number of spikes."""
        stretch = np.stack([trace.as_numpy() for trace in traces])
        for trace in traces:
            trace.resize(0)
        expected = (stop_ms - self.bins) * self.steps + int(self.bins == 0)
        if stretch.shape[1] != expected or not np.isfinite(stretch).all():
            raise AnnBackendError(
                f"expected {expected} finite samples of the voltage up to {stop_ms} "
                f"ms, got {np.isfinite(stretch[0]).sum()} of {stretch.shape[1]}; try a "
                "smaller dt_ms"
            )
        ends = stretch[:, self.steps - int(self.bins > 0) :: self.steps]
        self.v.append(ends[0].astype(np.float32))
        self.sites.append(ends[1:].astype(np.float16))
        v = np.append(self.last, stretch[0])  # the sample before the stretch is first
        up = np.flatnonzero((v[:-1] < self.threshold) & (v[1:] >= self.threshold))
        at = up + (self.threshold - v[up]) / (v[up + 1] - v[up])
        self.spikes.append(self.bins + at / self.steps)
        for k in up + 1:
            if self.before <= k < len(v) - self.after:
                self.ap_sum += v[k - self.before : k + self.after + 1]
                self.ap_count += 1
        self.last, self.bins = stretch[0, -1:], stop_ms
        return len(up)
