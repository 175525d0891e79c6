"""One biophysical cell beside many replaced ones, in one NEURON run.

Beside `surrogate` in the benchmark's line. All cells hear the same `SOURCES` NetStims,
each through a NetCon with its own delay. The biophysical cell is a point cell: its
solve is subtracted, and a large one would only make what is left less certain.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ann_backend.bench.drive import Drive
from ann_backend.bench.network import engine_s, replaced, source, spent_s
from ann_backend.bundle import Bundle
from ann_backend.nrn import h
from ann_backend.run import engine
from ann_backend.train.cell import CellDescription

__all__ = ["Coupled"]

SOURCES = 100
DELAY_MS = (1.0, 5.0)


class Coupled:
    """A biophysical cell, and replaced ones.

    Parameters
    ----------
    cell : CellDescription
        That is replaced; resolved.
    bundle : Bundle
        With its channels and fingerprint.
    drive : Drive
        Its events per ms are those of each cell.
    rows : range
        Empty: the biophysical cell alone.
    """

    def __init__(
        self, cell: CellDescription, bundle: Bundle, drive: Drive, rows: range
    ) -> None:
        self.drive, self.rows, self.t, self.spikes = drive, rows, 0, None
        self.rng, self.engine_s = np.random.default_rng(drive.seed), 0.0
        interval = SOURCES / drive.events_per_ms
        self.sources = [source(0, interval, noise=1.0) for _ in range(SOURCES)]
        for k, stim in enumerate(self.sources):
            stim.noiseFromRandom123(drive.seed, k, 0)
        soma = h.Section(name="biophysical")
        soma.L = soma.diam = 20
        soma.insert("hh")
        self.kept: list[Any] = [soma, *self._heard([h.ExpSyn(soma(0.5))], np.ones(1))]
        if rows:
            cells, synapses, unit_uS = replaced(cell, bundle, len(rows), SOURCES)
            self.kept += [cells, synapses]
            self.kept += [self._heard(mine, unit_uS) for mine in synapses]
            self.engine = engine.make(bundle, len(rows), "cpu", 1)
        h.dt, h.celsius = 0.025, cell.celsius
        self.context = h.ParallelContext()
        self.context.set_maxstep(10)
        h.finitialize(cell.v_init_mV)

    def run(self, bins: int) -> float:
        """Advance; return the CPU seconds of the run.

        The engine by itself goes on as far, with as many events.
        """
        took = spent_s(self.context.psolve, self.t + bins)
        if self.rows:
            batch = self.drive.draw(self.rows, self.t, bins).bins()
            self.engine_s = engine_s(self.engine, self.t, batch)
        self.t += bins
        return took

    def more(self) -> dict[str, float]:
        """Of the last run."""
        return {"engine_s": self.engine_s}

    def _heard(self, synapses: list[Any], unit_uS: Any) -> list[Any]:
        """A NetCon from each source, to one synapse after the other."""
        delays = self.rng.uniform(*DELAY_MS, SOURCES).tolist()
        found = []
        for k, (stim, ms) in enumerate(zip(self.sources, delays, strict=True)):
            to = k % len(synapses)
            found.append(h.NetCon(stim, synapses[to], 0, ms, float(unit_uS[to])))
        return found
