"""A bundle in the compiled engine, a call from Python for each bin.

Beside `detailed` in the benchmark's line. Checking, grouping and sorting the events,
peak picking and the voltages are in the time, as is the call. Beside it stands the
least time that the core could take, from its peaks as measured by `peak`.
"""

from __future__ import annotations

import time

from ann_backend.bench.drive import Drive
from ann_backend.bench.peak import Peak
from ann_backend.bundle import Bundle
from ann_backend.run import engine

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
        self.engine = engine.make(bundle, len(rows), backend, threads)
        self.drive, self.rows, self.t, self.spikes = drive, rows, 0, 0
        products = ("branch_w", "mix_w", "lstm", "head_w")
        self.weights = sum(
            tensor.size
            for name, tensor in bundle.tensors.items()
            if name.startswith(products) and not name.endswith("bias")
        )
        self.alone = backend == "cpu" and threads == 1

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

    def more(self) -> dict[str, float]:
        """Us of the products of a row at the core's peak, of reading all weights once.

        Each weight takes part in one multiply-add for each row and bin.
        """
        if not self.alone:
            return {}
        peak = Peak(self.weights * 4e-3)
        return {
            "fma_floor_us": 2e-3 * self.weights / peak.gflops(),
            "read_floor_us": 4e-3 * self.weights / peak.read_GB_s(),
        }
