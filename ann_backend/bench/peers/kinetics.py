"""Whether Jaxley's cell is NEURON's: a current step into the soma of both.

Beside `engine` in the peers' line. NEURON at the same dt, backward Euler; the first
`REST_MS` are without the current.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend import template
from ann_backend.bench.peers.engine import Line, living
from ann_backend.nrn import h
from ann_backend.train.cell import CellDescription
from ann_backend.train.stock import DT_MS

__all__ = ["compared", "note"]

STEP_nA, REST_MS, RUN_MS = 1.0, 20.0, 100.0


def compared(cell: CellDescription, engine: str) -> dict[str, Any]:
    """Run the step in both; in a process of its own.

    Parameters
    ----------
    cell : CellDescription
        Resolved.
    engine : str
        "Jaxley", or "Jaxley, single".

    Returns
    -------
    dict
        ``rest_mV``: the largest difference of the soma's voltage before the step;
        ``step_mV``: in all; ``spikes``: of NEURON and of Jaxley; ``spikes_ms``: the
        largest difference of their times, None where they are not as many.
    """
    one, described = living(cell)
    steps = round(RUN_MS / DT_MS)
    current = np.where(np.arange(steps) < round(REST_MS / DT_MS), 0.0, STEP_nA)
    job = {"engine": engine, "cell": described, "current_nA": current.tolist()}
    line = Line(job)
    theirs = np.array(line.first["v"])
    line.close()
    ours = _stepped(one, cell.v_init_mV)
    apart = np.abs(theirs - ours)
    times = [_crossings(v, cell.threshold_mV) for v in (ours, theirs)]
    spikes = [len(t) for t in times]
    both = spikes[0] == spikes[1] and spikes[0] > 0
    return {
        "engine": engine,
        "rest_mV": float(apart[: round(REST_MS / DT_MS)].max()),
        "step_mV": float(apart.max()),
        "spikes": spikes,
        "spikes_ms": float(np.abs(times[0] - times[1]).max()) if both else None,
    }


def note(found: dict[str, Any]) -> str:
    """What `compared` found, as a line."""
    ours, theirs = found["spikes"]
    ms = found["spikes_ms"]
    late = "" if ms is None else f", at most {ms:.3g} ms apart"
    return (
        f"{found['engine']} against NEURON at dt {DT_MS:g} ms, {STEP_nA:g} nA into the "
        f"soma from {REST_MS:g} to {RUN_MS:g} ms: at most {found['rest_mV']:.2g} mV "
        f"apart before it, {found['step_mV']:.2g} mV in all; {theirs} spikes where "
        f"NEURON has {ours}{late}"
    )


def _stepped(one: Any, v_init_mV: float) -> NDArray[np.float64]:
    """Voltage of NEURON's soma after each step, mV."""
    soma = template.soma(one)(0.5)
    clamp, v = h.IClamp(soma), h.Vector().record(soma._ref_v)
    clamp.delay, clamp.dur, clamp.amp = REST_MS - DT_MS / 2, 2 * RUN_MS, STEP_nA
    h.dt, h.secondorder = DT_MS, 0
    h.finitialize(v_init_mV)
    while h.t < RUN_MS - DT_MS / 2:
        h.fadvance()
    return np.array(v)[1:]


def _crossings(v: NDArray[np.float64], threshold_mV: float) -> NDArray[np.float64]:
    """Upward crossings, ms, linear between steps."""
    up = np.flatnonzero((v[:-1] < threshold_mV) & (v[1:] >= threshold_mV))
    return np.asarray((up + (threshold_mV - v[up]) / (v[up + 1] - v[up])) * DT_MS)
