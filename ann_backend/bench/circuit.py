"""A circuit of rows with thousands of synapses each: its build, memory and run.

Beside `exchange` in the benchmark's line. Every row hears rows drawn at random, with
delays drawn from 1 to 11 ms, and fires by a background of its own that comes from
arrays. The synapses' weights are next to nothing, so that it fires the same whatever
their number and however they are made:

- "connect": from arrays.
- "NetCons": a NetCon for each; the coupling's fan-out takes the events.
- "NetCons, queue": the same, all events on NEURON's own queue.
- "engine": none of them.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

import ann_backend
from ann_backend import _neuron
from ann_backend.bench.drive import Drive
from ann_backend.bench.engines import BASELINE, CONNECT, ENGINE
from ann_backend.bench.exchange import DELAY_MS, WEIGHT_uS
from ann_backend.bundle import Bundle
from ann_backend.errors import ApproximationWarning
from ann_backend.nrn import h

__all__ = ["Circuit"]

AT_ONCE = 1_000_000  # synapses: their arrays are small beside what is kept of them


class Circuit:
    """Rows of a population, and what joins them.

    Parameters
    ----------
    bundle : Bundle
    drive : Drive
        Of each row's background; its synapses are those that a row has.
    rows : range
    threads : int
    way : str
        One of `engines.WAYS`.
    """

    def __init__(
        self, bundle: Bundle, drive: Drive, rows: range, *, threads: int, way: str
    ) -> None:
        warnings.simplefilter("ignore", ApproximationWarning)  # of weights
        self.drive, self.rows, self.t, self.spikes = drive, rows, 0, None
        self.fired = self.last = 0
        ann_backend.use("cpu", threads=threads)
        _neuron.allow_fan_out(way != BASELINE)
        self.made = ann_backend.population(bundle, len(rows))
        self.channel = np.repeat(np.arange(len(drive.synapses)), drive.synapses)
        self.rng, self.kept = np.random.default_rng(drive.seed), list[Any]()
        some = max(AT_ONCE // len(self.channel), 1)
        for first in range(0, len(rows) if way != ENGINE else 0, some):
            graph = self._drawn(np.arange(first, min(first + some, len(rows))))
            if way == CONNECT:
                ann_backend.connect(**graph, weight=WEIGHT_uS)
            else:
                self._join(graph)
        self.context = h.ParallelContext()
        self.context.set_maxstep(10)
        h.celsius = bundle.manifest.cell["celsius"]
        h.finitialize(bundle.manifest.cell["v_init_mV"])

    def run(self, bins: int) -> float:
        """Advance; return the seconds it took."""
        batch = self.drive.draw(self.rows, self.t, bins)
        gid = batch.row + self.made.gids.start
        self.made.play(gid, batch.channel, batch.weight, batch.t)
        start, self.t = time.perf_counter(), self.t + bins
        self.context.psolve(self.t)
        seconds = time.perf_counter() - start
        before, self.fired = self.fired, len(self.made.spikes[1])
        self.last = self.fired - before
        return seconds

    def more(self) -> dict[str, float]:
        """Of the last run."""
        return {"spikes": self.last}

    def _drawn(self, post: Any) -> dict[str, Any]:
        """Connections onto some rows, from any."""
        each, count = len(self.channel), len(self.channel) * len(post)
        gids = self.made.gids
        return {
            "pre": self.rng.integers(gids.start, gids.stop, size=count),
            "post": np.repeat(post + gids.start, each),
            "channel": np.tile(self.channel, len(post)),
            "delay": self.rng.uniform(*DELAY_MS, count),
        }

    def _join(self, graph: dict[str, Any]) -> None:
        """By a NetCon each."""
        made, keep = self.made, self.kept.append
        for i, j, k, ms in zip(*(x.tolist() for x in graph.values()), strict=True):
            keep(h.NetCon(made.source(i), made.input(j, k), 0, ms, WEIGHT_uS))
