"""One MPI rank of a network of replaced cells; `ranks` starts them.

``mpiexec -n RANKS python -m ann_backend.bench.rank CELL CELLS BINS REPEATS``: the first
rank prints JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from typing import Any

import numpy as np

from ann_backend import template
from ann_backend.bench.drive import Drive
from ann_backend.bench.exchange import DELAY_MS
from ann_backend.bench.network import replaced, source
from ann_backend.nrn import h
from ann_backend.run.catalogue import find
from ann_backend.train.cell import SHIPPED, CellDescription
from ann_backend.train.resolve import resolve_here

SYNAPSES, STIMS, HEARD = 50, 10, 100  # of a cell; other cells that it hears
SETTLE_MS = 50
STRONG = 4  # times a typical weight, as much rarer: a NetStim's event costs 2 us


class Share:
    """The cells of this rank, with all that they hear.

    What a cell is given depends on its gid alone.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    cells : int
        On all ranks.
    """

    def __init__(self, cell: CellDescription, cells: int) -> None:
        self.context = pc = h.ParallelContext()
        self.t, self.gids = 0, range(int(pc.id()), cells, int(pc.nhost()))
        made, synapses, unit_uS = replaced(
            cell, find(cell.name), len(self.gids), SYNAPSES
        )
        self.kept: list[Any] = [made, synapses]
        for gid, one in zip(self.gids, made, strict=True):
            soma = template.soma(one)
            spikes = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
            spikes.threshold = cell.threshold_mV
            pc.set_gid2node(gid, pc.id())
            pc.cell(gid, spikes)
            self.kept.append(spikes)
        per_ms = Drive.of(cell, 0).events_per_ms
        for gid, mine in zip(self.gids, synapses, strict=True):
            self._driven(gid, mine, unit_uS, STRONG * STIMS / per_ms)
            self._joined(gid, mine, unit_uS, cells)
        self.times, self.who = h.Vector(), h.Vector()
        pc.spike_record(-1, self.times, self.who)
        h.celsius = cell.celsius
        pc.set_maxstep(10)
        h.finitialize(cell.v_init_mV)

    def run(self, bins: int) -> float:
        """Advance; return the seconds of the slowest rank."""
        self.context.barrier()
        start, self.t = time.perf_counter(), self.t + bins
        self.context.psolve(self.t)
        return float(self.context.allreduce(time.perf_counter() - start, 2))

    def spikes(self) -> list[tuple[int, float]]:
        """All ranks', by gid and time."""
        mine = list(zip(self.who.to_python(), self.times.to_python(), strict=True))
        return sorted(
            spike for part in self.context.py_allgather(mine) for spike in part
        )

    def _driven(self, gid: int, synapses: list[Any], unit_uS: Any, ms: float) -> None:
        """By NetStims, each onto a synapse of its own."""
        places = np.linspace(0, len(synapses), STIMS, endpoint=False).astype(int)
        for k, to in enumerate(places.tolist()):
            stim = source(0, ms, noise=1.0)
            stim.noiseFromRandom123(gid, k, 0)
            wire = h.NetCon(stim, synapses[to], 0, 1.0, STRONG * float(unit_uS[to]))
            self.kept += [stim, wire]

    def _joined(self, gid: int, synapses: list[Any], unit_uS: Any, cells: int) -> None:
        """To cells of any rank."""
        rng = np.random.default_rng(gid)
        heard = rng.integers(cells, size=HEARD).tolist()
        to = rng.integers(len(synapses), size=HEARD).tolist()
        delays = rng.uniform(*DELAY_MS, HEARD).tolist()
        for other, k, ms in zip(heard, to, delays, strict=True):
            wire = self.context.gid_connect(other, synapses[k])
            wire.delay, wire.weight[0] = ms, float(unit_uS[k])
            self.kept.append(wire)


def main() -> None:
    """Build this rank's share and run it as often as asked."""
    name, *numbers = sys.argv[1:]
    cells, bins, repeats = map(int, numbers)
    h.nrnmpi_init()
    h.load_file("stdrun.hoc")
    share = Share(resolve_here(SHIPPED[name]), cells)
    share.run(SETTLE_MS)
    seconds = [share.run(bins) for _ in range(repeats)]
    spikes = share.spikes()
    if share.context.id() == 0:
        digest = hashlib.sha256(json.dumps(spikes).encode()).hexdigest()[:16]
        print(json.dumps({"seconds": seconds, "fired": len(spikes), "spikes": digest}))
    share.context.barrier()
    h.quit()


if __name__ == "__main__":
    main()
