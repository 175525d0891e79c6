"""Spells a cell description out: every channel, the branches, the recorded sites.

Second in the training line. A description may say "a synapse of this kind on each
dendritic segment", or leave the channels to the synapses that the template placed;
this stage builds the cell once, in a process of its own, and looks.

A branch is an unbranched stretch of dendrite; short ones are merged with the one that
they rise from. Branches are numbered from the soma (0) outwards, parents first.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ann_backend import template
from ann_backend.errors import CellError
from ann_backend.nrn import h
from ann_backend.train import build
from ann_backend.train.cell import DENDRITES, CellDescription, ChannelDescription

__all__ = ["Morphology", "resolve"]

AXON = ("axon", "ais", "myelin", "hill", "iseg", "node")
STRETCH_UM, BUSH_UM, BRANCHES = 150.0, 120.0, 100
SITES = 8
PLASTICITY = ("U", "tau_rec", "tau_fac")  # acts on the weights, before they are inputs
KERNELS = 4


def resolve(cell: CellDescription) -> CellDescription:
    """Return the description with its channels, branches and sites spelled out.

    Parameters
    ----------
    cell : CellDescription
        One that is resolved already is returned as it is.

    Raises
    ------
    CellError
        The cell does not build, has no soma, no dendrite or no synapse, two sections
        of one name, or channels that no stage can honour.
    """
    if cell.resolved:
        return cell
    return build.apart(resolve_here, cell)


def resolve_here(cell: CellDescription) -> CellDescription:
    """Do what `resolve` does, in this process."""
    build.load(cell, fast=False)
    one = build.instance(cell)
    tree = Morphology(one)
    asked = cell.channels or tuple(_placed(one, tree.soma))
    channels = [c for kind in asked for c in _spelled_out(kind, tree, cell.name)]
    _check(cell.name, channels)
    return dataclasses.replace(
        cell,
        channels=tuple(sorted(channels, key=lambda c: c.role == "current")),
        branch_parents=tree.parents,
        sites=tree.sites(),
        digest=build.fingerprint(cell, one)["digest"],
    )


def _check(cell: str, channels: Sequence[ChannelDescription]) -> None:
    """Refuse, at the door, channels that no stage can honour."""
    if all(c.role == "current" for c in channels):
        raise CellError(
            f"{cell}: expected channels, or synapses on the cell, got none; give "
            f"a ChannelDescription with location '{DENDRITES}', or place synapses"
        )
    if twice := _twice(c.name for c in channels):
        raise CellError(f"{cell}: expected one channel of a name, got several {twice}")
    clamps = [c.name for c in channels if c.role == "current"]
    if len(clamps) > 1:
        raise CellError(
            f"{cell}: expected one channel with a current, got {', '.join(clamps)}; "
            "keep the one whose place is clamped"
        )
    kernels = {c.name: len(c.tau_ms) for c in channels}
    if len(set(kernels.values())) != 1:
        raise CellError(
            f"{cell}: expected as many tau_ms for every channel, got {kernels}; "
            "give each of the channels the same number"
        )
    if all(c.role == "inhibitory" for c in channels):
        raise CellError(
            f"{cell}: expected an excitatory or slow channel, got none in "
            f"{list(kernels)}; nothing would make this cell spike"
        )


def _twice(names: Iterable[str]) -> str:
    """The first of the names that come several times, if any does."""
    return next((name for name, k in Counter(names).items() if k > 1), "")


class Morphology:
    """Dendritic segments of a built cell, their branches and distances."""

    def __init__(self, one: Any) -> None:
        self.cell, self.soma = one, template.soma(one)
        sections = template.sections(one)
        if twice := _twice(template.short_name(s) for s in sections):
            raise CellError(
                f"{one}: expected sections of different names, got several '{twice}'; "
                "name them apart, as h.Section(name='dend[3]', cell=self) does"
            )
        self.segments: list[Any] = []
        self.names: list[str] = []
        stretch: list[int] = []  # of each segment
        rises: list[int] = [-1]  # from which stretch each one does
        length = [0.0]
        last: dict[str, list[int]] = {}  # stretches of each section, root first
        for section in sections:
            name = template.short_name(section)
            if name.startswith(AXON):
                continue
            if section == self.soma or name.split("[")[0] == "soma":
                last[section.name()] = [0]
                continue
            count = min(max(1, round(section.L / STRETCH_UM + 0.49)), section.nseg)
            new = list(range(len(rises), len(rises) + count))
            rises += [_stump(section, last), *new[:-1]]
            length += [section.L / count] * count
            last[section.name()] = new
            for segment in section:
                self.segments.append(segment)
                self.names.append(f"{name}({segment.x:.6g})")
                stretch.append(new[int(_outward(section, segment.x) * count)])
        merged = _merge(rises, length)
        self.branch = dict(zip(self.names, (merged[s] for s in stretch), strict=True))
        pairs = {merged[k]: merged[rises[k]] for k in reversed(range(1, len(rises)))}
        self.parents = (-1, *(pairs[b] for b in range(1, len(pairs) + 1)))

    def where(self, section: Any, x: float) -> tuple[int, float]:
        """Branch of a dendritic segment, path distance from the soma; else 0, 0."""
        k = min(int(x * section.nseg), section.nseg - 1)
        segment = section((k + 0.5) / section.nseg)
        name = f"{template.short_name(section)}({segment.x:.6g})"
        if name not in self.branch:
            return 0, 0.0
        return self.branch[name], round(float(h.distance(self.soma(0.5), segment)), 3)

    def sites(self) -> tuple[str, ...]:
        """Places near to all segments: two in each region, then wherever it is far."""
        if not self.segments:
            return ()
        ends = [self.soma(0.5), *self.segments]
        away = np.array([[h.distance(a, b) for b in self.segments] for a in ends])
        nearest, away = away[0], away[1:]
        region = np.array([name.split("[")[0] for name in self.names])
        chosen: list[int] = []
        for only in [*dict.fromkeys(region.tolist())] * 2 + [None] * SITES:
            inside = np.flatnonzero((region == only) | (only is None))
            left = np.minimum(away[np.ix_(inside, inside)], nearest[inside]).sum(1)
            chosen.append(int(inside[left.argmin()]))
            nearest = np.minimum(nearest, away[chosen[-1]])
        kept = list(dict.fromkeys(chosen))[: min(SITES, len(self.parents) - 1)]
        return tuple(self.names[k] for k in sorted(kept))


def _outward(section: Any, x: float) -> float:
    """Position from the end that is connected to the parent."""
    return 1.0 - x if section.orientation() else x


def _stump(section: Any, last: dict[str, list[int]]) -> int:
    """Stretch from which a section rises."""
    seat = section.parentseg()
    on = last.get(seat.sec.name(), [0]) if seat is not None else [0]
    return (
        on[min(int(_outward(seat.sec, seat.x) * len(on)), len(on) - 1)] if seat else 0
    )


def _merge(rises: list[int], length: list[float]) -> list[int]:
    """Branch of each stretch: the shortest pairs of child and parent become one."""
    owner = list(range(len(rises)))
    total = list(length)

    def root(k: int) -> int:
        while owner[k] != k:
            k = owner[k]
        return k

    count = len(rises) - 1
    while True:
        pairs = [
            (total[k] + total[root(rises[k])], k)
            for k in range(1, len(rises))
            if owner[k] == k and root(rises[k]) != 0
        ]
        joint, child = min(pairs, default=(np.inf, 0))
        if not pairs or (joint > BUSH_UM and count <= BRANCHES):
            break
        owner[child] = root(rises[child])
        total[owner[child]] = joint
        count -= 1
    kept = sorted({root(k) for k in range(len(rises))})
    return [kept.index(root(k)) for k in range(len(rises))]


def _spelled_out(
    kind: ChannelDescription, tree: Morphology, cell: str
) -> Iterator[ChannelDescription]:
    """The channels that a description stands for."""
    words = [word.strip() for word in kind.location.split(",")]
    if DENDRITES not in words:
        yield _put(kind, tree, kind.location, kind.name)
        return
    if not tree.segments:
        raise CellError(
            f"{cell}: expected dendrites for channel '{kind.name}', got a cell of a "
            "soma alone; give the channel a location such as 'soma(0.5)'"
        )
    for location in ["soma(0.5)"] * ("soma" in words) + tree.names:
        yield _put(kind, tree, location, f"{location} {kind.name}")


def _put(
    kind: ChannelDescription, tree: Morphology, location: str, name: str
) -> ChannelDescription:
    branch, away = tree.where(*template.locate(tree.cell, location))
    return dataclasses.replace(
        kind, name=name, location=location, branch=branch, distance_um=away
    )


def _placed(one: Any, soma: Any) -> Iterator[ChannelDescription]:
    """One channel for each segment and kind of the synapses on the cell."""
    seen: set[str] = set()
    for section in template.sections(one):
        for segment in section:
            for point in segment.point_processes():
                mechanism = point.hname().split("[")[0]
                if not _receives(mechanism):
                    continue
                found = {
                    name: float(getattr(point, name))
                    for name in template.parameter_names(mechanism)
                    if name not in PLASTICITY
                }
                name = "soma" if section == soma else template.short_name(section)
                place = f"{name}({segment.x:.6g})"
                kind = f"{mechanism} {sorted(found.items())}"
                if f"{place} {kind}" in seen:
                    continue
                seen.add(f"{place} {kind}")
                same = sum(s.startswith(f"{place} {mechanism} ") for s in seen) - 1
                name = f"{place} {mechanism}" + (f" {same + 1}" if same else "")
                yield _from_synapse(name, place, mechanism, found)


def _receives(mechanism: str) -> bool:
    """Whether NetCons can target a point process: it has parameters tau and e."""
    names = set(template.parameter_names(mechanism)) - set(PLASTICITY)
    return any(n.startswith("tau") for n in names) and any(n[0] in "eE" for n in names)


def _from_synapse(
    name: str, location: str, mechanism: str, found: dict[str, float]
) -> ChannelDescription:
    reversal = next(value for key, value in found.items() if key[0] in "eE")
    inhibitory = reversal < -45.0
    taus = sorted({v for key, v in found.items() if key.startswith("tau") and v > 0})
    return ChannelDescription(
        name=name,
        location=location,
        synapses=((mechanism, found),),
        role="inhibitory" if inhibitory else "excitatory",
        unit_uS=0.001 if inhibitory else 0.0005,
        rate_Hz=4.0 if inhibitory else 8.0,
        tau_ms=_kernels(taus),
    )


def _kernels(taus: list[float]) -> tuple[float, ...]:
    """A synapse's own time constants, a fast one, and what fills the widest gaps."""
    index = np.linspace(0, len(taus) - 1, min(len(taus), KERNELS)).round()
    chosen = [taus[int(k)] for k in index]
    if len(chosen) < KERNELS and chosen[0] > 0.5:
        chosen.insert(0, 0.3)
    if len(chosen) == 1:
        chosen.append(4.0 * chosen[0])
    while len(chosen) < KERNELS:
        k = int(np.diff(np.log(chosen)).argmax())
        chosen.insert(k + 1, float(np.sqrt(chosen[k] * chosen[k + 1])))
    return tuple(float(f"{t:.3g}") for t in chosen)
