"""Experiments on L5PC: what a thick-tufted layer 5 pyramidal cell must do."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ann_backend.cells.features import half_width, passive, peaks, spike_times
from ann_backend.cells.published import FEATURES, STEPS_NA
from ann_backend.cells.rig import Array, Rig, Trace, epsp, step

__all__ = ["CELSIUS", "SITES_UM", "V_INIT_MV", "Characterised", "characterise"]

CELSIUS, V_INIT_MV = 34.0, -75.0
SITES_UM = (0.0, 100.0, 200.0, 300.0, 400.0, 500.0, 620.0, 700.0, 750.0, 800.0, 900.0)
SOMA, NEAR, HOT, FAR = (SITES_UM.index(d) for d in (0.0, 620.0, 750.0, 800.0))
CURRENTS_NA = (0.3, 0.4, 0.5, *STEPS_NA[:2], 1.0, 1.25, STEPS_NA[2])
FREQUENCIES_HZ = (40.0, 60.0, 70.0, 80.0, 90.0, 100.0, 120.0, 150.0)
START_MS = 20.0
STEP_MS = 1000.0
# Hay et al. 2011: an AP by a step at the soma, an EPSP-like current 5 ms later
AP = (5.0, 1.9)  # ms, nA
EPSP_AFTER_MS, EPSP_NA = 5.0, 0.5
CA_SPIKE_MV = -25.0  # a peak above this, in the hot zone, is a Ca spike
WIDTH_MV = -55.0  # a Ca spike's width is taken here


@dataclasses.dataclass
class Characterised:
    """Features by name (units in `published.FEATURES`), and what a figure needs."""

    values: dict[str, float] = dataclasses.field(default_factory=dict)
    traces: dict[str, Trace] = dataclasses.field(default_factory=dict)
    curves: dict[str, tuple[list[float], list[float]]] = dataclasses.field(
        default_factory=dict
    )

    def records(self) -> list[dict[str, Any]]:
        """One record a feature: measured, published range, within, source."""
        rows = []
        for name, known in FEATURES.items():
            if name not in self.values:
                continue
            value, quoted = self.values[name], not math.isnan(known.low)
            rows.append(
                {
                    "feature": name,
                    "measured": value if math.isfinite(value) else None,
                    "unit": known.unit,
                    "low": known.low if quoted else None,
                    "high": known.high if quoted else None,
                    "within": _verdict(known.low <= value <= known.high, quoted),
                    "source": known.source,
                }
            )
        return rows


def _verdict(within: bool, quoted: bool) -> str:
    return "-" if not quoted else "yes" if within else "NO"


def characterise(
    cell: Any, *, currents: tuple[float, ...] = CURRENTS_NA
) -> Characterised:
    """Run every experiment on one cell; about a minute.

    Parameters
    ----------
    cell : object
        An instance of the template L5PC, the only cell in NEURON.
    currents : tuple of float
        Somatic steps of the f-I curve, nA.
    """
    rig = Rig(cell, celsius=CELSIUS, v_init=V_INIT_MV, sites=SITES_UM, dendrite=620.0)
    found = Characterised()
    for experiment in (_at_rest, _action_potential, _coupling, _trains):
        experiment(rig, found)
    _steps(rig, found, currents)
    return found


def _at_rest(rig: Rig, found: Characterised) -> None:
    """Resting potential, and a small hyperpolarising step."""
    until, nA = START_MS + 500.0, -0.05
    trace = rig.run(until + 100.0, step(rig.times(until + 100.0), START_MS, 500.0, nA))
    shown = passive(trace.t, trace.v[SOMA], START_MS, until, nA)
    found.traces["hyperpolarised"] = trace
    found.values["resting potential"] = float(trace.v[SOMA, 0])
    found.values["input resistance"] = shown["resistance"]
    found.values["time constant"] = shown["tau"]
    found.values["sag"] = shown["sag"]


def _pair(rig: Rig, ap: bool, dendrite_nA: float, until: float = 120.0) -> Trace:
    """An AP, an EPSP-like current, or both."""
    t = rig.times(until)
    soma = step(t, START_MS, *AP) if ap else np.zeros_like(t)
    return rig.run(until, soma, epsp(t, START_MS + EPSP_AFTER_MS, dendrite_nA))


def _action_potential(rig: Rig, found: Characterised) -> None:
    """An AP, its way up the apical dendrite, an EPSP, and both: BAC firing."""
    alone = found.traces["AP"] = _pair(rig, True, 0.0)
    small = found.traces["EPSP"] = _pair(rig, False, EPSP_NA)
    both = found.traces["AP and EPSP"] = _pair(rig, True, EPSP_NA)
    heights = alone.v.max(axis=1) - alone.v[:, 0]
    found.curves["bAP"] = (list(SITES_UM), heights.tolist())
    spikes = spike_times(both.t, both.v[SOMA])
    found.values |= {
        "AP height above rest": float(heights[SOMA]),
        "AP half-width": half_width(alone.t, alone.v[SOMA]),
        "bAP at 620 um": float(heights[NEAR]),
        "bAP at 800 um": float(heights[FAR]),
        "bAP: spikes": len(spike_times(alone.t, alone.v[SOMA])),
        "EPSP alone: spikes": len(spike_times(small.t, small.v[SOMA])),
        "BAC: spikes": len(spikes),
        "BAC: interval": _mean(np.diff(spikes)),
        "BAC: Ca spike peak": float(both.v[NEAR].max()),
        "BAC: Ca spike width": float((both.v[NEAR] > WIDTH_MV).sum() * rig.dt_ms),
    }


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _has_ca_spike(trace: Trace) -> bool:
    return bool(trace.v[HOT].max() > CA_SPIKE_MV)


def _smallest(high: float, spikes: Callable[[float], bool]) -> float:
    """The smallest current (nA) up to `high` that evokes a Ca spike, to 0.02 nA."""
    low = 0.0
    if not spikes(high):
        return float("nan")
    while high - low > 0.02:
        middle = (low + high) / 2
        low, high = (low, middle) if spikes(middle) else (middle, high)
    return high


def _coupling(rig: Rig, found: Characterised) -> None:
    """How much less dendritic current a Ca spike needs when an AP comes first."""

    def spikes(ap: bool, nA: float) -> bool:
        return _has_ca_spike(_pair(rig, ap, nA, until=60.0))

    alone = _smallest(4.0, lambda nA: spikes(False, nA))
    paired = _smallest(alone, lambda nA: spikes(True, nA))
    found.values |= {
        "Ca spike threshold": alone,
        "Ca spike threshold, with AP": paired,
        "coupling by an AP": 100.0 * (1.0 - paired / alone),
    }
    found.traces["Ca spike"] = _pair(rig, False, alone + 0.2)


def _trains(rig: Rig, found: Characterised) -> None:
    """Five APs at a frequency, and the lowest one that evokes a Ca spike."""
    highest = []
    for frequency in FREQUENCIES_HZ:
        until = START_MS + 4e3 / frequency + 60.0
        t = rig.times(until)
        pulses = [step(t, START_MS + k * 1e3 / frequency, 2.0, 4.0) for k in range(5)]
        trace = rig.run(until, np.sum(pulses, axis=0))
        highest.append(float(trace.v[HOT].max()))
    found.curves["trains"] = (list(FREQUENCIES_HZ), highest)
    above = [f for f, v in zip(FREQUENCIES_HZ, highest, strict=True) if v > CA_SPIKE_MV]
    found.values["critical frequency"] = min(above, default=float("nan"))


def _steps(rig: Rig, found: Characterised, currents: tuple[float, ...]) -> None:
    """Somatic steps of current: the f-I curve, and the spikes of the published ones."""
    until = START_MS + STEP_MS + 20.0
    rates = []
    for nA in currents:
        trace = rig.run(until, step(rig.times(until), START_MS, STEP_MS, nA))
        spikes = spike_times(trace.t, trace.v[SOMA])
        rates.append(1e3 * len(spikes) / STEP_MS)
        found.traces[f"{nA:g} nA"] = trace
        if nA in STEPS_NA:
            found.values |= {
                f"{nA:g} nA: {name}": value
                for name, value in _firing(trace, spikes).items()
            }
    found.curves["f-I"] = (list(currents), rates)


def _firing(trace: Trace, spikes: Array) -> dict[str, float]:
    gaps = np.diff(spikes)
    later = gaps[1:]
    return {
        "rate": 1e3 * len(spikes) / STEP_MS,
        "first interval": float(gaps[0]) if len(gaps) else float("nan"),
        "interval CV": float(later.std() / later.mean()) if len(later) else math.nan,
        "first spike after": float(spikes[0]) - START_MS if len(spikes) else math.nan,
        "AP peak": _mean(peaks(trace.t, trace.v[SOMA])),
        "AP half-width": half_width(trace.t, trace.v[SOMA]),
    }
