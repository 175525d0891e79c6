"""Membrane currents of each branch while the whole cell is held at one voltage.

Beside `measure` in the training line, which asks for them in its process. A space clamp
needs no electrode: with a million times its capacitance no segment goes anywhere and no
current flows along the cable; the little that a step changes is the membrane's doing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ann_backend.nrn import h
from ann_backend.train.cell import CellDescription

__all__ = ["BACK_MS", "BACK_MV", "HELD_MS", "HELD_MV", "Currents", "currents"]

HELD_MV = (*range(-110, -90, 10), *range(-90, -25, 5), -20.0, -10.0)
HELD_MS = (2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0)
BACK_MV = -65.0
BACK_MS = (2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0)
DT_MS, HEAVIER = 0.1, 1e6

Floats = NDArray[np.float64]


class Currents(NamedTuple):
    """Outward currents of N branches, pA.

    Attributes
    ----------
    held : array of float64, shape (V, T, N)
        Since `HELD_MS` at each of `HELD_MV`, from rest at the cell's ``v_init``.
    back : array of float64, shape (V, T', N)
        Since `BACK_MS` at `BACK_MV`, behind that.
    """

    held: Floats
    back: Floats


def currents(
    cell: CellDescription, segments: Sequence[Any], branch: NDArray[np.int64]
) -> Currents:
    """Clamp the cell that is built in this process.

    Parameters
    ----------
    cell : CellDescription
    segments : sequence of nrn.Segment
        All of the cell; they stay heavy.
    branch : array of int, shape (segments,)
        Of each of them.

    Returns
    -------
    Currents
    """
    h.CVode().active(0)
    h.secondorder, h.celsius, h.dt = 0, cell.celsius, DT_MS
    clamp = _Clamp(segments, branch)
    held, back = [], []
    for v in HELD_MV:
        h.finitialize(cell.v_init_mV)
        held.append(clamp.run(v, HELD_MS))
        back.append(clamp.run(BACK_MV, BACK_MS))
    return Currents(np.array(held), np.array(back))


class _Clamp:
    """All segments at one voltage."""

    def __init__(self, segments: Sequence[Any], branch: NDArray[np.int64]) -> None:
        self.branch = branch
        for segment in segments:
            segment.cm *= HEAVIER
        uF = [s.cm * s.area() * 1e-8 for s in segments]
        self.capacitance_pF = np.array(uF) * 1e6
        self.v, self.after = h.Vector(len(segments)), h.Vector(len(segments))
        self.places = h.PtrVector(len(segments))
        for k, segment in enumerate(segments):
            self.places.pset(k, segment._ref_v)

    def run(self, v_mV: float, times_ms: Sequence[float]) -> list[Floats]:
        """Hold the voltage; return the branches' currents at some times."""
        self.v.fill(v_mV)
        found, now = [], 0
        for time in times_ms:
            while now <= round(time / DT_MS):
                self.places.scatter(self.v)
                h.fadvance()
                now += 1
            self.places.gather(self.after)
            moved = np.array(self.after) - v_mV
            current = -self.capacitance_pF * moved / DT_MS
            found.append(np.bincount(self.branch, current).astype(np.float64))
        return found
