"""A bundle in the compiled engine, a call from Python for each bin.

Beside `detailed` in the benchmark's line. Checking, grouping and sorting the events,
peak picking and the voltages are in the time, as is the call.
"""

from __future__ import annotations

import time

from ann_backend._engine import Engine
from ann_backend.bench.drive import Drive
from ann_backend.bundle import Bundle

__all__ = ["Surrogate"]


class Surrogate:
    """Rows of a bundle.

    Parameters
    ----------
    bundle : Bundle
    drive : Drive
    rows : range
    backend : {"cpu", "cuda"}
    threads : int
    """

    def __init__(
        self, bundle: Bundle, drive: Drive, rows: range, *, backend: str, threads: int
    ) -> None:
        readout = bundle.manifest.readout.model_dump()
        self.engine = Engine(bundle.tensors, readout, backend, len(rows), threads)
        self.drive, self.rows, self.t, self.spikes = drive, rows, 0, 0

    def run(self, bins: int) -> float:
        """Advance; return the seconds it took."""
        batch = self.drive.draw(self.rows, self.t, bins).bins()
        step, spikes = self.engine.step, 0
        start = time.perf_counter()
        for n, events in enumerate(batch, self.t):
            spikes += len(step(float(n), *events)[1])
        seconds = time.perf_counter() - start
        self.t, self.spikes = self.t + bins, self.spikes + spikes
        return seconds
