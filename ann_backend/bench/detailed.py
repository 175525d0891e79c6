"""The biophysical cell in NEURON, and in CoreNEURON with vector instructions.

Beside `surrogate` in the benchmark's line: dt 0.025 ms, backward Euler, as users run
it. What would only slow it down is left out: no clamp, nothing recorded but the spikes,
and a run's events are in the queue before the clock starts.
"""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Iterator
from typing import Any

from ann_backend import template
from ann_backend.bench.drive import BLOCK_MS, Drive
from ann_backend.nrn import coreneuron, h
from ann_backend.train.cell import CellDescription
from ann_backend.train.stock import DT_MS
from ann_backend.train.teacher import Copies, synapse_of

__all__ = ["Detailed"]


class Detailed:
    """Copies of a cell, their synapses, and a NetCon for each of these.

    Parameters
    ----------
    cell : CellDescription
        Resolved. Its step and order are replaced by NEURON's defaults.
    drive : Drive
    rows : range
    fast : bool
        CoreNEURON, with vector instructions.
    """

    def __init__(
        self, cell: CellDescription, drive: Drive, rows: range, *, fast: bool
    ) -> None:
        stock = dataclasses.replace(cell, dt_ms=DT_MS, secondorder=0)
        self.drive, self.rows, self.fast, self.t = drive, rows, fast, 0
        self.copies = Copies(stock, len(rows), fast=fast)
        self.inputs = [_inputs(row, stock, drive) for row in self.copies.rows]
        self.context = self.copies.context
        self.times, self.gids = h.Vector(), h.Vector()
        self.sources = [self._source(k) for k in range(len(rows))]
        self.context.spike_record(-1, self.times, self.gids)
        self.context.set_maxstep(10)
        self.copies.start([], DT_MS)
        one = template.sections(self.copies.cells[0])
        self.size = {
            "segments": sum(section.nseg for section in one),
            "synapses": int(drive.synapses.sum()),
        }

    @property
    def spikes(self) -> int:
        """So far, of all rows."""
        return int(self.times.size())

    def run(self, bins: int) -> float:
        """Advance; return the seconds it took.

        CoreNEURON takes the model over and gives it back at every call; a first call,
        of one block, is for that alone, and what it took is subtracted.
        """
        if not self.fast:
            return self._solve(bins)
        once = self._solve(BLOCK_MS)
        whole = self._solve(bins + BLOCK_MS)
        return whole - once

    def _solve(self, bins: int) -> float:
        batch = self.drive.draw(self.rows, self.t, bins)
        self.t += bins
        for row, channel, t in zip(
            batch.row.tolist(), batch.channel.tolist(), batch.t.tolist(), strict=True
        ):
            next(self.inputs[row][channel]).event(t)
        start = time.perf_counter()
        coreneuron.enable, coreneuron.verbose = self.fast, 0
        try:
            self.context.psolve(self.t)
        finally:
            coreneuron.enable = False
        while h.t < self.t - 0.5 * DT_MS:  # CoreNEURON may stop a step short
            h.fadvance()
        return time.perf_counter() - start

    def _source(self, k: int) -> Any:
        """A cell's spikes, by gid."""
        soma = template.soma(self.copies.cells[k])
        self.context.set_gid2node(k, self.context.id())
        source = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
        source.threshold = self.copies.cell.threshold_mV
        self.context.cell(k, source)
        return source


def _inputs(row: Any, cell: CellDescription, drive: Drive) -> list[Iterator[Any]]:
    """NetCons of one copy, those of each channel in turns.

    The clamp, the recordings and the synapses that it came with go.
    """
    row.clamp_nA.play_remove()
    places = [None if s is None else s.get_segment() for s in row.synapses]
    row.clamp, row.traces, row.synapses = None, [], []
    found = list[Iterator[Any]]()
    for channel, place, weight, count in zip(
        cell.channels,
        places,
        drive.weight_uS.tolist(),
        drive.synapses.tolist(),
        strict=True,
    ):
        synapses = [synapse_of(place, channel) for _ in range(count)]
        netcons = [h.NetCon(None, each, 0, 1, weight) for each in synapses]
        row.synapses += synapses
        found.append(itertools.cycle(netcons))
    return found
