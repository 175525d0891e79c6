"""Parts of a benchmark that runs inside NEURON: replaced cells, sources, the engine.

Before `exchange` and `coupled` in the benchmark's line. Time is CPU time of this
process, which has one thread: other processes add little to it.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ann_backend
from ann_backend import template
from ann_backend.bundle import Bundle
from ann_backend.errors import ApproximationWarning
from ann_backend.nrn import h
from ann_backend.train import build
from ann_backend.train.cell import CellDescription, ChannelDescription
from ann_backend.train.teacher import synapse_of

__all__ = ["engine_s", "replaced", "source", "spent_s"]


def replaced(
    cell: CellDescription, bundle: Bundle, count: int, most: int
) -> tuple[list[Any], list[list[Any]], NDArray[np.float64]]:
    """Replace copies of a cell.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    bundle : Bundle
        With the cell's channels and fingerprint.
    count : int
    most : int
        Channels that get a synapse; those of currents get none.

    Returns
    -------
    cells : list
    synapses : list of lists
        Of each cell.
    unit_uS : array
        A typical weight of each synapse of a cell.
    """
    warnings.simplefilter("ignore", ApproximationWarning)  # rates and weights
    build.load(cell, fast=False)
    h.load_file("stdrun.hoc")
    h.celsius, h.v_init = cell.celsius, cell.v_init_mV  # as the bundle wants them
    channels = [c for c in cell.channels if c.role != "current"]
    spread = np.linspace(0, len(channels), min(most, len(channels)), endpoint=False)
    channels = [channels[int(k)] for k in spread]
    cells = [build.instance(cell) for _ in range(count)]
    synapses = [_synapses(one, channels) for one in cells]
    ann_backend.use("cpu")
    ann_backend.replace(cells, bundle=bundle)
    return cells, synapses, np.array([c.unit_uS for c in channels])


def _synapses(one: Any, channels: Sequence[ChannelDescription]) -> list[Any]:
    places = {template.short_name(s): s for s in template.sections(one)}
    places["soma"] = template.soma(one)
    found = []
    for channel in channels:
        section, _, x = channel.location.rstrip(")").partition("(")
        found.append(synapse_of(places[section](float(x)), channel))
    return found


def source(start_ms: float, interval_ms: float, *, noise: float) -> Any:
    """A NetStim that never ends."""
    made = h.NetStim()
    made.start, made.interval, made.noise = start_ms, interval_ms, noise
    made.number = 1e9
    return made


def spent_s(work: Callable[..., Any], *given: Any) -> float:
    """CPU seconds of this process that a call takes."""
    start = time.process_time()
    work(*given)
    return time.process_time() - start


def engine_s(engine: Any, start: int, bins: Sequence[tuple[Any, ...]]) -> float:
    """CPU seconds of an engine's bins from `start`, called with arrays of events."""
    step = engine.step
    return spent_s(lambda: [step(float(n), *e) for n, e in enumerate(bins, start)])
