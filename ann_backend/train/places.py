"""Where on the cell the synapses of a trial are.

Beside `sampling` in the training line.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ann_backend.train.cell import CellDescription

__all__ = ["Tree", "draw_part", "draw_places"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


class Tree:
    """The channels of a resolved cell as arrays, shape (C,), and its branches."""

    def __init__(self, cell: CellDescription) -> None:
        role = np.array([c.role for c in cell.channels])
        self.excitatory: Bools = role == "excitatory"
        self.slow: Bools = role == "slow"
        self.inhibitory: Bools = role == "inhibitory"
        current = np.flatnonzero(role == "current")
        self.current = int(current[0]) if len(current) else None
        self.branch = np.array([c.branch for c in cell.channels])
        self.region = np.array([c.region for c in cell.channels])
        self.um = np.array([c.distance_um for c in cell.channels])
        self.away = self.um / max(float(self.um.max()), 1.0)
        self.parents = cell.branch_parents
        self.branches = len(cell.branch_parents)

    def below(self, branch: int) -> NDArray[np.int64]:
        """A branch and all that rise from it."""
        inside = np.zeros(self.branches, bool)
        inside[branch] = True
        for k in range(branch + 1, self.branches):  # parents come first
            inside[k] = inside[self.parents[k]]
        return np.flatnonzero(inside)


def draw_part(rng: np.random.Generator, tree: Tree) -> Bools:
    """Draw a part of the tree: which channels are in it."""
    if tree.branches == 1:
        return np.ones(len(tree.branch), bool)
    kind = rng.random()
    if kind < 0.25:
        return np.asarray(tree.region == rng.choice(np.unique(tree.region)))
    if kind < 0.75:
        size = np.array([len(tree.below(b)) for b in range(1, tree.branches)])
        wanted = rng.uniform(0.0, np.log(size.max()))
        off = np.abs(np.log(size) - wanted)
        best = rng.choice(np.flatnonzero(off <= off.min() + 0.1)) + 1
        inside = np.isin(tree.branch, tree.below(int(best)))
        return inside if kind < 0.6 else ~inside
    count = round(float(np.exp(rng.uniform(0.0, np.log(20.0)))))
    count = min(count, tree.branches - 1)
    return np.isin(tree.branch, 1 + rng.choice(tree.branches - 1, count, replace=False))


def draw_places(
    rng: np.random.Generator, tree: Tree, role: Bools, part: Bools
) -> Floats:
    """Draw the chance of each channel of a role to hold a synapse, shape (C,).

    Parameters
    ----------
    role : array of bool, shape (C,)
    part : array of bool, shape (C,)
        The part that the trial's synapses favour, where they favour one.
    """
    kind = rng.random()
    chance = role.astype(float)
    if role is tree.inhibitory and kind >= 0.3:
        if kind < 0.65:
            chance *= np.exp(-tree.um / rng.uniform(20.0, 100.0))
        else:
            part = part if kind < 0.8 else draw_part(rng, tree)
            chance = _favour(rng, chance, part)
    elif kind >= 0.85:
        chance *= np.exp(rng.uniform(-3.0, 3.0) * tree.away)
    elif kind >= 0.45:
        chance = _favour(rng, chance, part)
    return chance / max(float(chance.sum()), 1e-300)


def _favour(rng: np.random.Generator, chance: Floats, part: Bools) -> Floats:
    """Put half to all of the chance into a part, if the role has channels there."""
    share = 1.0 - 0.5 * rng.random() ** 2
    inside, outside = float(chance[part].sum()), float(chance[~part].sum())
    if inside == 0.0 or outside == 0.0:
        return chance
    return np.where(part, share * chance / inside, (1.0 - share) * chance / outside)
