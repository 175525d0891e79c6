"""A cell at rest with two current clamps: what every experiment starts from."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ann_backend.nrn import h

__all__ = ["EPSP_MS", "Rig", "Trace", "at", "epsp", "step"]

Array = NDArray[np.float64]
SETTLE_MS, SETTLE_DT_MS = 1500.0, 0.1
EPSP_MS = (0.5, 5.0)  # rise and decay of an EPSP-like current


@dataclasses.dataclass(frozen=True)
class Trace:
    """Voltages of one run: ``t`` [T] in ms, ``v`` [sites, T] in mV."""

    t: Array
    v: Array


def step(t: Array, start: float, duration: float, amplitude: float) -> Array:
    """A rectangular current (nA) at times `t`."""
    return np.where((t >= start) & (t < start + duration), amplitude, 0.0)


def epsp(t: Array, start: float, peak: float) -> Array:
    """An EPSP-like current (nA) at times `t`: a difference of exponentials."""
    rise, decay = EPSP_MS
    highest = rise * decay / (decay - rise) * np.log(decay / rise)
    since = np.maximum(t - start, 0.0)
    scale = np.exp(-highest / decay) - np.exp(-highest / rise)
    shape: Array = (np.exp(-since / decay) - np.exp(-since / rise)) / scale
    return peak * shape


def at(cell: Any, distance: float) -> Any:
    """The segment at a path distance (um) from the soma, up trunk and tuft.

    Parameters
    ----------
    cell : object
        With sections ``soma`` and ``apic``, of which ``apic[0]`` is the trunk.
    distance : float
        0 is the soma's centre.
    """
    centre = cell.soma(0.5)
    if distance == 0:
        return centre
    for section in cell.apic:
        start = h.distance(centre, section(0))
        if start <= distance <= start + section.L:
            return section((distance - start) / section.L)
    raise ValueError(f"{cell}: no apical dendrite at {distance} um")


class Rig:
    """A cell, settled once; every run starts from that state.

    Everything else that exists in NEURON runs along; times and voltages are those
    of second-order integration at a step of 0.025 ms (at 0.05 it rings at spikes).

    Parameters
    ----------
    cell : object
        As in `at`.
    celsius, v_init : float
        Temperature, and voltage that settling starts from, mV.
    sites : tuple of float
        Path distances (um) of the voltages that a run returns.
    dendrite : float
        Path distance (um) of the clamp that is not at the soma.
    """

    dt_ms = 0.025

    def __init__(
        self,
        cell: Any,
        *,
        celsius: float,
        v_init: float,
        sites: tuple[float, ...],
        dendrite: float,
    ) -> None:
        self.cell = cell
        self._sites = [at(cell, d) for d in sites]
        self._clamps = [h.IClamp(at(cell, d)) for d in (0.0, dendrite)]
        for clamp in self._clamps:
            clamp.delay, clamp.dur, clamp.amp = 0.0, 1e9, 0.0
        h.celsius = celsius
        h.secondorder = 0
        h.dt = SETTLE_DT_MS
        h.finitialize(v_init)
        for _ in range(round(SETTLE_MS / SETTLE_DT_MS)):
            h.fadvance()
        self._rest = h.SaveState()
        self._rest.save()

    def times(self, until: float) -> Array:
        """Start of every step of a run, ms."""
        return np.arange(round(until / self.dt_ms), dtype=np.float64) * self.dt_ms

    def run(
        self, until: float, soma: Array | float = 0.0, dendrite: Array | float = 0.0
    ) -> Trace:
        """Run from rest for `until` ms with a current (nA) of each step's start.

        Returns
        -------
        Trace
            Voltages at the sites after every step.
        """
        t = self.times(until)
        currents = np.stack([np.broadcast_to(i, t.shape) for i in (soma, dendrite)])
        h.dt = self.dt_ms
        h.secondorder = 2
        self._rest.restore(1)
        h.t = 0.0
        v = np.empty((len(self._sites), len(t)))
        for k, (at_soma, at_dendrite) in enumerate(currents.T.tolist()):
            self._clamps[0].amp = at_soma
            self._clamps[1].amp = at_dendrite
            h.fadvance()
            v[:, k] = [segment.v for segment in self._sites]
        h.secondorder = 0
        return Trace(t + self.dt_ms, v)
