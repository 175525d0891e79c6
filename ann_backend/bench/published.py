"""The paper's network in a closed loop: its Vm goes back into its window.

Beside `streamed` in the benchmark's line. A column has the sum of a ms's weights; of a
cell with more channels than the published 200 sites, channels share columns.
"""

from __future__ import annotations

import time

import torch

from ann_backend.bench.drive import Batch, Drive
from ann_backend.bench.paper import L5, POINT, WINDOW, Paper, Stream

__all__ = ["Published"]

SITES = 200
POINT_CHANNELS = 3  # up to so many, a cell is a point
PER_uS = 100.0


class Published:
    """Rows of the paper's network, with random weights.

    Parameters
    ----------
    drive : Drive
    rows : range
    threads : int
        Of torch, in the whole process.
    windowed : bool
        As published; otherwise streamed.
    """

    spikes = None

    def __init__(
        self, drive: Drive, rows: range, *, threads: int, windowed: bool
    ) -> None:
        torch.set_num_threads(threads)
        torch.manual_seed(drive.seed)
        self.drive, self.rows, self.t = drive, rows, 0
        self.sites = min(len(drive.rate_Hz), SITES)
        point = len(drive.rate_Hz) <= POINT_CHANNELS
        self.net = Paper(self.sites + 1, POINT if point else L5).eval()
        self.v = torch.zeros(len(rows), 1)
        self.window = torch.zeros(len(rows), WINDOW, self.sites + 1)
        with torch.inference_mode():
            self.stream = None if windowed else Stream(self.net, len(rows))

    def run(self, bins: int) -> float:
        """Advance; return the seconds it took."""
        columns = self._columns(self.drive.draw(self.rows, self.t, bins), bins)
        self.t += bins
        with torch.inference_mode():
            start = time.perf_counter()
            for now in columns:
                self.v = self.step(torch.cat([self.v, now], 1))[:, :1]
            return time.perf_counter() - start

    def step(self, row: torch.Tensor) -> torch.Tensor:
        """Take the newest ms in, shape (B, S); return the outputs."""
        if self.stream is not None:
            return self.stream.step(row)
        self.window = torch.cat([self.window[:, 1:], row[:, None]], 1)
        found: torch.Tensor = self.net(self.window)
        return found

    def _columns(self, batch: Batch, bins: int) -> torch.Tensor:
        """Summed weights, shape (T, B, sites)."""
        n = torch.from_numpy(batch.t).long() - self.t
        row, site = (torch.from_numpy(x).long() for x in batch[:2])
        where = (n * len(self.rows) + row) * self.sites + site % self.sites
        weight = torch.from_numpy(batch.weight * PER_uS).float()
        flat = torch.zeros(bins * len(self.rows) * self.sites)
        return flat.index_add_(0, where, weight).view(bins, len(self.rows), self.sites)
