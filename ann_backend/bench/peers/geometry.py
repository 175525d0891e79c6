"""A cell in NEURON, as numbers that Jaxley can be built from.

Taken from the living cell, so that nothing is typed twice: a segment's area and the
resistance to its two ends, what is inserted there, and how segments follow each other.

Jaxley's branches join at their ends only. So a section is cut where a child joins it in
the middle, with next to no resistance left on the near side of the cut, which puts the
joint on the segment's centre, as in NEURON. And a tree of Jaxley starts at a free end:
the unbranched chain on the 0 end of the root, here the axon, comes first, reversed.
"""

from __future__ import annotations

import math
from typing import Any

from ann_backend import template
from ann_backend.nrn import h

__all__ = ["NEAR", "described"]

IONS = ("ena", "ek", "cao")  # mV, mV, mM; eca follows from calcium
NEAR = 1e-3  # of a half segment's resistance that stays on the near side of a cut
SKIPPED = {"pas": "Leak"}


def described(cell: Any) -> dict[str, Any]:
    """Describe a cell whose sections have two 3D points each.

    Returns
    -------
    dict
        ``segments``: list of dict: ``area`` (um2), ``load`` (at both ends: the integral
        of 1 / cross section over half the segment, 1/um), ``Ra`` (ohm cm), ``cm``
        (uF/cm2), ``mechanisms`` (name -> parameters), ``ions`` (reversals that are
        fixed, mV, and calcium outside, mM). ``branches``: pairs of the
        branch they grow from, -1 for none, and of their segments in order. ``soma``:
        its segment.
    """
    sections = template.sections(cell)
    first, segments = {}, list[dict[str, Any]]()
    for section in sections:
        first[section] = len(segments)
        segments += _segments(section)
    root = next(s for s in sections if s.parentseg() is None)
    chain = _chain(root)
    lead = [k for s in reversed(chain) for k in reversed(_own(s, first))]
    for k in lead:
        segments[k]["load"].reverse()
    branches: list[tuple[int, list[int]]] = [(-1, lead)]
    ends = dict[int, int]()  # segment -> the branch that ends with it
    for section in template.sections(cell):
        if section not in chain:
            _grow(section, first, segments, branches, ends)
    soma = first[template.soma(cell)]
    return {"segments": segments, "branches": branches, "soma": soma}


def _own(section: Any, first: dict[Any, int]) -> list[int]:
    return list(range(first[section], first[section] + section.nseg))


def _chain(root: Any) -> list[Any]:
    """Sections from the root's 0 end to a free end, without a branch."""
    for child in (c for c in root.children() if c.parentseg().x == 0.0):
        chain = [child]
        while len(more := chain[-1].children()) == 1:
            chain += more
        if not more:
            return chain
    raise AssertionError("the root has no unbranched child on its 0 end")


def _grow(
    section: Any,
    first: dict[Any, int],
    segments: list[dict[str, Any]],
    branches: list[tuple[int, list[int]]],
    ends: dict[int, int],
) -> None:
    """Add a section's branches; sections come after their parents."""
    own = _own(section, first)
    inside = [c.parentseg().x for c in section.children()]
    cuts = {own[int(x * section.nseg)] for x in inside if 0.0 < x < 1.0}
    at = section.parentseg()
    parent = 0
    if at is not None and at.x > 0.0:
        joint = first[at.sec] + min(int(at.x * at.sec.nseg), at.sec.nseg - 1)
        parent = ends[joint]
    piece = list[int]()
    for k in own:
        piece.append(k)
        if k in cuts and k != own[-1]:
            out = segments[k]["load"][1]
            segments[k]["load"][1] = NEAR * out
            segments[k + 1]["load"][0] += (1.0 - NEAR) * out
        elif k != own[-1]:
            continue
        branches.append((parent, piece))
        ends[k] = parent = len(branches) - 1
        piece = []


def _segments(section: Any) -> list[dict[str, Any]]:
    """The segments of a section, as if it stood alone."""
    assert section.n3d() == 2
    n, radius = section.nseg, [section.diam3d(k) / 2 for k in (0, 1)]

    def load(start: float, stop: float) -> float:
        a, b = (radius[0] + (radius[1] - radius[0]) * x for x in (start, stop))
        return float((stop - start) * section.L / (math.pi * a * b))

    return [
        {
            "area": segment.area(),
            "length": section.L / n,
            "radius": segment.diam / 2,
            "load": [load(k / n, (k + 0.5) / n), load((k + 0.5) / n, (k + 1) / n)],
            "Ra": section.Ra,
            "cm": segment.cm,
            "mechanisms": {
                m.name(): _parameters(segment, m.name())
                for m in segment
                if not m.is_ion()
            },
            "ions": {x: getattr(segment, x) for x in IONS if hasattr(segment, x)},
        }
        for k, segment in enumerate(section)
    ]


def _parameters(segment: Any, mechanism: str) -> dict[str, float]:
    """PARAMETERs of a mechanism in one segment, by their names in its .mod file."""
    known, name = h.MechanismStandard(mechanism, 1), h.ref("")
    found = {}
    for k in range(int(known.count())):
        known.name(name, k)
        short = name[0].removesuffix(f"_{mechanism}")
        found[short] = float(getattr(segment, name[0]))
    return found
