"""A small recurrent network: the surrogate's against the same one in stock NEURON.

Beside `validate`. Both have one graph, its weights and delays, and one background, the
events of test trials; spikes go from cell to cell in either.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend import template
from ann_backend.bundle import Bundle
from ann_backend.nrn import h
from ann_backend.train.cell import CellDescription
from ann_backend.train.events import Events
from ann_backend.train.stock import DT_MS, Ask, asked, kept, run_trials, spawned
from ann_backend.train.tally import Response
from ann_backend.train.teacher import Copies, Trial

__all__ = ["Graph", "NetworkRun", "compare", "draw_graph", "in_neuron", "of_surrogate"]

PROBABILITY, CONTACTS = 0.3, 5
RECURRENT = 0.2  # of the background's excitation
DELAY_MS = (1.0, 4.0)
COUNT_MS, PSTH_MS = 20, 50

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Graph:
    """Connections between copies of a cell, one entry for each synapse, E of them.

    Attributes
    ----------
    source, target, channel : array of int, shape (E,)
    weight_uS, delay_ms : array, shape (E,)
    """

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    channel: NDArray[np.int64]
    weight_uS: Floats
    delay_ms: Floats


@dataclasses.dataclass(frozen=True)
class NetworkRun:
    """A network in stock NEURON.

    Attributes
    ----------
    graph : Graph
    trials : list of Trial
        Whose events are the background, one for each cell.
    response, half : Response
        At dt 0.025 and at half of it, which is the floor.
    """

    graph: Graph
    trials: Sequence[Trial]
    response: Response
    half: Response


def draw_graph(cell: CellDescription, trials: Sequence[Trial], seed: int) -> Graph:
    """Connect each pair with probability 0.3, by 5 excitatory synapses, or slow ones.

    Parameters
    ----------
    cell : CellDescription
        Resolved. Without synapses that excite there are no connections.
    trials : sequence of Trial
        The background. Weights are such that spikes at its rate would bring every
        cell a fifth of its excitation, within the range of the channels.
    seed : int
    """
    rng, cells = np.random.default_rng([seed, len(trials)]), len(trials)
    joined = rng.random((cells, cells)) < PROBABILITY
    np.fill_diagonal(joined, False)
    source, target = (np.repeat(x, CONTACTS) for x in np.nonzero(joined))
    roles = np.array([c.role for c in cell.channels])
    excites = roles == ("excitatory" if "excitatory" in roles else "slow")
    if not excites.any():
        source, target = source[:0], target[:0]
    channel = rng.choice(np.flatnonzero(excites), len(source))
    low, high = np.array([c.weight_uS for c in cell.channels])[channel].T
    total = sum(float(e.weight[excites[e.channel]].sum()) for e in _inputs(trials))
    arrivals = sum(len(trials[k].spikes) for k in source.tolist())
    weight = np.clip(RECURRENT * total / max(arrivals, 1), low, high)
    delay = np.round(rng.uniform(*DELAY_MS, len(source)), 3)
    return Graph(source, target, channel, weight, delay)


def _inputs(trials: Sequence[Trial]) -> Iterator[Events]:
    return (t.redraw() for t in trials)


def in_neuron(
    cell: CellDescription, trials: Sequence[Trial], folder: Path, *, seed: int
) -> NetworkRun:
    """Run the network in stock NEURON, in spawned processes; kept in the folder.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    trials : sequence of Trial
        The background, one for each cell.
    folder : Path
    seed : int
        Of the graph.
    """
    graph = draw_graph(cell, trials, seed)
    ask = asked(trials)
    what = [seed, *([one[0], one[2]] for one in ask)]

    def made(dt_ms: float) -> Response:
        def make(stock: CellDescription) -> Response:
            return spawned(1, _run, [(stock, graph, ask, dt_ms)])[0]  # type: ignore[no-any-return]

        key = ["network", PROBABILITY, CONTACTS, RECURRENT, *DELAY_MS, dt_ms, what]
        return kept(cell, key, folder, make)

    return NetworkRun(graph, trials, made(DT_MS), made(DT_MS / 2))


def _run(cell: CellDescription, graph: Graph, ask: list[Ask], dt_ms: float) -> Response:
    """Connect copies of the cell and run them; in a worker process."""
    copies = Copies(cell, len(ask), fast=False)
    wires = []
    for e, (i, j) in enumerate(zip(graph.source, graph.target, strict=True)):
        soma = template.soma(copies.cells[i])
        target = copies.rows[j].synapses[graph.channel[e]]
        wire = h.NetCon(soma(0.5)._ref_v, target, sec=soma)
        wire.threshold, wire.delay = cell.threshold_mV, graph.delay_ms[e]
        wire.weight[0] = graph.weight_uS[e]
        wires.append(wire)
    return run_trials(cell, ask, dt_ms=dt_ms, copies=copies)


def of_surrogate(
    bundle: Bundle, graph: Graph, background: Sequence[Events], bins: int
) -> Response:
    """Run the network with surrogates, spikes delivered at their exact times.

    Parameters
    ----------
    bundle : Bundle
    graph : Graph
        Its delays are 1 ms or more, so a spike arrives after its own bin.
    background : sequence of Events
        One for each cell.
    bins : int
    """
    rows = len(background)
    engine = bundle.engine(rows)
    due: dict[int, list[tuple[float, float, float, float]]] = defaultdict(list)
    for row, e in enumerate(background):
        events = zip(e.channel.tolist(), e.weight.tolist(), e.t.tolist(), strict=True)
        for channel, weight, t in events:
            due[int(t)].append((row, channel, weight, t))
    wires = zip(
        graph.target.tolist(),
        graph.channel.tolist(),
        graph.weight_uS.tolist(),
        graph.delay_ms.tolist(),
        strict=True,
    )
    leaving: list[list[tuple[int, int, float, float]]] = [[] for _ in range(rows)]
    for source, wire in zip(graph.source.tolist(), wires, strict=True):
        leaving[source].append(wire)
    v = np.empty((rows, bins), np.float32)
    spikes: list[list[float]] = [[] for _ in range(rows)]
    for n in range(bins):
        now = np.array(due.pop(n, []), float).reshape(-1, 4).T.copy()
        to, which = now[0].astype(np.int32), now[1].astype(np.int32)
        v[:, n], who, when = engine.step(float(n), to, which, now[2], now[3])
        for k, t in zip(who.tolist(), when.tolist(), strict=True):
            spikes[k].append(t)
            for target, channel, weight, delay in leaving[k]:
                due[int(t + delay)].append((target, channel, weight, t + delay))
    return Response(None, v, [np.array(s) for s in spikes])


def compare(bundle: Bundle, run: NetworkRun) -> dict[str, Any]:
    """Rates, irregularity, correlation and PSTH of the surrogates and of NEURON.

    Returns
    -------
    dict
        ``rate_Hz``, ``cv`` of the interspike intervals, ``correlation`` of spike
        counts in 20 ms over pairs, each of ``surrogate``, ``neuron`` and
        ``half_step``; ``rate_error`` and ``psth_correlation`` (50 ms) against NEURON.
    """
    background = list(_inputs(run.trials))
    bins = run.response.v.shape[1]
    found = of_surrogate(bundle, run.graph, background, bins)
    sides = {"surrogate": found, "neuron": run.response, "half_step": run.half}
    each = {name: _statistics(r.spikes, bins) for name, r in sides.items()}
    true = each["neuron"]
    return {
        "cells": len(background),
        "seconds": bins / 1e3,
        "synapses": len(run.graph.source),
        "spikes": sum(len(s) for s in run.response.spikes),
        **{
            key: {name: made[key] for name, made in each.items()}
            for key in ("rate_Hz", "cv", "correlation")
        },
        "rate_error": {
            name: made["rate_Hz"] / true["rate_Hz"] - 1.0
            if true["rate_Hz"]
            else float("nan")
            for name, made in each.items()
            if name != "neuron"
        },
        "psth_correlation": {
            name: _correlation(made["psth"], true["psth"])
            for name, made in each.items()
            if name != "neuron"
        },
    }


def _statistics(trains: list[Floats], bins: int) -> dict[str, Any]:
    gaps = [np.diff(s) for s in trains if len(s) > 3]
    counts = np.array([_counts(s, bins, COUNT_MS) for s in trains])
    pairs = [
        _correlation(counts[i], counts[j]) for i in range(len(counts)) for j in range(i)
    ]
    there = [r for r in pairs if np.isfinite(r)]
    return {
        "rate_Hz": sum(map(len, trains)) * 1e3 / bins / len(trains),
        "cv": float(np.mean([g.std() / g.mean() for g in gaps])) if gaps else None,
        "correlation": float(np.mean(there)) if there else None,
        "psth": _counts(np.concatenate(trains), bins, PSTH_MS),
    }


def _counts(times: Floats, bins: int, width_ms: int) -> NDArray[np.int64]:
    return np.histogram(times, np.arange(0, bins + 1, width_ms))[0]


def _correlation(a: Any, b: Any) -> float:
    if np.std(a) == 0 or np.std(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])
