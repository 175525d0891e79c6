"""A built cell, measured: capacitance, leak, axial conductance, currents under a clamp.

Beside `cable` in the training line, which asks for it in a process of its own. Letters
as in `model`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ann_backend import template
from ann_backend.train import build
from ann_backend.train.cell import CellDescription
from ann_backend.train.clamp import Currents, currents
from ann_backend.train.resolve import Morphology

__all__ = ["Measured", "measure"]

MEMBRANE_MS = 20.0  # time constant of a branch that has no passive leak


class Measured(NamedTuple):
    """Properties of each branch, shape (N,).

    Attributes
    ----------
    capacitance_pF : array of float64
    leak_nS : array of float64
        That of `pas`; of a branch without one, a place to begin from.
    axial_nS : array of float64
        From the branch's middle to its parent's; 0 for branch 0.
    sites : tuple of int
        Branches of the cell's sites.
    currents : Currents
    """

    capacitance_pF: NDArray[np.float64]
    leak_nS: NDArray[np.float64]
    axial_nS: NDArray[np.float64]
    sites: tuple[int, ...]
    currents: Currents


def measure(cell: CellDescription) -> Measured:
    """Build a resolved cell in this process and measure it.

    Parameters
    ----------
    cell : CellDescription

    Returns
    -------
    Measured
    """
    build.load(cell, fast=False)
    one = build.instance(cell)
    branch_of = Morphology(one).branch
    count = len(cell.branch_parents)
    capacitance, leak = np.zeros(count), np.zeros(count)
    inside: list[list[tuple[float, list[Any]]]] = [[] for _ in range(count)]
    paths: dict[Any, tuple[float, list[Any]]] = {}  # resistance from the root, MOhm
    segments, of = [], []
    for section in template.sections(one):
        for segment in section:
            name = f"{template.short_name(section)}({segment.x:.6g})"
            branch, uF = branch_of.get(name, 0), segment.cm * segment.area() * 1e-8
            segments.append(segment)
            of.append(branch)
            capacitance[branch] += uF * 1e6
            if hasattr(segment, "pas"):
                leak[branch] += segment.g_pas * segment.area() * 1e-8 * 1e9
            here, (before, between) = _key(segment), _before(segment)
            away, path = paths.get(before, (0.0, []))
            paths[here] = (away + between, [*path, here])
            if name in branch_of or section == template.soma(one):
                inside[branch].append(paths[here])
    middle = [sorted(some, key=lambda p: p[0])[len(some) // 2] for some in inside]
    axial = np.zeros(count)
    for n in range(1, count):
        (mine, path), (theirs, other) = middle[n], middle[cell.branch_parents[n]]
        shared = [k for k, o in zip(path, other, strict=False) if k == o][-1]
        apart = mine + theirs - 2.0 * paths[shared][0]
        axial[n] = 1e3 / max(apart, 0.1)
    sites = tuple(branch_of[name] for name in cell.sites)
    leak = np.where(leak > 0.0, leak, capacitance / MEMBRANE_MS)
    found = currents(cell, segments, np.array(of))
    return Measured(capacitance, leak, axial, sites, found)


def _key(segment: Any) -> tuple[str, int]:
    return segment.sec.name(), int(segment.x * segment.sec.nseg)


def _before(segment: Any) -> tuple[tuple[str, int] | None, float]:
    """The segment on the way to the root, and the MOhm between their middles."""
    section, k = segment.sec, _key(segment)[1]
    ahead = -1 if section.orientation() == 0 else 1
    if 0 <= k + ahead < section.nseg:
        return (section.name(), k + ahead), segment.ri()
    seat = section.parentseg()
    if seat is None:
        return None, 0.0
    # NEURON's is from where it is connected; an end lies half a segment further
    on, x = seat.sec, seat.x
    rest = on(1).ri() if x == 1 else on(0.5 / on.nseg).ri() if x == 0 else 0.0
    return (on.name(), min(int(x * on.nseg), on.nseg - 1)), segment.ri() + rest
