"""What an event costs on its way from a spike of a row to a channel of another.

Beside `surrogate` in the benchmark's line. Rows of the bundle spike one after another,
each once in `INTERVAL_MS`, onto rows and channels drawn at random, with delays drawn
from 1 to 11 ms. The network is the same in every way:

- "NetCons, queue": replaced cells, a NetCon for each connection, all events on
  NEURON's own queue (its default, a splay tree) and through NET_RECEIVE to the cells.
  This is the baseline: what NEURON does with the user's NetCons where nothing helps.
- "NetCons": the same script; the coupling's fan-out takes the events.
- "connect": rows of a population, joined by arrays.
- "engine": as many events, there in arrays beforehand. Their place in the network is
  no exchange, and part of every way.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import ann_backend
from ann_backend import _neuron, template
from ann_backend.bench.drive import Drive
from ann_backend.bench.engines import BASELINE, CONNECT
from ann_backend.bench.network import engine_s, replaced, source, spent_s
from ann_backend.bundle import Bundle
from ann_backend.errors import ApproximationWarning
from ann_backend.nrn import h
from ann_backend.run import engine
from ann_backend.train.cell import CellDescription

__all__ = ["EngineAlone", "Exchange"]

INTERVAL_MS = 20
SETTLED_MS = 2 * INTERVAL_MS  # from here on as many events come as leave
DELAY_MS = (1.0, 11.0)
WEIGHT_uS = 1e-9  # whatever reaches a row, it spikes as it is driven


class _Net(NamedTuple):
    """What `_netcons` and `_arrays` make alike.

    Attributes
    ----------
    inputs : list
        Where each row is driven.
    fired : callable
        Spikes so far.
    kept : list
        What lives as long as the network.
    """

    inputs: list[Any]
    fired: Callable[[], int]
    kept: list[Any]


class Exchange:
    """A network that runs twice: with its events, and driven in vain.

    What drives a row, an event on NEURON's queue, is so no part of the difference.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    bundle : Bundle
        Whose rows fire once at a strong event on channel 0.
    drive : Drive
        Its events per ms are those that a row is to receive.
    rows : range
    way : str
        One of `WAYS`, but not the engine alone.
    """

    def __init__(
        self,
        cell: CellDescription,
        bundle: Bundle,
        drive: Drive,
        rows: range,
        *,
        way: str,
    ) -> None:
        self.t, self.spikes, self.events, self.way = 0, None, 0, way
        rng, self.each = np.random.default_rng(drive.seed), _connections(drive)
        ends = np.repeat(np.arange(len(rows)), self.each)
        graph = {"pre": rng.permutation(ends), "post": rng.permutation(ends)}
        graph["channel"] = rng.integers(len(bundle.manifest.channels), size=len(ends))
        graph["delay"] = rng.uniform(*DELAY_MS, len(ends))
        if way == CONNECT:
            self.net = _arrays(bundle, len(rows), graph)
        else:
            self.net = _netcons(cell, bundle, len(rows), graph)
        self.v_init_mV = cell.v_init_mV
        start = rng.uniform(0, INTERVAL_MS, len(rows)).tolist()
        self.stims = [source(t, INTERVAL_MS, noise=0.0) for t in start]
        self.strong_uS = bundle.manifest.channels[0].weight_uS[1]
        self.drives = [
            h.NetCon(stim, one, 0, 1, self.strong_uS)
            for stim, one in zip(self.stims, self.net.inputs, strict=True)
        ]

    def run(self, bins: int) -> float:
        """Run from the start and settle; return the seconds that events took."""
        _neuron.allow_fan_out(self.way != BASELINE)
        self.t += bins
        with_events, self.events = self._settled_s(bins, self.strong_uS)
        without, _ = self._settled_s(bins, 0.0)
        return with_events - without

    def more(self) -> dict[str, float]:
        """The events of the last run."""
        return {"events": self.events}

    def _settled_s(self, bins: int, weight_uS: float) -> tuple[float, int]:
        """Seconds, and events."""
        for drive in self.drives:
            drive.weight[0] = weight_uS
        context = h.ParallelContext()
        context.set_maxstep(10)
        h.finitialize(self.v_init_mV)
        context.psolve(SETTLED_MS)
        before = self.net.fired()
        took = spent_s(context.psolve, SETTLED_MS + bins)
        return took, (self.net.fired() - before) * self.each


class EngineAlone:
    """Rows that receive as many events as in `Exchange`, from arrays, or none."""

    def __init__(self, bundle: Bundle, drive: Drive, rows: range) -> None:
        self.engine = engine.make(bundle, len(rows), "cpu", 1)
        self.drive, self.rows, self.events = drive, rows, 0
        self.t, self.spikes = 0, None

    def run(self, bins: int) -> float:
        """Advance twice; return what events took of the seconds."""
        batch = self.drive.draw(self.rows, self.t, bins)
        silent = [tuple(x[:0] for x in batch[:4])] * bins
        with_events = engine_s(self.engine, self.t, batch.bins())
        self.engine.reset()
        self.t, self.events = self.t + bins, len(batch.t)
        return with_events - engine_s(self.engine, 0, silent)

    def more(self) -> dict[str, float]:
        """The events of the last run."""
        return {"events": self.events}


def _connections(drive: Drive) -> int:
    """Of a row: those onto it, and those from it."""
    return max(1, round(drive.events_per_ms * INTERVAL_MS))


def _netcons(
    cell: CellDescription, bundle: Bundle, rows: int, graph: dict[str, Any]
) -> _Net:
    """Replaced cells and live NetCons."""
    cells, synapses, _ = replaced(cell, bundle, rows, len(cell.channels))
    somas, netcons = [template.soma(one) for one in cells], []
    for i, j, k, ms in zip(*(x.tolist() for x in graph.values()), strict=True):
        to, soma = synapses[j][k], somas[i]
        netcons.append(h.NetCon(soma(0.5)._ref_v, to, 0, ms, WEIGHT_uS, sec=soma))
    times, heard = h.Vector(), dict[int, Any]()
    for netcon, i in zip(netcons, graph["pre"].tolist(), strict=True):
        heard.setdefault(i, netcon)
    for netcon in heard.values():
        netcon.record(times)
    inputs = [mine[0] for mine in synapses]
    return _Net(inputs, lambda: int(times.size()), [cells, synapses, netcons])


def _arrays(bundle: Bundle, rows: int, graph: dict[str, Any]) -> _Net:
    """Rows of a population."""
    warnings.simplefilter("ignore", ApproximationWarning)  # of weights
    ann_backend.use("cpu")
    made = ann_backend.population(bundle, rows)
    inputs = [made.input(k, 0) for k in range(rows)]
    ann_backend.connect(**graph, weight=WEIGHT_uS)
    return _Net(inputs, lambda: len(made.spikes[1]), [made])
